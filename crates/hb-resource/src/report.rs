//! What the actuator tells: ends of jobs, and notes for people.

use std::fmt;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

/// What the actuator tells its owner, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A job ended.
    Done {
        /// The number that it was submitted with.
        id: u64,
        /// Start: the whole group runs. Stop: nothing of the group is left. Announce: sent.
        result: Result<(), Failure>,
    },
    /// A program without which the node shall not run has failed: it was killed, or its exit code was not 0.
    FailfastEnded,
    /// Something that a human should see.
    Note {
        /// How much it matters.
        level: Level,
        /// One line, no line end.
        text: String,
    },
}

/// Why a job failed, and what that means for the other node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For people: which resource, and what it said.
    pub reason: String,
    /// Something of the group may still run here: a stop failed, also one that was to clean up after a failed start.
    pub residue: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// What happened, as expected.
    Info,
    /// Something to look at.
    Warning,
    /// An operation failed.
    Error,
    /// A service is down, or may run where it should not.
    Critical,
}

/// The owner's callback, shared by the tasks of the actuator.
#[derive(Clone)]
pub(crate) struct Reporter(Rc<Box<dyn Fn(Report) + Send>>);

impl Reporter {
    pub(crate) fn new(callback: Box<dyn Fn(Report) + Send>) -> Self {
        Self(Rc::new(callback))
    }

    pub(crate) fn done(&self, id: u64, result: Result<(), Failure>) {
        (self.0)(Report::Done { id, result });
    }

    pub(crate) fn failfast_ended(&self) {
        (self.0)(Report::FailfastEnded);
    }

    pub(crate) fn note(&self, level: Level, text: impl Into<String>) {
        (self.0)(Report::Note { level, text: text.into() });
    }
}
