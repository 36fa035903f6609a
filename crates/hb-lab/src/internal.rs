//! The hidden entry of the lab's helper processes: which role a process plays is in its first argument.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::probe::runner;
use crate::{echo, init, keeper, socket};

/// Plays a helper process of the lab until the lab ends; `arguments` begin with the role.
///
/// For programs that are an [`crate::Agent`]; what the roles and their arguments are may change at any time.
#[must_use]
pub fn internal(arguments: Vec<OsString>) -> ExitCode {
    match play(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // The keeper's log, or nowhere when even that fails.
            let _unwritable = writeln!(std::io::stderr(), "hb-lab: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn play(arguments: Vec<OsString>) -> Result<(), String> {
    let mut arguments = arguments.into_iter();
    let role = arguments.next().unwrap_or_default();
    let mut path = || arguments.next().map(PathBuf::from).ok_or("an argument is missing".to_owned());
    match role.to_str() {
        Some("keeper") => {
            let (directory, program) = (path()?, path()?);
            keeper::run(&directory, (program, arguments.collect()))
        }
        Some("init") => init::run(&path()?),
        Some("echo") => echo::run(path()?.as_os_str()),
        Some("probe") => runner::run(&path()?, path()?.as_os_str()),
        Some("socket") => socket::run(&path()?, path()?.as_os_str()),
        _ => Err("this is a part of the lab that is not called by hand".to_owned()),
    }
}

/// For `map_err`: `what: error`, with the errors behind it.
pub(crate) fn chain<E: std::error::Error>(what: impl Display) -> impl FnOnce(E) -> String {
    move |error| {
        let mut text = format!("{what}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}
