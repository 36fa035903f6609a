//! Netstring bytes to messages.

use alloc::vec::Vec;

use nom::bytes::complete::tag;

use super::length::{Parsed, because, sized};
use super::{END, MAX_TRAILER, START};
use crate::{DecodeError, Field, MAX_DEPTH, Message, Value, list};

/// A packet taken apart, its fields still unparsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    /// What the trailer covers: from the first `#` to the line end behind `%%%`.
    pub body: &'a [u8],
    /// The text of the trailer, without length and comma: index, blank, digest.
    pub trailer: &'a [u8],
    /// What follows the trailer; 3.0.6 ignores it.
    pub rest: &'a [u8],
}

/// Finds body and trailer of a packet by their lengths, without a look at the fields and without allocating.
///
/// # Errors
///
/// The cause, if a length prefix, a comma, a marker or the trailer is missing or wrong.
///
/// ```
/// let split = hb_wire::netstring::split(b"###\n8:(0)t=abc,%%%\n7:1 3f2a1,rest")?;
/// assert_eq!((split.trailer, split.rest), (&b"1 3f2a1"[..], &b"rest"[..]));
/// # Ok::<(), hb_wire::DecodeError>(())
/// ```
pub fn split(packet: &[u8]) -> Result<Split<'_>, DecodeError> {
    let (rest, _) = walk(packet)?;
    let body = packet.get(..packet.len() - rest.len()).unwrap_or_default();
    if rest.is_empty() {
        return Err(DecodeError::TrailerMissing);
    }
    let (rest, trailer) = sized(rest)?;
    if trailer.len() > MAX_TRAILER {
        return Err(DecodeError::TrailerTooLong);
    }
    Ok(Split { body, trailer, rest })
}

/// Decodes the body at the start of `packet`; a trailer and whatever follows is not looked at.
///
/// # Errors
///
/// The cause, if the body is not well formed in every part.
pub fn decode(packet: &[u8]) -> Result<Message, DecodeError> {
    let (_, message) = body(packet, 0)?;
    Ok(message)
}

/// A body that is nested in `depth` others.
fn body(input: &[u8], depth: usize) -> Parsed<'_, Message> {
    // Counting first makes one exact reservation possible.
    let (behind, count) = walk(input)?;
    let (mut input, _) = because(DecodeError::Start, tag(START)(input))?;
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let (rest, content) = sized(input)?;
        fields.push(field(content, depth)?);
        input = rest;
    }
    Ok((behind, Message::from_fields(fields)))
}

/// Steps over a body by its length prefixes: what follows it, and how many fields it has.
fn walk(input: &[u8]) -> Parsed<'_, usize> {
    let (mut input, _) = because(DecodeError::Start, tag(START)(input))?;
    let mut count = 0;
    loop {
        if let Some(rest) = input.strip_prefix(END) {
            return Ok((rest, count));
        }
        if input.is_empty() {
            return Err(DecodeError::End);
        }
        (input, _) = sized(input)?;
        count += 1;
    }
}

fn field(content: &[u8], depth: usize) -> Result<Field, DecodeError> {
    let [b'(', code, b')', rest @ ..] = content else { return Err(DecodeError::FieldType) };
    let end = rest.iter().position(|byte| *byte == b'=').filter(|end| *end > 0);
    let (name, bytes) = end.and_then(|end| rest.split_at_checked(end)).ok_or(DecodeError::Name)?;
    let bytes = bytes.get(1..).unwrap_or_default();
    if name.contains(&0) {
        return Err(DecodeError::Name);
    }
    let value = match code {
        b'0' if bytes.contains(&0) => return Err(DecodeError::Nul),
        b'0' => Value::Text(bytes.into()),
        b'1' => Value::Binary(bytes.into()),
        b'2' => Value::Struct(nested(bytes, depth)?),
        b'3' => Value::List(list::decode(bytes)?),
        b'4' => Value::Compressed(bytes.into()),
        b'5' => Value::Uncompressed(nested(bytes, depth)?),
        _ => return Err(DecodeError::FieldType),
    };
    Ok(Field { name: name.into(), value })
}

/// A whole body without trailer, and nothing else, in a message at `depth`.
fn nested(bytes: &[u8], depth: usize) -> Result<Message, DecodeError> {
    if depth >= MAX_DEPTH {
        return Err(DecodeError::Depth);
    }
    match body(bytes, depth + 1)? {
        ([], message) => Ok(message),
        _ => Err(DecodeError::Trailing),
    }
}
