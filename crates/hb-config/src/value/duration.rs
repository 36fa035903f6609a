//! Times: a decimal number with `ms` or `us`, seconds without a unit; whole milliseconds, rounded half up.

use nom::Parser;
use nom::bytes::complete::take_while1;

/// A time that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duration {
    /// Whole milliseconds.
    pub(crate) millis: u64,
    /// The number or the unit has a part that is ignored, as in `1.2.3` or `5msx`.
    pub(crate) is_odd: bool,
}

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DurationError {
    /// It does not begin with a digit or a point.
    NoNumber,
    /// What follows the number begins with neither `ms` nor `us`.
    Unit,
    /// More than a hundred years.
    TooLong,
}

/// A hundred years.
const LONGEST_MILLIS: u128 = 100 * 31_557_600 * 1000;
/// Digits behind the point that are looked at.
const FRACTION_DIGITS: u32 = 12;

/// Reads the whole of `text` (`config.md` 3).
pub(crate) fn parse_duration(text: &[u8]) -> Result<Duration, DurationError> {
    let number = take_while1::<_, &[u8], ()>(|byte: u8| byte.is_ascii_digit() || byte == b'.');
    let (suffix, number) = { number }.parse(text).map_err(|_| DurationError::NoNumber)?;
    let (power, unit_is_odd) = unit(suffix).ok_or(DurationError::Unit)?;
    let mut parts = number.split(|&byte| byte == b'.');
    let whole = parts.next().unwrap_or_default();
    let fraction = parts.next().unwrap_or_default();
    let is_odd = unit_is_odd || parts.next().is_some_and(|rest| !rest.is_empty());

    let scale = 10_u128.pow(FRACTION_DIGITS);
    let whole = whole.iter().try_fold(0_u128, |sum, digit| {
        let sum = sum * 10 + u128::from(digit - b'0');
        (sum <= LONGEST_MILLIS * 1000).then_some(sum)
    });
    let whole = whole.ok_or(DurationError::TooLong)?;
    let mut weight = scale;
    let fraction = fraction.iter().take(FRACTION_DIGITS as usize).fold(0, |sum, digit| {
        weight /= 10;
        sum + weight * u128::from(digit - b'0')
    });
    // The unit is 10^power microseconds.
    let divisor = scale * 1000;
    let millis = ((whole * scale + fraction) * 10_u128.pow(power) + divisor / 2) / divisor;
    if millis > LONGEST_MILLIS {
        return Err(DurationError::TooLong);
    }
    let millis = u64::try_from(millis).map_err(|_| DurationError::TooLong)?;
    Ok(Duration { millis, is_odd })
}

/// The power of ten in microseconds, and whether the unit is spelled in an unusual way.
fn unit(suffix: &[u8]) -> Option<(u32, bool)> {
    let suffix = suffix.to_ascii_lowercase();
    match suffix.as_slice() {
        b"" => Some((6, false)),
        b"ms" | b"msec" => Some((3, false)),
        b"us" | b"usec" => Some((0, false)),
        // "cl_g" is an accident of the parser of 3.0.6.
        other if other.starts_with(b"ms") || other.starts_with(b"cl_g") => Some((3, true)),
        other if other.starts_with(b"us") => Some((0, true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{DurationError, parse_duration};

    #[test]
    fn good_times() {
        for (text, millis) in [
            ("2", 2000),
            ("1.5", 1500),
            (".5", 500),
            ("2.", 2000),
            (".", 0),
            ("1.2.3", 1200),
            ("500ms", 500),
            ("500MS", 500),
            ("500msec", 500),
            ("500msx", 500),
            ("500cl_g", 500),
            ("500000us", 500),
            ("600000usec", 600),
            ("499us", 0),
            ("500us", 1),
            ("0.0005", 1),
            ("0.0004", 0),
            ("1500.6ms", 1501),
            ("4000000", 4_000_000_000),
            ("1999999999ms", 1_999_999_999),
            ("0000000000000000000000000000000000000000000002", 2000),
        ] {
            assert_eq!(parse_duration(text.as_bytes()).map(|time| time.millis), Ok(millis), "{text}");
        }
    }

    #[test]
    fn bad_times() {
        for text in ["", "abc", "-1", "+2", "\"2\"", "="] {
            assert_eq!(parse_duration(text.as_bytes()), Err(DurationError::NoNumber), "{text}");
        }
        for text in ["2s", "2sec", "2m", "1h", "1e3", "0x10", "5 ms"] {
            assert_eq!(parse_duration(text.as_bytes()), Err(DurationError::Unit), "{text}");
        }
        for text in ["99999999999999999999", "4000000000", &"9".repeat(5000)] {
            assert_eq!(parse_duration(text.as_bytes()), Err(DurationError::TooLong), "{text}");
        }
    }
}
