//! Whether a resource runs, read from what its `status` or `monitor` printed and returned (failover.md 2.3).
//!
//! 3.0.6 looks at the text only: `BROKEN` runs for it, because it contains `OK`, and silence means stopped. Here the exit
//! code comes first for agents that have rules for it. Only the scripts of resource.d, which were written for 3.0.6, are
//! judged by their words first. What contradicts itself, or says nothing, is no verdict; what is not installed is none
//! for what was started before: what follows from that is decided by whoever asked.

use crate::agent::Manner;

/// The answer of a `status` operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Running,
    Stopped,
    /// What it is about, or works with, is not installed: it cannot be started. What was started before may run all the same.
    NotInstalled,
    /// It does not tell: neither is certain.
    Unclear,
}

/// Judges the standard output and the exit code of a `status` run; `None`: it did not exit by itself.
pub(crate) fn judge(manner: Manner, output: &str, exit_code: Option<i32>) -> Verdict {
    match manner {
        Manner::Heartbeat => by_words(&Words::of(output), exit_code),
        Manner::Lsb => by_lsb(&Words::of(output), exit_code),
        Manner::Ocf => by_ocf(exit_code),
        Manner::Unit => by_unit_state(output.trim(), exit_code),
    }
}

/// A script of resource.d: what 3.0.6 would understand counts, as long as nothing speaks against it.
fn by_words(words: &Words, exit_code: Option<i32>) -> Verdict {
    match (words.stopped, words.running) {
        // By 3.0.6 "stopped OK" runs, and "not running OK" does not.
        (true, true) => Verdict::Unclear,
        (true, false) => Verdict::Stopped,
        (false, true) if matches!(exit_code, Some(LSB_STOPPED | OCF_STOPPED)) => Verdict::Unclear,
        // Old scripts return whatever their last command did.
        (false, true) => Verdict::Running,
        (false, false) => by_code(exit_code),
    }
}

/// An init script: LSB's codes. Words count where a script of before LSB speaks with a code that has no meaning.
fn by_lsb(words: &Words, exit_code: Option<i32>) -> Verdict {
    match (exit_code, words.stopped, words.running) {
        (Some(0), true, false) => Verdict::Stopped,
        (_, true, true) | (Some(LSB_DEAD_WITH_PID_FILE | LSB_DEAD_WITH_LOCK), false, true) => {
            Verdict::Unclear
        }
        (Some(0..=LSB_STOPPED | NOT_INSTALLED | OCF_STOPPED), ..) => by_code(exit_code),
        (_, true, false) => Verdict::Stopped,
        (_, false, true) => Verdict::Running,
        (..) => Verdict::Unclear,
    }
}

fn by_ocf(exit_code: Option<i32>) -> Verdict {
    match exit_code {
        Some(0 | OCF_PROMOTED | OCF_DEGRADED | OCF_DEGRADED_PROMOTED) => Verdict::Running,
        Some(OCF_STOPPED) => Verdict::Stopped,
        Some(NOT_INSTALLED) => Verdict::NotInstalled,
        Some(_) | None => Verdict::Unclear,
    }
}

/// What `systemctl is-active` prints; its code is 3 for all that is not active, what is just being stopped included.
fn by_unit_state(state: &str, exit_code: Option<i32>) -> Verdict {
    match state {
        "active" | "reloading" | "refreshing" => Verdict::Running,
        "inactive" | "failed" | "unknown" => Verdict::Stopped,
        "" if exit_code == Some(0) => Verdict::Running,
        _ => Verdict::Unclear,
    }
}

/// 0 is running for everybody; 1 to 3 are LSB's codes for what is not, 7 is OCF's.
fn by_code(exit_code: Option<i32>) -> Verdict {
    match exit_code {
        Some(0) => Verdict::Running,
        Some(LSB_DEAD_WITH_PID_FILE | LSB_DEAD_WITH_LOCK | LSB_STOPPED | OCF_STOPPED) => Verdict::Stopped,
        Some(NOT_INSTALLED) => Verdict::NotInstalled,
        Some(_) | None => Verdict::Unclear,
    }
}

/// What a text says.
struct Words {
    running: bool,
    stopped: bool,
}

impl Words {
    /// Whole words: neither `BROKEN` nor `Not-running` says that anything runs. `not ... running` is looked for in each
    /// clause: what is not loaded and what is running may be two things.
    fn of(output: &str) -> Self {
        let mut said = Self { running: false, stopped: false };
        for clause in output.split(CLAUSE_ENDS) {
            let mut negated = false;
            for word in clause.split(|c: char| !c.is_alphanumeric()) {
                let lower = word.to_lowercase();
                match lower.as_str() {
                    "not" => negated = true,
                    "stopped" if !negated => said.stopped = true,
                    "running" if negated => said.stopped = true,
                    "running" => said.running = true,
                    _ if word == "OK" => said.running = true,
                    _ => {}
                }
            }
        }
        said
    }
}

/// What a "not" is about ends here.
const CLAUSE_ENDS: [char; 3] = ['\n', ';', ','];

const LSB_DEAD_WITH_PID_FILE: i32 = 1;
const LSB_DEAD_WITH_LOCK: i32 = 2;
const LSB_STOPPED: i32 = 3;
/// Of LSB and OCF.
pub(crate) const NOT_INSTALLED: i32 = 5;
const OCF_STOPPED: i32 = 7;
/// Runs, in the role that is now called promoted.
const OCF_PROMOTED: i32 = 8;
const OCF_DEGRADED: i32 = 190;
const OCF_DEGRADED_PROMOTED: i32 = 191;

#[cfg(test)]
mod tests;
