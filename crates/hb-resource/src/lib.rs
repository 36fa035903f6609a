//! Actuators: floating addresses by netlink, announcements, resource scripts run by the guard process.
//!
//! This crate makes true what others decide: it starts, stops and announces groups of resources and says how that
//! ended. It knows no cluster, no peer and no configuration file.
//!
//! - [`Actuator`]: a thread of its own that takes [`Job`]s and [`Report`]s.
//! - [`guard::run`]: the main function of the second process, which runs scripts.
//! - [`lease`]: the kernel's gate for the addresses, open only while the heart beats.
//! - [`watchdog`]: the device that resets the machine when nobody kicks it.
//! - [`stop_point`]: where tests have a node stop itself.
//! - [`cleanup()`]: takes away what an earlier life left.

mod actuator;
mod address;
mod agent;
mod announce;
mod arp;
mod beat;
mod cleanup;
mod config;
mod fence;
mod group;
pub mod guard;
mod hook;
pub mod lease;
mod neighbour;
mod netlink;
mod ocf;
mod placement;
mod report;
mod sentinel;
mod spec;
pub mod stop_point;
#[cfg(test)]
#[path = "../tests/support/scripts.rs"]
mod test_scripts;
mod verdict;
pub mod watchdog;

pub use actuator::{Actuator, Change, Job, JobAction, QUEUE, StartError, SubmitError};
pub use announce::REPEAT_AFTER;
pub use beat::{Beat, Beating};
pub use cleanup::{CleanupError, cleanup};
pub use config::{
    ActuatorConfig, ClientSpec, KILL_GRACE, OCF_ROOT, START_TIMEOUT, STATUS_TIMEOUT, STOP_PAUSE,
    STOP_RETRIES, STOP_TIMEOUT,
};
pub use fence::FenceSpec;
pub use guard::farewell::{Farewell, Route};
pub use guard::protocol::ProtocolError;
pub use hook::Hook;
pub use netlink::{ADDRESS_MARK, STAGED_MARK};
pub use ocf::OcfSpec;
pub use report::{Failure, Level, Report};
pub use spec::{AddressSpec, AddressSpecError, GroupSpec, ResourceSpec};
