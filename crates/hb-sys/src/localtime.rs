//! Local time for log lines.
//!
//! Wraps `localtime_r(3)`, which may read the time zone's file: not for the thread that must never be late.

use std::time::{Duration, SystemTime};

/// A point in time by the clock on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Full year, such as 2026.
    pub year: i32,
    /// Month, January = 1.
    pub month: u8,
    /// Day of the month, from 1.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second, 60 in a leap second.
    pub second: u8,
}

/// What the clock on the wall shows at `time`; a time before 1970 counts as the beginning of 1970, and so does one
/// for which the C library finds no calendar year.
#[must_use]
pub fn local_time(time: SystemTime) -> LocalTime {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let seconds = libc::time_t::try_from(seconds).unwrap_or(0);
    let mut broken_down = std::mem::MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are valid for the call; `localtime_r` keeps neither.
    let found = unsafe { libc::localtime_r(&raw const seconds, broken_down.as_mut_ptr()) };
    if found.is_null() {
        return LocalTime { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
    }
    // SAFETY: a result that is not null says that all fields were written.
    let tm = unsafe { broken_down.assume_init() };
    let small = |value: libc::c_int| u8::try_from(value).unwrap_or(0);
    LocalTime {
        year: tm.tm_year.saturating_add(1900),
        month: small(tm.tm_mon.saturating_add(1)),
        day: small(tm.tm_mday),
        hour: small(tm.tm_hour),
        minute: small(tm.tm_min),
        second: small(tm.tm_sec),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_range_and_the_year_is_right_in_every_zone() {
        // 2026-07-01 12:00:00 UTC: the same year and month in every time zone.
        let time = local_time(SystemTime::UNIX_EPOCH + Duration::from_secs(1_782_907_200));
        assert_eq!((time.year, time.month), (2026, 7));
        assert!((1..=2).contains(&time.day));
        assert!(time.hour < 24 && time.minute < 60 && time.second == 0);
    }

    #[test]
    fn a_time_before_1970_does_no_harm() {
        let time = local_time(SystemTime::UNIX_EPOCH - Duration::from_secs(10_000_000));
        assert!(time.year == 1970 || time.year == 1969);
    }
}
