//! Compressed messages (`wire.md` 10): a whole message packed into one field of another, and single packed fields.
//!
//! - [`Method`]: zlib or bzip2, within bounds
//! - [`open()`]: verifies a packet and takes out what is packed in it
//! - [`unpack()`]: the message inside a message, if there is one
//! - [`nested()`]: the message in one field, packed or not
//! - [`Packing`]: seals messages, packs those that are too long and the fields that shall be packed
//!
//! Decides which messages are packed, and what is refused while unpacking. Does not verify: only what the key ring has
//! opened may be unpacked. A single packed field is unpacked only for who asks for it; daemons pass it on as it is.

mod fields;
mod method;
mod open;
mod packing;
mod unpack;

pub use fields::nested;
pub use method::{Method, UnknownMethod};
pub use open::{OpenError, open};
pub use packing::{MAX_DATAGRAM, Packing, SealError};
pub use unpack::{Budget, MAX_PLAIN, UnpackError, unpack};

/// The field that holds the packed message.
const PAYLOAD: &str = "_compressed_payload";
/// The field that names the method.
const ALGORITHM: &str = "_compression_algorithm";
