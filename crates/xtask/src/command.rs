//! Programs that a step runs: their output goes to a file below `target/xtask`, so that nothing is lost, a run that
//! is watched stays readable, and a process left behind cannot hold the step by an open pipe.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::error::Error;

/// How a program ended, and where its output is.
pub(crate) struct Outcome {
    /// Whether it exited with 0.
    pub(crate) good: bool,
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Everything it wrote, standard output and standard error in the order of writing.
    pub(crate) log: PathBuf,
}

impl Outcome {
    /// What the program wrote.
    pub(crate) fn text(&self) -> Result<String, Error> {
        let bytes =
            std::fs::read(&self.log).map_err(|source| Error::File { path: self.log.clone(), source })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// How it ended, for people.
    pub(crate) fn ending(&self) -> String {
        match self.code {
            Some(TIMEOUT_CODE | TIMEOUT_KILLED_CODE) if in_ci() => "ran into its time limit".to_owned(),
            Some(code) => format!("exit code {code}"),
            None => "ended by a signal".to_owned(),
        }
    }
}

/// Cargo, as this task was started by it, without the variables that it sets for the program it runs.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "LD_LIBRARY_PATH"
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether this run is one of CI, with nobody to watch it.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// Runs a command to its end with no standard input. Its output goes to `folder/name.log`.
///
/// In CI it is ended, with all that it started, after `limit`; a person has the interrupt key.
pub(crate) fn run(command: &Command, folder: &Path, name: &str, limit: Duration) -> Result<Outcome, Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::File { path: folder.to_owned(), source })?;
    let log = folder.join(format!("{name}.log"));
    let file_error = |source| Error::File { path: log.clone(), source };
    let out = File::create(&log).map_err(file_error)?;
    let err = out.try_clone().map_err(file_error)?;
    let mut command = if in_ci() { limited(command, limit) } else { copied(command) };
    let status = command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .status()
        .map_err(|source| Error::Program { program: shown(&command), source })?;
    Ok(Outcome { good: status.success(), code: status.code(), log })
}

/// Runs a command and returns what it wrote to standard output; its failure is an error.
pub(crate) fn answer(command: &mut Command) -> Result<String, Error> {
    let program = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Program { program: program.clone(), source })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Failed { program, message })
    }
}

/// Whether a command can be started and exits with 0; what it writes is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The command as one would type it, without quotes.
pub(crate) fn shown(command: &Command) -> String {
    let mut text = Path::new(command.get_program())
        .file_name()
        .map_or_else(|| "?".to_owned(), |name| name.to_string_lossy().into_owned());
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

/// The same command under `timeout`, which ends the whole process group. Debian always has it.
fn limited(command: &Command, limit: Duration) -> Command {
    let mut outer = Command::new("timeout");
    outer.arg("--kill-after=10").arg(limit.as_secs().to_string());
    outer.arg(command.get_program());
    carry_over(command, &mut outer);
    outer
}

fn copied(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    carry_over(command, &mut copy);
    copy
}

fn carry_over(from: &Command, to: &mut Command) {
    to.args(from.get_args());
    if let Some(folder) = from.get_current_dir() {
        to.current_dir(folder);
    }
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
}

/// A time limit.
pub(crate) const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

const TIMEOUT_CODE: i32 = 124;
const TIMEOUT_KILLED_CODE: i32 = 137;

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()))
    }

    #[test]
    fn output_and_ending_are_kept() {
        let folder = scratch("run");
        let mut command = Command::new("sh");
        command.arg("-c").arg("echo out; echo err >&2; echo $COLOUR; exit 3").env("COLOUR", "green");
        let outcome = run(&command, &folder, "three", Duration::from_secs(60)).unwrap();
        assert!(!outcome.good);
        assert_eq!(outcome.code, Some(3));
        assert_eq!(outcome.text().unwrap(), "out\nerr\ngreen\n");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_limit_ends_the_command() {
        let folder = scratch("limit");
        let mut command = Command::new("sleep");
        command.arg("60");
        let outcome = limited(&command, Duration::from_secs(1)).status().unwrap();
        assert_eq!(outcome.code(), Some(TIMEOUT_CODE));
        assert!(!folder.exists());
    }

    #[test]
    fn a_missing_program_is_named() {
        let folder = scratch("missing");
        let error = answer(&mut Command::new("/nonexistent/program")).unwrap_err();
        assert!(matches!(&error, Error::Program { program, .. } if program == "program"), "{error}");
        assert!(!succeeds(&mut Command::new("/nonexistent/program")));
        assert!(!folder.exists());
    }
}
