//! Hooks: scripts of `rc.d` that are told what happens in the cluster (failover.md 5), by `harc` where there is one.
//!
//! One at a time, in the order of the events, each with a time limit; what finds no room in the queue is lost and counted.
//! Nobody waits for a hook, and its exit code means nothing. The scripts that come with Heartbeat do by these events what
//! is done natively here; a script of such a name that speaks of Heartbeat's own tools is therefore not run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Access, access};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::agent::Agents;
use crate::group::Tools;
use crate::guard::client::Outcome;
use crate::guard::protocol::{Awaited, Ending, Run};
use crate::report::{Level, Reporter};

/// An event that a script shall hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The type of the event, which names the script. Anything but letters, digits, `-` and `_` names none.
    pub kind: String,
    /// Variables beside those of all scripts.
    pub variables: Vec<(OsString, OsString)>,
}

/// What is known of a hook's script before it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Absent,
    /// It does by Heartbeat's tools what is done natively here.
    Native,
    Own {
        by_harc: bool,
    },
}

/// The way to the task that runs hooks. Dropped: what waits is not run any more; one that runs comes to its
/// end or limit, unless the guard ends before that.
pub(crate) struct HookQueue {
    queue: mpsc::Sender<Hook>,
    task: JoinHandle<()>,
    /// Lost since that was told last.
    lost: u64,
    told: Option<Instant>,
}

impl HookQueue {
    pub(crate) fn new(tools: &Tools) -> Self {
        Self::with_limit(tools.agents.clone(), tools.report.clone(), HOOK_LIMIT)
    }

    fn with_limit(agents: Agents, report: Reporter, limit: Duration) -> Self {
        let (queue, inbox) = mpsc::channel(HOOKS);
        let task = tokio::task::spawn_local(work(inbox, agents, report, limit));
        Self { queue, task, lost: 0, told: None }
    }

    /// Never waits.
    pub(crate) fn take(&mut self, hook: Hook, report: &Reporter) {
        self.lost += u64::from(self.queue.try_send(hook).is_err());
        let is_told = self.told.is_some_and(|told| told.elapsed() < TOLD_EVERY);
        if self.lost > 0 && !is_told {
            self.told = Some(Instant::now());
            let lost = std::mem::take(&mut self.lost);
            let text = format!("{HOOKS} hooks wait: those of further events are not run ({lost} lost)");
            report.note(Level::Warning, text);
        }
    }
}

impl Drop for HookQueue {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Runs the hooks that come in, until nobody sends any.
async fn work(mut hooks: mpsc::Receiver<Hook>, agents: Agents, report: Reporter, limit: Duration) {
    let mut told = Vec::new();
    while let Some(hook) = hooks.recv().await {
        let Some(directory) = agents.config().hook_dir.clone() else { continue };
        let kind = hook.kind.clone();
        // On a thread of its own, because a dead disk may hold it for ever.
        let looked = tokio::task::spawn_blocking(move || look(&directory, &kind)).await;
        match looked.unwrap_or(Script::Absent) {
            Script::Absent => {}
            Script::Native => {
                if !told.contains(&hook.kind) {
                    let text = format!("rc.d/{} is not run: hb does itself what it does", hook.kind);
                    report.note(Level::Info, text);
                    told.push(hook.kind);
                }
            }
            Script::Own { by_harc } => run(hook, by_harc, limit, &agents, &report).await,
        }
    }
}

/// The script of that kind. The file is named in lower case; `NS_st` needs one of the original spelling too.
fn look(directory: &Path, kind: &str) -> Script {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if kind.is_empty() || !kind.bytes().all(is_name) {
        return Script::Absent;
    }
    let is_script = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    let path = rc_d(directory).join(kind.to_ascii_lowercase());
    if !is_script(&path) || !rc_d(directory).join(kind).exists() {
        return Script::Absent;
    }
    if NATIVE.contains(&kind) && speaks_of_tools(&path) {
        return Script::Native;
    }
    Script::Own { by_harc: is_script(&directory.join(HARC)) }
}

/// Also what cannot be read is taken for one that does: a group must not be started twice.
fn speaks_of_tools(path: &Path) -> bool {
    let Ok(text) = std::fs::read(path) else { return true };
    TOOLS.iter().any(|tool| text.windows(tool.len()).any(|window| window == tool.as_bytes()))
}

async fn run(hook: Hook, by_harc: bool, limit: Duration, agents: &Agents, report: &Reporter) {
    let config = agents.config();
    let Some(directory) = &config.hook_dir else { return };
    let kind = hook.kind.to_ascii_lowercase();
    report.note(Level::Info, format!("Running {} {kind}", rc_d(directory).join(&kind).display()));
    let run = Run {
        // Given by the guard's keeper.
        id: 0,
        name: if by_harc { HARC.to_owned() } else { kind.clone() },
        directories: vec![if by_harc { directory.clone() } else { rc_d(directory) }],
        arguments: vec![kind.clone()],
        environment: environment(&config.environment, hook.variables),
        working_dir: config.working_dir.clone(),
        limit,
        grace: config.kill_grace,
        awaited: Awaited::Never,
        input: String::new(),
    };
    match agents.run_once(run).await {
        Outcome::Ended { ending: Ending::Exit(0), output, errors, .. } => {
            tracing::debug!(kind, output = output.text, errors = errors.text, "hook ended");
        }
        Outcome::Ended { ending, errors, .. } => {
            let said = errors.text.lines().next().unwrap_or_default().replace(char::is_control, " ");
            report.note(Level::Warning, format!("The hook {kind} ended with {ending:?}: {said}"));
        }
        Outcome::Lost(why) => report.note(Level::Warning, format!("The hook {kind} was cut off: {why}")),
        Outcome::Refused(why) => {
            report.note(Level::Warning, format!("The hook {kind} cannot be run: {why}"));
        }
    }
}

/// What a message says replaces nothing that this node has set: scripts read code from where `HA_FUNCS` points.
fn environment(
    own: &[(OsString, OsString)],
    of_event: Vec<(OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let is_new = |(name, _): &(OsString, OsString)| own.iter().all(|(set, _)| set != name);
    own.iter().cloned().chain(of_event.into_iter().filter(is_new)).collect()
}

fn rc_d(directory: &Path) -> PathBuf {
    directory.join("rc.d")
}

const HARC: &str = "harc";

/// Kinds of events on which hb acts itself.
const NATIVE: [&str; 5] = ["status", "ask_resources", "hb_takeover", "ip-request", "ip-request-resp"];

/// What a script of Heartbeat's own calls, directly or by its library, to start, stop or move groups.
const TOOLS: [&str; 7] = [
    "mach_down",
    "ResourceManager",
    "req_resource",
    "hb_standby",
    "hb_takeover",
    "ha_clustermsg",
    "hb_giveup",
];

/// Hooks that may wait; what comes then is lost.
const HOOKS: usize = 64;

/// Losses are told at once, and then so often at most.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// Longest run of a hook.
const HOOK_LIMIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
