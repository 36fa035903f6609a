//! Locks the memory of the process, so that the heart never waits for a page from a disk.
//!
//! Wraps `mlockall(2)`. Whether a refusal matters is decided by the caller; what this module guarantees is that a
//! granted lock cannot turn against the process later (see [`lock_all`]).

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What [`lock_all`] could reach.
#[derive(Debug)]
pub enum MemoryLock {
    /// Everything mapped now and later stays in memory once it was touched (`MCL_ONFAULT`, Linux 4.4).
    OnFault,
    /// Everything mapped now and later is in memory at once (older kernels).
    Full,
    /// Nothing is locked; the reason is the kernel's.
    Refused(io::Error),
}

/// Locks all memory of the process, present and future, without loading what was never used.
///
/// The lock is taken only when it is without limit: with a finite `RLIMIT_MEMLOCK` and no exemption from it, a later
/// allocation beyond the limit would fail and end the process, which is worse than no lock. A soft limit is raised
/// to the hard one first.
#[must_use]
pub fn lock_all() -> MemoryLock {
    let limit = getrlimit(Resource::Memlock);
    // With a limit of 0 the kernel locks for nobody but those who are exempt. Reading the capability sets instead
    // would mislead: root of a user namespace has CAP_IPC_LOCK there and is not exempt.
    if setrlimit(Resource::Memlock, Rlimit { current: Some(0), maximum: limit.maximum }).is_ok() {
        let exempt = lock_any();
        // Restoring cannot fail: the value was in force a moment ago and the hard limit was not lowered.
        let restored = setrlimit(Resource::Memlock, limit);
        if let (Ok(lock), Ok(())) = (exempt, restored) {
            return lock;
        }
    }
    if limit.maximum.is_some() {
        return MemoryLock::Refused(io::Error::from_raw_os_error(libc::EPERM));
    }
    match setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None }) {
        Ok(()) => lock_any().unwrap_or_else(MemoryLock::Refused),
        Err(error) => MemoryLock::Refused(error.into()),
    }
}

/// Takes the lock back.
///
/// # Errors
/// Only where a sandbox forbids the call.
pub fn unlock_all() -> io::Result<()> {
    // SAFETY: the call has no arguments and touches no memory of ours.
    let result = unsafe { libc::munlockall() };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn lock_any() -> io::Result<MemoryLock> {
    match mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) {
        Ok(()) => Ok(MemoryLock::OnFault),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE).map(|()| MemoryLock::Full)
        }
        Err(error) => Err(error),
    }
}

fn mlockall(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: the call takes a plain number; locked pages keep their contents.
    let result = unsafe { libc::mlockall(flags) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `VmLck` of `/proc/self/status` in KiB.
    fn locked_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn the_answer_agrees_with_the_kernel_and_the_limit_is_restored() {
        let before = getrlimit(Resource::Memlock);
        match lock_all() {
            MemoryLock::OnFault | MemoryLock::Full => {
                assert!(locked_kib() > 0);
                unlock_all().unwrap();
            }
            MemoryLock::Refused(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EPERM));
                assert_eq!(getrlimit(Resource::Memlock), before);
            }
        }
        assert_eq!(locked_kib(), 0);
    }
}
