//! The clock of one node: runs a little fast or slow, and may stand still.

use hb_engine::Tick;

const MILLION: i128 = 1_000_000;

/// Translates true time (nanoseconds since the begin of the run) to a node's ticks and back.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    base_true: u64,
    base_local: u64,
    rate: i128,
}

impl Clock {
    /// A clock that is `error` millionths fast and shows `local` now.
    #[must_use]
    pub(crate) fn new(error: i64, now: u64, local: u64) -> Self {
        Self { base_true: now, base_local: local, rate: MILLION + i128::from(error) }
    }

    /// What it shows at this true time.
    #[must_use]
    pub(crate) fn tick(&self, now: u64) -> Tick {
        let passed = i128::from(now) - i128::from(self.base_true);
        let local = i128::from(self.base_local) + passed.max(0) * self.rate / MILLION;
        Tick::from_nanos(u64::try_from(local).unwrap_or(u64::MAX))
    }

    /// The first true time at which it shows at least this.
    #[must_use]
    pub(crate) fn truth(&self, tick: Tick) -> u64 {
        let ahead = (i128::from(tick.as_nanos()) - i128::from(self.base_local)).max(0);
        let truth = i128::from(self.base_true) + (ahead * MILLION + self.rate - 1) / self.rate;
        u64::try_from(truth).unwrap_or(u64::MAX)
    }

    /// It stood still from `since` to `now`.
    pub(crate) fn stood_still(&mut self, since: u64, now: u64) {
        let shown = self.tick(since).as_nanos();
        self.base_true = now;
        self.base_local = shown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for error in [-50_000, -1, 0, 7, 50_000] {
            let clock = Clock::new(error, 5_000, 77_000);
            for tick in [77_000, 77_001, 80_000, 9_999_999_999] {
                let truth = clock.truth(Tick::from_nanos(tick));
                assert!(clock.tick(truth).as_nanos() >= tick);
                assert!(truth == 5_000 || clock.tick(truth - 1).as_nanos() < tick);
            }
        }
    }

    #[test]
    fn stands_still() {
        let mut clock = Clock::new(0, 0, 0);
        clock.stood_still(10, 30);
        assert_eq!(clock.tick(30), Tick::from_nanos(10));
        assert_eq!(clock.tick(35), Tick::from_nanos(15));
    }
}
