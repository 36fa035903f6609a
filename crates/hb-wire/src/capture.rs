//! UDP datagrams out of capture files (libpcap format), for tools that decode what was on the wire.
//!
//! Reads both byte orders, micro- and nanoseconds; link types Ethernet (with VLAN tags), Linux cooked 1 and 2, raw
//! IP; UDP over IPv4 and IPv6. Everything else in a capture is skipped: other protocols, damaged headers, all but
//! the first fragment of a datagram. Not a message decoder: a payload is not looked at. Checksums are not checked,
//! because captures are taken before the hardware fills them in.

mod network;
#[cfg(test)]
mod tests;

use core::net::SocketAddr;
use core::time::Duration;

use thiserror::Error;

/// A capture file in memory: an iterator over its UDP datagrams.
///
/// ```
/// use hb_wire::capture::{Capture, CaptureError};
/// assert!(matches!(Capture::read(b"###\n"), Err(CaptureError::Unrecognised)));
/// ```
#[derive(Clone, Debug)]
pub struct Capture<'a> {
    rest: &'a [u8],
    order: Order,
    fraction: Fraction,
    link: Link,
    records: u64,
}

/// One UDP datagram of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The number of the packet in the file, from 1; skipped ones count.
    pub number: u64,
    /// When it was captured, since 1970.
    pub time: Duration,
    /// The sender.
    pub source: SocketAddr,
    /// The receiver.
    pub destination: SocketAddr,
    /// What is there of the payload.
    pub payload: &'a [u8],
    /// Whether the payload was longer: cut by the capture, or the first fragment of several.
    pub cut: bool,
}

/// Why a file is no capture, or ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CaptureError {
    /// Does not start like a capture.
    #[error("not a capture file")]
    Unrecognised,
    /// The newer format pcapng, which is not read here.
    #[error("pcapng is not supported; convert it with `editcap -F pcap`")]
    PcapNg,
    /// A kind of network that is not read here.
    #[error("link type {0} is not supported")]
    LinkType(u32),
    /// The file ends inside a header or a packet.
    #[error("the file is cut in packet {0}")]
    Truncated(u64),
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Big,
    Little,
}

#[derive(Clone, Copy, Debug)]
enum Fraction {
    Micro,
    Nano,
}

/// What stands before the IP header.
#[derive(Clone, Copy, Debug)]
enum Link {
    Ethernet,
    Cooked,
    Cooked2,
    Raw,
}

impl<'a> Capture<'a> {
    /// Reads the file header.
    ///
    /// # Errors
    ///
    /// If this is no capture that can be read here.
    pub fn read(file: &'a [u8]) -> Result<Self, CaptureError> {
        let (magic, rest) = file.split_first_chunk().ok_or(CaptureError::Unrecognised)?;
        let (order, fraction) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, Fraction::Micro),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, Fraction::Nano),
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, Fraction::Micro),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, Fraction::Nano),
            [0x0a, 0x0d, 0x0d, 0x0a] => return Err(CaptureError::PcapNg),
            _ => return Err(CaptureError::Unrecognised),
        };
        // Version, time zone, accuracy, packet limit: 16 bytes that say nothing here.
        let (_, rest) = rest.split_first_chunk::<16>().ok_or(CaptureError::Truncated(0))?;
        let (link, rest) = order.number(rest).ok_or(CaptureError::Truncated(0))?;
        // The upper half tells about check sequences at the end of frames, which do not matter to UDP.
        let link = match link & 0xffff {
            1 => Link::Ethernet,
            113 => Link::Cooked,
            276 => Link::Cooked2,
            12 | 14 | 101 | 228 | 229 => Link::Raw,
            other => return Err(CaptureError::LinkType(other)),
        };
        Ok(Self { rest, order, fraction, link, records: 0 })
    }

    /// Whether a file starts like a capture, of either format.
    #[must_use]
    pub fn is_capture(file: &[u8]) -> bool {
        !matches!(Capture::read(file), Err(CaptureError::Unrecognised))
    }

    /// The next packet of any kind: when it was captured, and its bytes.
    fn record(&mut self) -> Option<(Duration, &'a [u8])> {
        let (seconds, rest) = self.order.number(self.rest)?;
        let (fraction, rest) = self.order.number(rest)?;
        let (captured, rest) = self.order.number(rest)?;
        let (_original, rest) = self.order.number(rest)?;
        let (frame, rest) = rest.split_at_checked(usize::try_from(captured).ok()?)?;
        self.rest = rest;
        let fraction = match self.fraction {
            Fraction::Micro => Duration::from_micros(fraction.into()),
            Fraction::Nano => Duration::from_nanos(fraction.into()),
        };
        Some((Duration::from_secs(seconds.into()).saturating_add(fraction), frame))
    }
}

impl<'a> Iterator for Capture<'a> {
    type Item = Result<Datagram<'a>, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            self.records += 1;
            let number = self.records;
            let Some((time, frame)) = self.record() else {
                self.rest = &[];
                return Some(Err(CaptureError::Truncated(number)));
            };
            if let Some(network::Udp { source, destination, payload, cut }) =
                network::datagram(self.link, frame)
            {
                return Some(Ok(Datagram { number, time, source, destination, payload, cut }));
            }
        }
        None
    }
}

impl Order {
    fn number(self, bytes: &[u8]) -> Option<(u32, &[u8])> {
        let (number, rest) = bytes.split_first_chunk()?;
        let number = match self {
            Self::Big => u32::from_be_bytes(*number),
            Self::Little => u32::from_le_bytes(*number),
        };
        Some((number, rest))
    }
}
