//! What is run for an operation of an agent: which program from where, with which words and variables.
//!
//! What the program's answer means is decided elsewhere (`verdict`).

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::config::ActuatorConfig;
use crate::guard::protocol::{Awaited, Run};
use crate::ocf::OcfSpec;

/// A resource that something outside of this program starts and stops.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Agent<'a> {
    /// A script of resource.d or init.d.
    Script { name: &'a str, arguments: &'a [String] },
    /// An OCF agent.
    Ocf(&'a OcfSpec),
    /// A unit of systemd.
    Unit(&'a str),
}

/// By which rules an agent answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// A script of resource.d, written for Heartbeat.
    Heartbeat,
    /// An init script.
    Lsb,
    Ocf,
    /// `systemctl`.
    Unit,
}

/// What an agent is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Start,
    Stop,
    Status,
    /// A `status` of many, in intervals.
    Monitor,
}

impl Operation {
    /// Whether it changes nothing.
    pub(crate) fn only_asks(self) -> bool {
        matches!(self, Self::Status | Self::Monitor)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Status | Self::Monitor => "status",
        }
    }
}

impl Agent<'_> {
    /// The operation in the agent's own words.
    pub(crate) fn word(self, operation: Operation) -> &'static str {
        match (self, operation) {
            (Self::Ocf(_), Operation::Status | Operation::Monitor) => "monitor",
            (Self::Unit(_), Operation::Status | Operation::Monitor) => "is-active",
            (Self::Script { .. } | Self::Ocf(_) | Self::Unit(_), _) => operation.word(),
        }
    }

    /// By which rules it answers, found in the directory of this number.
    pub(crate) fn manner(self, directory: usize) -> Manner {
        match self {
            Self::Script { .. } if directory == 0 => Manner::Heartbeat,
            Self::Script { .. } => Manner::Lsb,
            Self::Ocf(_) => Manner::Ocf,
            Self::Unit(_) => Manner::Unit,
        }
    }

    /// Everything for a run but its number.
    pub(crate) fn run(self, operation: Operation, epoch: Option<u64>, config: &ActuatorConfig) -> Run {
        let word = self.word(operation).to_owned();
        let limit = config.limit(operation);
        let mut environment = config.environment.clone();
        environment.extend(epoch.map(|epoch| ("HB_EPOCH".into(), epoch.to_string().into())));
        let (name, directories, arguments) = match self {
            Self::Script { name, arguments } => {
                let arguments = arguments.iter().cloned().chain([word]).collect();
                (name.to_owned(), config.agent_dirs.clone(), arguments)
            }
            Self::Ocf(spec) => {
                environment.extend(spec.variables(&config.ocf_root, limit, config.interval(operation)));
                let directory = config.ocf_root.join("resource.d").join(&spec.provider);
                (spec.agent.clone(), vec![directory], vec![word])
            }
            Self::Unit(unit) => {
                (SYSTEMCTL.to_owned(), search_path(&environment), vec![word, unit.to_owned()])
            }
        };
        Run {
            // Given by the guard's keeper.
            id: 0,
            name,
            directories,
            arguments,
            environment,
            working_dir: config.working_dir.clone(),
            limit,
            grace: config.kill_grace,
            // What a job waits for comes to its end.
            awaited: if operation == Operation::Monitor { Awaited::Never } else { Awaited::First },
            input: String::new(),
        }
    }

    /// The call in the words of a log line; parameters of OCF agents, which may be secrets, do not show.
    pub(crate) fn call(self, operation: Operation) -> String {
        let word = self.word(operation);
        match self {
            Self::Script { name, arguments } => {
                let words = arguments.iter().map(String::as_str).chain([word]);
                words.fold(name.to_owned(), |text, word| text + " " + word)
            }
            Self::Ocf(_) => format!("{self} {word}"),
            Self::Unit(unit) => format!("{SYSTEMCTL} {word} {unit}"),
        }
    }
}

impl fmt::Display for Agent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script { name, .. } => f.write_str(name),
            Self::Ocf(OcfSpec { provider, agent, .. }) => write!(f, "ocf:{provider}:{agent}"),
            Self::Unit(unit) => write!(f, "systemd::{unit}"),
        }
    }
}

/// Where scripts would find a program.
fn search_path(environment: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let path = environment.iter().rfind(|(name, _)| name == "PATH");
    path.map(|(_, path)| std::env::split_paths(path).filter(|place| place.is_absolute()).collect())
        .unwrap_or_default()
}

const SYSTEMCTL: &str = "systemctl";
