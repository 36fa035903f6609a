//! The faults of a scripted run: what is done to the node that holds the probed address, and how it ends.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cluster::{Cluster, NETWORK};
use crate::probe::Sight;
use crate::probe::runner::now_ns;
use crate::{Direction, LabError, Node};

/// What befalls alpha, which holds the probed address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Power cut.
    Crash,
    /// Orderly stop of the daemon.
    Stop,
    /// The daemon's heart is killed; nothing else is.
    Kill9,
    /// All processes of the daemon stand still for three dead times, then go on.
    Hang,
    /// A crashed node comes back and gets its address back.
    Return,
    /// Heart and guard of the daemon are killed at the same time.
    Kill9Both,
    /// The guard of the daemon is killed, then its heart.
    Kill9Guard,
    /// The process of the heart stands still for three dead times, then goes on; the guard runs.
    HangHeart,
    /// Only the heart's thread stands still for three dead times, as if it hung in an endless loop.
    HangThread,
    /// All processes of the daemon are frozen by a control group for three dead times, then thawed.
    Freeze,
    /// As `Hang`, but it goes on for some milliseconds only and hangs again for as long.
    HangTwice,
    /// As `Hang`, and from then until half a dead time after it goes on no heartbeat of the other node comes in.
    HangDeaf,
    /// Somebody throws away all rules of the kernel's packet filter; the daemon hangs a second later, as in `Hang`.
    FlushHang,
    /// The daemon hangs; the other one stops itself while it takes over, goes on much later, and the first one long before
    /// that. The point is one of eight.
    StopPoint(u8),
}

/// Points of a takeover at which a node of ours stops itself, as `HB_STOP_POINT` names them, and the faults' names.
const STOP_POINTS: [(&str, &str); 8] = [
    ("decided", "stop-decided"),
    ("armed", "stop-armed"),
    ("leased", "stop-leased"),
    ("submitted", "stop-submitted"),
    ("before-address", "stop-before-address"),
    ("unannounced", "stop-unannounced"),
    ("announced", "stop-announced"),
    ("done", "stop-done"),
];

impl Fault {
    /// All faults, in the order in which they are explained.
    pub const ALL: [Self; 21] = [
        Self::Crash,
        Self::Stop,
        Self::Kill9,
        Self::Hang,
        Self::Return,
        Self::Kill9Both,
        Self::Kill9Guard,
        Self::HangHeart,
        Self::HangThread,
        Self::Freeze,
        Self::HangTwice,
        Self::HangDeaf,
        Self::FlushHang,
        Self::StopPoint(0),
        Self::StopPoint(1),
        Self::StopPoint(2),
        Self::StopPoint(3),
        Self::StopPoint(4),
        Self::StopPoint(5),
        Self::StopPoint(6),
        Self::StopPoint(7),
    ];

    /// Its name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Stop => "stop",
            Self::Kill9 => "kill9",
            Self::Hang => "hang",
            Self::Return => "return",
            Self::Kill9Both => "kill9-both",
            Self::Kill9Guard => "kill9-guard",
            Self::HangHeart => "hang-heart",
            Self::HangThread => "hang-thread",
            Self::Freeze => "freeze",
            Self::HangTwice => "hang-twice",
            Self::HangDeaf => "hang-deaf",
            Self::FlushHang => "flush-hang",
            Self::StopPoint(number) => {
                STOP_POINTS.get(usize::from(number)).map_or("stop-nowhere", |(_, name)| name)
            }
        }
    }

    /// Where beta stops itself.
    pub(crate) fn stop_point(self) -> Option<&'static str> {
        let Self::StopPoint(number) = self else { return None };
        STOP_POINTS.get(usize::from(number)).map(|(point, _)| *point)
    }

    /// Does somebody declare alpha dead because of it?
    pub(crate) const fn has_verdict(self) -> bool {
        !matches!(self, Self::Stop | Self::Return | Self::FlushHang | Self::StopPoint(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|fault| fault.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no fault `{text}`; there are {names}")
        })
    }
}

/// What was seen from shortly before a fault until the end of its consequences.
pub(crate) struct Outcome {
    /// When the fault was injected.
    pub(crate) at_ns: u64,
    pub(crate) sight: Sight,
    /// Did it end with one node that serves quietly?
    pub(crate) settled: bool,
}

/// Does it to a cluster in which alpha and beta hold what is theirs.
///
/// `run` moves the fault within the time between two heartbeats: the runs of a series come in every phase of it.
pub(crate) async fn inject(cluster: &Cluster, fault: Fault, run: u32) -> Result<Outcome, LabError> {
    let deadtime = cluster.files.time("deadtime").unwrap_or(DEADTIME);
    if fault == Fault::Return {
        cluster.alpha().host().crash().await?;
        cluster.served_by("beta", takeover_limit(deadtime)).await?;
    }
    cluster.probe.begin().await?;
    // A gap that begins with the measurement would be no gap between two answers.
    cluster.probe.until("service before the fault", QUIET, |sight| sight.answered >= 100).await?;
    sleep(phase(cluster.files.time("keepalive").unwrap_or_default(), run)).await;
    let at_ns = now_ns();
    let alpha = cluster.alpha();
    let long = deadtime.saturating_mul(3);
    match fault {
        Fault::Crash => alpha.host().crash().await?,
        Fault::Stop => alpha.stop().await?,
        Fault::Kill9 => alpha.kill_heart().await?,
        Fault::Kill9Both => alpha.kill_all().await?,
        Fault::Kill9Guard => alpha.kill_guard_then_heart().await?,
        Fault::Hang | Fault::HangTwice => alpha.hang().await?,
        Fault::HangDeaf => {
            deafen(cluster, true).await?;
            alpha.hang().await?;
        }
        Fault::FlushHang => {
            alpha.host().run(&["nft", "flush", "ruleset"], QUIET).await?;
            sleep(FLUSHED).await;
            alpha.hang().await?;
        }
        Fault::HangHeart => alpha.hang_heart().await?,
        Fault::HangThread => alpha.hang_thread(long).await?,
        Fault::Freeze => alpha.freeze(true).await?,
        Fault::StopPoint(_) => {
            cluster.beta().arm_stop_point()?;
            alpha.hang().await?;
        }
        Fault::Return => {
            alpha.host().boot().await?;
            cluster.start_service(alpha).await?;
            alpha.start().await?;
        }
    }
    let settled = match fault {
        Fault::Crash | Fault::Stop => {
            cluster.served_by("beta", takeover_limit(deadtime)).await?;
            true
        }
        Fault::Return => {
            cluster.served_by("alpha", RETURN).await?;
            true
        }
        Fault::Kill9 | Fault::Kill9Both | Fault::Kill9Guard => {
            sleep(long).await;
            quiet(cluster, QUIET).await?
        }
        Fault::HangTwice => {
            sleep(long).await;
            alpha.go_on().await?;
            sleep(MOMENT.saturating_mul(run % 10)).await;
            alpha.hang().await?;
            sleep(long).await;
            alpha.go_on().await?;
            quiet(cluster, RETURN).await?
        }
        Fault::HangDeaf => {
            sleep(long).await;
            alpha.go_on().await?;
            sleep(deadtime / 2).await;
            deafen(cluster, false).await?;
            // Only now does the node that slept learn what became of its address.
            sleep(deadtime).await;
            quiet(cluster, RETURN).await?
        }
        Fault::Hang | Fault::HangHeart | Fault::FlushHang => {
            sleep(long).await;
            // A heart that hung alone was ended by its guard, unless that keeps it.
            if fault != Fault::HangHeart || alpha.runs().await? {
                alpha.go_on().await?;
            }
            quiet(cluster, RETURN).await?
        }
        Fault::HangThread => {
            sleep(long).await;
            quiet(cluster, RETURN).await?
        }
        Fault::Freeze => {
            sleep(long).await;
            alpha.freeze(false).await?;
            quiet(cluster, RETURN).await?
        }
        Fault::StopPoint(_) => {
            // By now beta has come to its point; alpha goes on, gives beta up in turn, and serves.
            sleep(deadtime.saturating_mul(2)).await;
            alpha.go_on().await?;
            sleep(long).await;
            cluster.beta().go_on().await?;
            quiet(cluster, RETURN).await?
        }
    };
    Ok(Outcome { at_ns, sight: cluster.probe.look().await?, settled })
}

/// Whether beta's heartbeats reach alpha; alpha's reach beta all the time.
async fn deafen(cluster: &Cluster, is_deaf: bool) -> Result<(), LabError> {
    let heartbeats = format!("udp dport {}", cluster.files.value("udpport").unwrap_or("694"));
    let percent = if is_deaf { 100 } else { 0 };
    cluster.alpha().host().lose(NETWORK, Direction::Incoming, percent, &heartbeats).await
}

/// Waits until one node serves quietly; that it does not come to that is a result, not an error.
async fn quiet(cluster: &Cluster, limit: Duration) -> Result<bool, LabError> {
    let quiet = |sight: &Sight| sight.last_node().is_some_and(|node| sight.is_quiet(node));
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match cluster.probe.until("quiet service", left, quiet).await {
            // What happens after a node went on may take some moments to begin: its groups go home, for example.
            Ok(_) => sleep(Duration::from_secs(1)).await,
            Err(LabError::NotReached { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        if quiet(&cluster.probe.look().await?) {
            return Ok(true);
        }
    }
}

/// Waits until a node has run for so long that no rule for young nodes applies (failover.md 3.5: one that dies
/// within 5 s of its start is declared dead 2 s later).
pub(crate) async fn grown_up(node: &Node) {
    sleep(YOUTH.saturating_sub(node.age())).await;
}

/// Multiples of the golden ratio spread evenly over the interval, however many there are.
fn phase(keepalive: Duration, run: u32) -> Duration {
    keepalive.mul_f64((f64::from(run) * 0.618_033_988_75).fract())
}

fn takeover_limit(deadtime: Duration) -> Duration {
    deadtime.saturating_mul(3) + Duration::from_secs(30)
}

/// Of a node whose files say nothing.
const DEADTIME: Duration = Duration::from_secs(30);
const QUIET: Duration = Duration::from_secs(10);
const RETURN: Duration = Duration::from_secs(90);
/// Within this time a table that was thrown away is back.
const FLUSHED: Duration = Duration::from_secs(1);
/// Some of these a daemon has between two times of standing still.
const MOMENT: Duration = Duration::from_millis(1);
const YOUTH: Duration = Duration::from_secs(6);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
        let names = Fault::ALL.map(Fault::name).join(", ");
        assert_eq!(
            "fire".parse::<Fault>().unwrap_err(),
            format!("there is no fault `fire`; there are {names}")
        );
    }

    #[test]
    fn ten_runs_come_in_ten_phases() {
        let mut tenths: Vec<_> =
            (1..=10).map(|run| phase(Duration::from_secs(1), run).as_millis() / 100).collect();
        tenths.sort_unstable();
        tenths.dedup();
        assert!(tenths.len() >= 8, "{tenths:?}");
    }
}
