//! What people are told about a changed item.

use std::path::Path;
use std::time::Duration;

use crate::log::Level;

/// The lines so far.
#[derive(Debug, Default)]
pub(super) struct Tell {
    pub(super) lines: Vec<(Level, String)>,
    /// Those of them that say what is in force after a restart only.
    pub(super) waiting: Vec<String>,
}

impl Tell {
    /// Something that is in force from now on.
    pub(super) fn info(&mut self, line: String) {
        self.lines.push((Level::Info, line));
    }

    /// Something that is not taken over.
    pub(super) fn warn(&mut self, line: String) {
        self.lines.push((Level::Warn, line));
    }

    /// Something that is not taken over before a restart.
    pub(super) fn waits(&mut self, line: String) {
        self.waiting.push(line.clone());
        self.warn(line);
    }

    /// A value that is in force from now on, if it differs.
    pub(super) fn change(&mut self, name: &str, before: &str, after: &str) {
        if before != after {
            self.info(format!("{name} is {after} from now on, was {before}"));
        }
    }

    /// A value that cannot change in a run, if it differs.
    pub(super) fn needs_restart(&mut self, name: &str, before: &str, after: &str) {
        if before != after {
            let before = if before.is_empty() { "none" } else { before };
            self.waits(format!("{name} needs a restart; until then {before} stays in force"));
        }
    }
}

/// A time as `ha.cf` would have it.
pub(super) fn seconds(time: Duration) -> String {
    format!("{time:?}")
}

/// A log file.
pub(super) fn path(path: Option<&Path>) -> String {
    path.map_or_else(|| "none".to_owned(), |path| path.display().to_string())
}
