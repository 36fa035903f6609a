//! What waits to be written to a slow line, and what is given up when there is too much: the newest status always goes
//! out, because it is what keeps a node alive; everything else can be asked for again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Messages on their way out, in the order in which they came.
#[derive(Debug)]
pub(super) struct WriteQueue {
    baud: u32,
    /// The message that is being written, and how much of it was.
    current: Vec<u8>,
    written: usize,
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    /// When the line has sent everything that was written to it.
    free_at: Option<Instant>,
}

impl WriteQueue {
    pub(super) const fn new(baud: u32) -> Self {
        Self {
            baud,
            current: Vec::new(),
            written: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            free_at: None,
        }
    }

    /// Takes a message. If more waits than the line can send in a second, older statuses go first, then the oldest
    /// messages; what is no status is not taken if it does not fit even so.
    pub(super) fn push(&mut self, message: &[u8]) {
        let is_new_status = is_status(message);
        if self.waiting_bytes + message.len() > self.limit() {
            let newest = self.waiting.iter().rposition(|waiting| is_status(waiting));
            let mut index = 0;
            self.waiting.retain(|waiting| {
                let keep = !is_status(waiting) || (!is_new_status && Some(index) == newest);
                index += 1;
                keep
            });
            self.count();
        }
        while is_new_status && !self.waiting.is_empty() && self.waiting_bytes + message.len() > self.limit() {
            self.waiting.pop_front();
            self.count();
        }
        if is_new_status || self.waiting_bytes + message.len() <= self.limit() {
            self.waiting_bytes += message.len();
            self.waiting.push_back(message.to_vec());
        }
    }

    /// What to write now: nothing while the line is busy.
    pub(super) fn piece(&mut self, now: Instant) -> Option<&[u8]> {
        if self.free_at.is_some_and(|free| now < free) {
            return None;
        }
        if self.written == self.current.len() {
            self.current = self.waiting.pop_front()?;
            self.waiting_bytes -= self.current.len();
            self.written = 0;
        }
        let rest = self.current.get(self.written..)?;
        rest.get(..rest.len().min(PIECE))
    }

    /// So much of the last piece was written.
    pub(super) fn wrote(&mut self, bytes: usize, now: Instant) {
        self.written = (self.written + bytes).min(self.current.len());
        let begin = self.free_at.map_or(now, |free| free.max(now));
        self.free_at = Some(begin + self.time_of(bytes));
    }

    /// The line takes nothing: what was begun is lost, what waits is not.
    pub(super) fn give_up_current(&mut self) {
        self.written = self.current.len();
        self.free_at = None;
    }

    /// When [`WriteQueue::piece`] has something; nothing if there is nothing to write.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let has_more = self.written < self.current.len() || !self.waiting.is_empty();
        has_more.then(|| self.free_at.unwrap_or(now))
    }

    /// Bytes that may wait: what the line sends in a second.
    fn limit(&self) -> usize {
        usize::try_from(self.baud / BITS_PER_BYTE).unwrap_or(usize::MAX).max(SMALLEST_LIMIT)
    }

    fn time_of(&self, bytes: usize) -> Duration {
        let bits = u32::try_from(bytes).unwrap_or(u32::MAX).saturating_mul(BITS_PER_BYTE);
        Duration::from_secs(1) * bits / self.baud.max(1)
    }

    fn count(&mut self) {
        self.waiting_bytes = self.waiting.iter().map(Vec::len).sum();
    }
}

/// Ours begin with their type.
fn is_status(message: &[u8]) -> bool {
    message.starts_with(b">>>\nt=status\n")
}

/// Bytes written at once, as 3.0.6 does.
const PIECE: usize = 512;
/// One start bit, eight bits, one stop bit.
const BITS_PER_BYTE: u32 = 10;
/// Room for a few messages on the slowest line.
const SMALLEST_LIMIT: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn status(number: u32) -> Vec<u8> {
        let mut text = format!(">>>\nt=status\nseq={number}\n").into_bytes();
        text.resize(250, b'x');
        text
    }

    fn other(number: u32) -> Vec<u8> {
        let mut text = format!(">>>\nt=resource\nseq={number}\n").into_bytes();
        text.resize(250, b'y');
        text
    }

    /// Everything that the line sends until nothing waits, and how long that takes.
    fn drain(queue: &mut WriteQueue) -> (Vec<u8>, Duration) {
        let begin = Instant::now();
        let mut now = begin;
        let mut sent = Vec::new();
        while let Some(due) = queue.due(now) {
            now = now.max(due);
            let piece = queue.piece(now).unwrap().to_vec();
            assert!(piece.len() <= PIECE);
            queue.wrote(piece.len(), now);
            sent.extend(piece);
        }
        (sent, now - begin)
    }

    #[test]
    fn what_fits_goes_out_in_order_at_the_speed_of_the_line() {
        let mut queue = WriteQueue::new(19200);
        let messages = [status(1), other(2), status(3), other(4)];
        for message in &messages {
            queue.push(message);
        }
        let (sent, time) = drain(&mut queue);
        assert_eq!(sent, messages.concat());
        // All but the last piece: 750 bytes of ten bits.
        assert_eq!(time.as_millis(), 390);
    }

    #[test]
    fn when_there_is_too_much_the_newest_status_goes_out() {
        let mut queue = WriteQueue::new(9600);
        for number in 1..1000 {
            queue.push(&status(number));
            assert!(queue.waiting_bytes <= queue.limit());
        }
        let (sent, _) = drain(&mut queue);
        assert!(sent.ends_with(&status(999)));
        for number in 0..100 {
            queue.push(&other(number));
        }
        queue.push(&status(7));
        for number in 100..200 {
            queue.push(&other(number));
        }
        assert!(queue.waiting_bytes <= queue.limit());
        let (sent, _) = drain(&mut queue);
        assert!(sent.windows(250).any(|window| window == status(7)));
    }

    #[test]
    fn a_message_that_was_begun_is_given_up_alone() {
        let mut queue = WriteQueue::new(9600);
        queue.push(&vec![b'a'; 1000]);
        queue.push(&status(1));
        let now = Instant::now();
        assert_eq!(queue.piece(now).map(<[u8]>::len), Some(512));
        queue.wrote(100, now);
        assert_eq!(queue.piece(now), None);
        queue.give_up_current();
        assert_eq!(drain(&mut queue).0, status(1));
    }
}
