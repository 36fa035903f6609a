//! The frames of a gratuitous ARP announcement (RFC 826, RFC 5227 section 3), by hand.
//!
//! Decides only the bytes. Both forms are sent because stacks differ in which they believe: Linux takes a request
//! with any target MAC, and a reply only when its target MAC is the sender's (field.md 4q). Neither creates an entry
//! where none was.

use std::net::Ipv4Addr;

/// An Ethernet address.
pub(crate) type Mac = [u8; 6];

/// Length of an ARP frame for IPv4 over Ethernet; the driver pads it.
pub(crate) const FRAME_LENGTH: usize = 42;

/// "Who has `address`? Tell `address`", to everybody.
pub(crate) fn request(mac: Mac, address: Ipv4Addr) -> [u8; FRAME_LENGTH] {
    frame(OPERATION_REQUEST, mac, address, [0; 6])
}

/// "`address` is at `mac`", to everybody, with the sender as its own target.
pub(crate) fn reply(mac: Mac, address: Ipv4Addr) -> [u8; FRAME_LENGTH] {
    frame(OPERATION_REPLY, mac, address, mac)
}

fn frame(operation: u8, mac: Mac, address: Ipv4Addr, target: Mac) -> [u8; FRAME_LENGTH] {
    let ip = address.octets();
    let parts: [&[u8]; 8] = [
        &BROADCAST,
        &mac,
        // Ethernet type ARP; hardware Ethernet, protocol IPv4, their address lengths.
        &[0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 6, 4],
        &[0, operation],
        &mac,
        &ip,
        &target,
        &ip,
    ];
    let mut frame = [0; FRAME_LENGTH];
    for (place, byte) in frame.iter_mut().zip(parts.into_iter().flatten()) {
        *place = *byte;
    }
    frame
}

const BROADCAST: Mac = [0xff; 6];
const OPERATION_REQUEST: u8 = 1;
const OPERATION_REPLY: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = [0x02, 0x11, 0x22, 0x33, 0x44, 0x55];
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 53);

    #[test]
    #[rustfmt::skip]
    fn request_bytes() {
        assert_eq!(request(MAC, ADDRESS), [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  0x02, 0x11, 0x22, 0x33, 0x44, 0x55,  0x08, 0x06,
            0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x01,
            0x02, 0x11, 0x22, 0x33, 0x44, 0x55,  192, 168, 1, 53,
            0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  192, 168, 1, 53,
        ]);
    }

    #[test]
    #[rustfmt::skip]
    fn reply_bytes() {
        assert_eq!(reply(MAC, ADDRESS), [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  0x02, 0x11, 0x22, 0x33, 0x44, 0x55,  0x08, 0x06,
            0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x02,
            0x02, 0x11, 0x22, 0x33, 0x44, 0x55,  192, 168, 1, 53,
            0x02, 0x11, 0x22, 0x33, 0x44, 0x55,  192, 168, 1, 53,
        ]);
    }
}
