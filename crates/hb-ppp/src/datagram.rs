//! UDP over IPv4 (RFC 768, RFC 791), as much as one flow of whole datagrams needs: no fragments, no options of our own.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    /// Of both ends.
    pub(crate) port: u16,
}

/// The longest payload of a packet of this length.
pub(crate) fn room(packet: u16) -> usize {
    usize::from(packet).saturating_sub(HEADERS)
}

/// Writes a packet; nothing if its length does not fit into the headers.
pub(crate) fn write(flow: Flow, payload: &[u8]) -> Option<Vec<u8>> {
    let total = u16::try_from(HEADERS + payload.len()).ok()?;
    let length = total - IP_HEADER;
    let (source, destination) = (flow.source.octets(), flow.destination.octets());

    let mut header = Vec::with_capacity(usize::from(total));
    // Version and length, service, total length; not to be fragmented; one hop, UDP.
    header.extend([0x45, 0]);
    header.extend(total.to_be_bytes());
    header.extend([0, 0, 0x40, 0, 1, UDP, 0, 0]);
    header.extend(source);
    header.extend(destination);
    let check = !sum(0, &header);
    if let Some(field) = header.get_mut(10..12) {
        field.copy_from_slice(&check.to_be_bytes());
    }

    let (port, length) = (flow.port.to_be_bytes(), length.to_be_bytes());
    let beginning = [port, port, length].concat();
    let check = !sum(sum(pseudo(source, destination, length), &beginning), payload);
    // Zero would mean that there is none.
    let check = if check == 0 { u16::MAX } else { check };
    header.extend(beginning);
    header.extend(check.to_be_bytes());
    header.extend(payload);
    Some(header)
}

/// The payload of a datagram to this address, or to everybody, and this port; nothing if it is anything else, or damaged.
pub(crate) fn read(packet: &[u8], local: Ipv4Addr, port: u16) -> Option<&[u8]> {
    let [first, _, total @ ..] = packet else { return None };
    let header_length = usize::from(first & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([*total.first()?, *total.get(1)?]));
    let packet = packet.get(..total)?;
    let header = packet.get(..header_length)?;
    if first >> 4 != 4 || header_length < usize::from(IP_HEADER) || sum(0, header) != u16::MAX {
        return None;
    }
    let fragment = u16::from_be_bytes([*header.get(6)?, *header.get(7)?]);
    // More fragments, or not the first one.
    if fragment & 0x3fff != 0 || *header.get(9)? != UDP {
        return None;
    }
    let source = <[u8; 4]>::try_from(header.get(12..16)?).ok()?;
    let destination = <[u8; 4]>::try_from(header.get(16..20)?).ok()?;
    if Ipv4Addr::from(destination) != local && !Ipv4Addr::from(destination).is_broadcast() {
        return None;
    }

    let datagram = packet.get(header_length..)?;
    let [_, _, to_high, to_low, high, low, check_high, check_low, ..] = *datagram else { return None };
    let length = [high, low];
    let datagram = datagram.get(..usize::from(u16::from_be_bytes(length)))?;
    let is_checked = (check_high, check_low) != (0, 0);
    if u16::from_be_bytes([to_high, to_low]) != port
        || (is_checked && sum(pseudo(source, destination, length), datagram) != u16::MAX)
    {
        return None;
    }
    datagram.get(UDP_HEADER..)
}

/// The sum over what UDP covers of the header before it.
fn pseudo(source: [u8; 4], destination: [u8; 4], length: [u8; 2]) -> u16 {
    sum(sum(sum(0, &source), &destination), &[0, UDP, length[0], length[1]])
}

/// The ones' complement sum (RFC 1071), continued. Only the last part may have an odd length.
fn sum(begun: u16, bytes: &[u8]) -> u16 {
    let mut sum = u64::from(begun);
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([pair.first().copied().unwrap_or(0), low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

const UDP: u8 = 17;
const IP_HEADER: u16 = 20;
const UDP_HEADER: usize = 8;
const HEADERS: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const TWO: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
    const FLOW: Flow = Flow { source: ONE, destination: TWO, port: 694 };

    #[test]
    fn bytes_are_as_the_rfcs_draw_them() {
        let packet = write(FLOW, b"hello").unwrap();
        assert_eq!(packet[..10], [0x45, 0, 0, 33, 0, 0, 0x40, 0, 1, 17]);
        assert_eq!(
            packet[12..28],
            [10, 0, 0, 1, 10, 0, 0, 2, 2, 0xb6, 2, 0xb6, 0, 13, packet[26], packet[27]]
        );
        assert_eq!(read(&packet, TWO, 694), Some(&b"hello"[..]));
    }

    #[test]
    fn each_damaged_bit_is_seen() {
        for payload in [&b"hello"[..], b"", b"hello!", &[0; 1000]] {
            let packet = write(FLOW, payload).unwrap();
            assert_eq!(read(&packet, TWO, 694), Some(payload));
            for bit in 0..packet.len() * 8 {
                let mut damaged = packet.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(read(&damaged, TWO, 694), None, "bit {bit}");
            }
            for end in 0..packet.len() {
                assert_eq!(read(&packet[..end], TWO, 694), None, "cut at {end}");
            }
        }
    }

    #[test]
    fn what_is_not_for_us_is_refused() {
        let packet = write(FLOW, b"hello").unwrap();
        assert_eq!(read(&packet, ONE, 694), None);
        assert_eq!(read(&packet, TWO, 695), None);
        let to_all = write(Flow { destination: Ipv4Addr::BROADCAST, ..FLOW }, b"hello").unwrap();
        assert_eq!(read(&to_all, TWO, 694), Some(&b"hello"[..]));
        let padded = [packet.as_slice(), &[0; 9]].concat();
        assert_eq!(read(&padded, TWO, 694), Some(&b"hello"[..]));
        // Fragments: the first one, and a later one.
        for (field, value) in [(6, 0x20), (7, 0x01)] {
            let mut fragment = packet.clone();
            fragment[field] = value;
            fragment[10..12].fill(0);
            let check = !sum(0, &fragment[..20]);
            fragment[10..12].copy_from_slice(&check.to_be_bytes());
            assert_eq!(read(&fragment, TWO, 694), None);
        }
    }

    #[test]
    fn a_datagram_without_check_and_one_behind_options_are_taken() {
        let mut packet = write(FLOW, b"hello").unwrap();
        packet[26..28].fill(0);
        assert_eq!(read(&packet, TWO, 694), Some(&b"hello"[..]));
        let mut long = write(FLOW, b"hello").unwrap();
        long[0] = 0x46;
        long[3] += 4;
        long.splice(20..20, [1, 1, 1, 0]);
        long[10..12].fill(0);
        let check = !sum(0, &long[..24]);
        long[10..12].copy_from_slice(&check.to_be_bytes());
        assert_eq!(read(&long, TWO, 694), Some(&b"hello"[..]));
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        assert_eq!(room(1500), 1472);
        let long = alloc::vec![0; 65_508];
        assert!(write(FLOW, &long[1..]).is_some());
        assert_eq!(write(FLOW, &long), None);
    }
}
