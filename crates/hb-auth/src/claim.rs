//! What a packet says about its own digest: the first two words of the trailer or of the `auth` field.

use hb_wire::{Encoding, classic, netstring};

use crate::Refusal;

/// The index and the digest that a packet claims.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) index: i64,
    pub(crate) digest: &'a [u8],
}

impl<'a> Claim<'a> {
    /// Reads number and word; more blanks, leading zeros and further words are accepted (`wire.md` 3.4).
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Refusal> {
        let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let index = words.next().and_then(|word| str::from_utf8(word).ok()?.parse().ok());
        match (index, words.next()) {
            (Some(index), Some(digest)) => Ok(Self { index, digest }),
            _ => Err(Refusal::AuthMalformed),
        }
    }

    /// Reads the last `auth` field of a classic message (`wire.md` 3.5).
    pub(crate) fn of_classic(split: &classic::Split<'a>) -> Result<Self, Refusal> {
        Self::read(split.auth.ok_or(Refusal::AuthMissing)?)
    }
}

/// The number of the key with which a packet claims to be signed, unchecked; for displays that have no keys.
///
/// # Errors
///
/// If the packet has no readable trailer or `auth` field.
pub fn claimed_index(packet: &[u8]) -> Result<i64, Refusal> {
    match Encoding::of(packet).ok_or(Refusal::Unrecognised)? {
        Encoding::Netstring => Claim::read(netstring::split(packet)?.trailer).map(|claim| claim.index),
        Encoding::Classic => Claim::of_classic(&classic::split(packet)?).map(|claim| claim.index),
    }
}
