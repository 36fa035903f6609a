//! The table of outputs and exit codes, for each kind of agent.

use super::Verdict::{NotInstalled, Running, Stopped, Unclear};
use super::*;

/// Exit codes of the columns below: 0, 1, 3, 4, 7, 255, ended by a signal.
const CODES: [Option<i32>; 7] = [Some(0), Some(1), Some(3), Some(4), Some(7), Some(255), None];

/// A row: a text, and a verdict for each of [`CODES`]: `R`unning, `S`topped, `?`.
type Row = (&'static str, &'static str);

fn walk(manner: Manner, rows: &[Row]) {
    for (text, verdicts) in rows {
        assert_eq!(verdicts.len(), CODES.len(), "{text:?}");
        for (code, verdict) in CODES.into_iter().zip(verdicts.chars()) {
            let expected = match verdict {
                'R' => Running,
                'S' => Stopped,
                _ => Unclear,
            };
            assert_eq!(judge(manner, text, code), expected, "{manner:?}: {text:?} with {code:?}");
        }
    }
}

#[test]
fn scripts_of_resource_d_are_judged_by_their_words_first() {
    walk(
        Manner::Heartbeat,
        &[
            // What 3.0.6 says too, as long as the code does not say the opposite.
            ("running", "RR?R?RR"),
            ("Running", "RR?R?RR"),
            ("www (pid 7) is running...", "RR?R?RR"),
            ("OK", "RR?R?RR"),
            ("INFO:  Running OK", "RR?R?RR"),
            ("not running", "SSSSSSS"),
            ("Not running", "SSSSSSS"),
            ("nOt running", "SSSSSSS"),
            ("www is not currently running", "SSSSSSS"),
            ("INFO:  Resource is stopped", "SSSSSSS"),
            ("stopped", "SSSSSSS"),
            // Both: 3.0.6 takes the first one for stopped and the second one for running. No code says which part is true.
            ("not running OK", "???????"),
            ("stopped OK", "???????"),
            ("www is running, db is stopped", "???????"),
            ("db is not running, www is running", "???????"),
            // Running for 3.0.6 (defect 22).
            ("Not-running", "SSSSSSS"),
            ("BROKEN", "RSS?S??"),
            // Stopped for 3.0.6.
            ("RUNNING", "RR?R?RR"),
            ("running, not stopped", "RR?R?RR"),
            ("not loaded\nbut running", "RR?R?RR"),
            ("not enabled; running", "RR?R?RR"),
            ("not enabled, running", "RR?R?RR"),
            ("", "RSS?S??"),
            ("ok", "RSS?S??"),
            ("active", "RSS?S??"),
            ("not", "RSS?S??"),
            ("ünïcödé not", "RSS?S??"),
            ("Usage: www {start|stop}", "RSS?S??"),
        ],
    );
}

#[test]
fn init_scripts_are_judged_by_their_exit_code_first() {
    walk(
        Manner::Lsb,
        &[
            ("", "RSS?S??"),
            ("active", "RSS?S??"),
            ("www is running", "R?SRSRR"),
            ("OK", "R?SRSRR"),
            // A script of before LSB returns 0 for everything.
            ("www is stopped", "SSSSSSS"),
            ("not running", "SSSSSSS"),
            ("www is running, cache is stopped", "???????"),
            ("BROKEN", "RSS?S??"),
        ],
    );
}

#[test]
fn ocf_agents_are_judged_by_their_exit_code_alone() {
    for text in ["", "running", "not running", "stopped OK"] {
        walk(Manner::Ocf, &[(text, "R???S??")]);
        for code in [8, 190, 191] {
            assert_eq!(judge(Manner::Ocf, text, Some(code)), Running);
        }
        // Bad arguments, not configured, failed while promoted: it may be half there.
        for code in [2, 6, 9] {
            assert_eq!(judge(Manner::Ocf, text, Some(code)), Unclear);
        }
    }
}

#[test]
fn what_is_not_installed_was_perhaps_started_before() {
    for manner in [Manner::Heartbeat, Manner::Lsb, Manner::Ocf] {
        assert_eq!(judge(manner, "ERROR:  Program is not installed", Some(5)), NotInstalled, "{manner:?}");
    }
    assert_eq!(judge(Manner::Heartbeat, "stopped", Some(5)), Stopped);
    assert_eq!(judge(Manner::Lsb, "running", Some(5)), NotInstalled);
}

#[test]
fn units_are_judged_by_their_state() {
    walk(
        Manner::Unit,
        &[
            ("active\n", "RRRRRRR"),
            ("reloading\n", "RRRRRRR"),
            ("inactive\n", "SSSSSSS"),
            ("failed\n", "SSSSSSS"),
            ("unknown\n", "SSSSSSS"),
            // Not up yet, and not gone yet.
            ("activating\n", "???????"),
            ("deactivating\n", "???????"),
            ("", "R??????"),
        ],
    );
}
