//! Two ends of a PPP link, and what happens to them: bytes and packets of a liar at one end, a wire that is late, cut and
//! damaged, time. Nothing hurts an end, and afterwards two honest ends always agree.
#![no_main]

use std::net::Ipv4Addr;
use std::time::Duration;

use hb_ppp::frame::{Reader, Writing, write};
use hb_ppp::{Config, Counts, Link, Output};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [how, rest @ ..] = input else { return };
    readers_agree(*how, rest);
    let mut pair = Pair::new();
    let mut steps = rest;
    while let [what, number, after @ ..] = steps {
        steps = after;
        let amount = usize::from(*number);
        let (data, after) = steps.split_at(amount.min(steps.len()).min(if *what % 8 < 2 { 64 } else { 0 }));
        steps = after;
        match what % 8 {
            // To the first end, as they are, or in a good frame.
            0 => {
                pair.liar = true;
                pair.feed(0, data);
            }
            1 => {
                pair.liar = true;
                let protocol = PROTOCOLS[usize::from(*what / 8) % PROTOCOLS.len()];
                pair.feed(0, &write(Writing::PLAIN, protocol, data));
            }
            2 => pair.pass(Duration::from_millis(u64::from(*number) * 16)),
            3 => pair.deliver(),
            // A byte of what is on the wire is lost.
            4 => {
                let wire = &mut pair.wires[usize::from(*what / 8) % 2];
                if !wire.is_empty() {
                    wire.remove(amount % wire.len());
                }
            }
            5 => match *what / 8 % 4 {
                0 => pair.wires.iter_mut().for_each(Vec::clear),
                1 => pair.forge(amount),
                _ => pair.turn_back(),
            },
            6 => {
                // Without a link it is lost, which is no offence.
                let _ = pair.send(usize::from(*what / 8) % 2, amount * 7);
            }
            _ => pair.restart(usize::from(*what / 8) % 2),
        }
    }
    if pair.liar {
        // What a liar made the first end believe ends when the other one begins anew, at the latest.
        pair.restart(1);
    }
    pair.settle();
    if !pair.liar {
        for (sent, received) in [(0, 1), (1, 0)] {
            for datagram in &pair.received[received] {
                assert!(pair.sent[sent].contains(datagram), "a datagram that nobody sent");
            }
        }
    }
    // What is sent now arrives.
    for (from, to) in [(0, 1), (1, 0)] {
        let before = pair.received[to].len();
        assert!(pair.send(from, 1000));
        pair.deliver();
        assert_eq!(pair.received[to].get(before), pair.sent[from].last(), "a datagram is lost");
        assert_eq!(pair.received[to].len(), before + 1);
    }
});

struct Pair {
    now: Duration,
    ends: [Link; 2],
    /// To each end.
    wires: [Vec<u8>; 2],
    sent: [Vec<Vec<u8>>; 2],
    received: [Vec<Vec<u8>>; 2],
    /// What each end said last.
    up: [bool; 2],
    liar: bool,
    seed: u64,
}

impl Pair {
    fn new() -> Self {
        let mut pair = Self {
            now: Duration::ZERO,
            ends: [end(0, 1), end(1, 2)],
            wires: Default::default(),
            sent: Default::default(),
            received: Default::default(),
            up: [false; 2],
            liar: false,
            seed: 2,
        };
        for at in 0..2 {
            pair.ends[at].line_up(pair.now);
            pair.take(at);
        }
        pair
    }

    fn feed(&mut self, at: usize, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let before = bytes.len();
            self.ends[at].handle_bytes(self.now, &mut bytes);
            assert!(bytes.len() < before, "nothing was read");
            self.take(at);
        }
    }

    /// Takes what an end wants done.
    fn take(&mut self, at: usize) {
        let mut outputs = 0;
        let was_up = self.ends[at].is_up();
        while let Some(output) = self.ends[at].poll_output() {
            outputs += 1;
            assert!(outputs <= 8, "too many outputs");
            match output {
                Output::Frame(frame) => {
                    assert_eq!(second_reading(&frame, LONGEST).len(), 1, "a frame that cannot be read");
                    if self.wires[1 - at].len() < 100_000 {
                        self.wires[1 - at].extend(frame);
                    }
                }
                Output::Datagram(datagram) => self.received[at].push(datagram),
                Output::Up(peer) => {
                    assert!(!self.up[at], "up twice");
                    assert!(self.liar || peer != Some(address(at)), "a link with itself");
                    self.up[at] = true;
                }
                Output::Down => {
                    assert!(self.up[at], "down twice");
                    self.up[at] = false;
                }
            }
        }
        assert_eq!(self.up[at], self.ends[at].is_up(), "it says otherwise");
        assert_eq!(self.ends[at].frame(b"x").is_ok(), was_up);
        if let Some(deadline) = self.ends[at].deadline() {
            assert!(deadline <= self.now + Duration::from_secs(2), "nothing for too long");
        }
    }

    /// Everything that is on the wire, and what that leads to: two ends never keep each other busy.
    fn deliver(&mut self) {
        for _ in 0..60 {
            for at in 0..2 {
                let bytes = std::mem::take(&mut self.wires[at]);
                self.feed(at, &bytes);
            }
            if self.wires.iter().all(Vec::is_empty) {
                return;
            }
        }
        panic!("two ends keep each other busy");
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..100_000 {
            let next = self.ends.iter().filter_map(Link::deadline).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            for at in 0..2 {
                self.ends[at].wake(self.now);
                let deadline = self.ends[at].deadline();
                assert!(deadline.is_none_or(|deadline| deadline > self.now), "a wake-up in the past");
                self.take(at);
            }
        }
        panic!("time does not pass");
    }

    fn send(&mut self, from: usize, length: usize) -> bool {
        let number = self.sent[from].len();
        let mut datagram = format!("{from} {number} ").into_bytes();
        datagram.resize(datagram.len() + length, 0x7e);
        let Ok(frame) = self.ends[from].frame(&datagram) else { return false };
        self.wires[1 - from].extend(frame);
        self.sent[from].push(datagram);
        true
    }

    /// A datagram of which one byte was changed comes in a good frame, and is refused.
    fn forge(&mut self, place: usize) {
        let Ok(frame) = self.ends[1].frame(b"hello") else { return };
        let Some((protocol, mut packet)) = second_reading(&frame, LONGEST).pop() else { return };
        // A sum of zero means that there is none.
        let place = place % packet.len();
        if !(26..28).contains(&place) {
            packet[place] ^= 0x55;
            let before = self.received[0].len();
            self.feed(0, &write(Writing::PLAIN, protocol, &packet));
            assert_eq!(self.received[0].len(), before, "a forged datagram was taken");
        }
    }

    /// What the first end sent comes back to it.
    fn turn_back(&mut self) {
        for _ in 0..30 {
            let bytes = std::mem::take(&mut self.wires[1]);
            self.feed(0, &bytes);
        }
    }

    /// A new end, with the old address.
    fn restart(&mut self, at: usize) {
        self.seed += 1;
        self.up[at] = false;
        self.ends[at] = end(at, self.seed);
        self.ends[at].line_up(self.now);
        self.take(at);
    }

    /// A good wire from now on: both are up within the time after which a dead peer is noticed, a pause and a few requests.
    fn settle(&mut self) {
        self.wires.iter_mut().for_each(Vec::clear);
        // What was begun ends here.
        for at in 0..2 {
            self.feed(at, &[0x7e]);
        }
        for _ in 0..200 {
            self.pass(Duration::from_millis(100));
            self.deliver();
            if self.ends.iter().all(Link::is_up) {
                return;
            }
        }
        panic!("they do not agree: {:?}", self.ends.each_ref().map(Link::cause));
    }
}

fn end(at: usize, seed: u64) -> Link {
    Link::new(Config::new(address(at), 694), seed)
}

fn address(at: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, u8::try_from(at + 1).expect("small"))
}

/// Frames do not depend on how the bytes come, and are those of a plain second reading.
fn readers_agree(how: u8, bytes: &[u8]) {
    let mut with_frame = bytes.to_vec();
    with_frame.extend(write(Writing::PLAIN, 0x21, bytes));
    with_frame.extend(write(
        Writing { short_address: true, short_protocol: true, ..Writing::PLAIN },
        0x21,
        b"!",
    ));
    let limit = 100;
    let read = |step: usize| {
        let (mut reader, mut counts) = (Reader::new(limit), Counts::default());
        let mut found = Vec::new();
        for mut piece in with_frame.chunks(step.max(1)) {
            while let Some((protocol, information)) = reader.next_frame(&mut piece, &mut counts) {
                found.push((protocol, information.to_vec()));
            }
        }
        found
    };
    let whole = read(with_frame.len());
    assert_eq!(whole, read(usize::from(how) % 16 + 1), "in pieces");
    assert_eq!(whole, second_reading(&with_frame, limit), "read plainly");
    assert_eq!(whole.last(), Some(&(0x21, b"!".to_vec())));
}

/// Split at the flags, unescape, check bit by bit.
fn second_reading(bytes: &[u8], limit: usize) -> Vec<(u16, Vec<u8>)> {
    let mut parts: Vec<&[u8]> = bytes.split(|byte| *byte == 0x7e).collect();
    // What has no flag behind it is not complete.
    parts.pop();
    parts.into_iter().filter_map(|part| plain_frame(part, limit)).collect()
}

fn plain_frame(part: &[u8], limit: usize) -> Option<(u16, Vec<u8>)> {
    let mut frame = Vec::new();
    let mut escaped = false;
    for byte in part.iter().filter(|byte| !matches!(byte, 0x11 | 0x13)) {
        match (escaped, *byte) {
            (false, 0x7d) => escaped = true,
            (false, byte) => frame.push(byte),
            (true, byte) => {
                escaped = false;
                frame.push(byte ^ 0x20);
            }
        }
    }
    if escaped || frame.len() < 2 || frame.len() > limit + 6 {
        return None;
    }
    let check =
        frame.iter().fold(0xffff_u16, |check, byte| {
            (0..8).fold(check ^ u16::from(*byte), |check, _| {
                if check & 1 == 1 { (check >> 1) ^ 0x8408 } else { check >> 1 }
            })
        });
    frame.truncate(frame.len() - 2);
    let body = if frame.starts_with(&[0xff, 3]) { &frame[2..] } else { &frame[..] };
    let (protocol, information) = match body {
        [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] if low & 1 == 1 => (u16::from(*high) << 8 | u16::from(*low), rest),
        _ => return None,
    };
    (check == 0xf0b8).then(|| (protocol, information.to_vec()))
}

/// LCP, IPCP, IPv4, and some that are not spoken.
const PROTOCOLS: [u16; 8] = [0xc021, 0xc021, 0xc021, 0x8021, 0x8021, 0x21, 0x8057, 0xc223];
/// The longest packet that an end sends.
const LONGEST: usize = 16_384;
