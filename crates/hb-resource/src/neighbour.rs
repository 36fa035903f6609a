//! The frame of an unsolicited neighbour advertisement (RFC 4861 sections 4.4 and 7.2.6), by hand.
//!
//! Decides only the bytes. With the override flag set neighbours take the new hardware address at once; like ARP it
//! creates no entry where none was.

use std::net::Ipv6Addr;

use crate::arp::Mac;

/// Length of an advertisement with the hardware address, in an IPv6 packet over Ethernet.
pub(crate) const FRAME_LENGTH: usize = 86;

/// "`address` is at `mac`", to all nodes. `is_router` says that this machine forwards.
pub(crate) fn advertisement(mac: Mac, address: Ipv6Addr, is_router: bool) -> [u8; FRAME_LENGTH] {
    let ip = address.octets();
    let flags = OVERRIDE | if is_router { ROUTER } else { 0 };
    let message = |checksum: [u8; 2]| {
        let parts: [&[u8]; 6] =
            [&[ADVERTISEMENT, 0], &checksum, &[flags, 0, 0, 0], &ip, &TARGET_LINK_LAYER, &mac];
        parts.concat()
    };
    let body = message([0; 2]);
    let body = message(checksum(&[&ip, &ALL_NODES.octets(), &PSEUDO_HEADER, &body]).to_be_bytes());
    let parts: [&[u8]; 7] = [
        &ALL_NODES_MAC,
        &mac,
        &[0x86, 0xdd],
        // Version 6; length; ICMPv6; hop limit 255: proof that no router has passed it on.
        &[0x60, 0, 0, 0, 0, MESSAGE_LENGTH, ICMPV6, 255],
        &ip,
        &ALL_NODES.octets(),
        &body,
    ];
    let mut frame = [0; FRAME_LENGTH];
    for (place, byte) in frame.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *byte;
    }
    frame
}

/// RFC 1071, over these parts one after the other, each of an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.as_chunks::<2>().0);
    let mut sum: u32 = words.map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: Mac = [0x33, 0x33, 0, 0, 0, 1];
const ADVERTISEMENT: u8 = 136;
const ICMPV6: u8 = 58;
const OVERRIDE: u8 = 0x20;
const ROUTER: u8 = 0x80;
/// Of the target, one unit of eight bytes.
const TARGET_LINK_LAYER: [u8; 2] = [2, 1];
/// Type to target (24) and the option (8).
const MESSAGE_LENGTH: u8 = 32;
/// Length and next header, as the checksum wants them (RFC 8200 section 8.1).
const PSEUDO_HEADER: [u8; 8] = [0, 0, 0, MESSAGE_LENGTH, 0, 0, 0, ICMPV6];

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = [0x02, 0x11, 0x22, 0x33, 0x44, 0x55];
    const ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 5);

    #[test]
    #[rustfmt::skip]
    fn bytes() {
        let frame = advertisement(MAC, ADDRESS, false);
        assert_eq!(frame[..22], [
            0x33, 0x33, 0, 0, 0, 1,  0x02, 0x11, 0x22, 0x33, 0x44, 0x55,  0x86, 0xdd,
            0x60, 0, 0, 0, 0, 32, 58, 255,
        ]);
        assert_eq!(frame[22..38], ADDRESS.octets());
        assert_eq!(frame[38..54], ALL_NODES.octets());
        assert_eq!(frame[54..56], [136, 0]);
        assert_eq!(frame[58..62], [0x20, 0, 0, 0]);
        assert_eq!(frame[62..78], ADDRESS.octets());
        assert_eq!(frame[78..], [2, 1, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55]);
        // With its checksum in place a message sums up to all ones.
        assert_eq!(checksum(&[&frame[22..54], &PSEUDO_HEADER, &frame[54..]]), 0);
    }

    #[test]
    fn a_router_says_so() {
        assert_eq!(advertisement(MAC, ADDRESS, true)[58], 0xa0);
    }
}
