//! Finds the program that plays the lab's helper processes (keeper, init, echo, probe).
//!
//! The lab needs no program but its own: it executes itself again with a hidden sub-command. Tests, whose
//! own executable has no such sub-command, use `hb-lab-agent` or `hb-ctl` from the same build.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::LabError;

/// A program and the arguments that make it call [`crate::internal()`] with what follows.
#[derive(Clone, Debug)]
pub struct Agent {
    program: PathBuf,
    prefix: Vec<OsString>,
}

impl Agent {
    /// A program that calls [`crate::internal()`] with all arguments after `prefix`.
    #[must_use]
    pub fn new(program: PathBuf, prefix: Vec<OsString>) -> Self {
        Self { program, prefix }
    }

    /// The running program itself, with the hidden sub-command `lab-internal`.
    ///
    /// # Errors
    /// [`LabError::NoAgent`] when the system does not tell the program's path.
    pub fn current() -> Result<Self, LabError> {
        let program = env::current_exe().map_err(|error| LabError::NoAgent(error.to_string()))?;
        Ok(Self::new(program, vec!["lab-internal".into()]))
    }

    /// For tests: the path in the variable `HB_LAB_AGENT`, else `hb-lab-agent` or `hb-ctl` in the directory of
    /// the running test or in the one above it.
    ///
    /// # Errors
    /// [`LabError::NoAgent`] when none of them exists; the message says what to build.
    pub fn locate() -> Result<Self, LabError> {
        if let Some(path) = env::var_os("HB_LAB_AGENT") {
            return Ok(Self::new(path.into(), Vec::new()));
        }
        let test = env::current_exe().map_err(|error| LabError::NoAgent(error.to_string()))?;
        for directory in test.ancestors().skip(1).take(2) {
            let (small, full) = (directory.join("hb-lab-agent"), directory.join("hb-ctl"));
            if small.is_file() {
                return Ok(Self::new(small, Vec::new()));
            }
            if full.is_file() {
                return Ok(Self::new(full, vec!["lab-internal".into()]));
            }
        }
        Err(LabError::NoAgent(
            "build it (`cargo build -p hb-lab --bin hb-lab-agent`) or set HB_LAB_AGENT".to_owned(),
        ))
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn arguments_prefix(&self) -> &[OsString] {
        &self.prefix
    }

    /// The full argument list (without the program's name) for a helper process.
    pub(crate) fn arguments(&self, role: &str, rest: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
        self.prefix.iter().cloned().chain([OsString::from(role)]).chain(rest).collect()
    }
}
