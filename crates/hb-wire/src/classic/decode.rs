//! Classic text to messages.
//!
//! Nested messages are read in place: instead of putting their LFs back, each depth has its own line end.

use alloc::vec::Vec;

use nom::Parser;
use nom::bytes::complete::{tag, take_till, take_while};
use nom::character::complete::char;
use nom::sequence::terminated;

use super::{END, LF_IN_TEXT, START, is_name, line_end};
use crate::netstring::length::{Parsed, because};
use crate::{DecodeError, Field, MAX_DEPTH, Message, Value, base64, list};

/// Decodes the message at the start of `text`; what follows its end marker (a NUL, say) is not looked at.
///
/// # Errors
///
/// The cause, if the message is not well formed in every part.
///
/// ```
/// let message = hb_wire::classic::decode(b">>>\nt=status\n(1)bin=AAEC\n<<<\n\0")?;
/// assert_eq!(message.binary("bin"), Some(&[0, 1, 2][..]));
/// # Ok::<(), hb_wire::DecodeError>(())
/// ```
pub fn decode(text: &[u8]) -> Result<Message, DecodeError> {
    let (message, _) = decode_first(text)?;
    Ok(message)
}

/// As [`decode`], and what follows the end marker: messages stand back to back on a serial line.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_first(text: &[u8]) -> Result<(Message, &[u8]), DecodeError> {
    let (rest, message) = message(text, 0)?;
    Ok((message, rest))
}

/// A name with its type prefix, and the text of its value.
pub(super) type Line<'a> = (&'a [u8], &'a [u8]);

/// A message that is nested in `depth` others.
fn message(input: &[u8], depth: usize) -> Parsed<'_, Message> {
    let end = line_end(depth);
    let (mut input, _) = because(DecodeError::Start, terminated(tag(START), byte(end)).parse(input))?;
    // Counting first makes one exact reservation possible.
    let (mut behind, mut count) = (input, 0);
    while let (rest, Some(_)) = line(behind, end)? {
        behind = rest;
        count += 1;
    }
    let mut fields = Vec::with_capacity(count);
    loop {
        match line(input, end)? {
            (rest, Some(line)) => {
                fields.push(field(line, end, depth)?);
                input = rest;
            }
            (rest, None) => return Ok((rest, Message::from_fields(fields))),
        }
    }
}

/// The next line that is not empty, or nothing at the end marker.
pub(super) fn line(input: &[u8], end: u8) -> Parsed<'_, Option<Line<'_>>> {
    let (input, _) = because(DecodeError::End, take_while(|each| each == end)(input))?;
    if input.starts_with(END) {
        let (rest, _) = because(DecodeError::End, terminated(tag(END), byte(end)).parse(input))?;
        return Ok((rest, None));
    }
    // A line without `=` joins with the next one; where no `=` follows, the end marker is missing.
    let name = terminated(take_till(|each| each == b'='), byte(b'='));
    let value = terminated(take_till(|each| each == end), byte(end));
    let (rest, line) = because(DecodeError::End, (name, value).parse(input))?;
    Ok((rest, Some(line)))
}

fn byte<'a>(byte: u8) -> impl Parser<&'a [u8], Output = char, Error = ()> {
    char(byte.into())
}

fn field((prefixed, text): Line<'_>, end: u8, depth: usize) -> Result<Field, DecodeError> {
    let (code, name) = match prefixed {
        [b'(', code, b')', name @ ..] => (Some(code), name),
        name => (None, name),
    };
    let value = match code {
        None if text.contains(&0) => return Err(DecodeError::Nul),
        None => Value::Text(with_lf_for(LF_IN_TEXT, text).into()),
        Some(b'1') => Value::Binary(base64::decode(text)?.into()),
        Some(b'2') => Value::Struct(nested(text, depth)?),
        Some(b'3') => Value::List(list::decode(text)?),
        Some(b'4') => Value::Compressed(base64::decode(text)?.into()),
        Some(_) => return Err(DecodeError::FieldType),
    };
    let name = with_lf_for(end, name);
    if is_name(&name) { Ok(Field { name: name.into(), value }) } else { Err(DecodeError::Name) }
}

/// A whole message, and nothing else, in a message at `depth`.
fn nested(text: &[u8], depth: usize) -> Result<Message, DecodeError> {
    if depth >= MAX_DEPTH {
        return Err(DecodeError::Depth);
    }
    match message(text, depth + 1)? {
        ([], message) => Ok(message),
        _ => Err(DecodeError::Trailing),
    }
}

/// A copy in which LF stands for `byte`.
fn with_lf_for(byte: u8, text: &[u8]) -> Vec<u8> {
    text.iter().map(|&each| if each == byte { b'\n' } else { each }).collect()
}
