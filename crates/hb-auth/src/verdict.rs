//! What a key ring says to a packet, for people who look at a capture.

use hb_wire::{DecodeError, Encoding, classic, netstring};

use crate::claim::Claim;
use crate::open::Proof;
use crate::{KeyRing, Method, Refusal};

/// The digest of a packet and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The number of the key line that the packet names, if it names one.
    pub index: Option<i64>,
    /// The method of that line, if there is one.
    pub method: Option<Method>,
    /// Good or why not.
    pub outcome: Outcome,
}

/// How the check of a digest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Matches with the key of the line that the packet names.
    Good,
    /// Matches with the method of that line and the key of the own active line: accepted by 3.0.6 and by us.
    GoodWithActiveKey,
    /// Does not match.
    Mismatch,
    /// There is no line of that number.
    UnknownIndex,
    /// The trailer or the `auth` field is not a number and a digest.
    Malformed,
    /// There is no trailer or `auth` field.
    Missing,
    /// The packet is cut or malformed so that its digest cannot be found.
    Unreadable,
}

impl Outcome {
    /// A stable short text for displays.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::GoodWithActiveKey => "good with active key",
            Self::Mismatch => "mismatch",
            Self::UnknownIndex => "unknown index",
            Self::Malformed => "malformed",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
        }
    }
}

impl KeyRing {
    /// Checks the digest of a packet, also of one whose fields [`KeyRing::open`] would refuse.
    #[must_use]
    pub fn verdict(&self, packet: &[u8]) -> Verdict {
        let (index, result) = match Encoding::of(packet) {
            None => (None, Err(Refusal::Unrecognised)),
            Some(Encoding::Netstring) => match netstring::split(packet) {
                Ok(split) => {
                    judge(Claim::read(split.trailer), |claim| self.check_netstring(claim, split.body))
                }
                Err(error) => (None, Err(error.into())),
            },
            Some(Encoding::Classic) => match classic::split(packet) {
                Ok(split) => {
                    judge(Claim::of_classic(&split), |claim| self.check_classic(claim, &split.covered))
                }
                Err(error) => (None, Err(error.into())),
            },
        };
        let method = index.and_then(|index| self.line(index)).map(|line| line.key.method());
        Verdict { index, method, outcome: outcome(result) }
    }
}

fn judge<'a>(
    claim: Result<Claim<'a>, Refusal>,
    check: impl FnOnce(Claim<'a>) -> Result<Proof, Refusal>,
) -> (Option<i64>, Result<Proof, Refusal>) {
    match claim {
        Ok(claim) => (Some(claim.index), check(claim)),
        Err(refusal) => (None, Err(refusal)),
    }
}

const fn outcome(result: Result<Proof, Refusal>) -> Outcome {
    match result {
        Ok(Proof::Line) => Outcome::Good,
        Ok(Proof::ActiveKey) => Outcome::GoodWithActiveKey,
        Err(Refusal::Mismatch { .. }) => Outcome::Mismatch,
        Err(Refusal::UnknownIndex { .. }) => Outcome::UnknownIndex,
        Err(Refusal::AuthMalformed) => Outcome::Malformed,
        Err(Refusal::AuthMissing | Refusal::Malformed(DecodeError::TrailerMissing)) => Outcome::Missing,
        Err(Refusal::Malformed(_) | Refusal::Unrecognised) => Outcome::Unreadable,
    }
}
