//! Messages to netstring bytes.

use alloc::vec::Vec;

use super::length::{put_length, put_sized, sized_len};
use super::{END, MAX_LIST, START};
use crate::{EncodeError, Field, MAX_DEPTH, Message, Value, list};

/// The body of a message, without trailer.
///
/// # Errors
///
/// The cause, if the message breaks the rules of [`Field`] or [`Value`], or is nested too deep.
///
/// ```
/// let body = hb_wire::netstring::encode(&hb_wire::Message::new("status"))?;
/// assert_eq!(body, b"###\n11:(0)t=status,%%%\n");
/// # Ok::<(), hb_wire::EncodeError>(())
/// ```
pub fn encode(message: &Message) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    encode_into(message, &mut out)?;
    Ok(out)
}

/// Appends the body of a message to `out`.
///
/// # Errors
///
/// As [`encode`]; `out` is then as it was.
pub fn encode_into(message: &Message, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    encode_fields_into(message.fields(), out)
}

/// Appends a body of these fields to `out`: for a caller that adds or leaves out fields of a message.
///
/// # Errors
///
/// As [`encode`]; `out` is then as it was.
pub fn encode_fields_into<'a>(
    fields: impl IntoIterator<Item = &'a Field, IntoIter: Clone>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let fields = fields.into_iter();
    for field in fields.clone() {
        check(field, 0)?;
    }
    // One reservation per packet: the body, and the trailer that usually follows (at most 48 bytes).
    out.reserve(body_len(fields.clone()) + 48);
    put_body(fields, out);
    Ok(())
}

/// Appends a trailer with this text (index, blank, digest; `wire.md` 3.4).
pub fn push_trailer(text: &[u8], out: &mut Vec<u8>) {
    put_sized(text, out);
}

/// Everything that can be wrong is found before the first byte is written.
fn check(field: &Field, depth: usize) -> Result<(), EncodeError> {
    if field.name.is_empty() || field.name.iter().any(|byte| matches!(byte, b'=' | 0)) {
        return Err(EncodeError::Name);
    }
    match &field.value {
        Value::Text(bytes) if bytes.contains(&0) => Err(EncodeError::Nul),
        Value::List(items) if list::packed_len(items) >= MAX_LIST => Err(EncodeError::List),
        Value::List(items) => list::check(items),
        Value::Struct(_) | Value::Uncompressed(_) if depth >= MAX_DEPTH => Err(EncodeError::Depth),
        Value::Struct(message) | Value::Uncompressed(message) => {
            message.fields().iter().try_for_each(|inner| check(inner, depth + 1))
        }
        Value::Text(_) | Value::Binary(_) | Value::Compressed(_) => Ok(()),
    }
}

fn body_len<'a>(fields: impl Iterator<Item = &'a Field>) -> usize {
    START.len() + END.len() + fields.map(|field| sized_len(content_len(field))).sum::<usize>()
}

/// The length of a field between its colon and its comma.
fn content_len(field: &Field) -> usize {
    let value = match &field.value {
        Value::Text(bytes) | Value::Binary(bytes) | Value::Compressed(bytes) => bytes.len(),
        Value::Struct(message) | Value::Uncompressed(message) => body_len(message.fields().iter()),
        Value::List(items) => list::packed_len(items),
    };
    b"(0)=".len() + field.name.len() + value
}

fn put_body<'a>(fields: impl Iterator<Item = &'a Field>, out: &mut Vec<u8>) {
    out.extend_from_slice(START);
    for field in fields {
        put_length(content_len(field), out);
        out.extend_from_slice(&[b'(', b'0' + field.value.type_code(), b')']);
        out.extend_from_slice(&field.name);
        out.push(b'=');
        match &field.value {
            Value::Text(bytes) | Value::Binary(bytes) | Value::Compressed(bytes) => {
                out.extend_from_slice(bytes);
            }
            Value::Struct(message) | Value::Uncompressed(message) => put_body(message.fields().iter(), out),
            Value::List(items) => list::put(items, out),
        }
        out.push(b',');
    }
    out.extend_from_slice(END);
}
