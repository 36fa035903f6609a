//! After the end of a daemon, however it ended: nothing of it is left in the kernel. For a service manager (`ExecStopPost=`).
//!
//! Linux marks our addresses since 5.18; before that they are known by the configuration alone, so that is read as well.
//!
//! Addresses and the table of the lease only. Services are the guard's, which is waited for; if it was killed as well, they
//! stay, as after any death of both, until somebody stops them.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use hb_resource::{cleanup, guard, lease};

use crate::options::{Exit, Options};
use crate::pid_file::PidFile;
use crate::start::chain;
use crate::{configuration, mapping};

/// Waits until the guard has ended, then removes the addresses that carry our mark or stand in the configuration, and the
/// lease's table. Does nothing while a daemon runs here.
#[must_use]
pub fn clean_up(options: &Options) -> Exit {
    if let Err(problem) = wait_for_guard(options) {
        return failed(&problem);
    }
    let groups = configuration::load(options).config.map(|checked| mapping::groups(&checked));
    if groups.is_none() {
        say(
            "the configuration cannot be read: only marked addresses are removed, which Linux has since 5.18",
        );
    }
    // Reading may have taken a while.
    if let Err(problem) = no_daemon(options) {
        return failed(&problem);
    }
    match cleanup(&groups.unwrap_or_default()) {
        Ok(removed) => removed.iter().for_each(|address| say(&format!("removed {address}"))),
        Err(error) => return failed(&chain(&error)),
    }
    match lease::remove() {
        // Where nf_tables is missing there is no table either.
        Ok(()) | Err(_) => Exit::Good,
    }
}

/// A daemon that starts meanwhile waits for the guard too, with its pid file locked.
fn wait_for_guard(options: &Options) -> Result<(), String> {
    let limit = Instant::now() + LIMIT;
    loop {
        no_daemon(options)?;
        match guard::is_held(&options.guard_lock()) {
            Ok(false) => return no_daemon(options),
            Ok(true) if Instant::now() < limit => std::thread::sleep(LOOK_AGAIN),
            Ok(true) => return Err("the guard still runs: nothing is removed".to_owned()),
            Err(error) => return Err(format!("cannot look for the guard: {error}")),
        }
    }
}

fn no_daemon(options: &Options) -> Result<(), String> {
    match PidFile::holder(&options.pid_file()) {
        Ok(None) => Ok(()),
        Ok(Some(pid)) => Err(format!("a daemon runs [pid {pid}]: nothing is removed")),
        Err(error) => Err(format!("cannot look for a daemon: {error}")),
    }
}

fn failed(text: &str) -> Exit {
    say(text);
    Exit::Failed
}

fn say(text: &str) {
    // Without stderr there is nobody to tell.
    let _ = writeln!(io::stderr(), "hb-node: {text}");
}

/// Less than `TimeoutStopSec` of the unit; a guard stops a group of a few services in less.
const LIMIT: Duration = Duration::from_secs(600);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_a_daemon_nothing_is_waited_for_and_nothing_removed() {
        let run_dir = std::env::temp_dir().join(format!("hb-clean-up-{}", std::process::id()));
        std::fs::create_dir_all(&run_dir).unwrap();
        let options = Options { run_dir: run_dir.clone(), ..Options::default() };
        let pid_file = PidFile::create(&options.pid_file()).unwrap();
        let problem = wait_for_guard(&options).unwrap_err();
        assert_eq!(problem, format!("a daemon runs [pid {}]: nothing is removed", std::process::id()));
        assert_eq!(clean_up(&options), Exit::Failed);
        assert!(!options.guard_lock().exists(), "not even looked for");
        // What it has started does not hold its lock when it is gone: the guard lives on for a while.
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        drop(pid_file);
        assert_eq!(wait_for_guard(&options), Ok(()));
        child.kill().unwrap();
        child.wait().unwrap();
        std::fs::remove_dir_all(run_dir).unwrap();
    }
}
