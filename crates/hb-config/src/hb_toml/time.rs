//! Times of `hb.toml`: a number with a unit, as in `"60s"`. A unit is demanded: bare numbers mean seconds in ha.cf and
//! milliseconds elsewhere.

use std::time::Duration;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{digit1, multispace0};
use nom::combinator::{all_consuming, opt, value};
use nom::sequence::preceded;

/// Reads the whole of `text`; nothing if it is no time, or one of more than a hundred years.
pub(super) fn parse_time(text: &str) -> Option<Duration> {
    let unit = alt((
        value(1_000_000_u64, tag("ms")),
        value(1_000_000_000, tag("s")),
        value(60_000_000_000, tag("min")),
        value(3_600_000_000_000, tag("h")),
    ));
    let number = (digit1::<&str, ()>, opt(preceded(tag("."), digit1)));
    let (_, ((whole, fraction), _, unit)) = all_consuming((number, multispace0, unit)).parse(text).ok()?;
    let whole = whole.parse::<u64>().ok().filter(|whole| *whole <= MOST)?;
    let whole = u128::from(whole) * u128::from(unit);
    let mut weight = u128::from(unit);
    let fraction: u128 = fraction
        .unwrap_or_default()
        .bytes()
        .take(FRACTION_DIGITS)
        .map(|digit| {
            weight /= 10;
            weight * u128::from(digit - b'0')
        })
        .sum();
    let nanos = whole + fraction;
    let seconds = u64::try_from(nanos / 1_000_000_000).ok().filter(|seconds| *seconds <= MOST)?;
    let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, rest))
}

/// A hundred years in seconds.
const MOST: u64 = 100 * 31_557_600;
/// Digits behind the point that are looked at.
const FRACTION_DIGITS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in [
            ("60s", 60_000),
            ("500ms", 500),
            ("1.5s", 1500),
            ("2 min", 120_000),
            ("1h", 3_600_000),
            ("0s", 0),
            ("0.25min", 15_000),
        ] {
            assert_eq!(parse_time(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "60",
            "s",
            "-1s",
            "1.s",
            ".5s",
            "1s ",
            "1S",
            "1d",
            "1s2",
            "4000000000h",
            "99999999999999999999s",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
