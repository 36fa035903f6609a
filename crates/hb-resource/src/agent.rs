//! What start and stop of one agent mean (failover.md 1.5, 2): `status` before `start`, repeated `stop`, verdicts.
//!
//! "Not installed" (exit code 5) is enough for a stop only of what this life has not started: a node that lacks a program
//! must be able to give the group away, but what it has started does not end when its program or disk vanishes.
//!
//! The runs themselves are the guard's, what is run is `command`'s. Chosen differences to 3.0.6: every run has a time limit, and the stop of a
//! script that does not exist succeeds at once, unless it was started here and has vanished since: what it started may run.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc;

use crate::config::ActuatorConfig;
use crate::guard::abandon::Abandoned;
use crate::guard::client::{GuardClient, Outcome};
use crate::guard::execute::execute;
use crate::guard::protocol::{Answer, Captured, Ending, Run};
use crate::guard::runs::Leash;
use crate::guard::will::{Bequest, Holding};
use crate::report::{Level, Reporter};
use crate::verdict::{NOT_INSTALLED, Verdict, judge};

mod command;
mod stop_failed;

pub(crate) use command::{Agent, Manner, Operation};

/// Runs scripts. Clones share the guard.
#[derive(Clone)]
pub(crate) struct Agents {
    runner: Runner,
    config: Rc<RefCell<Rc<ActuatorConfig>>>,
    report: Reporter,
}

/// Who runs scripts.
#[derive(Clone)]
enum Runner {
    /// Nobody: no group has a script.
    Nobody,
    /// Another process.
    Guard(GuardClient),
    /// This process, which is the guard.
    Here,
}

/// An agent, and the start that it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Script<'a> {
    pub(crate) agent: Agent<'a>,
    /// Number of the start of its group.
    pub(crate) epoch: Option<u64>,
    /// Whether it may run because it was started; kept up to date by start and stop.
    pub(crate) was_started: &'a Cell<bool>,
    /// For what can be given up before its end.
    pub(crate) abandoned: Option<&'a Abandoned>,
}

/// What a finished run tells.
struct Ended {
    ending: Ending,
    output: Captured,
    /// By which rules it speaks.
    manner: Manner,
}

impl Agents {
    pub(crate) fn new(guard: Option<GuardClient>, config: Rc<ActuatorConfig>, report: Reporter) -> Self {
        Self::with(guard.map_or(Runner::Nobody, Runner::Guard), config, report)
    }

    /// For the guard itself.
    pub(crate) fn without_guard(config: Rc<ActuatorConfig>, report: Reporter) -> Self {
        Self::with(Runner::Here, config, report)
    }

    fn with(runner: Runner, config: Rc<ActuatorConfig>, report: Reporter) -> Self {
        Self { runner, config: Rc::new(RefCell::new(config)), report }
    }

    /// Something of this group may be up from now on: the guard knows it when this returns.
    pub(crate) async fn hold(&self, group: usize, holding: Holding) {
        if let Runner::Guard(guard) = &self.runner {
            guard.bequeath(Bequest::Held(group, holding)).await;
        }
    }

    /// Nothing of the group with this number and this key is left: the guard knows it when this returns.
    pub(crate) async fn release(&self, group: usize, key: &str) {
        if let Runner::Guard(guard) = &self.runner {
            guard.bequeath(Bequest::Released(group, key.to_owned())).await;
        }
    }

    /// Runs that begin from now on go by this, with all clones.
    pub(crate) fn reconfigure(&self, config: ActuatorConfig) {
        let before = self.config();
        let config = ActuatorConfig {
            groups: before.groups.clone(),
            guard_command: before.guard_command.clone(),
            guard_lock: before.guard_lock.clone(),
            crew: before.crew.clone(),
            ..config
        };
        self.bequeath(Bequest::Config(Box::new(config.clone())));
        self.config.replace(Rc::new(config));
    }

    /// The guard shall do nothing when this process ends: it knows that when this returns.
    pub(crate) async fn renounce(&self) {
        if let Runner::Guard(guard) = &self.runner {
            guard.bequeath(Bequest::Nothing).await;
        }
    }

    /// Has the programs that run beside the node ended; returns whether none runs any more.
    pub(crate) async fn end_clients(&self) -> bool {
        let Runner::Guard(guard) = &self.runner else { return true };
        let config = self.config();
        let programs = u32::try_from(config.clients.len()).unwrap_or(u32::MAX);
        let limit = (config.kill_grace + CLIENT_MARGIN).saturating_mul(programs.saturating_add(1));
        tokio::time::timeout(limit, guard.end_clients()).await.is_ok()
    }

    /// Tells the guard, without waiting until it knows.
    pub(crate) fn bequeath(&self, bequest: Bequest) {
        if let Runner::Guard(guard) = &self.runner {
            guard.bequeath_later(bequest);
        }
    }

    /// A run of something else than a resource script; not repeated.
    pub(crate) async fn run_once(&self, run: Run) -> Outcome {
        self.runner.run(run, None).await
    }

    pub(crate) fn config(&self) -> Rc<ActuatorConfig> {
        Rc::clone(&self.config.borrow())
    }

    /// Starts the script unless its `status` says that it runs. The error is the reason, for people.
    pub(crate) async fn start(&self, script: Script<'_>) -> Result<(), String> {
        match self.status(script, Operation::Status).await? {
            // An unclear answer is no reason not to try: `start` of what runs does no harm (failover.md 2.4).
            Verdict::Running => {
                self.report.note(Level::Debug, format!("{} runs already", script.agent));
                script.was_started.set(true);
                return Ok(());
            }
            Verdict::Stopped | Verdict::NotInstalled | Verdict::Unclear => {}
        }
        let before = script.was_started.replace(true);
        let ended = self.perform(script, Operation::Start).await?;
        if matches!(ended.ending, Ending::Exit(NOT_INSTALLED) | Ending::NotFound) {
            script.was_started.set(before);
        }
        if ended.ending == Ending::Exit(0) {
            Ok(())
        } else {
            Err(self.describe(script, Operation::Start, &ended.ending))
        }
    }

    /// Stops the script. `Ok` when its `stop` succeeded, or failed as often as it may and `status` says that it does
    /// not run. The error is the reason, for people.
    pub(crate) async fn stop(&self, script: Script<'_>) -> Result<(), String> {
        self.try_stop(script).await?;
        script.was_started.set(false);
        Ok(())
    }

    async fn try_stop(&self, script: Script<'_>) -> Result<(), String> {
        let mut retries = 0;
        let failure = loop {
            let ended = self.perform(script, Operation::Stop).await?;
            match ended.ending {
                Ending::Exit(0) => return Ok(()),
                Ending::NotFound if script.was_started.get() => {
                    let failure = self.describe(script, Operation::Stop, &Ending::NotFound);
                    return Err(format!("{failure} any more, but it was started and may run"));
                }
                Ending::NotFound => {
                    let text = format!("There is no {}, so there is nothing to stop", script.agent);
                    self.report.note(Level::Info, text);
                    return Ok(());
                }
                // Eleven runs of a minute each would hold the other node up for more than they can win.
                Ending::Timeout => break self.describe(script, Operation::Stop, &Ending::Timeout),
                ending if self.config().stop_retries.is_some_and(|most| retries >= most) => {
                    break self.describe(script, Operation::Stop, &ending);
                }
                Ending::Exit(_) | Ending::Signal(_) | Ending::NotStarted(_) => {}
            }
            retries += 1;
            tokio::time::sleep(self.config().stop_pause).await;
            self.report.note(Level::Info, format!("Retrying failed stop operation [{}]", script.agent));
        };
        // That it does not run must be certain here: the other node relies on it.
        let why = match self.status(script, Operation::Status).await? {
            Verdict::Stopped => "its status says that it does not run: the script is not LSB compliant",
            Verdict::NotInstalled if !script.was_started.get() => {
                "it is not installed, and was not started here"
            }
            Verdict::NotInstalled => {
                return Err(format!("{failure}; it is not installed any more, but was started and may run"));
            }
            Verdict::Running | Verdict::Unclear => return Err(failure),
        };
        self.report.note(Level::Warning, format!("{failure}, but {why}"));
        Ok(())
    }

    /// Whether what was started still runs. The error is the reason, for people: it does not, or nobody can tell.
    pub(crate) async fn check(&self, script: Script<'_>) -> Result<(), String> {
        let (agent, word) = (script.agent, script.agent.word(Operation::Monitor));
        match self.status(script, Operation::Monitor).await? {
            Verdict::Running => Ok(()),
            Verdict::Stopped => Err(format!("{agent} {word}: it does not run")),
            Verdict::NotInstalled => Err(format!("{agent} {word}: it is not installed any more")),
            Verdict::Unclear => Err(format!("{agent} {word} does not say that it runs")),
        }
    }

    /// An error when it could not be run at all.
    async fn status(&self, script: Script<'_>, operation: Operation) -> Result<Verdict, String> {
        let ended = self.perform(script, operation).await?;
        let (manner, text) = (ended.manner, &ended.output.text);
        match &ended.ending {
            Ending::Exit(code) => Ok(judge(manner, text, Some(*code))),
            Ending::Signal(_) => Ok(judge(manner, text, None)),
            Ending::Timeout => {
                self.report.note(Level::Warning, self.describe(script, operation, &Ending::Timeout));
                Ok(Verdict::Unclear)
            }
            ending @ (Ending::NotFound | Ending::NotStarted(_)) => {
                Err(self.describe(script, operation, ending))
            }
        }
    }

    /// One run, repeated when the guard was lost under it.
    async fn perform(&self, script: Script<'_>, operation: Operation) -> Result<Ended, String> {
        if matches!(self.runner, Runner::Nobody) {
            return Err("no guard process is configured, so no script can be run".to_owned());
        }
        let (agent, word) = (script.agent, script.agent.word(operation));
        let level = if operation.only_asks() { Level::Debug } else { Level::Info };
        let mut cause = "";
        for _ in 0..GUARD_ATTEMPTS {
            self.report.note(level, format!("Running {}", agent.call(operation)));
            match self.runner.run(agent.run(operation, script.epoch, &self.config()), script.abandoned).await
            {
                Outcome::Ended { ending, output, errors, directory } => {
                    self.tell(script, operation, &ending, &output, &errors);
                    return Ok(Ended { ending, output, manner: agent.manner(directory) });
                }
                Outcome::Lost(why) => cause = why,
                Outcome::Refused(_) if script.abandoned.is_some_and(Abandoned::is_abandoned) => break,
                Outcome::Refused(why) => {
                    return Err(format!("{agent} {word} cannot be run: {why}"));
                }
            }
            let text = format!("{agent} {word} was cut off with the guard: {cause}");
            self.report.note(Level::Warning, text);
        }
        Err(format!("{agent} {word} cannot be run, the guard is lost each time: {cause}"))
    }

    /// Shows what the script printed and, when it failed, how it ended.
    fn tell(
        &self,
        script: Script<'_>,
        operation: Operation,
        ending: &Ending,
        output: &Captured,
        errors: &Captured,
    ) {
        let failed = *ending != Ending::Exit(0) && !operation.only_asks();
        let level = if failed { Level::Error } else { Level::Debug };
        if failed && *ending != Ending::NotFound {
            self.report.note(level, self.describe(script, operation, ending));
        }
        for captured in [output, errors] {
            let mut lines = captured.text.lines().map(str::trim_end).filter(|text| !text.is_empty());
            for text in lines.by_ref().take(LINES_SHOWN) {
                // A log is no terminal: escape sequences and their like do not belong there.
                let text = text.replace(char::is_control, " ");
                self.report.note(level, format!("{}: {text}", script.agent));
            }
            let unseen = lines.count();
            if unseen > 0 || captured.lost > 0 {
                let text = format!("{}: [and {unseen} lines, {} bytes more]", script.agent, captured.lost);
                self.report.note(level, text);
            }
        }
    }

    fn describe(&self, script: Script<'_>, operation: Operation, ending: &Ending) -> String {
        let (name, word) = (script.agent, script.agent.word(operation));
        match ending {
            Ending::Exit(code) => format!("{name} {word} returned {code}"),
            Ending::Signal(signal) => format!("{name} {word} was ended by signal {signal}"),
            Ending::Timeout => {
                let limit = self.config().limit(operation);
                format!("{name} {word} did not end within {limit:?} and was killed")
            }
            Ending::NotFound => match script.agent {
                Agent::Script { name, .. } => format!("Cannot locate resource script {name}"),
                Agent::Ocf(_) => format!("Cannot locate resource agent {name}"),
                Agent::Unit(_) => format!("Cannot locate systemctl for {name}"),
            },
            Ending::NotStarted(why) => format!("{name} {word} cannot be started: {why}"),
        }
    }
}

impl Runner {
    async fn run(&self, run: Run, abandoned: Option<&Abandoned>) -> Outcome {
        match self {
            Self::Nobody => Outcome::Refused("there is no guard process".to_owned()),
            Self::Guard(guard) => guard.run(run, abandoned).await,
            Self::Here => {
                let (answers, mut ended) = mpsc::channel(2);
                execute(run, answers, Leash::default()).await;
                while let Some(answer) = ended.recv().await {
                    if let Answer::Ended { ending, output, errors, directory, .. } = answer {
                        return Outcome::Ended { ending, output, errors, directory };
                    }
                }
                Outcome::Lost("it was not ended")
            }
        }
    }
}

/// How often a run is begun when guards keep dying under it.
const GUARD_ATTEMPTS: u32 = 3;

/// What the guard may take for the end of one program beside the node, on top of the grace.
const CLIENT_MARGIN: Duration = Duration::from_secs(3);

/// Lines of output and of errors that become notes, for each run.
const LINES_SHOWN: usize = 100;
