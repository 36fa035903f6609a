//! Whether a resource runs, read from what its `status` printed (failover.md 2.3).
//!
//! 3.0.6 looks at the text only and takes silence for "stopped". Scripts in use rely on the words, so the words come
//! first; where there is none of them the exit code decides, by the rule of LSB init scripts.

/// The answer of a `status` operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Running,
    Stopped,
}

/// Judges the standard output and the exit code of a `status` run; `None`: it did not exit by itself.
///
/// With one of the words of 3.0.6 in the text the text decides. Otherwise exit code 0 means running, and everything
/// else stopped: 1 to 3 are LSB's codes for that, 7 is OCF's.
pub(crate) fn judge(output: &str, exit_code: Option<i32>) -> Verdict {
    if says_not_running(output) {
        Verdict::Stopped
    } else if RUNNING_WORDS.iter().any(|word| output.contains(word)) || exit_code == Some(0) {
        Verdict::Running
    } else {
        Verdict::Stopped
    }
}

/// The shell pattern `*[Nn][Oo][Tt] *[Rr]unning*`, over the whole text with its line ends.
fn says_not_running(output: &str) -> bool {
    // Compared as lower case, "not " is found where the pattern finds it; "running" may only vary in its first
    // letter, so that part is looked up in the text as it is.
    let lower = output.to_ascii_lowercase();
    let Some(not) = lower.find("not ") else {
        return false;
    };
    let rest = output.get(not + "not ".len()..).unwrap_or_default();
    ["running", "Running"].iter().any(|word| rest.contains(word))
}

const RUNNING_WORDS: [&str; 3] = ["running", "Running", "OK"];

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Running, Stopped};

    #[test]
    fn with_one_of_the_words_the_text_decides() {
        let rows = [
            ("not running", Stopped),
            ("Not running", Stopped),
            ("NOT Running", Stopped),
            ("nOt running", Stopped),
            ("www is not currently running", Stopped),
            ("not loaded\nbut running", Stopped),
            ("not running OK", Stopped),
            ("running", Running),
            ("Running", Running),
            ("www (pid 7) is running...", Running),
            ("OK", Running),
            ("stopped OK", Running),
            ("Not-running", Running),
            ("BROKEN", Running),
            ("running, not stopped", Running),
            ("not RUNNING, OK", Running),
            ("INFO:  Running OK", Running),
        ];
        for (text, expected) in rows {
            for code in [Some(0), Some(1), Some(3), None] {
                assert_eq!(judge(text, code), expected, "{text:?} with {code:?}");
            }
        }
    }

    /// 3.0.6 takes all of these for stopped; the exit code is our addition.
    #[test]
    fn without_the_words_the_exit_code_decides() {
        for text in
            ["", "ok", "active", "stopped", "RUNNING", "INFO:  Resource is stopped", "not", "ünïcödé not"]
        {
            assert_eq!(judge(text, Some(0)), Running, "{text:?}");
            for code in [Some(1), Some(3), Some(4), Some(7), Some(255), None] {
                assert_eq!(judge(text, code), Stopped, "{text:?} with {code:?}");
            }
        }
    }
}
