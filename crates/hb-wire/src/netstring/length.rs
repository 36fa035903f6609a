//! Length-prefixed strings: `3:abc,` (`wire.md` 2.1).

use alloc::vec::Vec;

use nom::IResult;

use crate::DecodeError;

/// What a parser leaves over, and what it read.
pub(crate) type Parsed<'a, T> = Result<(&'a [u8], T), DecodeError>;

/// Gives a failed nom parser its cause.
pub(crate) fn because<T>(cause: DecodeError, result: IResult<&[u8], T, ()>) -> Parsed<'_, T> {
    result.map_err(|_| cause)
}

/// Reads one length-prefixed string. Leading zeros are legal, anything but digits is not.
///
/// By hand: each field of each packet passes here three times.
pub(crate) fn sized(input: &[u8]) -> Parsed<'_, &[u8]> {
    let mut rest = input;
    let mut length = Some(0_usize);
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        length = length.and_then(|number| number.checked_mul(10)?.checked_add(usize::from(digit - b'0')));
        rest = behind;
    }
    let [b':', behind @ ..] = rest else { return Err(DecodeError::Length) };
    if rest.len() == input.len() {
        return Err(DecodeError::Length);
    }
    let content = length.and_then(|length| behind.split_at_checked(length));
    let (content, rest) = content.ok_or(DecodeError::Truncated)?;
    let [b',', rest @ ..] = rest else { return Err(DecodeError::Comma) };
    Ok((rest, content))
}

/// Appends one length-prefixed string.
pub(crate) fn put_sized(content: &[u8], out: &mut Vec<u8>) {
    put_length(content.len(), out);
    out.extend_from_slice(content);
    out.push(b',');
}

/// Appends a length and its colon.
pub(crate) fn put_length(length: usize, out: &mut Vec<u8>) {
    let mut text = [b':'; LONGEST];
    let mut left = length;
    let mut start = LONGEST - 1;
    for (place, byte) in text.iter_mut().enumerate().rev().skip(1) {
        let [digit, ..] = (left % 10).to_le_bytes();
        *byte = b'0' + digit;
        start = place;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(text.get(start..).unwrap_or_default());
}

/// The digits of the greatest number, and a colon.
const LONGEST: usize = 21;

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
