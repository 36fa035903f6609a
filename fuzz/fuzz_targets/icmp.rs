//! Answers to a ping member's requests: honest ones, damaged ones, and bytes of a liar who knows everything but the key.
#![no_main]

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::LazyLock;

use hb_auth::{InnerAuth, KeyRing, Method};
use hb_transport::{Answer, Echo, EchoRefusal, Family, PingKind, PingSpec};
use libfuzzer_sys::fuzz_target;

static RING: LazyLock<KeyRing> =
    LazyLock::new(|| KeyRing::new(1, [(1, Method::Sha1, b"alpha-key".to_vec())]).expect("a ring"));

fuzz_target!(|input: &[u8]| {
    let [how, steps @ ..] = input else { return };
    let mut asker = Asker::new(*how);
    let mut steps = steps;
    while let [what, number, after @ ..] = steps {
        let amount = usize::from(*number).min(after.len()).min(if *what % 8 >= 4 { 96 } else { 0 });
        let (data, after) = after.split_at(amount);
        steps = after;
        let number = usize::from(*number);
        match what % 8 {
            0 => (0..number % 8 + 1).for_each(|_| asker.ask()),
            1 => asker.answer(number, |_| ()),
            // Somebody else's hand: one byte is another one.
            2 => asker.answer(number, |packet| {
                let at = usize::from(*what / 8) * 7 % packet.len().max(1);
                if let Some(byte) = packet.get_mut(at) {
                    *byte ^= u8::try_from(number % 255).unwrap_or(0) + 1;
                }
            }),
            3 => asker.answer(number, |packet| packet.truncate(usize::from(*what))),
            4 => asker.hear(data),
            // A good frame around rubbish.
            5 | 6 => {
                let sequence = asker.next.wrapping_sub(u16::from(*what / 8));
                let frame = asker.frame(sequence, data);
                asker.hear(&frame);
            }
            _ if number % 2 == 0 => asker.settle(asker.next.wrapping_sub(u16::from(*what / 8) * 8)),
            // Time goes by.
            _ => (0..*what).for_each(|_| {
                asker.echo.request_into(b"", &mut Vec::new());
                asker.note(Vec::new());
            }),
        }
    }
});

/// The code under test, and what a plain account of it says.
struct Asker {
    spec: PingSpec,
    echo: Echo,
    family: Family,
    has_header: bool,
    next: u16,
    /// The last requests and whether each is still open.
    requests: VecDeque<(u16, bool, Vec<u8>)>,
}

impl Asker {
    fn new(how: u8) -> Self {
        let family = if how & 1 == 0 { Family::V4 } else { Family::V6 };
        let kind = if family == Family::V4 { PingKind::Ping } else { PingKind::Ping6 };
        let has_header = family == Family::V4 && how & 2 == 2;
        Self {
            spec: PingSpec { kind, name: "router".to_owned(), hosts: vec![IpAddr::from([10, 0, 0, 1])] },
            echo: Echo::new(family, IDENTIFIER, has_header),
            family,
            has_header,
            next: 0,
            requests: VecDeque::new(),
        }
    }

    fn note(&mut self, payload: Vec<u8>) {
        self.requests.push_back((self.next, true, payload));
        if self.requests.len() > 128 {
            self.requests.pop_front();
        }
        self.next = self.next.wrapping_add(1);
    }

    fn ask(&mut self) {
        let mut payload = Vec::new();
        let message = self.spec.request(u64::from(self.next) + 1);
        RING.seal_into(&message, InnerAuth::Yes, &mut payload).expect("it can be sealed");
        let mut packet = Vec::new();
        self.echo.request_into(&payload, &mut packet);
        let kind = if self.family == Family::V4 { 8 } else { 128 };
        assert_eq!(packet[..2], [kind, 0]);
        assert_eq!(packet[4..6], IDENTIFIER);
        assert_eq!(packet[6..8], self.next.to_be_bytes());
        assert_eq!(packet[8..], payload);
        assert!(self.family == Family::V6 || sum(&packet) == 0xffff);
        self.note(payload);
    }

    /// What a host sends back, from the IP header on where the socket gives that.
    fn frame(&self, sequence: u16, payload: &[u8]) -> Vec<u8> {
        let mut message = vec![if self.family == Family::V4 { 0 } else { 129 }, 0, 0, 0];
        message.extend(IDENTIFIER);
        message.extend(sequence.to_be_bytes());
        message.extend(payload);
        let sum = !sum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        if !self.has_header {
            return message;
        }
        let words = 5 + usize::from(sequence % 11);
        let mut packet = vec![0; words * 4];
        packet[0] = 0x40 | u8::try_from(words).expect("at most 15");
        packet.extend(message);
        packet
    }

    fn answer(&mut self, number: usize, change: impl Fn(&mut Vec<u8>)) {
        let Some((sequence, _, payload)) = self.requests.get(number % self.requests.len().max(1)) else {
            return;
        };
        let mut packet = self.frame(*sequence, payload);
        change(&mut packet);
        self.hear(&packet);
    }

    /// The packet is read as a plain reading has it; what is authentic is what was asked, and counts once.
    fn hear(&mut self, packet: &[u8]) {
        let expected = self.plainly(packet);
        let found = self.echo.read(packet);
        assert_eq!(found, expected);
        let Ok(Answer { sequence, payload }) = found else { return };
        assert!(packet.ends_with(payload));
        let sent = || self.requests.iter().map(|(_, _, sent)| sent).filter(|sent| !sent.is_empty());
        match RING.open(payload) {
            Ok(message) => {
                // The blank between the number of the key and the digest may be another one: it is not signed.
                let signed = |sent: &Vec<u8>| payload.starts_with(signed_part(sent));
                assert!(sent().any(signed), "a packet that nobody signed");
                assert!(self.spec.is_said_by(&message));
                self.settle(sequence);
                assert_eq!(self.echo.read(packet), Err(EchoRefusal::AnsweredBefore));
            }
            Err(_) => assert!(!sent().any(|sent| payload.starts_with(sent))),
        }
    }

    fn settle(&mut self, sequence: u16) {
        self.echo.settle(sequence);
        for (known, open, _) in &mut self.requests {
            *open &= *known != sequence;
        }
    }

    fn plainly<'a>(&self, packet: &'a [u8]) -> Result<Answer<'a>, EchoRefusal> {
        let begin = if !self.has_header {
            0
        } else {
            let words = usize::from(*packet.first().ok_or(EchoRefusal::Cut)? % 16);
            if words < 5 {
                return Err(EchoRefusal::Cut);
            }
            words * 4
        };
        if packet.len() < begin + 8 {
            return Err(EchoRefusal::Cut);
        }
        let (message, payload) = (&packet[begin..], &packet[begin + 8..]);
        if message[..2] != [if self.family == Family::V4 { 0 } else { 129 }, 0] {
            return Err(EchoRefusal::NoReply);
        }
        if message[4..6] != IDENTIFIER {
            return Err(EchoRefusal::OtherIdentifier);
        }
        if self.family == Family::V4 && sum(message) != 0xffff {
            return Err(EchoRefusal::Damaged);
        }
        let sequence = u16::from_be_bytes([message[6], message[7]]);
        match self.requests.iter().find(|(known, _, _)| *known == sequence) {
            None => Err(EchoRefusal::NotAsked),
            Some((_, false, _)) => Err(EchoRefusal::AnsweredBefore),
            Some((_, true, _)) => Ok(Answer { sequence, payload }),
        }
    }
}

/// A packet up to its digest.
fn signed_part(packet: &[u8]) -> &[u8] {
    let end = packet.windows(END.len()).position(|bytes| bytes == END);
    packet.get(..end.expect("a packet has an end") + END.len()).unwrap_or(packet)
}

/// The sum of RFC 1071, in the plainest way: carries are added at once.
fn sum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u16;
    for (at, byte) in bytes.iter().enumerate() {
        let word = if at % 2 == 0 { u16::from(*byte) << 8 } else { u16::from(*byte) };
        let (added, carry) = sum.overflowing_add(word);
        sum = added + u16::from(carry);
    }
    sum
}

const END: &[u8] = b"%%%\n";
const IDENTIFIER: [u8; 2] = [0x4a, 0x10];
