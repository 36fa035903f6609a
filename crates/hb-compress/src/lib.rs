//! Compressed messages (`wire.md` 10.1): a whole message, packed into one field of another.
//!
//! - [`Method`]: zlib or bzip2, within bounds
//! - [`open()`]: verifies a packet and takes out what is packed in it
//! - [`unpack()`]: the message inside a message, if there is one
//! - [`Packing`]: seals messages, and packs those that are too long
//!
//! Decides which messages are packed, and what is refused while unpacking. Does not verify: only what the key ring has
//! opened may be unpacked. Does not touch single packed fields (`wire.md` 10.2): daemons pass them on as they are.

mod method;
mod open;
mod packing;
mod unpack;

pub use method::{Method, UnknownMethod};
pub use open::{OpenError, open};
pub use packing::{MAX_DATAGRAM, Packing, SealError};
pub use unpack::{Budget, MAX_PLAIN, UnpackError, unpack};

/// The field that holds the packed message.
const PAYLOAD: &str = "_compressed_payload";
/// The field that names the method.
const ALGORITHM: &str = "_compression_algorithm";
