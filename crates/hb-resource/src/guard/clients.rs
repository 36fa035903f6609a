//! Programs that run beside the node, `respawn` and `failfast` (failover.md 8.4): started in order, started again when
//! they end, ended in the opposite order.
//!
//! As 3.0.6: exit code 100 asks for no other run; runs of less than 30 s are short, a short one is followed by a pause of
//! one second, and the eleventh in a row was the last. Each program leads a process group of its own, has the environment
//! of scripts and none of our descriptors. Otherwise than there, a program that does not end when it is told to is
//! killed after the grace of scripts, and what a failed `failfast` program leads to is not decided here.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hb_sys::process::{Identity, Pidfd, Signal, run_as};
use rustix::fs::{Access, access};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::config::{ActuatorConfig, ClientSpec};
use crate::guard::protocol::{Answer, ClientNews};
use crate::report::Level;

/// What shall run, and how.
#[derive(Clone, Debug, Default)]
struct Wanted {
    programs: Vec<ClientSpec>,
    environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    working_dirs: PathBuf,
    grace: Duration,
}

/// All programs that run beside the node.
pub(crate) struct Clients {
    wanted: watch::Sender<Wanted>,
    manager: JoinHandle<()>,
}

impl Clients {
    /// None so far.
    pub(crate) fn new(answers: mpsc::Sender<Answer>) -> Self {
        let (wanted, receiver) = watch::channel(Wanted::default());
        let manager = tokio::task::spawn_local(manage(receiver, answers));
        Self { wanted, manager }
    }

    /// From now on those of `config` shall run; none without it. Those that run already go on; one that has ended for good
    /// is not started again.
    pub(crate) fn want(&self, config: Option<&ActuatorConfig>) {
        let wanted = config.map_or_else(Wanted::default, |config| Wanted {
            programs: config.clients.clone(),
            environment: config.environment.clone(),
            working_dirs: config.client_dirs.clone(),
            grace: config.kill_grace,
        });
        self.wanted.send_modify(|now| {
            // Those that are to end keep their grace.
            let grace = if config.is_some() { wanted.grace } else { now.grace };
            *now = Wanted { grace, ..wanted };
        });
    }

    /// Ends all of them.
    pub(crate) async fn end(self) {
        drop(self.wanted);
        let _ = self.manager.await;
    }
}

/// Makes true what is wanted, one change after the other, until nobody wants anything.
async fn manage(mut wanted: watch::Receiver<Wanted>, answers: mpsc::Sender<Answer>) {
    let mut running: Vec<Running> = Vec::new();
    loop {
        let mut missing = wanted.borrow_and_update().programs.clone();
        let (mut stay, mut leave) = (Vec::new(), Vec::new());
        for one in running {
            match missing.iter().position(|program| *program == one.program) {
                Some(index) => {
                    missing.remove(index);
                    stay.push(one);
                }
                None => leave.push(one),
            }
        }
        end_in_order(leave).await;
        running = stay;
        for program in missing {
            running.push(Running::start(program, wanted.clone(), answers.clone()).await);
        }
        if running.is_empty() {
            let _ = answers.send(Answer::Client(ClientNews::AllEnded)).await;
        }
        if wanted.changed().await.is_err() {
            return end_in_order(running).await;
        }
    }
}

/// The last one first, each awaited.
async fn end_in_order(programs: Vec<Running>) {
    for program in programs.into_iter().rev() {
        drop(program.stop);
        let _ = program.task.await;
    }
}

/// A program that is kept running.
struct Running {
    program: ClientSpec,
    /// Dropped: it shall end.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Returns when it runs or cannot be started, so that the next one comes after it; a dead disk holds nobody up.
    async fn start(
        program: ClientSpec,
        wanted: watch::Receiver<Wanted>,
        answers: mpsc::Sender<Answer>,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (begun, first) = oneshot::channel();
        let keeper = Keeper { program: program.clone(), wanted, answers, stopped, begun: Some(begun) };
        let task = tokio::task::spawn_local(keeper.keep());
        let _ = tokio::time::timeout(START_LIMIT, first).await;
        Self { program, stop, task }
    }
}

/// Keeps one program running.
struct Keeper {
    program: ClientSpec,
    wanted: watch::Receiver<Wanted>,
    answers: mpsc::Sender<Answer>,
    stopped: oneshot::Receiver<()>,
    /// Dropped after the first start.
    begun: Option<oneshot::Sender<()>>,
}

/// What follows from the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Start it again, after a pause if the run was short.
    Again { pause: bool },
    /// It asked for no other run.
    Enough,
    /// It ends too often.
    TooFast,
    /// The node cannot be without it.
    NodeFails,
}

/// How a run ended: `Ok` with the exit code, or the signal.
type RunEnd = Result<i32, i32>;

/// What follows, where `short` is the number of short runs in a row, this one included.
fn judge(failfast: bool, end: RunEnd, short: u32) -> Verdict {
    match end {
        Err(_) if failfast => Verdict::NodeFails,
        Ok(code) if failfast && code != 0 => Verdict::NodeFails,
        Ok(NO_RESPAWN) => Verdict::Enough,
        Ok(_) | Err(_) if short > MOST_SHORT_RUNS => Verdict::TooFast,
        Ok(_) | Err(_) => Verdict::Again { pause: short > 0 },
    }
}

impl Keeper {
    async fn keep(mut self) {
        let mut short = 0;
        loop {
            let begun = Instant::now();
            let started = self.start().await;
            self.begun = None;
            let mut run = match started {
                Ok(run) => run,
                Err(error) => return self.give_up(&error.to_string()).await,
            };
            let end = tokio::select! {
                end = run.wait() => end,
                _ = &mut self.stopped => return self.terminate(run).await,
            };
            short = if begun.elapsed() < SHORT_RUN { short + 1 } else { 0 };
            let name = self.name();
            let how = match end {
                Ok(code) => format!("ended with exit code {code}"),
                Err(signal) => format!("was killed by signal {signal}"),
            };
            match judge(self.program.failfast, end, short) {
                Verdict::Again { pause } => {
                    self.note(Level::Warning, format!("Respawning client \"{name}\": it {how}")).await;
                    let pause = tokio::time::sleep(if pause { PAUSE } else { Duration::ZERO });
                    tokio::select! {
                        () = pause => {}
                        _ = &mut self.stopped => return,
                    }
                }
                Verdict::Enough => {
                    let text = format!("Client \"{name}\" {how}: it asks not to be started again");
                    return self.note(Level::Info, text).await;
                }
                Verdict::TooFast => {
                    let text =
                        format!("Client \"{name}\" respawning too fast: it {how}, and is left alone now");
                    return self.note(Level::Error, text).await;
                }
                Verdict::NodeFails => {
                    self.note(Level::Critical, format!("Failfast client \"{name}\" {how}")).await;
                    let _ = self.answers.send(Answer::Client(ClientNews::FailfastEnded)).await;
                    return;
                }
            }
        }
    }

    /// It cannot be started; a node that cannot be without it fails.
    async fn give_up(&self, why: &str) {
        self.note(Level::Error, format!("Client \"{}\" cannot be started: {why}", self.name())).await;
        if self.program.failfast {
            let _ = self.answers.send(Answer::Client(ClientNews::FailfastEnded)).await;
        }
    }

    async fn start(&self) -> io::Result<Run> {
        let (program, wanted) = (self.program.clone(), self.wanted.borrow().clone());
        // On a thread of its own, because a dead disk may hold it for ever.
        let child = tokio::task::spawn_blocking(move || spawn(&program, &wanted)).await;
        let mut run = Run::new(child.map_err(io::Error::other)??)?;
        let _ = self.answers.send(Answer::Client(ClientNews::Started(run.child.id()))).await;
        let (user, group, pid) = (self.program.user, self.program.group, run.child.id());
        let text = format!("Starting child client \"{}\" as uid {user} gid {group} (pid {pid})", self.name());
        self.note(Level::Info, text).await;
        run.look();
        Ok(run)
    }

    /// Ends the run: SIGTERM to its process group, SIGKILL if that is not enough.
    async fn terminate(&self, mut run: Run) {
        run.signal(Signal::TERM);
        let grace = self.wanted.borrow().grace;
        if tokio::time::timeout(grace, run.wait()).await.is_err() {
            let text = format!("Client \"{}\" does not end: killed", self.name());
            self.note(Level::Warning, text).await;
            run.signal(Signal::KILL);
            // Held in the kernel, by a dead disk for example: then nobody waits for it.
            let _ = tokio::time::timeout(AFTER_KILL, run.wait()).await;
        }
    }

    fn name(&self) -> String {
        self.program.command.to_string_lossy().replace(char::is_control, " ")
    }

    async fn note(&self, level: Level, text: String) {
        let _ = self.answers.send(Answer::Client(ClientNews::Note(level, text))).await;
    }
}

/// One run of a program.
struct Run {
    child: Child,
    process: Pidfd,
    /// SIGCHLD of any child.
    children: SignalStream,
    ended: bool,
}

impl Run {
    fn new(mut child: Child) -> io::Result<Self> {
        let watched =
            signal(SignalKind::child()).and_then(|children| Ok((children, Pidfd::open(child.id())?)));
        match watched {
            Ok((children, process)) => Ok(Self { child, process, children, ended: false }),
            Err(error) => {
                // Out of descriptors or memory: a program that cannot be watched must not run.
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// An end before the first SIGCHLD that could be heard.
    fn look(&mut self) {
        self.ended = self.process.has_ended().unwrap_or(false);
    }

    async fn wait(&mut self) -> RunEnd {
        while !self.ended {
            self.look();
            if !self.ended {
                self.children.recv().await;
            }
        }
        match self.child.wait() {
            Ok(status) => status.code().ok_or_else(|| status.signal().unwrap_or_default()),
            Err(_) => Err(0),
        }
    }

    /// To the whole group, of which the number is certain as long as the program was not waited for.
    fn signal(&self, signal: Signal) {
        let _ = self.process.signal_group(signal);
    }
}

/// Starts it as 3.0.6 does, by the shell, so that quotes and variables work.
fn spawn(program: &ClientSpec, wanted: &Wanted) -> io::Result<Child> {
    let first = program.command.as_bytes().split(u8::is_ascii_whitespace).next().unwrap_or_default();
    access(Path::new(std::ffi::OsStr::from_bytes(first)), Access::EXEC_OK)?;
    let own_dir = wanted.working_dirs.join(&program.user_name);
    let working_dir = if own_dir.is_dir() { own_dir.as_path() } else { Path::new("/") };
    let mut words = std::ffi::OsString::from("exec ");
    words.push(&program.command);
    let mut command = Command::new(SHELL);
    command
        .arg("-c")
        .arg(words)
        .env_clear()
        .envs(wanted.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(working_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let ClientSpec { user, group, groups, .. } = program.clone();
    run_as(&mut command, Identity { user, group, groups });
    command.spawn()
}

const SHELL: &str = "/bin/sh";

/// The exit code by which a program asks for no other run.
const NO_RESPAWN: i32 = 100;

/// A shorter run counts as short; after more than these in a row the program is left alone.
const SHORT_RUN: Duration = Duration::from_secs(30);
const MOST_SHORT_RUNS: u32 = 10;

/// Pause after a short run.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the programs after one wait for its start.
const START_LIMIT: Duration = Duration::from_secs(2);

/// How long a process may take to die of SIGKILL.
const AFTER_KILL: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
