//! The way into the background: fork twice, new session, and a pipe on which the starter waits for readiness.
//!
//! What the daemon does before it calls itself ready, and with which code the starter exits, is decided by the
//! caller. Standard input, output and error stay open for complaints until [`super::detach_stdio`].

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, setsid, waitpid};

/// In which process [`daemonise`] returned.
#[derive(Debug)]
pub enum Side {
    /// In the process that was started; it waits, then exits.
    Starter(Readiness),
    /// In the daemon: its own session, no controlling terminal, child of process 1.
    Daemon(Notifier),
}

/// The starter's end of the pipe.
#[derive(Debug)]
pub struct Readiness(File);

impl Readiness {
    /// Waits until the daemon says how its start went. `None`: it ended without a word.
    ///
    /// # Errors
    /// What reading a pipe can fail with.
    pub fn wait(mut self) -> io::Result<Option<u8>> {
        let mut code = [0];
        Ok((self.0.read(&mut code)? == 1).then_some(code[0]))
    }
}

/// The daemon's end of the pipe. Dropped unused, it lets the starter know that the start failed.
#[derive(Debug)]
pub struct Notifier(File);

impl Notifier {
    /// Tells the starter the exit code that it shall end with; 0 means "I am ready".
    ///
    /// # Errors
    /// `EPIPE` when the starter is gone.
    pub fn report(mut self, code: u8) -> io::Result<()> {
        self.0.write_all(&[code])
    }
}

/// Goes into the background. Must come before the first thread is created.
///
/// # Errors
/// When the process has more than one thread; what `pipe2(2)` and `fork(2)` fail with.
pub fn daemonise() -> io::Result<Side> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other(
            "the process has threads already: it is too late to go into the background",
        ));
    }
    let (readable, writable) = pipe_with(PipeFlags::CLOEXEC)?;
    if let Some(child) = fork()? {
        drop(writable);
        waitpid(Some(child), WaitOptions::empty())?;
        return Ok(Side::Starter(Readiness(readable.into())));
    }
    drop(readable);
    // The child of a fork leads no process group, so this cannot fail.
    setsid()?;
    // Not being the leader of the session, the daemon cannot get a controlling terminal by opening one.
    match fork() {
        Ok(None) => Ok(Side::Daemon(Notifier(writable.into()))),
        // On failure the starter reads the end of the pipe.
        Ok(Some(_)) | Err(_) => leave(),
    }
}

/// `fork(2)`: the child's id in the parent, `None` in the child. Only for a process with a single thread.
fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the caller made sure that there is one thread only, so the child inherits no lock that a thread
    // which does not exist there would have to release.
    let result = unsafe { libc::fork() };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(Pid::from_raw(result)) }
}

/// Ends the process between the two forks, without exit handlers: those belong to the starter.
fn leave() -> ! {
    // SAFETY: `_exit` ends the process and does not return.
    unsafe { libc::_exit(0) }
}
