//! Classic text, back to back (`wire.md` 2.5).

use std::time::Instant;

use hb_wire::classic::stream::Stream;

use super::queue::{TooLong, WriteQueue, status_of};
use super::talk::{Refused, Talk};
use crate::keeper::Happening;

pub(super) struct Text {
    stream: Stream,
    refused: Refused,
}

impl Text {
    pub(super) fn new() -> Self {
        Self { stream: Stream::new(), refused: Refused::new() }
    }
}

impl Talk for Text {
    fn begin(&mut self, _now: Instant, _queue: &mut WriteQueue) {
        self.stream.reset();
    }

    fn send(&mut self, packet: &[u8], queue: &mut WriteQueue) {
        if let Err(TooLong { limit }) = queue.push(packet.to_vec(), status_of(packet)) {
            self.refused.note(packet.len(), limit);
        }
    }

    fn receive(
        &mut self,
        _now: Instant,
        mut bytes: &[u8],
        _queue: &mut WriteQueue,
        deliver: &mut dyn FnMut(&[u8]),
    ) {
        while let Some(message) = self.stream.next_message(&mut bytes) {
            deliver(message);
        }
    }

    fn due(&self) -> Option<Instant> {
        self.refused.due()
    }

    fn wake(&mut self, now: Instant, _queue: &mut WriteQueue) -> Option<Happening> {
        self.refused.news(now)
    }
}
