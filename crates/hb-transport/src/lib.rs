//! Media that carry packets between nodes: broadcast and unicast UDP.
//!
//! - [`MediumSpec`]: one medium as the configuration names it
//! - [`Medium`]: its sockets, non-blocking, sending and receiving apart, with the options that 3.0.6 sets
//! - [`OpenError`]: why there are none
//!
//! Carries bytes; does not look into them, does not count, retry or log. Nothing else identifies a sender: source
//! addresses are not looked at. Needs a tokio runtime with I/O. Source: `wire.md` 8.1 and 8.4.

mod error;
mod medium;
mod sockets;
mod spec;

pub use error::OpenError;
pub use medium::Medium;
pub use spec::MediumSpec;

/// The longest payload of a UDP datagram over IPv4. Longer packets cannot be sent.
pub const MAX_PAYLOAD: usize = 65_507;

/// A receive buffer of this size never cuts a datagram.
pub const RECEIVE_BUFFER: usize = 65_536;
