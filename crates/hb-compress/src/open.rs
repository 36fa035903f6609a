//! Packet to message: verified, decoded, unpacked, in this order.

use hb_auth::{KeyRing, Refusal};
use hb_wire::Message;
use thiserror::Error;

use crate::unpack::unpack_within;
use crate::{Budget, UnpackError};

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum OpenError {
    /// By the key ring.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It is authentic, but what is packed in it is no message.
    #[error(transparent)]
    Packed(#[from] UnpackError),
}

impl OpenError {
    /// A stable short name for counters and machine-readable output.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.cause(),
            Self::Packed(error) => error.cause(),
        }
    }
}

/// Verifies and decodes a packet of either encoding ([`KeyRing::open`]), and unpacks it if it is packed, by any method
/// and whatever the own settings are. What comes out of it is taken from `budget`: a packet of some hundred bytes may hold
/// [`MAX_PLAIN`](crate::MAX_PLAIN) of them, and whoever repeats old packets needs no key.
///
/// # Errors
///
/// The first cause found; nothing is unpacked that is not authentic.
pub fn open(ring: &KeyRing, packet: &[u8], budget: &mut Budget) -> Result<Message, OpenError> {
    Ok(unpack_within(ring.open(packet)?, budget)?)
}
