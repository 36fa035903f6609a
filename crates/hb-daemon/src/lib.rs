//! The driver of a node: wires media, engine, actuators and the control socket; one loop owns the state.
//!
//! * `driver`: a run of the daemon; the picture of its threads is there
//! * `start`, `configuration`, `mapping`, `environment`, `identity`, `pid_file`, `accounts`: before the heart beats
//! * `heart`, `clock`, `realtime`: the thread that must never be late
//! * `running`: what the command line asks of a daemon that runs already
//! * `front`: signals, control socket, reload
//! * `in_force`, `files_digest`: what another reading of the files changes, and whether a peer has the same
//! * `log`, `event_text`, `excerpt`, `limiter`, `limited_log`: what is said, how often, and where it is written
//! * `leasing`: the lease of the addresses, beside the heart
//! * `machine`: what the kernel's files say, for the heart that reads none
//! * `mailbox`, `notify`: between threads, and to the service manager
//!
//! Decides nothing about nodes and resources: that is the engine.

mod accounts;
mod clean_up;
mod clock;
mod configuration;
mod driver;
mod environment;
mod event_text;
mod excerpt;
mod failfast;
mod files_digest;
mod front;
mod heart;
mod identity;
mod in_force;
mod leasing;
mod limited_log;
mod limiter;
mod log;
mod machine;
mod mailbox;
mod mapping;
mod notify;
mod options;
mod pid_file;
mod realtime;
mod running;
mod start;
#[cfg(test)]
mod test_files;

pub use clean_up::clean_up;
pub use driver::{guard_main, run};
pub use options::{DEFAULT_CONFIG_DIR, DEFAULT_RUN_DIR, DEFAULT_STATE_DIR, Exit, Options};
pub use running::{print_defaults, refuse_restart, reload, status, stop};

/// Stack of every thread that is made here but the heart: small, because all memory may be locked.
const STACK_SIZE: usize = 256 * 1024;
/// Stack of the heart, which may have to compress messages: the tables for that are made on the stack.
const HEART_STACK: usize = 1024 * 1024;
