//! One thread of another process stands still for a time, as if it hung (`ptrace(2)`).
//!
//! For tests only: no signal stops a single thread.

use std::io;
use std::ptr::null_mut;
use std::time::Duration;

use rustix::process::Pid;

/// Stops the thread with this id, sleeps, and lets it go on. The other threads of its process run meanwhile. If the
/// caller dies the thread goes on at once.
///
/// # Errors
/// `ESRCH` when there is no such thread; `EPERM` without the right to trace it, or when somebody else does.
pub fn hold_thread(thread: Pid, time: Duration) -> io::Result<()> {
    trace(libc::PTRACE_SEIZE, thread)?;
    let stopped = trace(libc::PTRACE_INTERRUPT, thread);
    std::thread::sleep(time);
    // Fails when it has ended meanwhile.
    let released = trace(libc::PTRACE_DETACH, thread);
    stopped.and(released)
}

fn trace(request: libc::c_uint, thread: Pid) -> io::Result<()> {
    // SAFETY: none of the requests used here reads or writes memory of this process: both pointers are numbers to the
    // kernel, which are zero.
    let result = unsafe {
        libc::ptrace(request, thread.as_raw_pid(), null_mut::<libc::c_void>(), null_mut::<libc::c_void>())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
