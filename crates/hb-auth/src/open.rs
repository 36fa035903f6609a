//! Packet to message, verified first (`wire.md` 3.5).
//!
//! A packet is verified before its fields are parsed: a stranger's packet costs a digest and no more. A netstring is
//! covered as it stands, a classic text line by line.

use hb_wire::{DecodeError, Encoding, Message, classic, netstring};
use thiserror::Error;

use crate::claim::Claim;
use crate::{KeyRing, Method};

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Refusal {
    /// Starts like no message: some other program's packet. 3.0.6 ignores it silently.
    #[error("not a packet of this protocol")]
    Unrecognised,
    /// Starts like a message, but is none.
    #[error("malformed packet")]
    Malformed(#[from] DecodeError),
    /// A classic message without `auth` field.
    #[error("no auth field")]
    AuthMissing,
    /// The trailer or the `auth` field is not a number and a digest.
    #[error("authentication is not a number and a digest")]
    AuthMalformed,
    /// No key line has that number.
    #[error("key {index} is not in authkeys")]
    UnknownIndex {
        /// The number in the packet.
        index: i64,
    },
    /// The digest is not that of the packet: another key, or a damaged packet.
    #[error("{method} digest does not match key {index}")]
    Mismatch {
        /// The number in the packet.
        index: i64,
        /// The method of that line.
        method: Method,
    },
}

/// Which key verified a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Line,
    ActiveKey,
}

impl Refusal {
    /// A stable short name for counters and machine-readable output.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Unrecognised => "unrecognised",
            Self::Malformed(error) => error.cause(),
            Self::AuthMissing => "auth-missing",
            Self::AuthMalformed => "auth-malformed",
            Self::UnknownIndex { .. } => "unknown-index",
            Self::Mismatch { .. } => "digest-mismatch",
        }
    }
}

impl KeyRing {
    /// Verifies and decodes a packet of either encoding. Bytes behind it are ignored, as by 3.0.6.
    ///
    /// A netstring trailer is good if it verifies with the key of the line that it names, or with the key of the
    /// own active line and the method of the line that it names: the latter is what 3.0.6 checks.
    ///
    /// # Errors
    ///
    /// The first cause found; cheap checks come first.
    pub fn open(&self, packet: &[u8]) -> Result<Message, Refusal> {
        match Encoding::of(packet).ok_or(Refusal::Unrecognised)? {
            Encoding::Netstring => {
                let split = netstring::split(packet)?;
                self.check_netstring(Claim::read(split.trailer)?, split.body)?;
                Ok(netstring::decode(split.body)?)
            }
            Encoding::Classic => {
                let split = classic::split(packet)?;
                self.check_classic(Claim::of_classic(&split)?, &split.covered)?;
                Ok(classic::decode(packet)?)
            }
        }
    }

    pub(crate) fn check_netstring(&self, claim: Claim<'_>, body: &[u8]) -> Result<Proof, Refusal> {
        let Claim { index, digest } = claim;
        let line = self.line(index).ok_or(Refusal::UnknownIndex { index })?;
        if line.key.matches(body, digest) {
            return Ok(Proof::Line);
        }
        match &line.with_active_key {
            Some(key) if key.matches(body, digest) => Ok(Proof::ActiveKey),
            _ => Err(Refusal::Mismatch { index, method: line.key.method() }),
        }
    }

    pub(crate) fn check_classic(&self, claim: Claim<'_>, covered: &[u8]) -> Result<Proof, Refusal> {
        let Claim { index, digest } = claim;
        let line = self.line(index).ok_or(Refusal::UnknownIndex { index })?;
        let matches = line.key.matches(covered, digest);
        if matches { Ok(Proof::Line) } else { Err(Refusal::Mismatch { index, method: line.key.method() }) }
    }
}
