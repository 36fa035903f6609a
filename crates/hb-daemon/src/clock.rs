//! The clocks: `CLOCK_MONOTONIC` for every decision, the wall clock for the field `ts`.
//!
//! A tick is the number of nanoseconds that `CLOCK_MONOTONIC` shows, so that log lines of several nodes on one
//! machine can be compared with each other and with what a probe measures.

use std::time::{Duration, SystemTime};

use hb_engine::{Now, Tick, WallSeconds};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// The time of what is happening now.
pub(crate) fn now() -> Now {
    Now { tick: tick(), wall: WallSeconds(wall_seconds()) }
}

/// The monotonic clock.
pub(crate) fn tick() -> Tick {
    Tick::from_nanos(to_nanos(clock_gettime(ClockId::Monotonic)))
}

/// Seconds since 1970 on the wall clock.
pub(crate) fn wall_seconds() -> u64 {
    wall().as_secs()
}

/// Time since 1970 on the wall clock.
pub(crate) fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

/// A tick as the kernel wants it for an absolute timer.
pub(crate) fn to_timespec(tick: Tick) -> Timespec {
    let nanos = tick.as_nanos();
    Timespec {
        tv_sec: i64::try_from(nanos / NANOS).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(nanos % NANOS).unwrap_or(0),
    }
}

fn to_nanos(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(NANOS).saturating_add(nanos)
}

const NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_timespecs_are_the_same_clock() {
        let tick = Tick::from_nanos(12_345_678_901);
        let timespec = to_timespec(tick);
        assert_eq!((timespec.tv_sec, timespec.tv_nsec), (12, 345_678_901));
        assert_eq!(to_nanos(timespec), tick.as_nanos());
    }
}
