//! ICMP echo (RFC 792, RFC 4443): requests that are numbered, and which of them a packet answers.
//!
//! Pure: no socket and no clock. Knows nothing of what the payload says; a payload is looked at before its request counts as
//! answered, so nobody can spoil an answer by being faster with rubbish.

use thiserror::Error;

/// Of which protocol the messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// ICMP.
    V4,
    /// `ICMPv6`.
    V6,
}

/// Requests of one sender, and what is known of their answers.
#[derive(Clone, Debug)]
pub struct Echo {
    family: Family,
    identifier: [u8; 2],
    /// Packets come with their IPv4 header.
    has_header: bool,
    /// The number of the next request; from 0, rising by one.
    next: u16,
    /// Of the last requests, the newest in the lowest bit: it was sent, and it was not answered.
    sent: u128,
    open: u128,
}

/// A packet that answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Which request.
    pub sequence: u16,
    /// What it brings back.
    pub payload: &'a [u8],
}

/// Why a packet is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EchoRefusal {
    /// Shorter than its own headers.
    #[error("the packet is cut")]
    Cut,
    /// Another kind of message.
    #[error("it is no echo reply")]
    NoReply,
    /// An answer to somebody else on this machine.
    #[error("it answers another program")]
    OtherIdentifier,
    /// The sum over the message is wrong.
    #[error("it is damaged")]
    Damaged,
    /// There was no such request, or long ago.
    #[error("it answers nothing that was asked lately")]
    NotAsked,
    /// The request was answered before.
    #[error("it answers what was answered before")]
    AnsweredBefore,
}

impl EchoRefusal {
    /// A stable short name for counters and machine-readable output.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Cut => "echo-cut",
            Self::NoReply => "echo-no-reply",
            Self::OtherIdentifier => "echo-other-identifier",
            Self::Damaged => "echo-damaged",
            Self::NotAsked => "echo-not-asked",
            Self::AnsweredBefore => "echo-answered-before",
        }
    }
}

impl Echo {
    /// No request yet. `identifier` is as on the wire; `has_header` says that packets come with their IPv4 header, as raw
    /// sockets give them.
    #[must_use]
    pub const fn new(family: Family, identifier: [u8; 2], has_header: bool) -> Self {
        Self { family, identifier, has_header, next: 0, sent: 0, open: 0 }
    }

    /// The next request, from its ICMP header on. That of `ICMPv6` gets its sum from the kernel.
    pub fn request_into(&mut self, payload: &[u8], packet: &mut Vec<u8>) {
        packet.clear();
        packet.extend([self.kinds().0, 0, 0, 0]);
        packet.extend(self.identifier);
        packet.extend(self.next.to_be_bytes());
        packet.extend(payload);
        if self.family == Family::V4 {
            let sum = checksum(packet).to_be_bytes();
            packet.splice(2..4, sum);
        }
        self.next = self.next.wrapping_add(1);
        self.sent = self.sent << 1 | 1;
        self.open = self.open << 1 | 1;
    }

    /// What a packet answers.
    ///
    /// # Errors
    /// Why it is no answer; the first cause found.
    pub fn read<'a>(&self, packet: &'a [u8]) -> Result<Answer<'a>, EchoRefusal> {
        let message = if self.has_header { behind_header(packet)? } else { packet };
        let [kind, code, _, _, id0, id1, seq0, seq1, payload @ ..] = message else {
            return Err(EchoRefusal::Cut);
        };
        if (*kind, *code) != (self.kinds().1, 0) {
            return Err(EchoRefusal::NoReply);
        }
        if [*id0, *id1] != self.identifier {
            return Err(EchoRefusal::OtherIdentifier);
        }
        // Over a whole message with its sum, the sum is 0. The kernel has checked that of `ICMPv6`.
        if self.family == Family::V4 && checksum(message) != 0 {
            return Err(EchoRefusal::Damaged);
        }
        let sequence = u16::from_be_bytes([*seq0, *seq1]);
        let bit = self.bit(sequence).filter(|bit| self.sent & bit != 0).ok_or(EchoRefusal::NotAsked)?;
        if self.open & bit == 0 {
            return Err(EchoRefusal::AnsweredBefore);
        }
        Ok(Answer { sequence, payload })
    }

    /// The request was answered.
    pub fn settle(&mut self, sequence: u16) {
        if let Some(bit) = self.bit(sequence) {
            self.open &= !bit;
        }
    }

    pub(super) const fn family(&self) -> Family {
        self.family
    }

    pub(super) const fn identifier(&self) -> [u8; 2] {
        self.identifier
    }

    pub(super) const fn has_header(&self) -> bool {
        self.has_header
    }

    /// The types of a request and of a reply.
    const fn kinds(&self) -> (u8, u8) {
        match self.family {
            Family::V4 => (8, 0),
            Family::V6 => (128, 129),
        }
    }

    fn bit(&self, sequence: u16) -> Option<u128> {
        let age = self.next.wrapping_sub(1).wrapping_sub(sequence);
        1_u128.checked_shl(age.into())
    }
}

/// What follows an IPv4 header with its options.
fn behind_header(packet: &[u8]) -> Result<&[u8], EchoRefusal> {
    let words = packet.first().map_or(0, |first| first & 0xf);
    packet.get(usize::from(words) * 4..).filter(|_| words >= 5).ok_or(EchoRefusal::Cut)
}

/// The internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let word =
            u16::from_be_bytes([pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0)]);
        sum += u32::from(word);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = include_bytes!("../../../hb-wire/tests/vectors/161_ping_request.bin");
    const REPLY: &[u8] = include_bytes!("../../../hb-wire/tests/vectors/162_ping_reply.bin");

    fn asked(count: u16) -> Echo {
        let mut echo = Echo::new(Family::V4, [0x4a, 0x10], false);
        for _ in 0..count {
            echo.request_into(&REQUEST[8..], &mut Vec::new());
        }
        echo
    }

    /// A reply to the request of that number, as a host makes it.
    fn reply(sequence: u16, payload: &[u8]) -> Vec<u8> {
        let mut echo = Echo::new(Family::V4, [0x4a, 0x10], false);
        echo.next = sequence;
        let mut packet = Vec::new();
        echo.request_into(payload, &mut packet);
        packet[0] = 0;
        packet[2..4].fill(0);
        let sum = checksum(&packet).to_be_bytes();
        packet[2..4].copy_from_slice(&sum);
        packet
    }

    #[test]
    fn requests_are_those_of_3_0_6_byte_for_byte() {
        let mut packet = Vec::new();
        Echo::new(Family::V4, [0x4a, 0x10], true).request_into(&REQUEST[8..], &mut packet);
        assert_eq!(packet, REQUEST);
        let theirs = include_bytes!("../../../hb-wire/tests/vectors/165_ping6_request.bin");
        let mut echo = Echo::new(Family::V6, [theirs[4], theirs[5]], false);
        echo.next = u16::from_be_bytes([theirs[6], theirs[7]]);
        echo.request_into(&theirs[8..], &mut packet);
        assert_eq!((&packet[..2], &packet[4..]), (&theirs[..2], &theirs[4..]), "but for the sum");
    }

    #[test]
    fn a_reply_counts_once() {
        let mut echo = asked(1);
        assert_eq!(echo.read(REPLY), Ok(Answer { sequence: 0, payload: &REPLY[8..] }));
        assert!(echo.read(REPLY).is_ok(), "what was not settled is still open");
        echo.settle(0);
        assert_eq!(echo.read(REPLY), Err(EchoRefusal::AnsweredBefore));
        let with_header = [&[0x46][..], &[0; 23], REPLY].concat();
        echo = asked(1);
        echo.has_header = true;
        assert_eq!(echo.read(&with_header).map(|answer| answer.payload), Ok(&REPLY[8..]));
    }

    #[test]
    fn only_the_last_128_requests_can_be_answered() {
        let echo = asked(200);
        for (sequence, good) in [(71, false), (72, true), (199, true), (200, false), (60_000, false)] {
            assert_eq!(echo.read(&reply(sequence, b"x")).is_ok(), good, "{sequence}");
        }
        assert_eq!(asked(0).read(REPLY), Err(EchoRefusal::NotAsked));
        assert_eq!(asked(1).read(&reply(u16::MAX, b"x")), Err(EchoRefusal::NotAsked));
    }

    #[test]
    fn numbers_wrap() {
        let mut echo = asked(1);
        for _ in 0..=u16::MAX {
            echo.request_into(b"", &mut Vec::new());
        }
        assert!(echo.read(&reply(0, b"x")).is_ok());
        assert!(echo.read(&reply(u16::MAX, b"x")).is_ok());
    }

    #[test]
    fn what_is_damaged_or_foreign_is_refused() {
        let echo = asked(1);
        for length in 0..8 {
            assert_eq!(echo.read(&REPLY[..length]), Err(EchoRefusal::Cut));
        }
        assert_eq!(echo.read(REQUEST), Err(EchoRefusal::NoReply));
        for at in 0..REPLY.len() {
            let mut packet = REPLY.to_vec();
            packet[at] ^= 0x11;
            assert!(echo.read(&packet).is_err(), "byte {at}");
        }
        let mut raw = asked(1);
        raw.has_header = true;
        for first in [0x00, 0x44, 0x4f] {
            assert_eq!(raw.read(&[first, 0, 0, 0, 0]), Err(EchoRefusal::Cut));
        }
    }
}
