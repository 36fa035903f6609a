//! What a task says: lines on standard output, flushed at once, so that a run that is watched shows where it is.

use std::io::Write as _;
use std::time::Duration;

/// Writes text as it is. A reader that went away is no reason to stop the work.
pub(crate) fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        // Nobody listens any more; the exit code still tells the result.
    }
}

/// Writes one line.
pub(crate) fn line(text: &str) {
    write(&format!("{text}\n"));
}

/// A time for people: `0.4 s`, `12.0 s`, `3 min 20 s`.
pub(crate) fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole < 120 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_millis(119_900)), "119.9 s");
        assert_eq!(seconds(Duration::from_secs(200)), "3 min 20 s");
    }
}
