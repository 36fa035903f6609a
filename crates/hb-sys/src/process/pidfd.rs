//! A handle for another process that stays valid when its number is given to somebody else.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process, by descriptor (`pidfd_open(2)`). The descriptor becomes readable when the process has ended, also
/// while it still waits to be reaped; it is closed on exec.
#[derive(Debug)]
pub struct Pidfd {
    fd: OwnedFd,
    pid: Pid,
}

impl Pidfd {
    /// A handle for the process with this id. For a child that was not reaped yet it is certain to be that child.
    ///
    /// # Errors
    /// `ESRCH` when there is no such process (0 and what does not fit an id count as such), `ENOSYS` before
    /// Linux 5.3.
    pub fn open(id: u32) -> io::Result<Self> {
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
        Ok(Self { fd: pidfd_open(pid, PidfdFlags::empty())?, pid })
    }

    /// The number the process had when the handle was made.
    #[must_use]
    pub fn id(&self) -> Pid {
        self.pid
    }

    /// Sends a signal to the process.
    ///
    /// # Errors
    /// `ESRCH` when it was reaped, `EPERM` when it is not ours.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.fd, signal)?)
    }

    /// Sends a signal to the process group that this process leads.
    ///
    /// Sound for a child of ours that was not reaped: its number, and with it the group's, cannot be reused before.
    ///
    /// # Errors
    /// `ESRCH` when the group has no members, `EPERM` when none of them is ours.
    pub fn signal_group(&self, signal: Signal) -> io::Result<()> {
        Ok(rustix::process::kill_process_group(self.pid, signal)?)
    }

    /// Whether the process has ended. Does not wait and does not reap.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn has_ended(&self) -> io::Result<bool> {
        let mut watched = [PollFd::new(&self.fd, PollFlags::IN)];
        Ok(poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? > 0)
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Pidfd {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::{Command, Stdio};

    #[test]
    fn a_child_is_seen_to_live_and_to_end() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).process_group(0).spawn().unwrap();
        let handle = Pidfd::open(child.id()).unwrap();
        assert!(!handle.has_ended().unwrap());
        handle.signal_group(Signal::KILL).unwrap();
        poll(&mut [PollFd::new(&handle, PollFlags::IN)], None).unwrap();
        assert!(handle.has_ended().unwrap());
        // Still a zombie, so the number is still its own.
        handle.signal(Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        assert_eq!(handle.signal(Signal::TERM).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn ids_that_name_no_process_are_refused() {
        for id in [0, u32::MAX] {
            assert_eq!(Pidfd::open(id).unwrap_err().raw_os_error(), Some(libc::ESRCH));
        }
    }
}
