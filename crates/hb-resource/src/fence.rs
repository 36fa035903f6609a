//! One reset of another node: a command, its input, its time limit (`failover.md` 6).
//!
//! Decides nothing: when a node is reset, and what follows when that fails, is the engine's business. Like resource scripts the
//! command is run by the guard, so it never delays the heart.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::agent::Agents;
use crate::guard::client::Outcome;
use crate::guard::protocol::{Awaited, Ending, Run};
use crate::report::{Failure, Level, Reporter};

/// What switches a node off.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceSpec {
    /// As log lines name the device.
    pub name: String,
    /// The program's name, looked up in the directories of `PATH` in [`ActuatorConfig::environment`](crate::ActuatorConfig).
    pub program: String,
    /// Its arguments; [`FenceSpec::NODE`] in them stands for the name of the dead node.
    pub arguments: Vec<String>,
    /// What it reads from standard input; the same holds there. May hold passwords, which is why they are no arguments.
    pub input: String,
    /// Longest run.
    pub limit: Duration,
    /// It does nothing by itself, so it may be ended at any time.
    pub waits_for_human: bool,
}

impl FenceSpec {
    /// What stands for the name of the dead node.
    pub const NODE: &str = "{node}";
}

impl std::fmt::Debug for FenceSpec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("FenceSpec");
        shown.field("name", &self.name).field("program", &self.program).finish_non_exhaustive()
    }
}

/// Resets the node and tells how that ended, under this number.
pub(crate) async fn reset(id: u64, node: String, agents: Agents, report: Reporter) {
    let result = attempt(&node, &agents, &report).await;
    report.done(id, result.map_err(|reason| Failure { reason, residue: false }));
}

async fn attempt(node: &str, agents: &Agents, report: &Reporter) -> Result<(), String> {
    let config = agents.config();
    let Some(spec) = &config.fence else { return Err("there is no fencing device".to_owned()) };
    report.note(Level::Info, format!("Resetting node {node} with [{}]", spec.name));
    run(spec, node, agents).await
}

/// Runs the command for this node. The error is for people.
pub(crate) async fn run(spec: &FenceSpec, node: &str, agents: &Agents) -> Result<(), String> {
    let config = agents.config();
    let filled = |text: &String| text.replace(FenceSpec::NODE, node);
    let path = config.environment.iter().find(|(name, _)| name == "PATH");
    let directories: Vec<PathBuf> =
        path.map(|(_, path)| std::env::split_paths(path).collect()).unwrap_or_default();
    let run = Run {
        // Given by the guard's keeper.
        id: 0,
        name: spec.program.clone(),
        directories,
        arguments: spec.arguments.iter().map(filled).collect(),
        environment: config.environment.clone(),
        working_dir: config.working_dir.clone(),
        limit: spec.limit,
        grace: config.kill_grace,
        // Half a reset can leave a node without power. Who waits for a human loses nothing.
        awaited: if spec.waits_for_human { Awaited::Never } else { Awaited::Last },
        input: filled(&spec.input),
    };
    match agents.run_once(run).await {
        Outcome::Ended { ending: Ending::Exit(0), .. } => Ok(()),
        Outcome::Ended { ending: Ending::NotFound, .. } => {
            Err(format!("there is no program {} in the path", spec.program))
        }
        Outcome::Ended { ending: Ending::Timeout, .. } => {
            Err(format!("[{}] did not end within {:?} and was killed", spec.name, spec.limit))
        }
        Outcome::Ended { ending, errors, .. } => {
            let said = errors.text.lines().next().unwrap_or_default().replace(char::is_control, " ");
            Err(format!("[{}] ended with {ending:?}: {said}", spec.name))
        }
        Outcome::Lost(why) => Err(format!("[{}] was cut off: {why}", spec.name)),
        Outcome::Refused(why) => Err(format!("[{}] cannot be run: {why}", spec.name)),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::mpsc;
    use std::time::Instant;

    use tokio::task::LocalSet;

    use super::*;
    use crate::config::ActuatorConfig;
    use crate::report::Report;
    use crate::test_scripts::{Scripts, is_alive};

    /// How a reset of the node `beta` ends.
    fn ended(scripts: &Scripts, spec: Option<FenceSpec>) -> Result<(), String> {
        let (sender, reports) = mpsc::channel();
        let report = Reporter::new(Box::new(move |report| {
            if let Report::Done { id: 7, result } = report {
                sender.send(result.map_err(|failure| failure.reason)).unwrap();
            }
        }));
        let mut config = ActuatorConfig::new(Vec::new());
        config.fence = spec;
        config.kill_grace = Duration::from_millis(100);
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", scripts.dir().display());
        config.environment = vec![("PATH".into(), path.into())];
        let agents = Agents::without_guard(Rc::new(config), report.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, reset(7, "beta".to_owned(), agents, report));
        reports.recv().unwrap()
    }

    fn spec(program: &str) -> FenceSpec {
        FenceSpec {
            name: "test".to_owned(),
            program: program.to_owned(),
            arguments: vec!["-T".to_owned(), "reset".to_owned(), FenceSpec::NODE.to_owned()],
            input: "action=reboot\nplug={node}\npassword=secret\n".to_owned(),
            limit: Duration::from_millis(300),
            waits_for_human: false,
        }
    }

    #[test]
    fn the_command_gets_the_name_and_its_input() {
        let scripts = Scripts::new();
        scripts.write("stonith", "echo $* >DIR/asked; cat >>DIR/asked");
        assert_eq!(ended(&scripts, Some(spec("stonith"))), Ok(()));
        assert_eq!(scripts.read("asked"), "-T reset beta\naction=reboot\nplug=beta\npassword=secret\n");
        // One that does not read is no trouble.
        scripts.write("stonith", "exec 0<&-; exit 0");
        let mut long = spec("stonith");
        long.input = "x".repeat(60_000);
        assert_eq!(ended(&scripts, Some(long)), Ok(()));
    }

    #[test]
    fn what_fails_is_told() {
        let scripts = Scripts::new();
        scripts.write("stonith", "echo no answer >&2; exit 5");
        let failed = ended(&scripts, Some(spec("stonith")));
        assert_eq!(failed, Err("[test] ended with Exit(5): no answer".to_owned()));
        let absent = ended(&scripts, Some(spec("nosuch")));
        assert_eq!(absent, Err("there is no program nosuch in the path".to_owned()));
        assert_eq!(ended(&scripts, None), Err("there is no fencing device".to_owned()));
    }

    #[test]
    fn one_that_hangs_is_ended_with_its_children() {
        let scripts = Scripts::new();
        scripts.write("stonith", "trap '' TERM; echo $$ >DIR/pid; while :; do sleep 0.05; done");
        let begun = Instant::now();
        let failed = ended(&scripts, Some(spec("stonith")));
        assert_eq!(failed, Err("[test] did not end within 300ms and was killed".to_owned()));
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert!(!is_alive(scripts.number("pid")));
    }
}
