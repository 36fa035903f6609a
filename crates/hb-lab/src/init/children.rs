//! Programs inside a host: started, signalled, reaped.
//!
//! One reaper takes every ended process, also orphans that came to the init. Nothing here waits for a process
//! that may be stopped, except with a limit.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::chain;
use crate::protocol::{Exit, InitAnswer, Message, Output};

pub(super) struct Children {
    report: mpsc::Sender<Message<InitAnswer>>,
    /// Runs that wait for their process.
    runs: Mutex<HashMap<i32, oneshot::Sender<Exit>>>,
}

impl Children {
    pub(super) fn new(report: mpsc::Sender<Message<InitAnswer>>) -> Self {
        Self { report, runs: Mutex::new(HashMap::new()) }
    }

    /// Runs a program to its end; kills its whole process group at the limit.
    pub(super) async fn run(
        &self,
        argv: &[String],
        environment: Vec<(String, String)>,
        stdin: String,
        limit: Duration,
    ) -> Result<Output, String> {
        let mut command = command(argv, environment)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (ended, end) = oneshot::channel();
        let (pid, [input, stdout, stderr]) = {
            // The reaper cannot come in between: it needs this lock for a process that ended at once.
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            let (pid, pipes) = start(command)?;
            runs.insert(pid, ended);
            (pid, pipes)
        };
        tokio::spawn(feed(input, stdin));
        let output = tokio::spawn(async move { tokio::join!(collect(stdout), collect(stderr)) });
        let exit = match timeout(limit, end).await {
            Ok(exit) => exit.map_err(chain("wait for a process"))?,
            Err(_elapsed) => {
                if let Some(group) = Pid::from_raw(pid) {
                    // Fails when it has just ended.
                    let _ended = kill_process_group(group, Signal::KILL);
                }
                Exit { pid, code: None, signal: Some(Signal::KILL.as_raw()) }
            }
        };
        // A daemon that it left behind may hold the pipes open; what came until then is enough.
        let mut output = output;
        let (stdout, stderr) =
            timeout(AFTERMATH, &mut output).await.map(Result::unwrap_or_default).unwrap_or_default();
        Ok(Output { exit, stdout, stderr })
    }

    /// Takes every process that has ended.
    pub(super) async fn reap(&self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let exit = describe(pid, status);
            let run = self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(&exit.pid);
            // Both fail only when nobody is interested any more.
            if let Some(run) = run {
                let _gone = run.send(exit);
            } else {
                let _closed = self.report.send(Message::Exited(exit)).await;
            }
        }
    }
}

/// Starts a program whose output is appended to files; returns its process id.
pub(super) fn spawn(
    argv: &[String],
    environment: Vec<(String, String)>,
    stdout: &Path,
    stderr: &Path,
) -> Result<i32, String> {
    let mut command = command(argv, environment)?;
    command.stdin(Stdio::null()).stdout(append(stdout)?).stderr(append(stderr)?);
    start(command).map(|(pid, _)| pid)
}

/// Sends a signal to one process.
pub(super) fn send(pid: i32, signal: i32) -> Result<(), String> {
    let pid = Pid::from_raw(pid).filter(|pid| pid.as_raw_pid() > 1).ok_or("no such process")?;
    kill_process(pid, named(signal)?).map_err(chain(format!("signal process {}", pid.as_raw_pid())))
}

/// Sends a signal to every process whose executable is `program`; returns how many there were.
///
/// Repeats until no new one is found: a process that was just started must not escape.
pub(super) fn send_to_program(program: &Path, signal: i32) -> Result<u32, String> {
    let signal = named(signal)?;
    let mut reached = Vec::new();
    loop {
        let before = reached.len();
        for pid in of_program(program)? {
            if !reached.contains(&pid) {
                reached.push(pid);
                if let Some(pid) = Pid::from_raw(pid) {
                    // Fails when it has just ended.
                    let _ended = kill_process(pid, signal);
                }
            }
        }
        if reached.len() == before {
            return u32::try_from(before).map_err(chain("count"));
        }
    }
}

/// Has a thread of a process stand still for a time, as if it hung; does not wait for the end of that.
pub(super) fn hold_thread(pid: i32, name: &str, time: Duration) -> Result<(), String> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_err(chain("/proc"))?.flatten();
    let called =
        |path: &Path| fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name);
    let thread = threads.map(|entry| entry.path()).find(|path| called(path));
    let id = thread.and_then(|path| path.file_name()?.to_str()?.parse().ok()).and_then(Pid::from_raw);
    let id = id.ok_or_else(|| format!("process {pid} has no thread {name}"))?;
    // Whoever stops a thread must be a thread that lives until it goes on.
    let hold = move || hb_sys::process::hold_thread(id, time).map_err(chain("hold a thread"));
    std::thread::Builder::new().spawn(hold).map(drop).map_err(chain("start a thread"))
}

/// The processes whose executable is `program`, without the init.
pub(super) fn of_program(program: &Path) -> Result<Vec<i32>, String> {
    // A file that was replaced since (by a new build, for example) is still the one that they execute.
    let mut replaced = program.as_os_str().to_owned();
    replaced.push(" (deleted)");
    let entries = fs::read_dir("/proc").map_err(chain("/proc"))?.flatten();
    let theirs = entries.filter(|entry| {
        fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == program || exe.as_os_str() == replaced)
    });
    let pids = theirs.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter(|pid| *pid > 1).collect())
}

/// Processor time of all threads of these processes, in nanoseconds.
pub(super) fn cpu_time(program: &Path) -> Result<u64, String> {
    let mut sum = 0;
    for pid in of_program(program)? {
        // A process or thread that has just ended is not counted.
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for thread in threads.flatten() {
            let Ok(stat) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
            let used: Option<u64> = stat.split_whitespace().next().and_then(|number| number.parse().ok());
            sum += used.ok_or_else(|| format!("the kernel counts no processor time: {stat}"))?;
        }
    }
    Ok(sum)
}

fn command(argv: &[String], environment: Vec<(String, String)>) -> Result<Command, String> {
    use std::os::unix::process::CommandExt;
    let [program, arguments @ ..] = argv else { return Err("no program given".to_owned()) };
    let mut command = Command::new(program);
    // An ordinary user's path lacks what administers the network; messages are to be those of the documentation.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    command.env("PATH", path).env("LC_ALL", "C");
    command.args(arguments).envs(environment).current_dir("/").process_group(0);
    Ok(command)
}

fn append(path: &Path) -> Result<File, String> {
    OpenOptions::new().create(true).append(true).open(path).map_err(chain(path.display()))
}

/// Starts it and forgets the handle: the reaper waits for it, not the standard library.
fn start(mut command: Command) -> Result<(i32, [Option<OwnedFd>; 3]), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(chain(format!("start {program}")))?;
    let pid = i32::try_from(child.id()).map_err(chain("process id"))?;
    let pipes = [
        child.stdin.take().map(OwnedFd::from),
        child.stdout.take().map(OwnedFd::from),
        child.stderr.take().map(OwnedFd::from),
    ];
    Ok((pid, pipes))
}

async fn feed(input: Option<OwnedFd>, text: String) {
    let Some(Ok(mut input)) = input.map(pipe::Sender::from_owned_fd) else { return };
    // A program that does not read its input is none of our business.
    let _closed = input.write_all(text.as_bytes()).await;
}

async fn collect(output: Option<OwnedFd>) -> String {
    let Some(Ok(output)) = output.map(pipe::Receiver::from_owned_fd) else { return String::new() };
    let mut bytes = Vec::new();
    // What was read before an error counts.
    let _broken = output.take(OUTPUT).read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

fn describe(pid: Pid, status: WaitStatus) -> Exit {
    Exit { pid: pid.as_raw_pid(), code: status.exit_status(), signal: status.terminating_signal() }
}

fn named(signal: i32) -> Result<Signal, String> {
    Signal::from_named_raw(signal).ok_or_else(|| format!("no signal {signal}"))
}

/// Most of each stream that a run keeps, in bytes.
const OUTPUT: u64 = 1 << 20;
/// How long the output of an ended program is waited for.
const AFTERMATH: Duration = Duration::from_millis(500);
