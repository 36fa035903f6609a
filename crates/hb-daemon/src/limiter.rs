//! How many log lines a cause gets: one a second, and for some causes a few at once.
//!
//! For everything that a packet can trigger. What is left out is counted, and told with the next line of the cause
//! or when there is room for one.

use std::collections::BTreeMap;
use std::time::Duration;

use hb_engine::Tick;

/// The causes seen so far. Their names come from the program, never from a packet, so there are few.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    causes: BTreeMap<&'static str, Share>,
    suppressed: u64,
}

/// What a cause may say: a number of lines, of which one comes back each second.
#[derive(Debug)]
struct Share {
    burst: u32,
    left: u32,
    /// Since when the next line has been on its way back.
    since: Tick,
    suppressed: u64,
}

impl Limiter {
    /// Whether a line about `cause` may be written now; if so, how many were left out before it. At most `burst`
    /// lines of a cause are written at once, and one a second in the long run.
    pub(crate) fn admit(&mut self, now: Tick, cause: &'static str, burst: u32) -> Option<u64> {
        let full = Share { burst, left: burst, since: now, suppressed: 0 };
        let share = self.causes.entry(cause).or_insert(full);
        if share.take(now) {
            return Some(std::mem::take(&mut share.suppressed));
        }
        share.suppressed += 1;
        self.suppressed += 1;
        None
    }

    /// A cause that may say something again and of which lines were left out since its last line, with their number.
    /// To be asked again until there is none. What is told here counts as a line.
    pub(crate) fn overdue(&mut self, now: Tick) -> Option<(&'static str, u64)> {
        let waiting = self.causes.iter_mut().filter(|(_, share)| share.suppressed > 0);
        let (cause, share) =
            { waiting }.find_map(|(cause, share)| share.take(now).then_some((cause, share)))?;
        Some((cause, std::mem::take(&mut share.suppressed)))
    }

    /// Whether something waits to be told by [`Limiter::overdue`], now or later.
    pub(crate) fn has_suppressed(&self) -> bool {
        self.causes.values().any(|share| share.suppressed > 0)
    }

    /// Lines left out since the start.
    pub(crate) const fn suppressed(&self) -> u64 {
        self.suppressed
    }
}

impl Share {
    fn take(&mut self, now: Tick) -> bool {
        let back = u32::try_from(now.since(self.since).as_secs()).unwrap_or(u32::MAX);
        if self.left.saturating_add(back) >= self.burst {
            self.left = self.burst;
            self.since = now;
        } else {
            self.left += back;
            self.since = self.since.plus(INTERVAL * back);
        }
        let taken = self.left.checked_sub(1);
        self.left = taken.unwrap_or(0);
        taken.is_some()
    }
}

/// The time in which a line comes back.
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
    fn a_burst_passes_whole_but_not_each_second() {
        let mut limiter = Limiter::default();
        let passed = |limiter: &mut Limiter, millis| {
            (0..10).filter(|_| limiter.admit(at(millis), "status", 4).is_some()).count()
        };
        assert_eq!(passed(&mut limiter, 1), 4);
        assert_eq!(passed(&mut limiter, 1000), 0);
        assert_eq!(passed(&mut limiter, 1001), 1);
        assert_eq!(passed(&mut limiter, 3500), 2);
        assert_eq!(passed(&mut limiter, 60_000), 4);
    }

    #[test]
    fn lines_of_a_cause_that_gets_one_are_never_closer_than_a_second() {
        let mut limiter = Limiter::default();
        assert!(limiter.admit(at(0), "a", 1).is_some());
        assert!(limiter.admit(at(1700), "a", 1).is_some());
        assert!(limiter.admit(at(2001), "a", 1).is_none());
        assert!(limiter.admit(at(2700), "a", 1).is_some());
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
