//! After the end of a daemon, however it ended: nothing of it is left in the kernel. For a service manager (`ExecStopPost=`).
//!
//! Addresses and the table of the lease only. Services are the guard's, which is waited for; if it was killed as well, they
//! stay, as after any death of both, until somebody stops them.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use hb_resource::{cleanup, guard, lease};

use crate::options::{Exit, Options};
use crate::start::chain;

/// Waits until the guard has ended, then removes the addresses that carry our mark, and the lease's table. Does nothing while
/// a daemon runs here: its guard does not end.
#[must_use]
pub fn clean_up(options: &Options) -> Exit {
    let limit = Instant::now() + LIMIT;
    loop {
        match guard::is_held(&options.guard_lock()) {
            Ok(false) => break,
            Ok(true) if Instant::now() < limit => std::thread::sleep(LOOK_AGAIN),
            Ok(true) => return failed("the guard, or a daemon, still runs: nothing is removed"),
            Err(error) => return failed(&format!("cannot look for the guard: {error}")),
        }
    }
    match cleanup(&[]) {
        Ok(removed) => removed.iter().for_each(|address| say(&format!("removed {address}"))),
        Err(error) => return failed(&chain(&error)),
    }
    match lease::remove() {
        // Where nf_tables is missing there is no table either.
        Ok(()) | Err(_) => Exit::Good,
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
