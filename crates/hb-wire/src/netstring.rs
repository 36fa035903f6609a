//! The netstring encoding (`wire.md` 2.1): what 3.0.6 sends on datagram media.
//!
//! ```text
//! packet  = body trailer
//! body    = "###" LF *field "%%%" LF
//! field   = length ":" "(" type ")" name "=" value ","
//! trailer = length ":" index " " digest ","
//! ```
//!
//! [`split`] finds body and trailer by the length prefixes alone, so that a receiver can verify before it parses;
//! what the trailer says is not decided here.

mod decode;
mod encode;
pub(crate) mod length;
#[cfg(test)]
mod tests;

pub use decode::{Split, decode, split};
pub use encode::{encode, encode_fields_into, encode_into, push_trailer};

/// The longest trailer that is read. Longer ones write past a buffer of a 3.0.6 node (`wire.md` 1.5).
pub const MAX_TRAILER: usize = 511;

/// A packed list must be shorter than this to be sent (`wire.md` 1.2).
pub const MAX_LIST: usize = 1024;

const START: &[u8] = b"###\n";
const END: &[u8] = b"%%%\n";
