//! One run of a script: find it, start it in a process group of its own, keep its time limit, leave no zombie.
//!
//! At the limit the group gets SIGTERM, after the grace SIGKILL; the script is reaped only after that, so that the
//! number of the group cannot be somebody else's by then. A process that left the group by itself (a daemon) is
//! beyond reach, as it is for every init system without control groups. A script that ends in time leaves its group
//! alone: what it started there is the service. A run on a leash (`runs`) gets SIGKILL when that is cut.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hb_sys::process::{Pidfd, Signal};
use rustix::fs::{Access, access};
use rustix::io::Errno;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::mpsc;

use crate::guard::capture::Capture;
use crate::guard::protocol::{Answer, Captured, Ending, Run};
use crate::guard::runs::Leash;

/// Runs a script to its end, or until its leash is cut, and tells both its beginning and its end.
pub(crate) async fn execute(run: Run, answers: mpsc::Sender<Answer>, leash: Leash) {
    let (id, limit, grace) = (run.id, run.limit, run.grace);
    // On a thread of its own, because a dead disk may hold it for ever.
    let held = leash.clone();
    let begun = tokio::task::spawn_blocking(move || begin(&run, &held)).await;
    let mut directory = 0;
    let (ending, output, errors) = match begun {
        Ok(Ok((child, program, place))) => {
            directory = place;
            let program = program.to_string_lossy().into_owned();
            // Nobody listens when the heart is gone; the run goes on.
            let _ = answers.send(Answer::Started { id, pid: child.id(), program }).await;
            attend(child, limit, grace, leash).await
        }
        Ok(Err(ending)) => (ending, Captured::default(), Captured::default()),
        Err(error) => (Ending::NotStarted(error.to_string()), Captured::default(), Captured::default()),
    };
    let _ = answers.send(Answer::Ended { id, ending, output, errors, directory }).await;
}

/// The first regular file of that name that may be executed (failover.md 2.1), and the number of its directory.
fn look_up(directories: &[PathBuf], name: &str) -> Option<(usize, PathBuf)> {
    // An absolute name would replace the directory; 3.0.6 puts the two one after the other.
    let name = name.trim_start_matches('/');
    directories
        .iter()
        .map(|directory| directory.join(name))
        .enumerate()
        .find(|(_, path)| path.is_file() && access(path, Access::EXEC_OK).is_ok())
}

fn begin(run: &Run, leash: &Leash) -> Result<(Child, PathBuf, usize), Ending> {
    let (place, program) = look_up(&run.directories, &run.name).ok_or(Ending::NotFound)?;
    let mut attempt = 0;
    loop {
        // The disk may have taken its time, and then nobody may be left to attend to the script.
        if leash.is_cut() {
            return Err(Ending::NotStarted("it was given up".to_owned()));
        }
        match spawn(run, &program, None).or_else(|error| match Errno::from_io_error(&error) {
            // A script without "#!" is one for the shell, as it is for every shell that runs it.
            Some(Errno::NOEXEC) => spawn(run, Path::new(SHELL), Some(&program)),
            _ => Err(error),
        }) {
            Ok(child) => return Ok((child, program, place)),
            // Somebody is writing the file at this moment.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::TXTBSY) && attempt < BUSY_ATTEMPTS => {
                attempt += 1;
                std::thread::sleep(BUSY_PAUSE);
            }
            Err(error) => return Err(Ending::NotStarted(format!("{}: {error}", program.display()))),
        }
    }
}

fn spawn(run: &Run, program: &Path, script: Option<&Path>) -> io::Result<Child> {
    let working_dir = if run.working_dir.is_dir() { run.working_dir.as_path() } else { Path::new("/") };
    let mut child = Command::new(program)
        .args(script)
        .args(&run.arguments)
        .env_clear()
        .envs(run.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(working_dir)
        .stdin(if run.input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // It fits into the pipe, so this does not wait; whoever does not read it is not asked to.
        let input = run.input.as_bytes();
        let _ = stdin.write_all(input.get(..INPUT_LIMIT).unwrap_or(input));
    }
    Ok(child)
}

/// A script that runs.
struct Attended {
    process: Pidfd,
    /// SIGCHLD of any child.
    children: SignalStream,
    output: Capture,
    errors: Capture,
}

impl Attended {
    fn new(child: &mut Child) -> io::Result<Self> {
        Ok(Self {
            process: Pidfd::open(child.id())?,
            // Listens from here on, so that no end after the first look is missed.
            children: signal(SignalKind::child())?,
            output: Capture::new(child.stdout.take().map(OwnedFd::from))?,
            errors: Capture::new(child.stderr.take().map(OwnedFd::from))?,
        })
    }

    /// Waits until the script has ended, without reaping it, and reads what it prints. `false`: the time was up.
    async fn ends_within(&mut self, time: Duration) -> bool {
        let Self { process, children, output, errors } = self;
        let end = async {
            while !process.has_ended().unwrap_or(false) {
                tokio::select! {
                    _ = children.recv() => {}
                    () = output.pump() => {}
                    () = errors.pump() => {}
                }
            }
        };
        tokio::time::timeout(time, end).await.is_ok()
    }

    fn signal_group(&self, signal: Signal) {
        // ESRCH: nobody is left in the group, which is what we want.
        let _ = self.process.signal_group(signal);
    }
}

async fn attend(
    mut child: Child,
    limit: Duration,
    grace: Duration,
    mut leash: Leash,
) -> (Ending, Captured, Captured) {
    let mut script = match Attended::new(&mut child) {
        Ok(script) => script,
        Err(error) => {
            // Out of descriptors or memory: a script that cannot be watched must not run.
            let _ = child.kill();
            let _ = child.wait();
            return (Ending::NotStarted(error.to_string()), Captured::default(), Captured::default());
        }
    };
    let in_time = tokio::select! {
        in_time = script.ends_within(limit) => in_time,
        () = leash.cut() => false,
    };
    let mut ended = in_time;
    if !in_time {
        if !leash.is_cut() {
            script.signal_group(Signal::TERM);
            tokio::select! {
                _ = script.ends_within(grace) => {}
                () = leash.cut() => {}
            }
        }
        script.signal_group(Signal::KILL);
        ended = script.ends_within(AFTER_KILL).await;
    }
    let Attended { process, mut children, output, errors } = script;
    let ending = if ended {
        reap(&mut child, in_time)
    } else {
        // Held in the kernel, by a dead disk for example: it ends when that lets go of it.
        tokio::task::spawn_local(async move {
            while !process.has_ended().unwrap_or(false) {
                children.recv().await;
            }
            reap(&mut child, false)
        });
        Ending::Timeout
    };
    (ending, output.finish(), errors.finish())
}

/// Takes the status of a script that has ended; does not wait.
fn reap(child: &mut Child, in_time: bool) -> Ending {
    match child.wait() {
        _ if !in_time => Ending::Timeout,
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Ending::Exit(code),
            (None, signal) => Ending::Signal(signal.unwrap_or_default()),
        },
        Err(error) => Ending::NotStarted(error.to_string()),
    }
}

/// What a pipe takes without a reader (`pipe(7)`).
const INPUT_LIMIT: usize = 1 << 16;

const SHELL: &str = "/bin/sh";

/// How often and how long to wait for somebody who has a script open for writing.
const BUSY_ATTEMPTS: u32 = 10;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// How long a process may take to die of SIGKILL before the run counts as ended without it.
const AFTER_KILL: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
