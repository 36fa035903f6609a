//! System calls that need unsafe code: the only crate of hb that has any.
//!
//! Each module wraps a few calls into safe functions; each `unsafe` block says why it is sound. What is done
//! with them (which process is real-time, which host owns which namespace) is decided by the callers.

pub mod alloc_count;
pub mod descriptor;
pub mod interface;
pub mod localtime;
pub mod memory;
pub mod namespace;
pub mod packet;
pub mod process;
pub mod sched;
pub mod stamped;
mod switch;
pub mod watchdog;
