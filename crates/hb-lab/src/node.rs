//! A cluster node in a host: the daemon under test, ours or the real Heartbeat 3.0.6, and what can befall it.
//!
//! Tells what a node says of itself; whether that is right is for tests to judge.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::directory::cluster_user;
use crate::files::ClusterFiles;
use crate::process::Process;
use crate::{Host, LabError};

mod account;

pub use account::Account;

/// Which daemon a node runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeProgram {
    /// `hb-node`, at this path.
    Ours {
        /// Path of the executable.
        hb_node: PathBuf,
    },
    /// The real Heartbeat 3.0.6 of the machine's package; needs root.
    Heartbeat306,
}

impl NodeProgram {
    /// `hb-node` beside the running program.
    ///
    /// # Errors
    /// [`LabError::Unfit`] when there is none.
    pub fn beside() -> Result<Self, LabError> {
        let program = std::env::current_exe().map_err(|error| LabError::NoAgent(error.to_string()))?;
        let hb_node = program.with_file_name("hb-node");
        if hb_node.is_file() {
            return Ok(Self::Ours { hb_node });
        }
        Err(LabError::Unfit(format!("{} is not there; build it (`cargo build`)", hb_node.display())))
    }

    /// Heartbeat 3.0.6, if it can run here.
    ///
    /// # Errors
    /// [`LabError::NoHeartbeat`] with what is missing.
    pub fn heartbeat() -> Result<Self, LabError> {
        if !rustix::process::geteuid().is_root() {
            return Err(LabError::NoHeartbeat("it needs root"));
        }
        if cluster_user().is_none() {
            return Err(LabError::NoHeartbeat("there is no user hacluster or no group haclient"));
        }
        if heartbeat_executable().is_none() {
            return Err(LabError::NoHeartbeat("it is not installed (Debian: package heartbeat)"));
        }
        Ok(Self::Heartbeat306)
    }
}

/// A node of a cluster, on its host.
#[derive(Debug)]
pub struct Node {
    host: Host,
    program: NodeProgram,
    process: Mutex<Option<Process>>,
    started: Mutex<Option<Instant>>,
    stop_point: Mutex<String>,
}

impl Node {
    /// A node that does not run yet, with its files in place.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn new(host: Host, program: NodeProgram, files: &ClusterFiles) -> Result<Self, LabError> {
        let mut files = files.clone();
        if program == NodeProgram::Heartbeat306 {
            files = files.with("logfile", LOG_306).with("use_logd", "no");
        }
        files.install(&host)?;
        Ok(Self {
            host,
            program,
            process: Mutex::new(None),
            started: Mutex::new(None),
            stop_point: Mutex::default(),
        })
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Which daemon it runs.
    #[must_use]
    pub fn program(&self) -> &NodeProgram {
        &self.program
    }

    /// Starts the daemon.
    ///
    /// # Errors
    /// When it cannot be started. That it dies right afterwards is seen by [`Node::account`].
    pub async fn start(&self) -> Result<(), LabError> {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        match &self.program {
            NodeProgram::Ours { .. } => {
                let (hb_node, name) = (self.executable()?, self.host.name());
                let hb_node = hb_node.to_string_lossy();
                let argv = [
                    &*hb_node,
                    "--foreground",
                    "--dir",
                    "/etc/ha.d",
                    "--state-dir",
                    "/var/lib/heartbeat",
                    "--run-dir",
                    RUN_DIR,
                    "--node-name",
                    name,
                ];
                let point = self.stop_point.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let environment: &[_] = match &*point {
                    "" => &[],
                    point => &[("HB_STOP_POINT", point), ("HB_STOP_FILE", STOP_FILE)],
                };
                let process = self.host.spawn(&argv, environment, LOG_OURS, LOG_OURS).await?;
                *self.process() = Some(process);
                Ok(())
            }
            NodeProgram::Heartbeat306 => {
                let executable = self.executable()?;
                let output = self.host.run(&[&*executable.to_string_lossy()], SLOW).await?;
                self.expect(output.succeeded(), || {
                    format!("Heartbeat did not start: {} {}", output.stdout.trim(), output.stderr.trim())
                })
            }
        }
    }

    /// Whether the daemon that was started last still runs; a node of 3.0.6 is always taken for running.
    pub(crate) fn is_running(&self) -> bool {
        self.program == NodeProgram::Heartbeat306 || self.process().as_ref().is_some_and(Process::is_running)
    }

    /// How long ago it was started last; zero if never.
    #[must_use]
    pub fn age(&self) -> Duration {
        let started = *self.started.lock().unwrap_or_else(PoisonError::into_inner);
        started.map_or(Duration::ZERO, |started| started.elapsed())
    }

    /// Asks for an orderly stop; does not wait for it.
    ///
    /// # Errors
    /// When no daemon runs.
    pub async fn stop(&self) -> Result<(), LabError> {
        self.host.signal(self.heart().await?, Signal::TERM).await
    }

    /// Waits until no process of the daemon is left.
    ///
    /// # Errors
    /// [`LabError::NotReached`] after `limit`.
    pub async fn stopped(&self, limit: Duration) -> Result<(), LabError> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let left = self.host.processes(&self.executable()?).await?;
            if left.is_empty() {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                let what = format!("the end of the node on {}", self.host.name());
                return Err(LabError::NotReached { what, limit, detail: format!(" (left: {left:?})") });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills the heart, the process that sends heartbeats, and nothing else.
    ///
    /// # Errors
    /// When no daemon runs.
    pub async fn kill_heart(&self) -> Result<(), LabError> {
        self.host.signal(self.heart().await?, Signal::KILL).await
    }

    /// Kills heart and guard at the same time.
    ///
    /// # Errors
    /// When no daemon runs.
    pub async fn kill_all(&self) -> Result<(), LabError> {
        let killed = self.host.signal_program(&self.executable()?, Signal::KILL).await?;
        self.expect(killed > 0, || "no daemon runs".to_owned())
    }

    /// Kills the guard of a node of ours, then its heart.
    ///
    /// # Errors
    /// When no daemon runs.
    pub async fn kill_guard_then_heart(&self) -> Result<(), LabError> {
        let heart = self.heart().await?;
        for process in self.host.processes(&self.executable()?).await? {
            if process != heart {
                self.host.signal(process, Signal::KILL).await?;
            }
        }
        self.host.signal(heart, Signal::KILL).await
    }

    /// Stops the heart's process in its tracks, and nothing else.
    ///
    /// # Errors
    /// When no daemon runs.
    pub async fn hang_heart(&self) -> Result<(), LabError> {
        self.host.signal(self.heart().await?, Signal::STOP).await
    }

    /// Has the heart's thread stand still for a time, as if it hung; the other threads of a node of ours run.
    ///
    /// # Errors
    /// When no daemon of ours runs.
    pub async fn hang_thread(&self, time: Duration) -> Result<(), LabError> {
        self.host.hold_thread(self.heart().await?, "hb-heart", time).await
    }

    /// Freezes every process of the daemon by a control group, as `docker pause` does, or thaws them.
    ///
    /// # Errors
    /// When control groups cannot be written here.
    pub async fn freeze(&self, frozen: bool) -> Result<(), LabError> {
        let processes = self.host.processes(&self.executable()?).await?;
        let ids: Vec<_> = processes.iter().map(ToString::to_string).collect();
        let mut argv = vec!["/bin/sh", "-c", FREEZE, "freeze", if frozen { "1" } else { "0" }];
        argv.extend(ids.iter().map(String::as_str));
        let output = self.host.run(&argv, SLOW).await?;
        self.expect(output.succeeded(), || format!("cannot freeze: {}", output.stderr.trim()))
    }

    /// Where the daemon stops itself once, the next time it comes by: see [`Node::stop_at`].
    ///
    /// # Errors
    /// When the file that arms it cannot be written.
    pub fn arm_stop_point(&self) -> Result<(), LabError> {
        self.host.write(STOP_FILE, "", 0o600)
    }

    /// Names, before the start, the point of a takeover at which a node of ours stops itself in its tracks when
    /// [`Node::arm_stop_point`] was called.
    pub fn stop_at(&self, point: &str) {
        point.clone_into(&mut self.stop_point.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Stops every process of the daemon in its tracks, as a frozen container or an overloaded machine does.
    ///
    /// # Errors
    /// When no daemon runs.
    pub async fn hang(&self) -> Result<(), LabError> {
        let stopped = self.host.signal_program(&self.executable()?, Signal::STOP).await?;
        self.expect(stopped > 0, || "no daemon runs".to_owned())
    }

    /// Whether a process of the daemon is there, also one that is stopped.
    ///
    /// # Errors
    /// When its host has no power.
    pub async fn runs(&self) -> Result<bool, LabError> {
        Ok(!self.host.processes(&self.executable()?).await?.is_empty())
    }

    /// Lets a hung daemon go on.
    ///
    /// # Errors
    /// When no daemon runs.
    pub async fn go_on(&self) -> Result<(), LabError> {
        let continued = self.host.signal_program(&self.executable()?, Signal::CONT).await?;
        self.expect(continued > 0, || "no daemon runs".to_owned())
    }

    /// The processor time that its living processes have used so far, scripts not counted.
    ///
    /// # Errors
    /// When its host has no power.
    pub async fn cpu_time(&self) -> Result<Duration, LabError> {
        self.host.cpu_time(&self.executable()?).await
    }

    /// Everything that it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        // Not there before the first line.
        self.host.read(self.log_file()).unwrap_or_default()
    }

    /// The file inside the host that [`Node::log`] reads.
    #[must_use]
    pub fn log_file(&self) -> &'static str {
        match self.program {
            NodeProgram::Ours { .. } => LOG_OURS,
            NodeProgram::Heartbeat306 => LOG_306,
        }
    }

    /// When it declared `peer` dead, in nanoseconds of the monotonic clock: the first such verdict after
    /// `after_ns`. `None` if there was none yet, or for a 3.0.6 node, which does not tell.
    #[must_use]
    pub fn verdict_time(&self, peer: &str, after_ns: u64) -> Option<u64> {
        verdict_time(&self.log(), peer, after_ns)
    }

    /// Process id of the heart.
    async fn heart(&self) -> Result<i32, LabError> {
        let pid = match &self.program {
            NodeProgram::Ours { .. } => {
                self.process().as_ref().filter(|process| process.is_running()).map(Process::pid)
            }
            NodeProgram::Heartbeat306 => {
                self.host.read("/run/heartbeat.pid").ok().and_then(|text| text.trim().parse().ok())
            }
        };
        let running = self.host.processes(&self.executable()?).await?;
        pid.filter(|pid| running.contains(pid)).ok_or_else(|| LabError::Refused {
            who: self.host.name().to_owned(),
            reason: "no daemon runs".to_owned(),
        })
    }

    fn executable(&self) -> Result<PathBuf, LabError> {
        match &self.program {
            NodeProgram::Ours { hb_node } => {
                hb_node.canonicalize().map_err(LabError::file("find", hb_node.clone()))
            }
            NodeProgram::Heartbeat306 => {
                heartbeat_executable().ok_or(LabError::NoHeartbeat("it is not installed"))
            }
        }
    }

    fn expect(&self, good: bool, reason: impl Fn() -> String) -> Result<(), LabError> {
        if good {
            return Ok(());
        }
        Err(LabError::Refused { who: self.host.name().to_owned(), reason: reason() })
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line about a dead node carries the time of the verdict as `mono_ns=NUMBER`.
fn verdict_time(log: &str, peer: &str, after_ns: u64) -> Option<u64> {
    log.lines()
        .filter(|line| line.contains("is dead") && line.split(|c: char| !is_name(c)).any(|word| word == peer))
        .filter_map(|line| {
            let (_, number) = line.split_once("mono_ns=")?;
            number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        })
        .find(|time| *time >= after_ns)
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || "-_.".contains(c)
}

fn heartbeat_executable() -> Option<PathBuf> {
    let known = ["/usr/libexec/heartbeat/heartbeat", "/usr/lib/heartbeat/heartbeat"];
    known.into_iter().map(Path::new).find(|path| path.is_file()).map(Path::to_path_buf)
}

/// Where a stop point is armed.
const STOP_FILE: &str = "/run/heartbeat/stop-point";
/// Puts processes into a control group of their own and freezes or thaws it.
const FREEZE: &str = r#"set -e
on=$1; shift
root=/var/lib/heartbeat/cgroup
mkdir -p $root
mountpoint -q $root || mount -t cgroup2 none $root
rmdir $root/hb-lab-* 2>/dev/null || true
group=$root/hb-lab-$(stat -L -c %i /proc/self/ns/net)
mkdir -p "$group"
for process; do echo "$process" > "$group/cgroup.procs"; done
echo "$on" > "$group/cgroup.freeze"
"#;
const RUN_DIR: &str = "/run/heartbeat";
const LOG_OURS: &str = "/var/log/hb-node.log";
const LOG_306: &str = "/var/log/ha-log";
/// The real Heartbeat checks and starts a lot before it goes to the background.
const SLOW: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_the_first_about_this_node_after_the_fault() {
        let log = "warn: node beta: is dead mono_ns=90\n\
                   info: node alpha is dead mono_ns=100\n\
                   warn: node alpha: is dead\n\
                   warn: node alphabet: is dead mono_ns=300\n\
                   warn: node=\"alpha\" node is dead silence_ms=1000 mono_ns=400, action=takeover\n\
                   warn: node alpha: is dead mono_ns=500\n";
        assert_eq!(verdict_time(log, "alpha", 200), Some(400));
        assert_eq!(verdict_time(log, "alpha", 0), Some(100));
        assert_eq!(verdict_time(log, "alpha", 501), None);
    }
}
