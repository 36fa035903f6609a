//! Every decision of a node: reliable bus, membership, failover.
//!
//! Pure: no clock, no socket, no thread, no randomness of its own; the same inputs give the same outputs. The
//! driver calls [`Engine::handle`] with what happened and the time, drains [`Engine::poll`] until it is empty, and
//! wakes the engine at [`Engine::next_deadline`]. Three parts, one file per mechanism: `bus` (generation, sequence,
//! history, gaps, acknowledgements), `liveness` (links, nodes, evidence, verdicts), `failover` (who holds what).
#![no_std]

extern crate alloc;

mod bus;
mod config;
mod digest;
mod engine;
mod epoch;
mod event;
mod failover;
mod id;
mod io;
mod lease;
mod liveness;
mod membership;
mod number;
mod random;
mod reconfigure;
mod say;
mod snapshot;
mod time;

pub use bus::ring::Forward;
pub use config::{
    AgentPolicy, Config, Failback, FailedStop, GroupConfig, LinkConfig, MonitorPolicy, NodeConfig, PingConfig,
};
pub use engine::Engine;
pub use event::Event;
pub use id::{GroupId, HoldSet, JobId, LinkId, NodeId, PingId};
pub use io::{Action, Command, Input, Outcome, Output};
pub use membership::{
    DEFAULT_WEIGHT, MAX_NODE_NAME, MAX_NODES, MemberRecord, Membership, MembershipError, NodesPlan,
};
pub use reconfigure::{GroupPlan, LinkPlan, PingPlan, Reconfiguration};
pub use say::{OwnType, is_own_type, is_packed, without_own_fields};
pub use snapshot::{
    FencingSnapshot, GroupSnapshot, GroupState, LinkSnapshot, MonitorSnapshot, NodeSnapshot, PingSnapshot,
    Snapshot,
};
pub use time::{Now, Tick, WallSeconds};
