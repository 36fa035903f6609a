//! Times (`config.md` 4.1): each directive alone. How they must relate is checked in `late.rs`.

use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::source::Word;
use crate::value::{DurationError, parse_duration};

use super::HaCf;

pub(super) fn keepalive(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = positive_time(cf, word);
    cf.draft.keepalive.set(value, word.mark);
}

pub(super) fn warntime(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = positive_time(cf, word);
    cf.draft.warntime.set(value, word.mark);
}

pub(super) fn deadtime(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = time(cf, word);
    cf.draft.deadtime.set(value, word.mark);
}

pub(super) fn initdead(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = time(cf, word);
    cf.draft.initdead.set(value, word.mark);
}

pub(super) fn deadping(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = time(cf, word);
    cf.draft.deadping.set(value, word.mark);
}

pub(super) fn max_rexmit_delay(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = cf.number(Code::BadNumber, word, 1..=i32::MAX);
    cf.draft.max_rexmit_delay.set(value, word.mark);
}

fn positive_time(cf: &mut HaCf<'_>, word: Word<'_>) -> Option<u64> {
    let millis = time(cf, word)?;
    if millis == 0 {
        cf.bad_value(Code::BadDuration, word);
        return None;
    }
    Some(millis)
}

/// Whole milliseconds, or nothing after reporting it.
fn time(cf: &mut HaCf<'_>, word: Word<'_>) -> Option<u64> {
    match parse_duration(word.text) {
        Ok(time) => {
            if time.is_odd {
                cf.warning(word.mark, || {
                    let message = format!("{} is read as {} ms", quoted(word.text), time.millis);
                    Diagnostic::warning(Code::PartlyRead, message).hint(format!("write `{}ms`", time.millis))
                });
            }
            Some(time.millis)
        }
        Err(reason) => {
            cf.bad_value_with(Code::BadDuration, word, || better_hint(word.text, reason));
            None
        }
    }
}

/// A hint that says the time in the form that is read, if we can tell what was meant.
fn better_hint(text: &[u8], reason: DurationError) -> Option<String> {
    let number_end =
        text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(number_end)?;
    match reason {
        DurationError::NoNumber if text.eq_ignore_ascii_case(b"ms") || text.eq_ignore_ascii_case(b"us") => {
            Some("glue the unit to the number: for example `500ms`".to_owned())
        }
        DurationError::NoNumber => None,
        DurationError::TooLong => Some("times of more than a hundred years are not supported".to_owned()),
        DurationError::Unit => {
            let number: f64 = std::str::from_utf8(number).ok()?.parse().ok()?;
            let seconds = match unit.to_ascii_lowercase().as_slice() {
                b"s" | b"sec" | b"secs" | b"second" | b"seconds" => number,
                b"m" | b"min" | b"mins" | b"minute" | b"minutes" => number * 60.0,
                b"h" | b"hour" | b"hours" => number * 3600.0,
                _ => return None,
            };
            Some(format!("times without a unit are seconds: write `{seconds}`"))
        }
    }
}
