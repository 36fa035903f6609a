//! Seeded random numbers; the only source of chance in a run.

use std::time::Duration;

/// xorshift64* behind a splitmix step, so that neighbouring seeds give unlike runs.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same numbers.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((z ^ (z >> 31)) | 1)
    }

    /// Any number.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from 0 to `limit` - 1; 0 if `limit` is 0.
    pub const fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { (self.next() >> 11) % limit }
    }

    /// A number from `low` to `high`.
    pub const fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True so many times in a million.
    pub const fn chance(&mut self, ppm: u64) -> bool {
        ppm > 0 && self.below(1_000_000) < ppm
    }

    /// One of them.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).unwrap_or(0)]
    }

    /// A time from `low` to `high`; short ones are as likely as long ones (even on a logarithmic scale).
    pub fn time(&mut self, low: Duration, high: Duration) -> Duration {
        let (low, high) = (micros(low).max(1), micros(high).max(1));
        let octaves = (high / low).max(1).ilog2();
        let base = low << self.below(u64::from(octaves) + 1);
        Duration::from_micros(self.range(base, (base * 2).min(high).max(base)))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
