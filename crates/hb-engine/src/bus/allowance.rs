//! How much a peer can make us do: some at once, then a steady trickle.
//!
//! An honest peer never comes near it. One that asks without end (gone mad, or played by somebody who has the key)
//! would otherwise make us send as much as it sends, push its own answers out of the history, and move resources to
//! and fro.

use core::time::Duration;

use crate::time::Tick;

/// A number of turns that come back one by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    left: u32,
    /// Since when the next turn has been on its way.
    since: Tick,
}

impl Allowance {
    pub(crate) const fn full(now: Tick) -> Self {
        Self { left: AT_ONCE, since: now }
    }

    /// Takes a turn; false if there is none left.
    pub(crate) fn take(&mut self, now: Tick) -> bool {
        let back = now.since(self.since).as_nanos() / EACH.as_nanos();
        let back = u32::try_from(back).unwrap_or(u32::MAX);
        if self.left.saturating_add(back) >= AT_ONCE {
            *self = Self::full(now);
        } else {
            self.left += back;
            self.since = self.since.plus(EACH * back);
        }
        let taken = self.left.checked_sub(1);
        self.left = taken.unwrap_or(0);
        taken.is_some()
    }
}

/// Turns at once: as many as numbers are served of one request.
const AT_ONCE: u32 = 50;
/// Time in which one comes back.
const EACH: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Tick {
        Tick::from_nanos(millis * 1_000_000)
    }

    fn take_all(allowance: &mut Allowance, now: Tick) -> u32 {
        (0..1000).map(|_| u32::from(allowance.take(now))).sum()
    }

    #[test]
    fn some_at_once_then_a_trickle() {
        let mut allowance = Allowance::full(at(5));
        assert_eq!(take_all(&mut allowance, at(5)), 50);
        assert_eq!(take_all(&mut allowance, at(24)), 0);
        assert_eq!(take_all(&mut allowance, at(25)), 1);
        assert_eq!(take_all(&mut allowance, at(84)), 2, "and 19 ms remain");
        assert_eq!(take_all(&mut allowance, at(85)), 1);
        assert_eq!(take_all(&mut allowance, at(1_000_000)), 50, "never more than at first");
    }

    #[test]
    fn a_steady_trickle_is_never_refused() {
        let mut allowance = Allowance::full(at(0));
        assert!((0..1000).all(|turn| allowance.take(at(turn * 20))));
    }
}
