//! A frame from somebody who knows nothing of the link that it goes over: the process that had agreed on it has died.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::datagram::{self, Flow};
use crate::frame::{self, Writing};
use crate::link::IP;

/// A datagram from `local` to everybody, with one port at both ends, in a frame that needs nothing to be agreed on but that
/// there is a link: everything escaped, nothing compressed (RFC 1662, 7.1). A flag goes before it, so that a frame of which
/// only the beginning was sent is lost alone. Nothing if the payload is too long for any datagram.
#[must_use]
pub fn lone_frame(local: Ipv4Addr, port: u16, payload: &[u8]) -> Option<Vec<u8>> {
    let packet = datagram::write(Flow { source: local, destination: Ipv4Addr::BROADCAST, port }, payload)?;
    Some(frame::write(Writing::PLAIN, IP, &packet))
}
