//! What the command line asks of a daemon that runs already (`failover.md` 9.1): `-s`, `-k`, `-r`; and what `-v` and
//! `-D` print.
//!
//! Whether one runs is told by the lock of the pid file, not by a number in it. The words are those of 3.0.6, which
//! init scripts look at.

use std::fmt::Arguments;
use std::io::{self, Write as _};
use std::time::Duration;

use hb_client::{Client, ClientError, RefusalCause};
use hb_config::{Checked, RealHost};
use hb_sys::process::{Pidfd, Signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::mapping;
use crate::options::{Exit, Options};
use crate::pid_file::PidFile;

/// `-s`: says whether a daemon runs. [`Exit::Good`] or [`Exit::NotRunning`].
#[must_use]
pub fn status(options: &Options) -> Exit {
    match PidFile::holder(&options.pid_file()) {
        Ok(Some(pid)) => {
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            let name = options.node_name.clone();
            let name = name.unwrap_or_else(|| hb_config::node_name(&options.config_dir, &RealHost));
            say(format_args!("heartbeat OK [pid {pid} et al] is running on {host} [{name}]..."));
            Exit::Good
        }
        Ok(None) => {
            say(format_args!("heartbeat is stopped. No process"));
            Exit::NotRunning
        }
        Err(error) => {
            complain(format_args!("ERROR: cannot look whether heartbeat runs: {error}"));
            Exit::Failed
        }
    }
}

/// `-k`: asks the daemon that runs for an orderly stop and waits until it is gone. Good also if none runs.
/// [`Exit::NoPermission`] if it belongs to somebody else, [`Exit::Failed`] if it still runs after an hour.
#[must_use]
pub fn stop(options: &Options) -> Exit {
    let file = options.pid_file();
    let pid = match PidFile::holder(&file) {
        Ok(Some(pid)) => pid,
        Ok(None) => {
            say(format_args!("INFO: Heartbeat already stopped."));
            return Exit::Good;
        }
        Err(error) => {
            complain(format_args!("ERROR: cannot look whether heartbeat runs: {error}"));
            return Exit::Failed;
        }
    };
    let stopped = Pidfd::open(pid).and_then(|process| {
        // The number may have become another process's before the handle was made.
        if PidFile::holder(&file)? == Some(pid) {
            process.signal(Signal::TERM)?;
            let limit =
                Timespec { tv_sec: LONGEST_STOP.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: 0 };
            poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit))?;
            return process.has_ended();
        }
        Ok(true)
    });
    match stopped {
        Ok(true) => Exit::Good,
        Ok(false) => {
            complain(format_args!("ERROR: heartbeat [pid {pid}] still stops; see the log"));
            Exit::Failed
        }
        // It ended by itself meanwhile.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => Exit::Good,
        Err(error) => {
            complain(format_args!("ERROR: Could not kill pid {pid} : {error}"));
            if error.kind() == io::ErrorKind::PermissionDenied { Exit::NoPermission } else { Exit::Failed }
        }
    }
}

/// `-r`: lets the daemon that runs read its files again, and tells what came of it. Nothing if none runs: it is to be
/// started then.
#[must_use]
pub fn reload(options: &Options) -> Option<Exit> {
    let pid = PidFile::holder(&options.pid_file()).ok()??;
    let answer = Client::connect(&options.run_dir, LONGEST_READING).and_then(|mut client| client.reload());
    Some(match answer {
        Ok(text) => {
            say(format_args!("{text}"));
            Exit::Good
        }
        Err(error) => {
            complain(format_args!("Config errors: Heartbeat pid {pid} NOT restarted"));
            complain(format_args!("{error}"));
            let denied = matches!(
                error,
                ClientError::NoPermission { .. }
                    | ClientError::Refused { cause: RefusalCause::Permission, .. }
            );
            if denied { Exit::NoPermission } else { Exit::Failed }
        }
    })
}

/// `-R`: how 3.0.6 starts itself anew at a reload. A daemon of ours takes changes over while it runs, so this refuses
/// with the exit codes of 3.0.6: [`Exit::Failed`] if a daemon runs, [`Exit::ConfigurationRefused`] if none does.
#[must_use]
pub fn refuse_restart(options: &Options) -> Exit {
    if matches!(PidFile::holder(&options.pid_file()), Ok(Some(_))) {
        complain(format_args!("ERROR: Heartbeat already running"));
        return Exit::Failed;
    }
    complain(format_args!("ERROR: heartbeat is not running."));
    Exit::ConfigurationRefused
}

/// `-D`: the directives that have a default, as a table, or as wiki markup (`-W`).
pub fn print_defaults(wiki: bool) {
    let (start, middle, end) = if wiki { ("||", "||", "||") } else { ("", " ", "") };
    let width = if wiki { 0 } else { 24 };
    say(format_args!("{start}{:width$}{middle}{}{end}", "Directive", "Default"));
    for (name, default) in hb_config::defaults() {
        say(format_args!("{start}{name:width$}{middle}{default}{end}"));
    }
}

/// `-v`: the configuration in force, in the form of `ha.cf`.
pub(crate) fn print_configuration(checked: &Checked) {
    say(format_args!("# the configuration of this node, defaults filled in"));
    for (name, value) in &checked.parameters {
        say(format_args!("{name}\t{value}"));
    }
    for node in &checked.nodes {
        say(format_args!("node {node}\t#\t current status: init"));
    }
    for medium in mapping::media(checked) {
        say(format_args!("{medium}"));
    }
}

fn say(text: Arguments<'_>) {
    // Without stdout there is nobody to tell.
    let _ = writeln!(io::stdout(), "{text}");
}

fn complain(text: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A stop that takes longer is left to itself; 3.0.6 kills itself after this.
const LONGEST_STOP: Duration = Duration::from_secs(3600);
/// Longest wait for a node that reads its files, which may mean waiting for name services.
const LONGEST_READING: Duration = Duration::from_secs(60);
