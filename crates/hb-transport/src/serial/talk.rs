//! What is spoken over a line: how packets become bytes, and bytes packets.

use std::time::Instant;

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
