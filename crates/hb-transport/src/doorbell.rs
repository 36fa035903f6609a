//! The doorbell of a UDP medium: readable when something else than a usual heartbeat has come.
//!
//! Whoever reads his heartbeats only when his own is due needs one wake-up for each instead of two, but must still
//! hear at once what cannot wait. A raw socket (`raw(7)`) gets a copy of each UDP packet that the kernel passes up; a
//! filter in the kernel drops the copies of usual heartbeats, so nobody is woken by them. Nothing is read from a
//! doorbell but that it rang: the packet itself waits in the socket of the medium, in its order. It rings a moment
//! before the packet is there.

use std::io;
use std::mem::MaybeUninit;

use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::spec::MediumSpec;

/// What packets begin with that do not ring, in netstring encoding: heartbeats of nodes whose communication is up, and
/// acknowledgements (`wire.md` 2.1, 7.2, 6.6). The filter looks for that.
const UNHURRIED: [&[u8]; 2] = [b"###\n11:(0)t=status,12:(0)st=active,", b"###\n14:(0)t=NS_ackmsg,"];

/// Whether a packet is one that does not ring.
#[must_use]
pub fn is_unhurried(packet: &[u8]) -> bool {
    UNHURRIED.iter().any(|beginning| packet.starts_with(beginning))
}

/// A raw socket on the medium's interface. Needs `CAP_NET_RAW`.
pub(crate) fn open(spec: &MediumSpec) -> io::Result<Socket> {
    let domain = match spec {
        MediumSpec::Bcast { .. } | MediumSpec::Mcast { .. } | MediumSpec::Ucast { .. } => Domain::IPV4,
        MediumSpec::Mcast6 { .. } | MediumSpec::Ucast6 { .. } => Domain::IPV6,
        MediumSpec::Serial { .. } | MediumSpec::PppUdp { .. } => {
            return Err(io::ErrorKind::Unsupported.into());
        }
    };
    let kind = Type::RAW.nonblocking().cloexec();
    let socket = Socket::new_raw(domain, kind, Some(Protocol::UDP))?;
    // Until the filter is there, it rings for every packet, which does no harm.
    socket.bind_device(Some(spec.interface().as_bytes()))?;
    socket.attach_filter(&filter(domain == Domain::IPV4, spec.port()))?;
    Ok(socket)
}

/// Takes back that it rang.
pub(crate) fn answer(socket: &Socket) {
    for _ in 0..RINGS {
        if socket.recv(&mut [MaybeUninit::uninit(); 1]).is_err() {
            break;
        }
    }
}

/// Keeps one byte of what shall ring, nothing of all else. IPv4 packets come with their header, IPv6 packets without.
fn filter(has_header: bool, port: u16) -> Vec<SockFilter> {
    const LOAD_X_IP_LENGTH: u16 = 0xb1;
    const LOAD_X: u16 = 0x01;
    const LOAD_HALF: u16 = 0x48;
    const LOAD_WORD: u16 = 0x40;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    /// Of the UDP header.
    const PORT: u32 = 2;
    const PAYLOAD: u32 = 8;

    let chains = UNHURRIED.map(words);
    // Three lines before the chains, two for each word, and two behind them: one byte is kept, nothing is kept.
    let keep = 3 + 2 * chains.iter().map(Vec::len).sum::<usize>();
    let jump = |from: usize, to: usize| u8::try_from(to - from - 1).unwrap_or(u8::MAX);
    let mut program = vec![
        SockFilter::new(if has_header { LOAD_X_IP_LENGTH } else { LOAD_X }, 0, 0, 0),
        SockFilter::new(LOAD_HALF, 0, 0, PORT),
        SockFilter::new(JUMP_IF_EQUAL, 0, jump(2, keep + 1), port.into()),
    ];
    for chain in chains {
        let end = program.len() + 2 * chain.len();
        for (offset, word) in chain {
            program.push(SockFilter::new(LOAD_WORD, 0, 0, PAYLOAD + offset));
            let line = program.len();
            // What is equal to the end does not ring; what is not may begin like the next one.
            let equal = if line + 1 == end { jump(line, keep + 1) } else { 0 };
            program.push(SockFilter::new(JUMP_IF_EQUAL, equal, jump(line, end), word));
        }
    }
    program.push(SockFilter::new(RETURN, 0, 0, 1));
    program.push(SockFilter::new(RETURN, 0, 0, 0));
    program
}

/// A beginning in words of four bytes and their places; the last one may overlap the one before.
fn words(beginning: &[u8]) -> Vec<(u32, u32)> {
    let last = beginning.len() - 4;
    let starts = (0..last).step_by(4).chain([last]);
    let word = |start: usize| {
        let bytes = beginning.get(start..start + 4)?.try_into().ok()?;
        Some((u32::try_from(start).ok()?, u32::from_be_bytes(bytes)))
    };
    starts.filter_map(word).collect()
}

/// What is taken back at once; a doorbell that rings on is answered again.
const RINGS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_beginning_is_looked_at() {
        for beginning in UNHURRIED {
            let words = words(beginning);
            assert_eq!(words.first(), Some(&(0, u32::from_be_bytes(*b"###\n"))));
            for (place, byte) in (0..).zip(beginning) {
                let mut over = words.iter().filter(|(start, _)| (*start..start + 4).contains(&place));
                assert!(over.any(|(start, word)| word.to_be_bytes()[(place - start) as usize] == *byte));
            }
        }
    }

    #[test]
    fn packets_of_3_0_6_begin_like_that() {
        let heartbeat = include_bytes!("../../hb-wire/tests/vectors/011_bcast_status_active.bin");
        let acknowledgement = include_bytes!("../../hb-wire/tests/vectors/007_bcast_NS_ackmsg.bin");
        assert!(is_unhurried(heartbeat) && is_unhurried(acknowledgement));
        assert!(!is_unhurried(&heartbeat[..34]));
        assert!(!is_unhurried(include_bytes!("../../hb-wire/tests/vectors/005_bcast_reqnodes.bin")));
    }
}
