//! Keeps the heart on time: real-time class for its thread, memory locked for the process.
//!
//! Where the kernel or a container refuses, the daemon says so once and runs on.

use hb_sys::memory::{MemoryLock, lock_all};
use hb_sys::process::{Signal, set_blocked_signals};
use hb_sys::sched::{set_fifo, set_other};

/// What was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scheduling {
    /// The heart's thread is in the real-time class.
    pub(crate) realtime: bool,
    /// The memory is locked.
    pub(crate) memory_locked: bool,
    /// What was asked for and not reached.
    pub(crate) problem: Option<String>,
}

/// Whether this process may have real-time threads of that priority.
pub(crate) fn is_permitted(priority: i32) -> bool {
    // Tried on the calling thread, which goes back at once.
    set_fifo(priority).is_ok_and(|()| set_other().is_ok())
}

/// For the heart's thread: takes no signals, and becomes real-time with locked memory if there is a priority.
pub(crate) fn enter(priority: Option<i32>) -> Scheduling {
    // Signals are dealt with by the front; a thread that keeps getting them would only wake for nothing.
    let _ = set_blocked_signals(&[
        Signal::TERM,
        Signal::INT,
        Signal::HUP,
        Signal::USR1,
        Signal::USR2,
        Signal::CHILD,
    ]);
    let Some(priority) = priority else { return Scheduling::default() };
    let class = set_fifo(priority);
    let lock = lock_all();
    let mut problems = Vec::new();
    if let Err(error) = &class {
        problems.push(format!("no real-time class ({error})"));
    }
    if let MemoryLock::Refused(error) = &lock {
        problems.push(format!("memory not locked ({error})"));
    }
    let problem = (!problems.is_empty())
        .then(|| format!("{}: under load or memory pressure heartbeats may be late", problems.join(", ")));
    Scheduling { realtime: class.is_ok(), memory_locked: !matches!(lock, MemoryLock::Refused(_)), problem }
}

/// Any real-time priority comes before everything that is ordinary; the lowest leaves room for drivers' threads.
pub(crate) const DEFAULT_PRIORITY: i32 = 1;
