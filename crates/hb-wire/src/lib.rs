//! Heartbeat messages as bytes: message model, netstring and classic encodings, framing.
//!
//! - [`Message`], [`Field`], [`Value`]: the model that both encodings share; [`ByteString`]: their names and values
//! - [`netstring`]: what 3.0.6 sends on datagram media; [`netstring::split`] finds the signed part unparsed
//! - [`classic`]: text lines, sent on serial media and by older versions
//! - [`Encoding`]: tells the two apart
//! - [`capture`]: datagrams out of pcap files
//!
//! Knows nothing about keys, nodes, time or sockets; whole compressed messages (`wire.md` 10.1) come out as
//! their outer fields. Any input is safe: no parser here panics, recurses deeper than [`MAX_DEPTH`] or reserves
//! more than a small multiple of what it was given. Source: `wire.md` 1 and 2.
#![no_std]

extern crate alloc;

mod base64;
mod byte_string;
pub mod capture;
pub mod classic;
mod encoding;
mod error;
mod list;
mod message;
pub mod netstring;

pub use byte_string::ByteString;
pub use encoding::Encoding;
pub use error::{DecodeError, EncodeError};
pub use message::{Field, Message, Value};

/// How deep messages may be nested in messages (`wire.md` 1.4; 3.0.6 has this limit for the classic encoding).
pub const MAX_DEPTH: usize = 16;
