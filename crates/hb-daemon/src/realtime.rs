//! Keeps the heart on time: real-time class for those threads that a takeover and heartbeats wait for, memory locked for the
//! process, as `realtime` and `rtprio` of `ha.cf` say. Both can change while they run.
//!
//! Where the kernel or a container refuses, the daemon says so once and runs on.

use hb_config::Checked;
use hb_sys::memory::{MemoryLock, lock_all, unlock_all};
use hb_sys::process::{Signal, set_blocked_signals};
use hb_sys::sched::Crew;

/// What was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scheduling {
    /// The threads of the crew are in the real-time class.
    pub(crate) realtime: bool,
    /// The memory is locked.
    pub(crate) memory_locked: bool,
    /// What was asked for and not reached.
    pub(crate) problem: Option<String>,
}

impl Scheduling {
    /// Another priority for the crew, or none, which unlocks the memory too; what is reached from now on.
    ///
    /// May wait for locks of the kernel's, so not for the heart's thread.
    pub(crate) fn change(&self, crew: &Crew, priority: Option<i32>) -> Self {
        let mut problems = Vec::new();
        let class = crew.set(priority);
        if let Err(error) = &class {
            problems.push(match priority {
                Some(_) => format!("no real-time class ({error})"),
                None => format!("the real-time class stays ({error})"),
            });
        }
        let realtime = if class.is_ok() { priority.is_some() } else { self.realtime };
        let memory_locked = match (priority, self.memory_locked) {
            (Some(_), true) => true,
            (Some(_), false) => {
                let lock = lock_all();
                if let MemoryLock::Refused(error) = &lock {
                    problems.push(format!("memory not locked ({error})"));
                }
                !matches!(lock, MemoryLock::Refused(_))
            }
            (None, true) => unlock_all().is_err(),
            (None, false) => false,
        };
        let problem = (!problems.is_empty()).then(|| {
            format!("{}: under load or memory pressure heartbeats may be late", problems.join(", "))
        });
        Self { realtime, memory_locked, problem }
    }
}

/// The priority that the configuration asks for, if it wants real time.
pub(crate) fn priority(checked: &Checked) -> Option<i32> {
    checked.realtime.then(|| checked.rtprio.unwrap_or(DEFAULT_PRIORITY))
}

/// For the heart's thread. Signals are dealt with by the front; a thread that keeps getting them would only wake for nothing.
pub(crate) fn take_no_signals() {
    // Never refused: they are all signals that can be blocked.
    let _ = set_blocked_signals(&[
        Signal::TERM,
        Signal::INT,
        Signal::HUP,
        Signal::USR1,
        Signal::USR2,
        Signal::CHILD,
    ]);
}

/// Any real-time priority comes before everything that is ordinary; the lowest leaves room for drivers' threads.
const DEFAULT_PRIORITY: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_way_back_from_what_was_reached() {
        let crew = Crew::default();
        let ordinary = Scheduling::default();
        // Nobody has joined, so the class is never refused.
        let on = ordinary.change(&crew, Some(1));
        assert!(on.realtime);
        assert_eq!(on.memory_locked, on.problem.is_none());
        assert_eq!(on.change(&crew, Some(2)).memory_locked, on.memory_locked);
        assert_eq!(on.change(&crew, None), ordinary);
    }
}
