//! A slow cable: each frame, or each with some text in it, waits for a time of its own before it goes on, so frames also
//! overtake each other.
//!
//! The cable is taken out of its bridge; a second pair of interfaces takes its place there, and packet sockets carry
//! the frames between the two. IPv4 and ARP only. It decides nothing about who is slow, and loses nothing but what
//! comes while [`MOST`] frames wait.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use hb_sys::packet::{ETHERTYPE_ARP, ETHERTYPE_IPV4, PacketSocket};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::chain;

/// Carries frames as long as it lives.
pub(super) struct Relay {
    /// Its thread hears when this end closes.
    _stop: OwnedFd,
}

impl Relay {
    /// Frames that come in at the first interface go out of the second after a time in `there`, and those that come in
    /// at the second out of the first after one in `back`. Frames without the text `only` do not wait.
    pub(super) fn start(
        (one, other): (u32, u32),
        there: &RangeInclusive<Duration>,
        back: &RangeInclusive<Duration>,
        only: &str,
    ) -> Result<Self, String> {
        let mut entrances = Vec::new();
        for (from, to, times) in [(one, other, there), (other, one, back)] {
            for ethertype in [ETHERTYPE_IPV4, ETHERTYPE_ARP] {
                let socket = source(from, ethertype).map_err(chain("a packet socket"))?;
                entrances.push(Entrance { socket, to, times: times.clone() });
            }
        }
        let (stopped, stop) = rustix::pipe::pipe().map_err(chain("a pipe"))?;
        let sink = PacketSocket::open().map_err(chain("a packet socket"))?;
        let (waiting, only) = (BinaryHeap::new(), only.as_bytes().to_vec());
        let carrier = Carrier { entrances, sink, stopped, only, waiting, carried: 0, dice: FIRST_DICE };
        thread::Builder::new()
            .name("slow-cable".to_owned())
            .spawn(|| carrier.run())
            .map_err(chain("a thread"))?;
        Ok(Self { _stop: stop })
    }
}

/// Bound to one type, a packet socket hears what comes in and not what is sent by another one.
fn source(interface: u32, ethertype: u16) -> io::Result<PacketSocket> {
    let socket = PacketSocket::open()?;
    socket.bind(interface, ethertype)?;
    Ok(socket)
}

/// Where frames come in, and where those go.
struct Entrance {
    socket: PacketSocket,
    to: u32,
    times: RangeInclusive<Duration>,
}

/// A frame that waits, the next one first; numbers keep the order of those that do not wait.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: Instant,
    number: u64,
    to: u32,
    frame: Vec<u8>,
}

struct Carrier {
    entrances: Vec<Entrance>,
    sink: PacketSocket,
    stopped: OwnedFd,
    only: Vec<u8>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    carried: u64,
    dice: u64,
}

impl Carrier {
    fn run(mut self) {
        let mut buffer = vec![0; LONGEST_FRAME];
        while self.wait() {
            self.take(&mut buffer);
            let now = Instant::now();
            while let Some(Reverse(next)) = self.waiting.peek()
                && next.due <= now
            {
                // What the other side cannot take is lost, as on any cable.
                let _lost = self.sink.send(next.to, &next.frame);
                self.waiting.pop();
            }
        }
    }

    /// Until a frame comes in or is due; false when the cable is no longer slow.
    fn wait(&self) -> bool {
        let due = self.waiting.peek().map(|Reverse(next)| next.due.saturating_duration_since(Instant::now()));
        let limit = due.and_then(|due| Timespec::try_from(due).ok());
        let mut watched: Vec<_> =
            self.entrances.iter().map(|entrance| PollFd::new(&entrance.socket, PollFlags::IN)).collect();
        watched.push(PollFd::from_borrowed_fd(self.stopped.as_fd(), PollFlags::IN));
        // Interrupted or not: everything is looked at again.
        let _interrupted = poll(&mut watched, limit.as_ref());
        watched.last().is_some_and(|stopped| stopped.revents().is_empty())
    }

    fn take(&mut self, buffer: &mut [u8]) {
        for entrance in &self.entrances {
            // Errors: nothing more is there, or the interface went down and may come back.
            while let Ok(received) = entrance.socket.receive(buffer) {
                let Some(frame) = buffer.get(..received.length) else { continue };
                if self.waiting.len() >= MOST {
                    continue;
                }
                let mut frame = frame.to_vec();
                forget_udp_checksum(&mut frame);
                self.carried += 1;
                let waits = if has(&frame, &self.only) {
                    draw(&mut self.dice, &entrance.times)
                } else {
                    Duration::ZERO
                };
                let due = Instant::now() + waits;
                self.waiting.push(Reverse(Waiting { due, number: self.carried, to: entrance.to, frame }));
            }
        }
    }
}

/// Every frame has the empty text.
fn has(frame: &[u8], text: &[u8]) -> bool {
    text.is_empty() || frame.windows(text.len()).any(|part| part == text)
}

/// The kernel leaves a checksum unfinished on frames that do not leave the machine. Zero says that there is none.
fn forget_udp_checksum(frame: &mut [u8]) {
    let Some((ethernet, packet)) = frame.split_at_mut_checked(ETHERNET_HEADER) else { return };
    let header = packet.first().map_or(0, |first| usize::from(*first & 0x0f) * 4);
    let is_first_fragment = matches!(packet.get(6..8), Some([high, 0]) if *high << 3 == 0);
    let is_udp = ethernet.ends_with(&ETHERTYPE_IPV4.to_be_bytes()) && packet.get(9) == Some(&UDP);
    if is_first_fragment
        && is_udp
        && let Some(checksum) = packet.get_mut(header + 6..header + 8)
    {
        checksum.fill(0);
    }
}

/// The same times in each run: a xorshift generator is dice enough.
fn draw(dice: &mut u64, times: &RangeInclusive<Duration>) -> Duration {
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    let spread = times.end().saturating_sub(*times.start());
    let micros = u64::try_from(spread.as_micros()).unwrap_or(u64::MAX).saturating_add(1);
    *times.start() + Duration::from_micros(*dice % micros)
}

const ETHERNET_HEADER: usize = 14;
const UDP: u8 = 17;
/// An Ethernet frame of these networks is at most 1514 bytes long.
const LONGEST_FRAME: usize = 2048;
/// Most frames that wait at a time.
const MOST: usize = 4096;
const FIRST_DICE: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{draw, forget_udp_checksum, has};

    #[test]
    fn the_text_may_stand_anywhere() {
        assert!(has(b"frame", b"") && has(b"frame", b"fr") && has(b"frame", b"me"));
        assert!(!has(b"frame", b"frames") && !has(b"", b"f"));
    }

    #[test]
    fn only_the_checksum_of_a_first_udp_fragment_is_forgotten() {
        let frame = |ethertype: [u8; 2], protocol: u8, offset: u8| {
            let mut frame = vec![0xff; 14 + 20 + 8];
            frame[12..14].copy_from_slice(&ethertype);
            frame[14] = 0x45;
            frame[20] = 0x20;
            frame[21] = offset;
            frame[23] = protocol;
            frame
        };
        let changed = |mut bytes: Vec<u8>| {
            let before = bytes.clone();
            forget_udp_checksum(&mut bytes);
            (0..bytes.len()).filter(|at| bytes[*at] != before[*at]).collect::<Vec<_>>()
        };
        assert_eq!(changed(frame([8, 0], 17, 0)), [40, 41]);
        assert!(changed(frame([8, 0], 17, 5)).is_empty());
        assert!(changed(frame([8, 0], 1, 0)).is_empty());
        assert!(changed(frame([8, 6], 17, 0)).is_empty());
        for length in 0..42 {
            forget_udp_checksum(&mut frame([8, 0], 17, 0)[..length]);
        }
    }

    #[test]
    fn times_are_in_their_range() {
        let times = Duration::from_millis(20)..=Duration::from_millis(30);
        let mut dice = super::FIRST_DICE;
        let drawn: Vec<_> = (0..1000).map(|_| draw(&mut dice, &times)).collect();
        assert!(drawn.iter().all(|time| times.contains(time)));
        assert!(drawn.iter().max() > drawn.iter().min());
        assert_eq!(draw(&mut dice, &(Duration::ZERO..=Duration::ZERO)), Duration::ZERO);
    }
}
