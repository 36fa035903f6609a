//! What passes a host's interface, written down by tcpdump; what it means is the reader's business.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::Host;
use crate::LabError;
use crate::lab::LIMIT;
use crate::process::Process;

impl Host {
    /// Begins to write down into `file` (a path inside the host, in the format of pcap) what passes `eth0` and fits
    /// `filter`, in the language of tcpdump; returns when it listens. SIGINT ends it.
    ///
    /// # Errors
    /// Needs the program `tcpdump` on the machine (Debian: package tcpdump); [`LabError::Refused`] has what it said.
    pub async fn record(&self, filter: &str, file: &str) -> Result<Process, LabError> {
        let argv = ["tcpdump", "-i", "eth0", "-U", "--immediate-mode", "-Z", "root", "-w", file, filter];
        let recorder = self.spawn(&argv, &[], TOLD, TOLD).await?;
        let begun = Instant::now();
        loop {
            let told = self.read(TOLD).unwrap_or_default();
            if told.contains("listening on") {
                return Ok(recorder);
            }
            if begun.elapsed() > LIMIT {
                return Err(self.refused(&format!("tcpdump does not begin: {}", told.trim())));
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}

/// What tcpdump says.
const TOLD: &str = "/var/log/tcpdump";
const LOOK_AGAIN: Duration = Duration::from_millis(10);
