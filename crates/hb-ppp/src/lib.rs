//! PPP over a serial line in user space, for one flow of UDP datagrams: neither pppd nor a kernel that knows PPP is needed.
//!
//! - [`Link`]: one end of a line; bytes and time in, frames, datagrams and news out
//! - [`Config`]: its address, its port, its times
//! - [`Output`], [`Cause`], [`Counts`], [`SendError`]: what comes out of it, and what was refused
//! - [`lone_frame`]: a datagram over a link whose own end has died
//! - [`frame`]: frames in a stream of bytes (RFC 1662)
//!
//! Speaks LCP (RFC 1661) with echoes and detection of loops, IPCP (RFC 1332) for the addresses, and IPv4 with UDP for
//! datagrams of one port, whole and with good checksums. Refuses everything else: other protocols, compression,
//! authentication, fragments. Has no clock, no randomness, no descriptor of its own. Whatever comes in, it never panics,
//! answers each frame with at most a few, and keeps no more than one frame of each direction.
#![no_std]

extern crate alloc;

mod automaton;
mod counts;
mod datagram;
pub mod frame;
mod ipcp;
mod layer;
mod lcp;
mod link;
mod lone;
mod packet;
mod random;

pub use counts::Counts;
pub use link::{Cause, Config, Link, Output, SendError};
pub use lone::lone_frame;
