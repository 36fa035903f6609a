//! The engine's state as plain data: `hb-ctl status`, tests and metrics read the same type.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::id::{GroupId, HoldSet, LinkId, NodeId};

/// All that a status display needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Who we are.
    pub local: NodeId,
    /// Generation of this run.
    pub generation: u64,
    /// Sequence number of the last message sent.
    pub seq: u64,
    /// What we hold, including what we are acquiring or have not yet wholly released.
    pub hold: HoldSet,
    /// Whether no transition is under way (`failover.md` 3.1 `stable()`).
    pub stable: bool,
    /// Whether an orderly stop is under way.
    pub stopping: bool,
    /// The dead node that is to be reset before anything of it is taken.
    pub fencing: Option<FencingSnapshot>,
    /// Every normal node, in configuration order, ourselves included.
    pub nodes: Vec<NodeSnapshot>,
    /// Every ping member, in configuration order.
    pub pings: Vec<PingSnapshot>,
    /// Every group, in configuration order.
    pub groups: Vec<GroupSnapshot>,
}

/// A dead node that may still hold what it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FencingSnapshot {
    /// Which.
    pub node: NodeId,
    /// How often its reset has failed.
    pub failures: u32,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSnapshot {
    /// Its number.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// `init`, `up`, `active`, `dead` or what it said.
    pub status: String,
    /// Time since its last heartbeat; `None` if none ever came.
    pub silence: Option<Duration>,
    /// Silence after which it counts as dead.
    pub deadtime: Duration,
    /// What it said that it holds, in its own terms; `None` before it said so.
    pub hold: Option<HoldSet>,
    /// Whether it announces the fields of our own extension.
    pub speaks_hb: bool,
    /// Whether it is heard and does not hear this node, which therefore holds nothing.
    pub is_deaf: bool,
    /// The largest number of a start that it knows, see [`crate::Engine::epoch`]; `None` if it tells none.
    pub epoch: Option<u64>,
    /// The digest of its files, see [`crate::Config::files_digest`]; `None` if it sends none.
    pub files: Option<String>,
    /// Messages of it that are missing now.
    pub missing: u32,
    /// Its links, in configuration order.
    pub links: Vec<LinkSnapshot>,
}

/// One link of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSnapshot {
    /// Its number.
    pub link: LinkId,
    /// Its name.
    pub name: String,
    /// Whether the node is heard on it.
    pub up: bool,
}

/// One ping member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingSnapshot {
    /// Its name, which is also that of its only link.
    pub name: String,
    /// `init` before its first answer, `ping` while it answers, `dead`.
    pub status: &'static str,
    /// Time since its last answer; `None` if none ever came.
    pub silence: Option<Duration>,
    /// Silence after which it counts as dead.
    pub deadtime: Duration,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSnapshot {
    /// Its number.
    pub group: GroupId,
    /// Its first resource as spelled.
    pub key: String,
    /// The preferred node.
    pub home: Option<NodeId>,
    /// Its state on this node.
    pub state: GroupState,
    /// Whether the peer says that it has it although this node holds its set, see [`crate::Command::Move`].
    pub lent: bool,
    /// Number of its latest start on this node, see [`crate::Engine::epoch`].
    pub epoch: Option<u64>,
    /// What looking at it on this node has found; `None` if it is not looked at.
    pub monitor: Option<MonitorSnapshot>,
}

/// What looking at a group has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorSnapshot {
    /// Checks that failed in this run of the node.
    pub failures: u32,
    /// How often it was started again of late, see [`crate::MonitorPolicy::within`].
    pub restarts: u32,
    /// What the last failed check said.
    pub problem: Option<String>,
}

/// What a group is doing on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupState {
    /// Not here.
    Down,
    /// A start job runs.
    Starting,
    /// Here.
    Up,
    /// A stop job runs.
    Stopping,
    /// The last job failed; a start is tried again later.
    Failed,
}
