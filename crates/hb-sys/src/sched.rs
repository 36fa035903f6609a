//! Scheduling class of a thread: real-time for the heart, ordinary for everything it starts.
//!
//! Wraps `sched_setscheduler(2)`. The real-time class is always set with `SCHED_RESET_ON_FORK`, so neither a thread
//! nor a process that a real-time thread creates inherits it. Which thread deserves the class, and what to do
//! where the kernel refuses it, is decided by the caller. [`Crew`] is for threads whose class changes while they run.

mod crew;

use std::io;
use std::ops::RangeInclusive;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

pub use crew::{Crew, Membership};

/// The scheduling class of a thread, as far as hb tells classes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Normal time-sharing (`SCHED_OTHER`).
    Other,
    /// Real-time, first in first out (`SCHED_FIFO`).
    Fifo {
        /// The static priority, see [`priority_range`].
        priority: i32,
    },
    /// A class that hb never sets, by its number in `sched.h`.
    Foreign(i32),
}

/// Priorities that [`set_fifo`] accepts: 1 to 99 on Linux, the higher the more urgent.
#[must_use]
pub fn priority_range() -> RangeInclusive<i32> {
    // SAFETY: both calls take a plain number and touch no memory of ours.
    let (lowest, highest) = unsafe {
        (libc::sched_get_priority_min(libc::SCHED_FIFO), libc::sched_get_priority_max(libc::SCHED_FIFO))
    };
    lowest..=highest
}

/// Puts the calling thread (not the whole process) into the class `SCHED_FIFO`. Threads and processes that it
/// creates later start in the class `SCHED_OTHER`.
///
/// # Errors
/// `EINVAL` outside of [`priority_range`]; `EPERM` without `CAP_SYS_NICE` and a sufficient `RLIMIT_RTPRIO`, or in
/// a control group without real-time budget.
pub fn set_fifo(priority: i32) -> io::Result<()> {
    set(CALLER, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, priority)
}

/// Puts the calling thread back into the class `SCHED_OTHER`.
///
/// # Errors
/// `EPERM` only where a sandbox forbids the call.
pub fn set_other() -> io::Result<()> {
    // Once set, the flag must stay: clearing it needs a privilege, keeping it does not.
    set(CALLER, libc::SCHED_OTHER | reset_flag(CALLER)?, 0)
}

/// The class of the calling thread.
///
/// # Errors
/// Only where a sandbox forbids the call.
pub fn current() -> io::Result<Class> {
    let class = policy(CALLER)? & !libc::SCHED_RESET_ON_FORK;
    match class {
        libc::SCHED_OTHER => Ok(Class::Other),
        libc::SCHED_FIFO => {
            let mut param = libc::sched_param { sched_priority: 0 };
            // SAFETY: the kernel writes one `sched_param` into `param`, which outlives the call.
            let result = unsafe { libc::syscall(libc::SYS_sched_getparam, 0, &raw mut param) };
            check(result)?;
            Ok(Class::Fifo { priority: param.sched_priority })
        }
        other => Ok(Class::Foreign(other)),
    }
}

/// Makes `command` start in the class `SCHED_OTHER`, whatever class the thread has that spawns it.
///
/// [`set_fifo`] already sees to that for threads that it was called on; this is for a class that was given to us
/// from outside (`chrt`, a unit file).
pub fn reset_before_exec(command: &mut Command) -> &mut Command {
    // SAFETY: the closure runs between fork and exec; it makes two system calls on stack memory, allocates nothing
    // and takes no lock, so it is safe there even if other threads of the parent held locks.
    unsafe { command.pre_exec(set_other) }
}

/// `sched_setscheduler` for a thread by its number. The raw call, because musl's wrapper only returns `ENOSYS`.
fn set(thread: i32, policy: i32, priority: i32) -> io::Result<()> {
    let param = libc::sched_param { sched_priority: priority };
    // SAFETY: the kernel reads one `sched_param` from `param`, which outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_sched_setscheduler, thread, policy, &raw const param) };
    check(result)
}

fn policy(thread: i32) -> io::Result<i32> {
    // SAFETY: the call takes a plain number and touches no memory of ours.
    let result = unsafe { libc::syscall(libc::SYS_sched_getscheduler, thread) };
    check(result)?;
    i32::try_from(result).map_err(io::Error::other)
}

fn reset_flag(thread: i32) -> io::Result<i32> {
    Ok(policy(thread)? & libc::SCHED_RESET_ON_FORK)
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The number that stands for the calling thread.
const CALLER: i32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    /// Field 41 of `/proc/self/stat` of a child is its scheduling policy (`proc(5)`).
    fn policy_of_child(command: &mut Command) -> String {
        let output = command.output().expect("cat runs");
        let text = String::from_utf8(output.stdout).expect("stat is text");
        let after_name = text.rsplit_once(") ").expect("name in brackets").1.to_owned();
        after_name.split(' ').nth(38).expect("41 fields").to_owned()
    }

    #[test]
    fn the_range_is_that_of_linux() {
        assert_eq!(priority_range(), 1..=99);
    }

    #[test]
    fn a_priority_outside_of_the_range_is_refused() {
        assert_eq!(set_fifo(100).unwrap_err().raw_os_error(), Some(libc::EINVAL));
        assert_eq!(current().unwrap(), Class::Other);
    }

    #[test]
    fn fifo_is_for_this_thread_only_and_children_do_not_inherit_it() {
        let worker = std::thread::spawn(|| {
            if let Err(error) = set_fifo(5) {
                // The other half of the contract: an ordinary user is refused with EPERM and stays ordinary.
                assert_eq!(error.raw_os_error(), Some(libc::EPERM));
                assert_eq!(current().unwrap(), Class::Other);
                return;
            }
            assert_eq!(current().unwrap(), Class::Fifo { priority: 5 });
            assert_eq!(std::thread::spawn(|| current().unwrap()).join().unwrap(), Class::Other);
            assert_eq!(policy_of_child(Command::new("cat").arg("/proc/self/stat")), "0");
            set_other().unwrap();
            assert_eq!(current().unwrap(), Class::Other);
        });
        worker.join().unwrap();
        assert_eq!(current().unwrap(), Class::Other);
    }

    #[test]
    fn a_command_is_reset_even_when_the_class_would_be_inherited() {
        let worker = std::thread::spawn(|| {
            if set(CALLER, libc::SCHED_FIFO, 5).is_err() {
                assert_eq!(current().unwrap(), Class::Other);
                return;
            }
            assert_eq!(policy_of_child(Command::new("cat").arg("/proc/self/stat")), "1");
            assert_eq!(policy_of_child(reset_before_exec(Command::new("cat").arg("/proc/self/stat"))), "0");
        });
        worker.join().unwrap();
    }
}
