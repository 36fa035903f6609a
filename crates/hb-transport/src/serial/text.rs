//! Classic text, back to back (`wire.md` 2.5).

use std::time::Instant;

use hb_wire::classic::stream::Stream;

use super::queue::{WriteQueue, is_status};
use super::talk::Talk;

pub(super) struct Text {
    stream: Stream,
}

impl Text {
    pub(super) const fn new() -> Self {
        Self { stream: Stream::new() }
    }
}

impl Talk for Text {
    fn begin(&mut self, _now: Instant, _queue: &mut WriteQueue) {
        self.stream.reset();
    }

    fn send(&mut self, packet: &[u8], queue: &mut WriteQueue) {
        queue.push(packet.to_vec(), is_status(packet));
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
}
