//! How many log lines a cause gets: a few at once, then silence for the rest of the second.
//!
//! For everything that a packet can trigger. What is left out is counted, and told with the next line of the cause
//! or when its second is over.

use std::collections::BTreeMap;
use std::time::Duration;

use hb_engine::Tick;

/// The causes seen so far. Their names come from the program, never from a packet, so there are few.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    causes: BTreeMap<&'static str, Window>,
    suppressed: u64,
}

#[derive(Debug)]
struct Window {
    opened: Tick,
    lines: u32,
    suppressed: u64,
}

impl Limiter {
    /// Whether a line about `cause` may be written now; if so, how many were left out before it. At most `burst`
    /// lines of a cause are written in a second.
    pub(crate) fn admit(&mut self, now: Tick, cause: &'static str, burst: u32) -> Option<u64> {
        let window = self.causes.entry(cause).or_insert(Window { opened: now, lines: 0, suppressed: 0 });
        if now.since(window.opened) >= INTERVAL {
            window.opened = now;
            window.lines = 0;
        }
        if window.lines < burst {
            window.lines += 1;
            return Some(std::mem::take(&mut window.suppressed));
        }
        window.suppressed += 1;
        self.suppressed += 1;
        None
    }

    /// A cause whose second is over and of which lines were left out since its last line, with their number. To be
    /// asked again until there is none. What is told here counts as a line.
    pub(crate) fn overdue(&mut self, now: Tick) -> Option<(&'static str, u64)> {
        let (cause, window) = self
            .causes
            .iter_mut()
            .find(|(_, window)| window.suppressed > 0 && now.since(window.opened) >= INTERVAL)?;
        window.opened = now;
        window.lines = 1;
        Some((cause, std::mem::take(&mut window.suppressed)))
    }

    /// Whether something waits to be told by [`Limiter::overdue`], now or later.
    pub(crate) fn has_suppressed(&self) -> bool {
        self.causes.values().any(|window| window.suppressed > 0)
    }

    /// Lines left out since the start.
    pub(crate) const fn suppressed(&self) -> u64 {
        self.suppressed
    }
}

/// The time for which a burst is counted.
const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Tick {
        Tick::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn one_line_a_second_and_the_number_of_the_others() {
        let mut limiter = Limiter::default();
        assert_eq!(limiter.admit(at(5000), "a", 1), Some(0));
        for millis in 0..999 {
            assert_eq!(limiter.admit(at(5001 + millis), "a", 1), None);
        }
        assert_eq!(limiter.admit(at(6000), "a", 1), Some(999));
        assert_eq!(limiter.admit(at(6001), "a", 1), None);
        assert_eq!(limiter.suppressed(), 1000);
    }

    #[test]
    fn causes_do_not_disturb_each_other() {
        let mut limiter = Limiter::default();
        assert_eq!(limiter.admit(at(1), "a", 1), Some(0));
        assert_eq!(limiter.admit(at(1), "b", 1), Some(0));
        assert_eq!(limiter.admit(at(1), "a", 1), None);
    }

    #[test]
    fn a_burst_passes_whole() {
        let mut limiter = Limiter::default();
        let passed = (0..10).filter(|_| limiter.admit(at(1), "status", 4).is_some()).count();
        assert_eq!(passed, 4);
    }

    #[test]
    fn what_was_left_out_is_told_when_nothing_follows() {
        let mut limiter = Limiter::default();
        assert_eq!(limiter.admit(at(1000), "a", 1), Some(0));
        assert_eq!(limiter.admit(at(1001), "a", 1), None);
        assert!(limiter.has_suppressed());
        assert_eq!(limiter.overdue(at(1999)), None);
        assert_eq!(limiter.overdue(at(2000)), Some(("a", 1)));
        assert_eq!(limiter.overdue(at(2000)), None);
        assert!(!limiter.has_suppressed());
        assert_eq!(limiter.admit(at(2001), "a", 1), None, "the summary was a line of its second");
    }
}
