//! The message inside a message (`wire.md` 10.1), within bounds.

use hb_wire::{DecodeError, Encoding, Message, classic, netstring};
use thiserror::Error;

use crate::method::InflateError;
use crate::{ALGORITHM, Method, PAYLOAD};

/// The longest message before it is packed (`wire.md` 1.4).
pub const MAX_PLAIN: usize = 2 * 1024 * 1024;

/// Why a packed message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum UnpackError {
    /// The method is missing, or none of 3.0.6.
    #[error("unknown compression method")]
    Method,
    /// Not one whole stream of the named method.
    #[error("compressed message is damaged")]
    Damaged,
    /// More than [`MAX_PLAIN`] bytes come out.
    #[error("compressed message is too long")]
    TooLong,
    /// The [`Budget`] is spent; nothing was unpacked.
    #[error("too much was unpacked just before")]
    Budget,
    /// What comes out starts like no message.
    #[error("compressed bytes are no message")]
    Unrecognised,
    /// What comes out is packed again, which no sender does.
    #[error("compressed message holds another compressed message")]
    Nested,
    /// What comes out starts like a message, but is none.
    #[error("malformed compressed message")]
    Malformed(#[from] DecodeError),
}

impl UnpackError {
    /// A stable short name for counters and machine-readable output.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Method => "compression-method",
            Self::Damaged => "compression-damaged",
            Self::TooLong => "compression-too-long",
            Self::Budget => "compression-budget",
            Self::Unrecognised => "compression-unrecognised",
            Self::Nested => "compression-nested",
            Self::Malformed(_) => "compression-malformed",
        }
    }
}

/// Bytes that may still come out of packed messages. The message that spends the last of them is unpacked, so that a long
/// one can always come through: in all at most twice [`MAX_PLAIN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(usize);

impl Default for Budget {
    /// Enough for one message of any length.
    fn default() -> Self {
        Self(MAX_PLAIN)
    }
}

impl Budget {
    fn spend(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(bytes);
    }
}

/// The message that is packed in this one; or this one, if it is not packed.
///
/// An `auth` field inside is not looked at, as by 3.0.6: the whole packet was verified. Costs time and memory by the
/// length of what comes out, at most [`MAX_PLAIN`], so the sender must be a member.
///
/// # Errors
///
/// The cause, if there is something packed that is no message.
///
/// ```
/// let status = hb_wire::Message::new("status");
/// assert_eq!(hb_compress::unpack(status.clone()), Ok(status));
/// ```
pub fn unpack(message: Message) -> Result<Message, UnpackError> {
    unpack_within(message, &mut Budget::default())
}

/// The same, with what is left of a budget; a message that is not packed needs none.
pub(crate) fn unpack_within(message: Message, budget: &mut Budget) -> Result<Message, UnpackError> {
    if !message.has(PAYLOAD) {
        return Ok(message);
    }
    let packed = message.binary(PAYLOAD).ok_or(UnpackError::Damaged);
    let plain = packed.and_then(|packed| inflate(method_of(&message), packed, budget))?;
    let inside = decode(&plain)?;
    if inside.has(PAYLOAD) { Err(UnpackError::Nested) } else { Ok(inside) }
}

/// The method that a message names.
pub(crate) fn method_of(message: &Message) -> Option<Method> {
    message.text(ALGORITHM)?.parse().ok()
}

/// What was packed, taken from a budget; a failure spends it whole.
pub(crate) fn inflate(
    method: Option<Method>,
    packed: &[u8],
    budget: &mut Budget,
) -> Result<Vec<u8>, UnpackError> {
    if budget.0 == 0 {
        return Err(UnpackError::Budget);
    }
    let plain = method.ok_or(UnpackError::Method)?.inflate(packed, MAX_PLAIN).map_err(|error| {
        // How far it came is not told.
        budget.spend(MAX_PLAIN);
        match error {
            InflateError::Damaged => UnpackError::Damaged,
            InflateError::TooLong => UnpackError::TooLong,
        }
    })?;
    budget.spend(plain.len());
    Ok(plain)
}

/// A message of either encoding.
pub(crate) fn decode(plain: &[u8]) -> Result<Message, UnpackError> {
    Ok(match Encoding::of(plain).ok_or(UnpackError::Unrecognised)? {
        Encoding::Netstring => netstring::decode(plain)?,
        Encoding::Classic => classic::decode(plain)?,
    })
}
