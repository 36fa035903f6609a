//! Media that carry packets between nodes: UDP by broadcast, multicast and unicast, over IPv4 and IPv6,
//! and serial lines, with classic text or with UDP in PPP.
//!
//! - [`MediumSpec`]: one medium as the configuration names it
//! - [`Medium`]: its sockets, non-blocking, sending and receiving apart, with the options that 3.0.6 sets
//! - [`OpenError`]: why there are none
//! - [`Medium::doorbell`]: what else to wait on than the medium itself, to be woken less often
//! - [`Pinger`]: asks the hosts of a ping member, as a [`PingSpec`] names it, by ICMP echo
//! - [`say_last_word`]: one message over a serial line, after the death of the process that used it
//! - [`Keeper`]: opens them anew after the network took them away; tells so by a [`Notice`]
//! - [`Hint`]: what the network says about a medium, as that the peer's port is refused; nothing is done about it
//!
//! Carries bytes; does not look into them, does not count, retry or log. Nothing else identifies a sender: source
//! addresses are not looked at. Needs no runtime: nothing waits. Source: `wire.md` 8, 12.3.

mod doorbell;
mod error;
mod facts;
mod hint;
mod keeper;
mod medium;
mod ping;
mod ppp;
mod refusal;
mod serial;
mod slot;
mod sockets;
mod spec;
mod watch;

pub use doorbell::is_unhurried;
pub use error::OpenError;
pub use hint::Hint;
pub use keeper::{Happening, Keeper, Notice, Report};
pub use medium::Medium;
pub use ping::{Answer, Echo, EchoRefusal, Family, Heard, PingKind, PingSpec, Pinger};
pub use serial::BAUD_RATES;
pub use serial::last_word::say_last_word;
pub use spec::MediumSpec;

/// The longest payload of a UDP datagram over IPv4. Longer packets cannot be sent.
pub const MAX_PAYLOAD: usize = 65_507;

/// A receive buffer of this size never cuts a datagram.
pub const RECEIVE_BUFFER: usize = 65_536;
