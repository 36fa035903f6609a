//! Classic text taken apart, as far as its `auth` field needs it: a receiver can verify before it parses.

use alloc::vec::Vec;

use super::decode::line;
use super::{START, line_end};
use crate::DecodeError;
use crate::netstring::length::because;

/// A message taken apart, its fields still unparsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    /// What the `auth` field covers (`wire.md` 3.3): the lines of all other fields as they came, without empty ones.
    /// Never longer than the packet.
    pub covered: Vec<u8>,
    /// The text of the last field named `auth`, empty if it is not a string; nothing if there is none.
    pub auth: Option<&'a [u8]>,
    /// What follows the end marker.
    pub rest: &'a [u8],
}

/// Finds what the `auth` field covers, line by line, without a look at types and values.
///
/// For every message that [`super::decode()`] accepts, `covered` is what [`super::auth_text`] makes of the decoded
/// message, unless there are empty lines inside a nested message: no sender makes these.
///
/// # Errors
///
/// The cause, if a marker or an `=` is missing.
///
/// ```
/// let split = hb_wire::classic::split(b">>>\nauth=1 3f2a\n\nt=abc\n<<<\nrest")?;
/// assert_eq!((&split.covered[..], split.auth), (&b"t=abc\n"[..], Some(&b"1 3f2a"[..])));
/// # Ok::<(), hb_wire::DecodeError>(())
/// ```
pub fn split(text: &[u8]) -> Result<Split<'_>, DecodeError> {
    use nom::Parser as _;
    use nom::bytes::complete::tag;
    let end = line_end(0);
    let (mut input, _) = because(DecodeError::Start, (tag(START), tag(&[end][..])).parse(text))?;
    let mut covered = Vec::with_capacity(text.len());
    let mut auth = None;
    loop {
        match line(input, end)? {
            (rest, Some((b"auth", value))) => {
                auth = Some(value);
                input = rest;
            }
            (rest, Some(([b'(', _, b')', b'a', b'u', b't', b'h'], _))) => {
                auth = Some(&[][..]);
                input = rest;
            }
            (rest, Some((name, value))) => {
                covered.extend_from_slice(name);
                covered.push(b'=');
                covered.extend_from_slice(value);
                covered.push(end);
                input = rest;
            }
            (rest, None) => return Ok(Split { covered, auth, rest }),
        }
    }
}
