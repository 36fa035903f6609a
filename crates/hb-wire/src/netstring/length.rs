//! Length-prefixed strings: `3:abc,` (`wire.md` 2.1).

use alloc::vec::Vec;

use nom::IResult;
use nom::bytes::complete::take;
use nom::character::complete::{char, digit1};

use crate::DecodeError;

/// What a parser leaves over, and what it read.
pub(crate) type Parsed<'a, T> = Result<(&'a [u8], T), DecodeError>;

/// Gives a failed nom parser its cause.
pub(crate) fn because<T>(cause: DecodeError, result: IResult<&[u8], T, ()>) -> Parsed<'_, T> {
    result.map_err(|_| cause)
}

/// Reads one length-prefixed string. Leading zeros are legal, anything but digits is not.
pub(crate) fn sized(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (input, digits) = because(DecodeError::Length, digit1(input))?;
    let (input, _) = because(DecodeError::Length, char(':')(input))?;
    let length = digits
        .iter()
        .try_fold(0_usize, |number, digit| number.checked_mul(10)?.checked_add(usize::from(digit - b'0')));
    let length = length.ok_or(DecodeError::Truncated)?;
    let (input, content) = because(DecodeError::Truncated, take(length)(input))?;
    let (input, _) = because(DecodeError::Comma, char(',')(input))?;
    Ok((input, content))
}

/// Appends one length-prefixed string.
pub(crate) fn put_sized(content: &[u8], out: &mut Vec<u8>) {
    put_length(content.len(), out);
    out.extend_from_slice(content);
    out.push(b',');
}

/// Appends a length and its colon.
pub(crate) fn put_length(length: usize, out: &mut Vec<u8>) {
    let mut divisor = 10_usize.pow(digits(length) - 1);
    while divisor > 0 {
        let [digit, ..] = (length / divisor % 10).to_le_bytes();
        out.push(b'0' + digit);
        divisor /= 10;
    }
    out.push(b':');
}

/// How many bytes a length-prefixed string of that length takes.
pub(crate) fn sized_len(length: usize) -> usize {
    digits(length) as usize + 1 + length + 1
}

const fn digits(number: usize) -> u32 {
    match number.checked_ilog10() {
        Some(log) => log + 1,
        None => 1,
    }
}
