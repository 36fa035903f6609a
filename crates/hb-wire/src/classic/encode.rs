//! Messages to classic text, whole or as the text that an `auth` field covers.

use alloc::vec::Vec;

use super::{END, LF_IN_TEXT, START, is_name, line_end};
use crate::{EncodeError, Field, MAX_DEPTH, Message, Value, base64, list};

/// The classic text of a message, without NUL. A byte 0x13 in a string is written as it is; a reader takes it
/// for LF.
///
/// # Errors
///
/// The cause, if the message breaks the rules of [`Field`] or [`Value`], or holds what classic text cannot.
///
/// ```
/// let text = hb_wire::classic::encode(&hb_wire::Message::new("status"))?;
/// assert_eq!(text, b">>>\nt=status\n<<<\n");
/// # Ok::<(), hb_wire::EncodeError>(())
/// ```
pub fn encode(message: &Message) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    encode_into(message, &mut out)?;
    Ok(out)
}

/// Appends the classic text of a message to `out`.
///
/// # Errors
///
/// As [`encode`]; `out` is then as it was.
pub fn encode_into(message: &Message, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    let done = put_message(message, 0, out);
    if done.is_err() {
        out.truncate(start);
    }
    done
}

/// What an `auth` field covers (`wire.md` 3.3): the lines of all fields but those named `auth`, without markers.
///
/// # Errors
///
/// The cause, if a field has no line.
///
/// ```
/// let mut message = hb_wire::Message::new("status");
/// message.push_text("auth", "1 0123");
/// message.push_text("src", "wa1");
/// assert_eq!(hb_wire::classic::auth_text(&message)?, b"t=status\nsrc=wa1\n");
/// # Ok::<(), hb_wire::EncodeError>(())
/// ```
pub fn auth_text(message: &Message) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    auth_text_into(message, &mut out)?;
    Ok(out)
}

/// Appends what an `auth` field covers to `out`.
///
/// # Errors
///
/// As [`auth_text`]; `out` is then as it was.
pub fn auth_text_into(message: &Message, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    let mut covered = message.fields().iter().filter(|field| field.name != b"auth");
    let done = covered.try_for_each(|field| put_line(field, 0, out));
    if done.is_err() {
        out.truncate(start);
    }
    done
}

fn put_message(message: &Message, depth: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.extend_from_slice(START);
    out.push(b'\n');
    for field in message.fields() {
        put_line(field, depth, out)?;
    }
    out.extend_from_slice(END);
    out.push(b'\n');
    Ok(())
}

/// One field of a message that is nested in `depth` others, with its LF.
fn put_line(field: &Field, depth: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if !is_name(&field.name) {
        return Err(EncodeError::Name);
    }
    let code = field.value.type_code();
    if code != 0 {
        out.extend_from_slice(&[b'(', b'0' + code, b')']);
    }
    out.extend_from_slice(&field.name);
    out.push(b'=');
    match &field.value {
        Value::Text(bytes) if bytes.iter().all(|byte| !matches!(byte, 0 | b'\n')) => {
            out.extend_from_slice(bytes);
        }
        Value::Text(bytes) if bytes.contains(&0) => return Err(EncodeError::Nul),
        Value::Text(bytes) => {
            out.extend(bytes.iter().map(|&byte| if byte == b'\n' { LF_IN_TEXT } else { byte }));
        }
        Value::Binary(bytes) | Value::Compressed(bytes) => base64::encode_into(bytes, out),
        Value::Struct(message) => put_nested(message, depth, out)?,
        Value::List(items) if items.iter().any(|item| item.contains(&b'\n')) => {
            return Err(EncodeError::List);
        }
        Value::List(items) => {
            list::check(items)?;
            list::put(items, out);
        }
        Value::Uncompressed(_) => return Err(EncodeError::Uncompressed),
    }
    out.push(b'\n');
    Ok(())
}

/// The text of a message as a value in a message at `depth`: encoded first, then its LFs replaced.
fn put_nested(message: &Message, depth: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if depth >= MAX_DEPTH {
        return Err(EncodeError::Depth);
    }
    let start = out.len();
    put_message(message, depth + 1, out)?;
    let end = line_end(depth + 1);
    let text = out.get_mut(start..).unwrap_or_default();
    if text.contains(&end) {
        return Err(EncodeError::Reserved);
    }
    text.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = end);
    Ok(())
}
