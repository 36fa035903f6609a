//! What the engine must know before it starts: plain, already checked values.
//!
//! Reading and checking files is `hb-config`'s work; nothing here can be wrong in itself.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::id::NodeId;
use crate::membership::Membership;

/// The checked configuration of one run of a node.
#[derive(Clone, Debug)]
pub struct Config {
    /// Normal nodes in `ha.cf` order, names in lower case; at most 100.
    pub nodes: Vec<NodeConfig>,
    /// Which of them we are.
    pub local: NodeId,
    /// Our UUID, as in the field `srcuuid`.
    pub uuid: [u8; 16],
    /// Generation of this run (`hg`): higher than in any earlier run (`wire.md` 6.2).
    pub generation: u64,
    /// The media, in `ha.cf` order.
    pub links: Vec<LinkConfig>,
    /// Time from one `status` to the next.
    pub keepalive: Duration,
    /// Silence after which others shall declare us dead; more than two keepalives.
    pub deadtime: Duration,
    /// Silence after which a peer's heartbeat is called late.
    pub warntime: Duration,
    /// Replaces every dead time until communication is up.
    pub initdead: Duration,
    /// Longest pause before a missing message is asked for, default 250 ms.
    pub max_rexmit_delay: Duration,
    /// The field `ttl`: hopfudge + number of nodes, ping nodes included.
    pub ttl: u32,
    /// The ping members.
    pub pings: PingConfig,
    /// What happens when a preferred node returns.
    pub failback: Failback,
    /// The resource groups in `haresources` order.
    pub groups: Vec<GroupConfig>,
    /// What the files say that all nodes should have alike, as a short text that is sent in each status (`hb-files`) and
    /// only compared as a whole; empty: not sent.
    pub files_digest: String,
    /// The number from which starts of groups are counted on, larger than that of every earlier run; `None`: starts have
    /// no number, and none is told.
    pub first_epoch: Option<u64>,
    /// What is known of nodes beside their names, and whether others may join.
    pub membership: Membership,
    /// What follows when a group fails.
    pub agents: AgentPolicy,
}

/// What follows when a group fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentPolicy {
    /// Whether a group that could not be stopped is stopped again by itself.
    pub failed_stop: FailedStop,
    /// Whether what runs is looked at; `None`: never.
    pub monitor: Option<MonitorPolicy>,
}

/// How often groups that run are looked at, and what follows when one has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorPolicy {
    /// From the end of a check, or of a start, to the next check.
    pub interval: Duration,
    /// Failed checks in a row after which a group has failed; at least 1.
    pub failures: u32,
    /// How often a group that has failed is started again where it is, within this time ...
    pub restarts: u32,
    /// ... before more is done.
    pub within: Duration,
    /// Whether it is then offered to the other node. Otherwise it only waits for 30 s.
    pub moves: bool,
    /// The keys of the groups that are looked at; empty: all.
    pub only: Vec<String>,
}

/// Whether a group that could not be stopped is stopped again by itself. The other node does not get it in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailedStop {
    /// After 30 s, again and again.
    #[default]
    Retry,
    /// Only when somebody asks for its end again.
    Keep,
    /// As `Retry`, while this machine is being reset for it: what was to leave this node does not come back to it.
    Reset,
}

/// A normal node.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// `uname -n`, lower case.
    pub name: String,
}

/// A medium.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Interface, tty or host, as logs and clients name it.
    pub name: String,
}

/// Hosts that only answer pings.
#[derive(Clone, Debug, Default)]
pub struct PingConfig {
    /// Their names in `ha.cf` order; their places are their numbers.
    pub names: Vec<String>,
    /// The number of the list: the same on two nodes that ask the same hosts for the same members (`hb-pings`,
    /// `docs/adr/0003`), with the number of members, up to 255, in its low byte. Never 0.
    pub list: u32,
    /// Silence after which one of them counts as dead, once communication is up.
    pub deadtime: Duration,
    /// Whether the rule of `ipfail` is in force: the node that reaches fewer of them hands over to the one that reaches more
    /// (`failover.md` 7).
    pub ipfail: bool,
}

/// A resource group: one logical line of `haresources`.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// The first resource as spelled; names the group on the wire (legacy mode) and in logs.
    pub key: String,
    /// The preferred node; `None` if it is not a normal node of this cluster.
    pub home: Option<NodeId>,
}

/// `auto_failback` (`failover.md` 3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failback {
    /// A returning preferred node gets its groups back.
    On,
    /// Groups stay where they are.
    Off,
    /// As before 1.2: always back; with a 3.0.6 peer in that mode without hold sets.
    Legacy,
}
