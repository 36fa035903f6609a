//! Two ends over a line that loses, garbles and repeats bytes: they agree, datagrams pass whole or not at all, and no bytes
//! whatever hurt an end.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use hb_ppp::{Cause, Config, Link, Output, SendError};
use proptest::prelude::*;

#[cfg(test)]
const STEP: Duration = Duration::from_millis(10);

#[cfg(test)]
fn config(last: u8) -> Config {
    Config::new(Ipv4Addr::new(10, 0, 0, last), 694)
}

/// What is done to bytes on their way.
#[cfg(test)]
#[derive(Clone, Debug, Default)]
struct Damage {
    random: u64,
    /// One byte of so many is lost, changed or repeated; zero: none.
    one_of: u64,
}

#[cfg(test)]
impl Damage {
    fn below(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % limit
    }

    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut passed = Vec::new();
        for byte in bytes {
            if self.one_of == 0 || self.below(self.one_of) > 0 {
                passed.push(*byte);
                continue;
            }
            match self.below(3) {
                0 => {}
                1 => passed.push(byte ^ u8::try_from(1 + self.below(255)).unwrap()),
                _ => passed.extend([*byte, *byte]),
            }
        }
        passed
    }
}

#[cfg(test)]
struct Line {
    now: Duration,
    ends: [Link; 2],
    /// To each end.
    wires: [VecDeque<u8>; 2],
    damage: Damage,
    /// Bytes to each end in a step.
    speed: usize,
    cut: bool,
    received: [Vec<Vec<u8>>; 2],
    changes: [Vec<bool>; 2],
    frames: usize,
}

#[cfg(test)]
impl Line {
    fn new(configs: [Config; 2], damage: Damage) -> Self {
        let mut ends = [Link::new(configs[0], 1), Link::new(configs[1], 2)];
        for end in &mut ends {
            end.line_up(Duration::ZERO);
        }
        Self {
            now: Duration::ZERO,
            ends,
            wires: Default::default(),
            damage,
            speed: 20,
            cut: false,
            received: Default::default(),
            changes: Default::default(),
            frames: 0,
        }
    }

    fn step(&mut self) {
        for at in 0..2 {
            self.drain(at);
            let length = self.wires[at].len().min(self.speed);
            let bytes: Vec<u8> = self.wires[at].drain(..length).collect();
            let mut input = bytes.as_slice();
            while !input.is_empty() {
                self.ends[at].handle_bytes(self.now, &mut input);
                self.drain(at);
            }
            if self.ends[at].deadline().is_some_and(|deadline| deadline <= self.now) {
                self.ends[at].wake(self.now);
                self.drain(at);
                assert!(self.ends[at].deadline().is_none_or(|deadline| deadline > self.now));
            }
        }
        self.now += STEP;
    }

    fn drain(&mut self, at: usize) {
        let mut outputs = 0;
        while let Some(output) = self.ends[at].poll_output() {
            outputs += 1;
            assert!(outputs <= 8);
            match output {
                Output::Frame(frame) => {
                    self.frames += 1;
                    self.send(at, &frame);
                }
                Output::Datagram(datagram) => self.received[at].push(datagram),
                Output::Up(_) => self.changes[at].push(true),
                Output::Down => self.changes[at].push(false),
            }
        }
    }

    fn send(&mut self, from: usize, frame: &[u8]) {
        if !self.cut {
            self.wires[1 - from].extend(self.damage.pass(frame));
        }
    }

    fn until(&mut self, limit: Duration, mut is_true: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + limit;
        while !is_true(self) {
            if self.now >= end {
                return false;
            }
            self.step();
        }
        true
    }

    fn both_up(&self) -> bool {
        self.ends.iter().all(Link::is_up)
    }

    fn for_a_while(&mut self, time: Duration) {
        self.until(time, |_| false);
    }
}

#[test]
fn two_ends_agree_at_the_speed_of_the_line() {
    let mut line = Line::new([config(1), config(2)], Damage::default());
    // 19200 baud.
    assert!(line.until(Duration::from_millis(200), Line::both_up), "{:?}", line.ends);
    assert_eq!(line.frames, 8);
    let frame = line.ends[0].frame(b"hello").unwrap();
    line.send(0, &frame);
    line.for_a_while(Duration::from_millis(100));
    assert_eq!(line.received[1], [b"hello"]);
    // Echoes go on for ever and the link stays.
    line.for_a_while(Duration::from_secs(600));
    assert_eq!(line.changes, [[true], [true]]);
    assert!((8 + 2 * 598..8 + 2 * 602).contains(&line.frames), "{}", line.frames);
}

#[test]
fn a_cut_line_is_noticed_and_heals() {
    let mut line = Line::new([config(1), config(2)], Damage::default());
    assert!(line.until(Duration::from_secs(1), Line::both_up));
    line.cut = true;
    assert!(line.until(Duration::from_secs(9), |line| !line.ends.iter().any(Link::is_up)));
    assert!(line.now > Duration::from_secs(6));
    assert_eq!(line.ends[0].cause(), Cause::NoAnswer);
    assert_eq!(line.ends[0].frame(b"x"), Err(SendError::Down));
    // Requests go on, but a line to nobody is not busy.
    let before = line.frames;
    line.for_a_while(Duration::from_secs(1000));
    assert!(line.frames - before <= 2 * 2000, "{}", line.frames - before);
    line.cut = false;
    assert!(line.until(Duration::from_secs(4), Line::both_up));
    assert_eq!(line.changes, [[true, false, true], [true, false, true]]);
}

#[test]
fn an_end_that_begins_anew_is_taken_up_again() {
    let mut line = Line::new([config(1), config(2)], Damage::default());
    assert!(line.until(Duration::from_secs(1), Line::both_up));
    let now = line.now;
    line.ends[0] = Link::new(config(3), 77);
    line.ends[0].line_up(now);
    assert!(line.until(Duration::from_secs(2), |line| line.changes[1].len() == 3 && line.both_up()));
    assert_eq!(line.ends[1].cause(), Cause::PeerRestarted);
    let frame = line.ends[1].frame(b"to the new one").unwrap();
    line.send(1, &frame);
    line.for_a_while(Duration::from_secs(1));
    assert_eq!(line.received[0], [b"to the new one"]);
}

#[test]
fn a_loop_is_noticed_and_does_not_fill_the_line() {
    let mut end = Link::new(config(1), 1);
    end.line_up(Duration::ZERO);
    let (mut now, mut frames, mut causes) = (Duration::ZERO, 0, Vec::new());
    let mut wire = Vec::new();
    // A minute, and on into a pause, which is longer than any request waits.
    let pauses = |end: &Link, now| end.deadline() > Some(now + Duration::from_millis(600));
    while now < Duration::from_secs(60) || !pauses(&end, now) {
        while let Some(output) = end.poll_output() {
            let Output::Frame(frame) = output else { panic!("{output:?}") };
            frames += 1;
            wire.extend(frame);
        }
        let bytes = std::mem::take(&mut wire);
        let mut input = bytes.as_slice();
        while !input.is_empty() {
            end.handle_bytes(now, &mut input);
            while let Some(output) = end.poll_output() {
                let Output::Frame(frame) = output else { panic!("{output:?}") };
                frames += 1;
                wire.extend(frame);
            }
        }
        if end.deadline().is_some_and(|deadline| deadline <= now) {
            end.wake(now);
        }
        causes.push(end.cause());
        now += STEP;
    }
    assert!(causes.ends_with(&[Cause::LoopedBack; 100]));
    // Twenty requests, each with a Nak, then a pause of a second.
    assert!(frames < 60 * 45, "{frames}");
    assert!(end.counts().looped > 100);
    // The other end comes in that pause and asks at once, and again.
    let mut line = Line::new([config(1), config(2)], Damage::default());
    line.now = now;
    line.ends[0] = end;
    line.ends[1].line_up(now);
    assert!(line.until(Duration::from_secs(2), Line::both_up));
}

#[test]
fn each_end_says_what_it_takes() {
    let mut small = config(1);
    small.longest = 1500;
    let mut line = Line::new([small, config(2)], Damage::default());
    line.speed = 2000;
    assert!(line.until(Duration::from_secs(1), Line::both_up));
    assert_eq!(line.ends[1].frame(&[0; 1473]), Err(SendError::TooLong { length: 1473, limit: 1472 }));
    let long = vec![0x7e; 16_384 - 28];
    for (from, payload) in [(0, long.clone()), (1, vec![0x7d; 1472])] {
        let frame = line.ends[from].frame(&payload).unwrap();
        line.send(from, &frame);
        line.for_a_while(Duration::from_secs(1));
        assert_eq!(line.received[1 - from], [payload]);
    }
    assert!(line.ends[0].frame(&[&long[..], &[0]].concat()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_damaged_line_comes_up_and_damages_no_datagram(seed in any::<u64>(), one_of in 100_u64..2000) {
        let mut line = Line::new([config(1), config(2)], Damage { random: seed, one_of });
        prop_assert!(line.until(Duration::from_secs(120), Line::both_up));
        let mut sent = 0_u32;
        for _ in 0..200 {
            for from in 0..2 {
                if let Ok(frame) = line.ends[from].frame(format!("datagram {sent:>30}").as_bytes()) {
                    line.send(from, &frame);
                    sent += 1;
                }
            }
            line.for_a_while(Duration::from_millis(100));
        }
        let received = line.received.concat();
        for datagram in &received {
            let text = std::str::from_utf8(datagram).unwrap();
            prop_assert!(text.starts_with("datagram ") && text.len() == 39, "{text:?}");
        }
        // 80 bytes of which one is hit now and then.
        prop_assert!(one_of < 500 || received.len() * 2 > usize::try_from(sent).unwrap());
        // When the noise ends, the link stays.
        line.damage.one_of = 0;
        line.for_a_while(Duration::from_secs(12));
        prop_assert!(line.until(Duration::from_secs(8), Line::both_up));
        let before = line.changes.clone();
        line.for_a_while(Duration::from_secs(30));
        prop_assert_eq!(&line.changes, &before);
    }

    #[test]
    fn hostile_bytes_never_hurt(
        pieces in proptest::collection::vec(
            (any::<bool>(), 0_usize..7, proptest::collection::vec(any::<u8>(), 0..60), 0_u64..4000), 0..80),
    ) {
        let mut end = Link::new(config(1), 1);
        let mut now = Duration::ZERO;
        end.line_up(now);
        for (is_frame, protocol, bytes, pause) in pieces {
            let protocol = [0xc021, 0xc021, 0x8021, 0x8021, 0x21, 0x57, 0xc223][protocol];
            let bytes = if is_frame {
                hb_ppp::frame::write(hb_ppp::frame::Writing::PLAIN, protocol, &bytes)
            } else {
                bytes
            };
            let mut input = bytes.as_slice();
            while !input.is_empty() {
                end.handle_bytes(now, &mut input);
                let mut outputs = 0;
                while let Some(output) = end.poll_output() {
                    outputs += 1;
                    if let Output::Frame(frame) = output {
                        prop_assert!(frame.len() <= 2 * 200);
                    }
                }
                prop_assert!(outputs <= 8);
            }
            now += Duration::from_millis(pause);
            if end.deadline().is_some_and(|deadline| deadline <= now) {
                end.wake(now);
            }
            prop_assert!(end.deadline().is_some_and(|deadline| deadline > now));
        }
        // Whatever was said, an honest peer is taken up again.
        let mut line = Line::new([config(1), config(2)], Damage::default());
        line.now = now;
        line.ends[0] = end;
        line.ends[1].line_up(now);
        prop_assert!(line.until(Duration::from_secs(20), Line::both_up), "{:?}", line.ends);
    }
}

#[test]
fn a_lone_frame_behind_a_torn_one_is_taken_where_a_link_was_agreed_on_and_only_there() {
    let mut line = Line::new([config(1), config(2)], Damage::default());
    let farewell = hb_ppp::lone_frame(Ipv4Addr::new(10, 0, 0, 1), 694, b"farewell").unwrap();
    let mut new = Link::new(config(2), 3);
    new.line_up(Duration::ZERO);
    let mut input = farewell.as_slice();
    while !input.is_empty() {
        new.handle_bytes(Duration::ZERO, &mut input);
    }
    while let Some(output) = new.poll_output() {
        assert!(!matches!(output, Output::Datagram(_)), "{output:?}");
    }

    assert!(line.until(Duration::from_secs(5), Line::both_up));
    let torn = line.ends[0].frame(b"the last status").unwrap();
    line.send(0, &torn[..torn.len() / 2]);
    line.send(0, &farewell);
    line.for_a_while(Duration::from_secs(1));
    assert_eq!(line.received[1], [b"farewell"]);
    assert_eq!(hb_ppp::lone_frame(Ipv4Addr::LOCALHOST, 694, &vec![0; 1 << 16]), None);
}
