//! Probes and answers as bytes, and the frame that carries a probe to one particular MAC address.
//!
//! A probe: magic (4 bytes), kind (1), zero (3), number (8), time of sending in nanoseconds (8), big-endian. An
//! answer: the same with another magic, followed by the name of the node that answers.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

/// How a probe was addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To the address, by the client's own ARP table.
    Routed,
    /// As a frame to one node's MAC address.
    Direct,
}

/// A probe, also inside of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) kind: Kind,
    /// Counts per kind; direct probes of one round to all nodes have the same number.
    pub(crate) number: u64,
    /// By the monotonic clock.
    pub(crate) sent_ns: u64,
}

impl Probe {
    pub(crate) fn encode(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let kind: u8 = match self.kind {
            Kind::Routed => b'r',
            Kind::Direct => b'd',
        };
        let head = PROBE.into_iter().chain([kind, 0, 0, 0]);
        let body = self.number.to_be_bytes().into_iter().chain(self.sent_ns.to_be_bytes());
        for (place, byte) in bytes.iter_mut().zip(head.chain(body)) {
            *place = byte;
        }
        bytes
    }
}

/// The answer that `node` gives to a probe; `None` for anything else.
pub(crate) fn answer(probe: &[u8], node: &str) -> Option<Vec<u8>> {
    let rest = probe.strip_prefix(&PROBE)?.get(..LENGTH - PROBE.len())?;
    Some([&ANSWER, rest, node.as_bytes()].concat())
}

/// The probe inside an answer and the node that gave it; `None` for anything else.
pub(crate) fn decode(answer: &[u8]) -> Option<(Probe, &str)> {
    let rest = answer.strip_prefix(&ANSWER)?;
    let (head, node) = rest.split_at_checked(LENGTH - PROBE.len())?;
    let (kind, head) = head.split_first()?;
    let (number, sent) = head.get(3..)?.split_first_chunk()?;
    let kind = match kind {
        b'r' => Kind::Routed,
        b'd' => Kind::Direct,
        _ => return None,
    };
    let (number, sent_ns) = (u64::from_be_bytes(*number), u64::from_be_bytes(sent.try_into().ok()?));
    Some((Probe { kind, number, sent_ns }, std::str::from_utf8(node).ok()?))
}

/// A whole Ethernet frame with a UDP datagram; empty for addresses of different families.
pub(crate) fn frame(
    macs: ([u8; 6], [u8; 6]),
    (from, to): (SocketAddr, SocketAddr),
    payload: &[u8],
) -> Vec<u8> {
    match (from, to) {
        (SocketAddr::V4(from), SocketAddr::V4(to)) => frame_v4(macs, (from, to), payload),
        (SocketAddr::V6(from), SocketAddr::V6(to)) => frame_v6(macs, (from, to), payload),
        (SocketAddr::V4(_), SocketAddr::V6(_)) | (SocketAddr::V6(_), SocketAddr::V4(_)) => Vec::new(),
    }
}

/// With the UDP checksum that IPv6 asks for.
fn frame_v6(
    (to_mac, from_mac): ([u8; 6], [u8; 6]),
    (from, to): (SocketAddrV6, SocketAddrV6),
    payload: &[u8],
) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap_or(u16::MAX).to_be_bytes();
    let addresses = [from.ip().octets(), to.ip().octets()].concat();
    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    let udp = |checksum: [u8; 2]| [ports.as_slice(), &length, &checksum, payload].concat();
    let pseudo_header = [0, 0, length[0], length[1], 0, 0, 0, 17];
    // An even length for the sum only.
    let odd: &[u8] = if payload.len().is_multiple_of(2) { &[] } else { &[0] };
    let summed = [&addresses, &pseudo_header[..], &udp([0; 2]), odd].concat();
    let checksum = match internet_checksum(&summed) {
        // 0 means none.
        0 => u16::MAX,
        sum => sum,
    };
    let ethernet = [to_mac.as_slice(), &from_mac, &[0x86, 0xdd]].concat();
    let [high, low] = length;
    // Version, length, UDP, hop limit.
    let header = [0x60, 0, 0, 0, high, low, 17, 64];
    [&ethernet[..], &header, &addresses, &udp(checksum.to_be_bytes())].concat()
}

/// Without UDP checksum, which IPv4 allows.
fn frame_v4(
    (to_mac, from_mac): ([u8; 6], [u8; 6]),
    (from, to): (SocketAddrV4, SocketAddrV4),
    payload: &[u8],
) -> Vec<u8> {
    let udp_length = u16::try_from(payload.len() + 8).unwrap_or(u16::MAX);
    let [length_high, length_low] = (udp_length.saturating_add(20)).to_be_bytes();
    // Version and length, service, total length, identification, don't fragment, time to live, UDP, checksum.
    let fixed = [0x45, 0, length_high, length_low, 0, 0, 0x40, 0, 64, 17, 0, 0];
    let mut header = [fixed.as_slice(), &from.ip().octets(), &to.ip().octets()].concat();
    let checksum = internet_checksum(&header).to_be_bytes();
    if let Some(place) = header.get_mut(10..12) {
        place.copy_from_slice(&checksum);
    }
    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    let ethernet = [to_mac.as_slice(), &from_mac, &[0x08, 0x00]].concat();
    [ethernet.as_slice(), &header, &ports, &udp_length.to_be_bytes(), &[0, 0], payload].concat()
}

/// RFC 1071.
fn internet_checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes.as_chunks::<2>().0.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

/// Bytes of a probe.
const LENGTH: usize = 24;
const PROBE: [u8; 4] = *b"hbp?";
const ANSWER: [u8; 4] = *b"hbp!";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_the_probe_and_the_node() {
        let probe = Probe { kind: Kind::Direct, number: 7 << 40, sent_ns: 123_456_789 };
        assert_eq!(decode(&answer(&probe.encode(), "alpha").unwrap()), Some((probe, "alpha")));
    }

    #[test]
    fn anything_else_is_neither() {
        let probe = Probe { kind: Kind::Routed, number: 1, sent_ns: 2 }.encode();
        assert_eq!(decode(&probe), None);
        assert_eq!(answer(&probe[..23], "alpha"), None);
        assert_eq!(answer(&answer(&probe, "alpha").unwrap(), "beta"), None);
        assert_eq!(decode(&answer(&probe, "alpha").unwrap()[..23]), None);
    }

    #[test]
    fn a_frame_has_a_valid_header() {
        let (from, to) = ("10.77.0.9:4000".parse().unwrap(), "10.77.0.100:7".parse().unwrap());
        let frame = frame(([1; 6], [2; 6]), (from, to), b"hello");
        assert_eq!(frame.len(), 14 + 20 + 8 + 5);
        // With its checksum in place a header sums up to all ones.
        assert_eq!(internet_checksum(&frame[14..34]), 0);
        assert_eq!(frame[12..14], [8, 0]);
        assert_eq!(frame[16..18], [0, 33]);
    }

    #[test]
    fn a_frame_of_ipv6_has_a_valid_checksum() {
        let (from, to) = ("[fd00::9]:4000".parse().unwrap(), "[fd00::100]:7".parse().unwrap());
        let frame = frame(([1; 6], [2; 6]), (from, to), b"hello");
        assert_eq!(frame.len(), 14 + 40 + 8 + 5);
        assert_eq!(frame[12..22], [0x86, 0xdd, 0x60, 0, 0, 0, 0, 13, 17, 64]);
        let summed = [&frame[22..54], &[0, 0, 0, 13, 0, 0, 0, 17], &frame[54..], &[0]].concat();
        assert_eq!(internet_checksum(&summed), 0);
    }
}
