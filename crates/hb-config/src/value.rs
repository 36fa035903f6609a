//! The value types of `ha.cf` (`config.md` 3): whole numbers as C reads them, truth values, times.

mod duration;
mod number;

pub(crate) use duration::{DurationError, parse_duration};
pub(crate) use number::parse_number;

/// `true on yes y 1` and `false off no n 0`, in any case.
pub(crate) fn parse_bool(text: &[u8]) -> Option<bool> {
    let is_one_of = |words: [&str; 5]| words.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(text));
    if is_one_of(["true", "on", "yes", "y", "1"]) {
        Some(true)
    } else if is_one_of(["false", "off", "no", "n", "0"]) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::parse_bool;

    #[test]
    fn truth_values() {
        for text in ["true", "ON", "Yes", "y", "1"] {
            assert_eq!(parse_bool(text.as_bytes()), Some(true), "{text}");
        }
        for text in ["false", "Off", "no", "N", "0"] {
            assert_eq!(parse_bool(text.as_bytes()), Some(false), "{text}");
        }
        for text in ["", "t", "f", "enable", "2", "on "] {
            assert_eq!(parse_bool(text.as_bytes()), None, "{text}");
        }
    }
}
