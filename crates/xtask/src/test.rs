//! `cargo xtask test`: the steps, their order, and the sum at the end.
//!
//! The first step that fails ends the run: its output is shown, and the closing line counts it as one failure unless
//! its tests were counted.

mod cluster;
mod counts;
mod dependencies;
mod emulated;
mod examples;
mod fuzz;
mod machine;
mod pause;
mod pppd;
mod rules;
mod simulation;
mod systemd;
mod tools;
mod units;
mod watchdog;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::arguments::{Depth, TestOptions};
use crate::command::{self, Outcome};
use crate::console;
use crate::error::{self, Error};
use crate::workspace::Workspace;
use counts::Counts;

/// What a step works with.
struct Context {
    workspace: Workspace,
    depth: Depth,
}

/// What a good step reports.
struct Done {
    counts: Counts,
    /// What it found, in a few words.
    note: String,
}

/// Why a step failed.
struct Failure {
    counts: Counts,
    /// What is wrong, one or more lines.
    message: String,
    /// Output to show.
    log: Option<PathBuf>,
}

struct Step {
    name: &'static str,
    /// The least depth that has it.
    depths: &'static [Depth],
    perform: fn(&Context) -> Result<Done, Failure>,
}

/// Runs the wanted steps. `Ok(true)`: all is well.
pub(crate) fn run(options: &TestOptions) -> Result<bool, Error> {
    if let Some(unknown) = options.only.iter().find(|name| !STEPS.iter().any(|step| step.name == **name)) {
        console::line(&format!("xtask: there is no step `{unknown}`; see `cargo xtask help`"));
        return Ok(false);
    }
    let context = Context { workspace: Workspace::read()?, depth: options.depth };
    let begin = Instant::now();
    let mut sum = Counts::default();
    let mut good = true;
    for step in STEPS.iter().filter(|step| is_wanted(step, options)) {
        console::line(&format!("==> {}", step.name));
        let begin = Instant::now();
        match (step.perform)(&context) {
            Ok(done) => {
                sum += done.counts;
                console::line(&format!("    good, {}: {}", console::seconds(begin.elapsed()), done.note));
            }
            Err(failure) => {
                sum += failure.counts;
                sum.failed = sum.failed.max(1);
                good = false;
                show(&failure, begin.elapsed());
                break;
            }
        }
    }
    console::line(&format!("    all steps: {}", console::seconds(begin.elapsed())));
    console::line(&sum.closing_line());
    Ok(good)
}

fn is_wanted(step: &Step, options: &TestOptions) -> bool {
    if options.only.is_empty() {
        step.depths.contains(&options.depth)
    } else {
        options.only.iter().any(|name| name == step.name)
    }
}

fn show(failure: &Failure, time: Duration) {
    if let Some(log) = &failure.log {
        let text = std::fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let left_out = lines.len().saturating_sub(MOST_LINES_SHOWN);
        if left_out > 0 {
            console::line(&format!("... {left_out} lines left out, all of them are in {}", log.display()));
        }
        for line in lines.iter().skip(left_out) {
            console::line(line);
        }
    }
    console::line(&format!("    FAILED, {}: {}", console::seconds(time), failure.message));
}

impl Context {
    /// Runs a command of a step in the workspace and demands that it is good.
    fn demand(
        &self,
        command: &mut std::process::Command,
        log: &str,
        limit: Duration,
    ) -> Result<Outcome, Failure> {
        let outcome = self.attempt(command, log, limit)?;
        if outcome.good {
            Ok(outcome)
        } else {
            let message = format!("`{}`: {}", command::shown(command), outcome.ending());
            Err(Failure { counts: Counts::default(), message, log: Some(outcome.log) })
        }
    }

    /// Runs a command of a step in the workspace, however it ends.
    fn attempt(
        &self,
        command: &mut std::process::Command,
        log: &str,
        limit: Duration,
    ) -> Result<Outcome, Error> {
        command.current_dir(&self.workspace.root);
        command::run(command, &self.workspace.logs(), log, limit)
    }
}

impl Failure {
    /// A failure that is told in words alone.
    fn plain(message: impl Into<String>) -> Self {
        Self { counts: Counts::default(), message: message.into(), log: None }
    }

    /// A list of offences, one line each.
    fn list(offences: &[String]) -> Self {
        Self::plain(format!("{} found:\n      {}", offences.len(), offences.join("\n      ")))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::plain(error::chain(&error))
    }
}

impl Done {
    /// A check that ran no tests.
    fn note(note: impl Into<String>) -> Self {
        Self { counts: Counts::default(), note: note.into() }
    }
}

/// In this order: what is cheap and often wrong comes first.
const STEPS: [Step; 17] = [
    Step { name: "format", depths: ALL, perform: rules::format },
    Step { name: "sources", depths: ALL, perform: rules::sources },
    Step { name: "layers", depths: ALL, perform: rules::layers },
    Step { name: "machine", depths: WHOLE, perform: machine::prepare },
    Step { name: "check", depths: &[Depth::Fast], perform: rules::check },
    Step { name: "lints", depths: WHOLE, perform: rules::lints },
    Step { name: "tests", depths: ALL, perform: units::perform },
    Step { name: "documents", depths: WHOLE, perform: rules::documents },
    Step { name: "examples", depths: WHOLE, perform: examples::perform },
    Step { name: "dependencies", depths: WHOLE, perform: dependencies::perform },
    Step { name: "simulation", depths: WHOLE, perform: simulation::perform },
    Step { name: "fuzz", depths: WHOLE, perform: fuzz::perform },
    Step { name: "cluster", depths: WHOLE, perform: cluster::perform },
    Step { name: "systemd", depths: &[Depth::Slow], perform: systemd::perform },
    Step { name: "pppd", depths: &[Depth::Slow], perform: pppd::perform },
    Step { name: "watchdog", depths: &[Depth::Slow], perform: watchdog::perform },
    Step { name: "pause", depths: &[Depth::Slow], perform: pause::perform },
];

const ALL: &[Depth] = &[Depth::Fast, Depth::Full, Depth::Slow];
const WHOLE: &[Depth] = &[Depth::Full, Depth::Slow];
const MOST_LINES_SHOWN: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_stands_in_the_help() {
        for step in &STEPS {
            assert!(crate::arguments::USAGE.contains(step.name), "{}", step.name);
        }
    }

    #[test]
    fn only_chooses_whatever_the_depth() {
        let names = |options: &TestOptions| -> Vec<&str> {
            STEPS.iter().filter(|step| is_wanted(step, options)).map(|step| step.name).collect()
        };
        let fast = TestOptions { depth: Depth::Fast, only: Vec::new() };
        assert_eq!(names(&fast), ["format", "sources", "layers", "check", "tests"]);
        let only = TestOptions { depth: Depth::Full, only: vec!["fuzz".to_owned()] };
        assert_eq!(names(&only), ["fuzz"]);
        assert!(!names(&TestOptions::default()).contains(&"check"));
        assert!(!names(&TestOptions::default()).contains(&"pppd"));
        assert!(!names(&TestOptions::default()).contains(&"watchdog"));
        assert!(!names(&TestOptions::default()).contains(&"pause"));
    }
}
