//! Writes to stdout, and tells failures on stderr with the exit code that belongs to them.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use hb_client::{ClientError, RefusalCause};

/// A text for people, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// Something failed.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: FAILED }
    }

    /// An error with its causes.
    pub(crate) fn of(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self { text, code: FAILED }
    }

    /// With another exit code; an empty text says nothing.
    pub(crate) fn with_code(text: impl Into<String>, code: u8) -> Self {
        Self { text: text.into(), code }
    }

    /// The same with another exit code.
    pub(crate) fn and_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    pub(crate) fn tell(self) -> ExitCode {
        if !self.text.is_empty() {
            // Without stderr there is nobody to tell; the code says it too.
            let _ = writeln!(io::stderr().lock(), "hb-ctl: {}", self.text.trim_end());
        }
        ExitCode::from(self.code)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        use ClientError::{NoPermission, NotRunning, Refused};
        let code = if matches!(&error, NotRunning { .. }) {
            NOT_RUNNING
        } else if matches!(&error, NoPermission { .. } | Refused { cause: RefusalCause::Permission, .. }) {
            NO_PERMISSION
        } else if matches!(&error, Refused { cause: RefusalCause::Configuration, .. }) {
            CONFIGURATION_REFUSED
        } else {
            FAILED
        };
        Self { code, ..Self::of(&error) }
    }
}

/// Writes to stdout. A reader that has seen enough is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write: {error}")))
        }
        _ => Ok(()),
    }
}

/// General failure.
pub(crate) const FAILED: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
/// No node is running.
pub(crate) const NOT_RUNNING: u8 = 3;
/// Not allowed.
pub(crate) const NO_PERMISSION: u8 = 4;
/// The configuration has errors.
pub(crate) const CONFIGURATION_REFUSED: u8 = 6;
