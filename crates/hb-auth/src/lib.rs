//! Who wrote a message: the key ring, crc, md5 and sha1 digests, sealing and opening of packets.
//!
//! - [`KeyRing`]: the key lines of `authkeys`, one of them active
//! - [`KeyRing::seal`]: message to packet, signed with the active key
//! - [`KeyRing::open`]: packet to message, verified first; refused with a cause ([`Refusal`])
//! - [`KeyRing::fingerprint`]: whether two nodes have the same keys
//! - [`KeyRing::verdict`]: the same question for people who look at a capture ([`Verdict`])
//!
//! Does not read `authkeys` (that is `hb-config`), does not know nodes, sequence numbers or replays (that is
//! `hb-engine`). Source: `wire.md` 3.

mod claim;
mod digest;
mod fingerprint;
mod method;
mod open;
mod ring;
mod seal;
mod verdict;

pub use claim::claimed_index;
pub use method::{Method, UnknownMethod};
pub use open::Refusal;
pub use ring::{Key, KeyError, KeyRing, KeyRingError, MAX_INDEX};
pub use seal::InnerAuth;
pub use verdict::{Outcome, Verdict};
