//! `ppp-udp TTY ADDR`: classic text and a NUL in UDP datagrams, over a serial line that speaks PPP (`wire.md` 12.3).
//!
//! PPP itself is the business of `hb-ppp`, the line that of the thread. Here is what lies between: packets become frames, and what
//! becomes of the link is told, once, when it stays so.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use hb_ppp::{Config, Link, Output, SendError};

use crate::error::OpenError;
use crate::keeper::Happening;
use crate::serial::queue::{TooLong, WriteQueue, status_of};
use crate::serial::talk::{Refused, Talk};

/// One end of a PPP link.
pub(crate) struct PppTalk {
    link: Link,
    /// The link's time begins here.
    origin: Instant,
    /// Since when it is down.
    down_since: Option<Instant>,
    told_down: bool,
    /// Packets that were longer than the other end takes.
    refused: Refused,
    /// The newest status that came while the link was down, and when: what is said as soon as it is up.
    unsaid: Option<(Instant, Vec<u8>)>,
    /// With the NUL; kept to spare allocations.
    datagram: Vec<u8>,
}

impl PppTalk {
    pub(crate) fn new(local: Ipv4Addr, port: u16) -> Self {
        // Random, as far as the two ends of a line need it.
        let seed = RandomState::new().build_hasher().finish();
        Self {
            link: Link::new(Config::new(local, port), seed),
            origin: Instant::now(),
            down_since: None,
            told_down: false,
            refused: Refused::new(),
            unsaid: None,
            datagram: Vec::new(),
        }
    }

    fn time(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.origin)
    }

    /// Performs what the link wants done, in its order.
    fn perform(&mut self, now: Instant, queue: &mut WriteQueue, deliver: &mut dyn FnMut(&[u8])) {
        while let Some(output) = self.link.poll_output() {
            match output {
                Output::Frame(frame) => queue.push_urgent(frame),
                Output::Datagram(datagram) => {
                    deliver(datagram.strip_suffix(&[0]).unwrap_or(&datagram));
                }
                Output::Up(_) => {
                    self.down_since = None;
                    if let Some((_, status)) = self.unsaid.take_if(|(at, _)| now < *at + UNSAID) {
                        self.send(&status, queue);
                    }
                }
                Output::Down => {
                    self.down_since = Some(now);
                    // It was made for a link that is gone, and would be old when there is another one.
                    queue.forget_waiting();
                }
            }
        }
    }

    /// What there is to tell.
    fn news(&mut self, now: Instant) -> Option<Happening> {
        if let Some(refused) = self.refused.news(now) {
            return Some(refused);
        }
        match self.down_since {
            None if self.told_down => {
                self.told_down = false;
                Some(Happening::Back)
            }
            Some(since) if !self.told_down && now >= since + GRACE => {
                self.told_down = true;
                let source = io::Error::other(self.link.cause());
                Some(Happening::Lost(OpenError::Other {
                    action: "reach the other end by PPP".to_owned(),
                    source,
                }))
            }
            None | Some(_) => None,
        }
    }
}

impl Talk for PppTalk {
    fn begin(&mut self, now: Instant, queue: &mut WriteQueue) {
        (self.down_since, self.told_down) = (Some(now), false);
        self.link.line_up(self.time(now));
        self.perform(now, queue, &mut |_| ());
        self.down_since = Some(now);
    }

    fn send(&mut self, packet: &[u8], queue: &mut WriteQueue) {
        self.datagram.clear();
        self.datagram.extend_from_slice(packet);
        self.datagram.push(0);
        // What the link does not take is lost, as on every slow line, and asked for again.
        match self.link.frame(&self.datagram) {
            Ok(frame) => {
                let length = frame.len();
                if let Err(TooLong { limit }) = queue.push(frame, status_of(packet)) {
                    self.refused.note(length, limit);
                }
            }
            Err(SendError::TooLong { length, limit }) => self.refused.note(length, limit),
            Err(SendError::Down) => {
                if status_of(packet).is_some() {
                    self.unsaid = Some((Instant::now(), packet.to_vec()));
                }
            }
        }
    }

    fn receive(
        &mut self,
        now: Instant,
        mut bytes: &[u8],
        queue: &mut WriteQueue,
        deliver: &mut dyn FnMut(&[u8]),
    ) {
        while !bytes.is_empty() {
            self.link.handle_bytes(self.time(now), &mut bytes);
            self.perform(now, queue, deliver);
        }
    }

    fn due(&self) -> Option<Instant> {
        let of_link = self.link.deadline().map(|deadline| self.origin + deadline);
        let of_news = self.down_since.filter(|_| !self.told_down).map(|since| since + GRACE);
        let of_length = self.refused.due();
        of_link.into_iter().chain(of_news).chain(of_length).min()
    }

    fn wake(&mut self, now: Instant, queue: &mut WriteQueue) -> Option<Happening> {
        self.link.wake(self.time(now));
        self.perform(now, queue, &mut |_| ());
        self.news(now)
    }
}

/// How long a link may be down before that is told: both ends may be starting.
const GRACE: Duration = Duration::from_secs(3);
/// A status that is older is no sign of life; the next one comes soon enough.
const UNSAID: Duration = Duration::from_secs(1);
