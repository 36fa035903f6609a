//! A handle on a program that runs in a host. Dropping it does not end the program.

use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::protocol::Exit;
use crate::{Host, LabError};

/// A started program.
#[derive(Clone, Debug)]
pub struct Process {
    host: Host,
    pid: i32,
    end: watch::Receiver<Option<Exit>>,
}

impl Process {
    pub(crate) fn new(host: Host, pid: i32, end: watch::Receiver<Option<Exit>>) -> Self {
        Self { host, pid, end }
    }

    /// Its process id inside the host.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Does it run (or is it stopped)? Not after its host has lost power.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.end.borrow().is_none() && self.end.has_changed().is_ok()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn signal(&self, signal: Signal) -> Result<(), LabError> {
        self.host.signal(self.pid, signal).await
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// [`LabError::NotReached`] after `limit`; [`LabError::Gone`] when its host lost power.
    pub async fn ended(&mut self, limit: Duration) -> Result<Exit, LabError> {
        match timeout(limit, self.end.wait_for(Option::is_some)).await {
            Ok(Ok(exit)) => exit.ok_or_else(|| LabError::Gone(self.host.name().to_owned())),
            Ok(Err(_closed)) => Err(LabError::Gone(self.host.name().to_owned())),
            Err(_elapsed) => Err(LabError::NotReached {
                what: format!("the end of process {} on {}", self.pid, self.host.name()),
                limit,
                detail: String::new(),
            }),
        }
    }
}
