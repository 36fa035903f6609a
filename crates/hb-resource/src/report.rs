//! What the actuator tells: ends of jobs, and notes for people.

use std::rc::Rc;

/// What the actuator tells its owner, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A job ended.
    Done {
        /// The number that it was submitted with.
        id: u64,
        /// Start: the whole group runs, or nothing of it and why (unless the text says that stopping failed too).
        /// Stop: nothing of the group is left, or why something may be. Announce: sent, or why not.
        result: Result<(), String>,
    },
    /// Something that a human should see.
    Note {
        /// How much it matters.
        level: Level,
        /// One line, no line end.
        text: String,
    },
}

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

    pub(crate) fn done(&self, id: u64, result: Result<(), String>) {
        (self.0)(Report::Done { id, result });
    }

    pub(crate) fn note(&self, level: Level, text: impl Into<String>) {
        (self.0)(Report::Note { level, text: text.into() });
    }
}
