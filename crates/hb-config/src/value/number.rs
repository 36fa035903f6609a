//! Whole numbers as C's `atoi` reads them: a sign, digits, and the rest is ignored.

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while};
use nom::combinator::opt;

/// A number that was read, and how much of the text was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    /// The value; 0 if there were no digits.
    pub(crate) value: i32,
    /// Digits that were read.
    pub(crate) digits: usize,
    /// Bytes behind the number.
    pub(crate) ignored: usize,
}

/// Reads the beginning of `text` as a number. Too large ones wrap as 3.0.6's do: saturated to 64 bits, cut to 32.
pub(crate) fn parse_number(text: &[u8]) -> Number {
    let sign = opt(alt((tag("+"), tag("-"))));
    let digits = take_while::<_, &[u8], ()>(|byte: u8| byte.is_ascii_digit());
    let Ok((rest, (sign, digits))) = (sign, digits).parse(text) else {
        return Number { value: 0, digits: 0, ignored: text.len() };
    };
    let negative = sign == Some(b"-".as_slice());
    let wide = digits.iter().fold(0_i64, |sum, digit| {
        let digit = i64::from(digit - b'0');
        let sum = sum.saturating_mul(10);
        if negative { sum.saturating_sub(digit) } else { sum.saturating_add(digit) }
    });
    let [a, b, c, d, ..] = wide.to_le_bytes();
    Number { value: i32::from_le_bytes([a, b, c, d]), digits: digits.len(), ignored: rest.len() }
}

#[cfg(test)]
mod tests {
    use super::parse_number;

    #[test]
    fn numbers_are_read_as_c_does() {
        for (text, value, ignored) in [
            ("3", 3, 0),
            ("+3", 3, 0),
            ("-1", -1, 0),
            ("010", 10, 0),
            ("0x3", 0, 2),
            ("3abc", 3, 3),
            ("3.9", 3, 2),
            ("abc", 0, 3),
            ("", 0, 0),
            ("-", 0, 0),
            ("2147483648", i32::MIN, 0),
            ("4294967297", 1, 0),
            ("99999999999999999999", -1, 0),
        ] {
            let number = parse_number(text.as_bytes());
            assert_eq!((number.value, number.ignored), (value, ignored), "{text}");
        }
    }
}
