//! From a captured frame down to the UDP payload. `None` is anything that is not a whole header of UDP over IP.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Link;

/// A UDP datagram as it stands in a frame.
pub(super) struct Udp<'a> {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    pub(super) payload: &'a [u8],
    pub(super) cut: bool,
}

/// What an IP packet carries.
struct Ip<'a> {
    source: IpAddr,
    destination: IpAddr,
    payload: &'a [u8],
}

const UDP: u8 = 17;

pub(super) fn datagram(link: Link, frame: &[u8]) -> Option<Udp<'_>> {
    let ip = match link {
        Link::Raw => frame,
        Link::Ethernet => ethernet(frame)?,
        Link::Cooked => {
            let (header, rest) = frame.split_first_chunk::<16>()?;
            let [.., high, low] = *header;
            protocol(u16::from_be_bytes([high, low]), rest)?
        }
        Link::Cooked2 => {
            let (header, rest) = frame.split_first_chunk::<20>()?;
            let [high, low, ..] = *header;
            protocol(u16::from_be_bytes([high, low]), rest)?
        }
    };
    let ip = match ip.first()? >> 4 {
        4 => ipv4(ip)?,
        6 => ipv6(ip)?,
        _ => return None,
    };
    let (header, rest) = ip.payload.split_first_chunk::<8>()?;
    let [from_high, from_low, to_high, to_low, length_high, length_low, _, _] = *header;
    let length = usize::from(u16::from_be_bytes([length_high, length_low])).checked_sub(header.len())?;
    Some(Udp {
        source: SocketAddr::new(ip.source, u16::from_be_bytes([from_high, from_low])),
        destination: SocketAddr::new(ip.destination, u16::from_be_bytes([to_high, to_low])),
        payload: rest.get(..length).unwrap_or(rest),
        cut: length > rest.len(),
    })
}

/// Two addresses, any number of VLAN tags, the type.
fn ethernet(frame: &[u8]) -> Option<&[u8]> {
    let (_, mut rest) = frame.split_first_chunk::<12>()?;
    loop {
        let (kind, behind) = rest.split_first_chunk()?;
        match u16::from_be_bytes(*kind) {
            0x8100 | 0x88a8 => (_, rest) = behind.split_first_chunk::<2>()?,
            kind => return protocol(kind, behind),
        }
    }
}

/// Only IP goes on.
const fn protocol(kind: u16, payload: &[u8]) -> Option<&[u8]> {
    if matches!(kind, 0x0800 | 0x86dd) { Some(payload) } else { None }
}

fn ipv4(packet: &[u8]) -> Option<Ip<'_>> {
    let (header, _) = packet.split_first_chunk::<20>()?;
    let [first, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    let start = usize::from(first & 15) * 4;
    let is_later_fragment = u16::from_be_bytes([f0, f1]) & 0x1fff != 0;
    if protocol != UDP || start < header.len() || is_later_fragment {
        return None;
    }
    Some(Ip {
        source: Ipv4Addr::new(s0, s1, s2, s3).into(),
        destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
        payload: until(packet, usize::from(u16::from_be_bytes([l0, l1]))).get(start..)?,
    })
}

fn ipv6(packet: &[u8]) -> Option<Ip<'_>> {
    let (_, rest) = packet.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (&[mut next, _], rest) = rest.split_first_chunk()?;
    let (source, rest) = rest.split_first_chunk::<16>()?;
    let (destination, rest) = rest.split_first_chunk::<16>()?;
    let mut payload = until(rest, usize::from(u16::from_be_bytes(*length)));
    while next != UDP {
        let [after, length, high, low, ..] = *payload.first_chunk::<8>()?;
        let skip = match next {
            // Hop-by-hop, routing and destination options.
            0 | 43 | 60 => usize::from(length) * 8 + 8,
            // A fragment: only the first one has the UDP header.
            44 if u16::from_be_bytes([high, low]) & 0xfff8 == 0 => 8,
            _ => return None,
        };
        payload = payload.get(skip..)?;
        next = after;
    }
    Some(Ip {
        source: Ipv6Addr::from(*source).into(),
        destination: Ipv6Addr::from(*destination).into(),
        payload,
    })
}

/// Without the padding of a short frame. A length of 0 is that of a packet which the network card is to split.
fn until(packet: &[u8], length: usize) -> &[u8] {
    match length {
        0 => packet,
        length => packet.get(..length).unwrap_or(packet),
    }
}
