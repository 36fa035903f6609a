//! The state of a node as other programs see it.
//!
//! The format is stable: fields may be added, and then [`STATUS_FORMAT`] stays; if one is taken away or changes its
//! meaning, the number rises. Readers ignore fields that they do not know. Times are whole milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::set::ResourceSet;

/// The format described here.
pub const STATUS_FORMAT: u32 = 1;

/// Everything `hb-ctl status` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// [`STATUS_FORMAT`] of the node that answers.
    pub format: u32,
    /// Version of the program.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Time since it started.
    pub uptime_ms: u64,
    /// Its node name.
    pub node: String,
    /// Number of this run (`hg`), higher with every start.
    pub generation: u64,
    /// Sequence number of the last message sent.
    pub sequence: u64,
    /// What it holds, including what it is acquiring or has not yet wholly released.
    pub hold: ResourceSet,
    /// Whether no transition is under way.
    pub stable: bool,
    /// Whether an orderly stop is under way.
    pub stopping: bool,
    /// Every normal node in `ha.cf` order, this one included; behind them the ping nodes.
    pub nodes: Vec<NodeStatus>,
    /// Every resource group in `haresources` order.
    pub groups: Vec<GroupStatus>,
    /// Every medium in `ha.cf` order; behind them the ping nodes.
    pub media: Vec<MediumStatus>,
    /// What scripts wrote into the FIFO; nothing for a node that does not tell.
    #[serde(default)]
    pub scripts: ScriptsStatus,
    /// What became of log lines.
    pub log: LogStatus,
    /// How the process is kept from being late.
    pub scheduling: SchedulingStatus,
    /// What the files say and the node does not do, in words: directives that have no effect in this version, and what a reload has
    /// left for a restart.
    pub not_in_force: Vec<String>,
    /// What stands between this cluster and two owners of one group, and what does not, in words.
    pub protection: Vec<String>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// It can have resources.
    #[default]
    Normal,
    /// It only answers pings.
    Ping,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// `normal` or `ping`; a node that does not say is a normal one.
    #[serde(default)]
    pub kind: NodeKind,
    /// Its name.
    pub name: String,
    /// `init`, `up`, `active`, `dead`, or what it calls itself; `ping` for a ping node that answers.
    pub status: String,
    /// Time since its last heartbeat, or answer; absent if none ever came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<u64>,
    /// Silence after which it counts as dead.
    pub deadtime_ms: u64,
    /// What it says that it holds, from its own point of view; absent before it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<ResourceSet>,
    /// Whether it runs this program rather than Heartbeat 3.0.6.
    pub speaks_hb: bool,
    /// Whether the node that answers hears it, but is not heard by it, and has released everything for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_deaf: bool,
    /// Largest number of a start that it knows; absent if it tells none, as Heartbeat 3.0.6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Messages of it that are missing now.
    pub missing: u32,
    /// Configuration files of it that say something else than those of the node that answers; absent if it does not
    /// tell, as Heartbeat 3.0.6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_files: Option<Vec<String>>,
    /// Whether it is heard, medium by medium.
    pub links: Vec<LinkStatus>,
}

/// One node on one medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// The medium: interface, tty or host.
    pub name: String,
    /// Whether the node is heard on it.
    pub up: bool,
}

/// One resource group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Its first resource as spelled in `haresources`.
    pub key: String,
    /// Its preferred node; absent if that is no normal node of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// What it does on the node that answers.
    pub state: GroupState,
    /// Whether its peer says that it has it although the node that answers holds the groups of its home (`hb-ctl move`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lent: bool,
    /// Number of its latest start on the node that answers, larger than that of any start before it in the cluster; absent if
    /// there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// What looking at it has found (`hb.toml`, `[monitor]`); absent if the node that answers does not look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<MonitorStatus>,
}

/// What looking at a resource group has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorStatus {
    /// Checks that failed since the node started.
    pub failures: u32,
    /// How often it was started again of late.
    pub restarts: u32,
    /// What the last failed check said; absent if none failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a resource group does on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupState {
    /// Not there.
    Down,
    /// Being started.
    Starting,
    /// There.
    Up,
    /// Being stopped.
    Stopping,
    /// The last start or stop failed.
    Failed,
}

/// One medium. Counters run from the start of the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediumStatus {
    /// Its kind: `bcast`, `ucast`, `ping` and so on.
    pub kind: String,
    /// Interface, tty or host, as logs name it.
    pub name: String,
    /// Packets sent.
    pub sent: u64,
    /// Packets that could not be sent.
    pub send_errors: u64,
    /// Authentic messages received, our own included where the medium brings them back.
    pub received: u64,
    /// Failed attempts to read.
    pub receive_errors: u64,
    /// Packets refused, by cause; causes that never came up are absent.
    pub refused: BTreeMap<String, u64>,
    /// What the network says about it now; absent if that is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<HintStatus>,
}

/// What the network says about a medium. It may be a lie, so a node decides nothing by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HintStatus {
    /// `port-refused`: the peer's machine answers that nobody has the port there. `no-carrier`: the interface has no carrier,
    /// or is set down.
    pub name: String,
    /// The address to which packets are sent, for `port-refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Time since it began.
    pub age_ms: u64,
    /// Time since it was said last, for what is said again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ms: Option<u64>,
}

/// What became of the messages that scripts wrote into the FIFO.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptsStatus {
    /// Messages that were taken.
    pub taken: u64,
    /// What was refused, or was no message, by cause; causes that never came up are absent.
    pub refused: BTreeMap<String, u64>,
}

/// What became of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStatus {
    /// Lines lost because the queue to the log writer was full.
    pub dropped: u64,
    /// Lines that one of the destinations did not take: full disk, reader that stopped, no syslog daemon.
    pub unwritten: u64,
    /// Lines left out because their cause had just been logged.
    pub suppressed: u64,
}

/// How the process is kept from being late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulingStatus {
    /// Whether the thread that sends heartbeats runs in the real-time class.
    pub realtime: bool,
    /// Whether the memory is locked.
    pub memory_locked: bool,
    /// Why not, if the configuration asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

#[cfg(test)]
mod tests;
