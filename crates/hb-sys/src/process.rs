//! The process itself and its children: pidfds, the way into the background, attributes that are inherited.
//!
//! Each function wraps one mechanism of `prctl(2)`, `pidfd_open(2)`, `close_range(2)`, `sigprocmask(2)` or
//! `umask(2)`. The way into the background is in [`daemonise()`], handles for other processes are [`Pidfd`].

mod daemonise;
mod hold;
mod identity;
mod pidfd;

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::Mode;
pub use rustix::process::{Pid, Signal};

pub use daemonise::{Notifier, Readiness, Side, daemonise};
pub use hold::hold_thread;
pub use identity::{Identity, run_as};
pub use pidfd::Pidfd;

/// Names the calling thread; on the main thread this is the name that `ps` and `top` show. Names longer than 15
/// bytes are cut by the kernel.
///
/// # Errors
/// `EINVAL` when the name contains a zero byte.
pub fn set_name(name: &str) -> io::Result<()> {
    let name = CString::new(name).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    Ok(rustix::thread::set_name(&name)?)
}

/// Has the kernel send `signal` to this process when the thread that created it ends; `None` takes that back.
///
/// It is bound to the *thread*, not to the parent process, and is cleared in children. A parent that is already
/// gone sends nothing: compare the parent's id afterwards.
///
/// # Errors
/// Only where a sandbox forbids the call.
pub fn set_parent_death_signal(signal: Option<Signal>) -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(signal)?)
}

/// Makes this process the adoptive parent of its orphaned descendants, instead of process 1.
///
/// # Errors
/// Only where a sandbox forbids the call.
pub fn become_subreaper() -> io::Result<()> {
    // Any id means "on" to the kernel.
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Sets the mask of permission bits that new files do not get (0 to 0o777).
pub fn set_umask(mask: u32) {
    rustix::process::umask(Mode::from_raw_mode(mask & 0o777));
}

/// Marks every open descriptor from `first` on as closed on exec, so that children started later do not get them.
///
/// # Errors
/// `ENOSYS` or `EINVAL` before Linux 5.11.
pub fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: the call takes plain numbers; it closes nothing in this process, it only sets a flag.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Blocks exactly these signals for the calling thread, and for the threads and processes that it creates later.
/// An empty list unblocks all.
///
/// # Errors
/// `EINVAL` for a number that is no signal.
pub fn set_blocked_signals(signals: &[Signal]) -> io::Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises the set that it is given; it is only used after that.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for signal in signals {
        // SAFETY: `set` is an initialised signal set, exclusively ours.
        if unsafe { libc::sigaddset(&raw mut set, signal.as_raw()) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // SAFETY: the kernel reads the initialised `set`; a null pointer for the previous mask is allowed.
    match unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Takes the descriptor that this process got as standard input and puts `/dev/null` in its place.
///
/// # Errors
/// `EBADF` when standard input is closed; whatever opening `/dev/null` fails with.
pub fn take_stdin() -> io::Result<OwnedFd> {
    let taken = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?;
    let null = OpenOptions::new().read(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(null)?;
    Ok(taken)
}

/// Takes the descriptor that this process got as standard output and puts `/dev/null` in its place.
///
/// # Errors
/// `EBADF` when standard output is closed; whatever opening `/dev/null` fails with.
pub fn take_stdout() -> io::Result<OwnedFd> {
    let taken = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
    let null = OpenOptions::new().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(null)?;
    Ok(taken)
}

/// Puts `/dev/null` in the place of standard input, output and error.
///
/// # Errors
/// Whatever opening `/dev/null` fails with.
pub fn detach_stdio() -> io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// Puts `/dev/null` in the place of standard error.
///
/// # Errors
/// Whatever opening `/dev/null` fails with.
pub fn detach_errors() -> io::Result<()> {
    let null = OpenOptions::new().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stderr(null)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::process::Command;

    #[test]
    fn a_thread_gets_its_name() {
        std::thread::spawn(|| {
            set_name("hb-test-and-more-than-fifteen").unwrap();
            assert_eq!(std::fs::read_to_string("/proc/thread-self/comm").unwrap(), "hb-test-and-mor\n");
            assert_eq!(set_name("a\0b").unwrap_err().raw_os_error(), Some(libc::EINVAL));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn children_inherit_exactly_what_is_blocked() {
        let blocked_in_child = || {
            let child = Command::new("cat").arg("/proc/self/status").output().unwrap();
            let status = String::from_utf8(child.stdout).unwrap();
            status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).unwrap().to_owned()
        };
        std::thread::spawn(move || {
            set_blocked_signals(&[Signal::TERM, Signal::HUP]).unwrap();
            assert_eq!(blocked_in_child(), "0000000000004001");
            set_blocked_signals(&[]).unwrap();
            assert_eq!(blocked_in_child(), "0000000000000000");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn descriptors_are_not_inherited_after_the_mark() {
        let file = File::open("/dev/null").unwrap();
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
        close_on_exec_from(u32::try_from(file.as_raw_fd()).unwrap()).unwrap();
        assert_eq!(rustix::io::fcntl_getfd(&file).unwrap(), rustix::io::FdFlags::CLOEXEC);
    }
}
