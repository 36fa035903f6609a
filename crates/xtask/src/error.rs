//! What can go wrong in a development task, apart from a check that fails.

use std::error::Error as _;
use std::path::PathBuf;

/// A task could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file or folder could not be read or written.
    #[error("{}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A program could not be started.
    #[error("`{program}` could not be started")]
    Program {
        /// As called.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// A program that a task needs an answer from failed.
    #[error("`{program}` failed: {message}")]
    Failed {
        /// As called.
        program: String,
        /// What it said.
        message: String,
    },
    /// A program answered something else than expected.
    #[error("`{program}`: its answer was not understood: {message}")]
    Answer {
        /// As called.
        program: String,
        /// What was missing.
        message: String,
    },
}

/// The error and its causes in one line.
pub(crate) fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
