//! What is spoken over a line: how packets become bytes, and bytes packets.

use std::time::{Duration, Instant};

use super::queue::WriteQueue;
use crate::keeper::Happening;

/// A way to speak. Its line is the business of the thread; nothing in here waits.
pub(crate) trait Talk: Send {
    /// The line was opened, and nothing waits to be written.
    fn begin(&mut self, now: Instant, queue: &mut WriteQueue);

    /// A packet of the owner goes out.
    fn send(&mut self, packet: &[u8], queue: &mut WriteQueue);

    /// Bytes came in; each packet that is in them is delivered.
    fn receive(&mut self, now: Instant, bytes: &[u8], queue: &mut WriteQueue, deliver: &mut dyn FnMut(&[u8]));

    /// When to call [`Talk::wake`] at the latest.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Does what is due, and tells if something became of the medium.
    fn wake(&mut self, _now: Instant, _queue: &mut WriteQueue) -> Option<Happening> {
        None
    }
}

/// Messages that are longer than what the line or the other end takes, told now and then.
pub(crate) struct Refused {
    /// The last one, what is taken, and how many there were since that was told.
    what: Option<(usize, usize, u64)>,
    tell_at: Instant,
}

impl Refused {
    pub(crate) fn new() -> Self {
        Self { what: None, tell_at: Instant::now() }
    }

    pub(crate) fn note(&mut self, length: usize, limit: usize) {
        let lost = self.what.map_or(0, |(_, _, lost)| lost) + 1;
        self.what = Some((length, limit, lost));
    }

    /// When there is something to tell.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.what.map(|_| self.tell_at)
    }

    /// What there is to tell.
    pub(crate) fn news(&mut self, now: Instant) -> Option<Happening> {
        if now < self.tell_at {
            return None;
        }
        let (length, limit, lost) = self.what.take()?;
        self.tell_at = now + TELL_EVERY;
        Some(Happening::TooLong { length, limit, lost })
    }
}

/// Packets that are too long are told so often at most.
const TELL_EVERY: Duration = Duration::from_secs(60);
