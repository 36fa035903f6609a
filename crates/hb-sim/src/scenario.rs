//! What a run is made of: a setup and a list of faults, both drawn from the seed.
//!
//! Each fault heals itself, so any of them can be left out and the rest is still a scenario: that is what shrinking
//! does.

use std::time::Duration;

use hb_engine::{Command, Failback};

/// A whole run before it is run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Where it comes from; also seeds the chances inside the run.
    pub seed: u64,
    /// The cluster.
    pub setup: Setup,
    /// What goes wrong, in the order of its begin.
    pub faults: Vec<Fault>,
}

/// Which program a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The real engine.
    Ours,
    /// The model of Heartbeat 3.0.6.
    Legacy,
}

/// The cluster and its surroundings.
#[derive(Clone, Debug)]
pub struct Setup {
    /// One per node.
    pub kinds: Vec<Kind>,
    /// Time between heartbeats.
    pub keepalive: Duration,
    /// Silence until a verdict.
    pub deadtime: Duration,
    /// The same at start.
    pub initdead: Duration,
    /// One for all nodes.
    pub failback: Failback,
    /// How many media.
    pub links: u16,
    /// The preferred node of each group.
    pub groups: Vec<u16>,
    /// Shortest delay of a packet.
    pub delay: Duration,
    /// What chance adds to the delay, at most.
    pub jitter: Duration,
    /// Lost packets in a million.
    pub loss: u64,
    /// Doubled packets in a million.
    pub duplication: u64,
    /// Packets in a million that come up to two seconds late.
    pub stragglers: u64,
    /// By how much each node's clock runs fast, in millionths.
    pub clock_error: Vec<i64>,
    /// How late a node wakes at most in ordinary operation.
    pub wake_jitter: Duration,
    /// Shortest and longest job.
    pub job_time: (Duration, Duration),
    /// After this a job counts as failed.
    pub job_limit: Duration,
    /// Whether groups are looked at while they run.
    pub monitored: bool,
    /// Whether a dead node is reset before anything of it is taken.
    pub fencing: bool,
    /// Whether one of two nodes hears the other at any time, and nothing but cuts and deaths happens: then no verdict
    /// excuses two owners.
    pub one_way: bool,
    /// When each node starts.
    pub boot: Vec<Duration>,
}

/// Something that goes wrong, or that an operator does.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Time since the begin of the run.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// What.
    pub what: What,
}

/// The kinds of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Power cut; the node boots again at the end.
    Crash(usize),
    /// The daemon alone dies; its guard lets running jobs end and then removes its groups. Starts again at the end.
    DaemonDies(usize),
    /// Orderly stop; started again so long after it has ended.
    Stop(usize),
    /// The node does nothing.
    Freeze {
        /// Who.
        node: usize,
        /// Whether jobs stand still as well (a paused machine, not a daemon that gets no processor).
        jobs: bool,
        /// Whether packets that come meanwhile are lost instead of waiting.
        deaf: bool,
        /// Whether its monotonic clock stands still as well.
        clock: bool,
    },
    /// Nothing of one node reaches another.
    Cut {
        /// Sender.
        from: usize,
        /// Receiver.
        to: usize,
        /// On one medium, or on all.
        link: Option<u16>,
    },
    /// One node is cut off from all others in both directions.
    Isolated(usize),
    /// More packets are lost everywhere, in a million.
    Loss(u64),
    /// All packets take so much longer, at most.
    Delay(Duration),
    /// What runs of a group on a node ends by itself.
    GroupDies(usize, u16),
    /// Starts fail on a node.
    StartsFail(usize),
    /// Stops fail on a node.
    StopsFail(usize),
    /// Jobs hang on a node until their time limit, and fail.
    JobsHang(usize),
    /// Jobs take five times as long on a node.
    JobsSlow(usize),
    /// The wall clock of a node jumps by so many seconds.
    WallStep(usize, i64),
    /// An operator asks for something.
    Command(usize, Command),
}

impl What {
    /// Whether the fault breaks jobs in a way that needs the long retry.
    #[must_use]
    pub const fn breaks_jobs(&self) -> bool {
        matches!(self, Self::StartsFail(_) | Self::StopsFail(_) | Self::JobsHang(_))
    }
}
