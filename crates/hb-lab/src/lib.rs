//! Test hosts in namespaces, faults, and a client-side probe: the demo, the tests, the benchmarks.
//!
//! A [`Lab`] is a set of Ethernets and hosts on this machine that nobody outside can see. Each [`Host`] has its
//! own network, host name, process ids, mounts and private directories, and a power switch. The lab needs no
//! root and no external program; it executes itself again for its helper processes ([`Agent`], [`internal()`]).
//! What must hold in a cluster is not decided here: the lab makes faults happen and measures what a client sees.
//!
//! ```no_run
//! # async fn example() -> Result<(), hb_lab::LabError> {
//! use hb_lab::{Agent, Cluster, ClusterFiles, NodeProgram};
//! use std::time::Duration;
//!
//! let limit = Duration::from_secs(60);
//! let node = NodeProgram::Ours { hb_node: "target/debug/hb-node".into() };
//! let cluster = Cluster::build(Agent::locate()?, [node.clone(), node], ClusterFiles::two_node()).await?;
//! cluster.start(limit).await?;
//! cluster.probe.begin().await?;
//! cluster.alpha().host().crash().await?;
//! let sight = cluster.served_by("beta", limit).await?;
//! assert!(Duration::from_nanos(sight.outage_ns()) < Duration::from_secs(2));
//! # Ok(())
//! # }
//! ```

mod agent;
mod built;
mod cluster;
mod connection;
mod directory;
mod echo;
mod error;
mod fault;
mod files;
mod host;
mod init;
mod internal;
mod keeper;
mod lab;
mod live;
mod measure;
mod node;
mod options;
mod overlap;
mod probe;
mod process;
mod protocol;
mod socket;

pub use agent::Agent;
pub use built::built_program;
pub use cluster::{Cluster, NETWORK};
pub use error::LabError;
pub use fault::Fault;
pub use files::{ClusterFiles, Floating};
pub use host::{Direction, Host, HostSpec, Link, Plug};
pub(crate) use internal::chain;
pub use internal::internal;
pub use lab::Lab;
pub use measure::{Measurement, measure, measure_series};
pub use node::{Account, Node, NodeProgram};
pub use options::{HungHearts, LabOptions, Peers, lab};
pub use overlap::Overlap;
pub use probe::{Beat, ECHO_PORT, Interval, Probe, ProbeSpec, Sight, Spell, start_bound_echo, start_echo};
pub use process::Process;
pub use protocol::{Exit, InterfaceAddress, Output};
pub use rustix::process::Signal;
