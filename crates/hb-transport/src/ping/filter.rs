//! Which packets reach the socket of a ping member: answers to this process from the hosts that it asks.
//!
//! A raw socket gets a copy of every ICMP packet of the machine; a filter in the kernel drops those of others, so they wake
//! nobody. What it lets through is looked at again, but for the host's address, which is only looked at here.

use std::io;
use std::net::IpAddr;

use socket2::{SockFilter, Socket};

use super::echo::{Echo, Family};

/// Lays the filter into the kernel.
pub(super) fn attach(socket: &Socket, echo: &Echo, hosts: &[IpAddr]) -> io::Result<()> {
    let mut program = Vec::new();
    if echo.has_header() {
        program.push(SockFilter::new(LOAD_X_IP_LENGTH, 0, 0, 0));
    } else {
        program.push(SockFilter::new(LOAD_X, 0, 0, 0));
    }
    let reply: u32 = match echo.family() {
        Family::V4 => 0x0000,
        Family::V6 => 0x8100,
    };
    for (place, value) in [(TYPE, reply), (IDENTIFIER, u16::from_be_bytes(echo.identifier()).into())] {
        program.push(SockFilter::new(LOAD_HALF, 0, 0, place));
        program.push(SockFilter::new(JUMP_IF_EQUAL, 1, 0, value));
        program.push(SockFilter::new(RETURN, 0, 0, 0));
    }
    for host in hosts {
        program.extend(is_from(*host));
    }
    program.push(SockFilter::new(RETURN, 0, 0, 0));
    socket.attach_filter(&program)
}

/// Keeps the packet if it is from this host; else goes on behind these lines.
fn is_from(host: IpAddr) -> Vec<SockFilter> {
    let (place, address) = match host {
        IpAddr::V4(address) => (SOURCE_V4, address.octets().to_vec()),
        IpAddr::V6(address) => (SOURCE_V6, address.octets().to_vec()),
    };
    let words: Vec<u32> =
        address.chunks(4).filter_map(|word| word.try_into().ok().map(u32::from_be_bytes)).collect();
    let mut lines = Vec::new();
    for (number, word) in (0_u8..).zip(&words) {
        let offset = NETWORK_HEADER + place + u32::from(number) * 4;
        lines.push(SockFilter::new(LOAD_WORD_AT, 0, 0, offset));
        // What is left of these lines: two for each further word, and the last one.
        let rest = (u8::try_from(words.len()).unwrap_or(u8::MAX) - number - 1) * 2 + 1;
        lines.push(SockFilter::new(JUMP_IF_EQUAL, 0, rest, *word));
    }
    lines.push(SockFilter::new(RETURN, 0, 0, u32::MAX));
    lines
}

const LOAD_X_IP_LENGTH: u16 = 0xb1;
const LOAD_X: u16 = 0x01;
const LOAD_HALF: u16 = 0x48;
const LOAD_WORD_AT: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// `SKF_NET_OFF`: from here on places count from the IP header, wherever the packet itself begins for the filter.
const NETWORK_HEADER: u32 = 0xfff0_0000;
/// Of the IPv4 and of the IPv6 header.
const SOURCE_V4: u32 = 12;
const SOURCE_V6: u32 = 8;
/// Of the ICMP header: type with code, and the identifier.
const TYPE: u32 = 0;
const IDENTIFIER: u32 = 4;
