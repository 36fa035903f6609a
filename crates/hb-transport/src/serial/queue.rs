//! What waits to be written to a slow line, and what is given up when there is too much: the newest status always goes
//! out, because it is what keeps a node alive; everything else can be asked for again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Messages on their way out, in the order in which they came.
#[derive(Debug)]
pub(crate) struct WriteQueue {
    baud: u32,
    /// The message that is being written, and how much of it was.
    current: Vec<u8>,
    written: usize,
    /// Short answers that somebody waits for; they go first.
    urgent: VecDeque<Vec<u8>>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// When the line has sent everything that was written to it.
    free_at: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    bytes: Vec<u8>,
    is_status: bool,
}

impl WriteQueue {
    pub(super) const fn new(baud: u32) -> Self {
        Self {
            baud,
            current: Vec::new(),
            written: 0,
            urgent: VecDeque::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            free_at: None,
        }
    }

    /// Takes a message. If more waits than the line can send in a second, older statuses go first, then the oldest
    /// messages; what is no status is not taken if it does not fit even so.
    pub(crate) fn push(&mut self, message: Vec<u8>, is_new_status: bool) {
        if self.waiting_bytes + message.len() > self.limit() {
            let newest = self.waiting.iter().rposition(|waiting| waiting.is_status);
            let mut index = 0;
            self.waiting.retain(|waiting| {
                let keep = !waiting.is_status || (!is_new_status && Some(index) == newest);
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
            self.waiting.push_back(Waiting { bytes: message, is_status: is_new_status });
        }
    }

    /// Takes a frame that goes before all others; the oldest of too many is lost.
    pub(crate) fn push_urgent(&mut self, frame: Vec<u8>) {
        if self.urgent.len() >= MOST_URGENT {
            self.urgent.pop_front();
        }
        self.urgent.push_back(frame);
    }

    /// Forgets what waits, but for what is urgent and what was begun.
    pub(crate) fn forget_waiting(&mut self) {
        self.waiting.clear();
        self.count();
    }

    /// What to write now: nothing while the line is busy.
    pub(super) fn piece(&mut self, now: Instant) -> Option<&[u8]> {
        if self.free_at.is_some_and(|free| now < free) {
            return None;
        }
        if self.written == self.current.len() {
            self.current = match self.urgent.pop_front() {
                Some(frame) => frame,
                None => self.waiting.pop_front()?.bytes,
            };
            self.count();
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
        let has_more =
            self.written < self.current.len() || !self.waiting.is_empty() || !self.urgent.is_empty();
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
        self.waiting_bytes = self.waiting.iter().map(|waiting| waiting.bytes.len()).sum();
    }
}

/// Ours begin with their type.
pub(crate) fn is_status(message: &[u8]) -> bool {
    message.starts_with(b">>>\nt=status\n")
}

/// Bytes written at once, as 3.0.6 does.
const PIECE: usize = 512;
/// Urgent frames that wait: more than one end of a link ever has.
const MOST_URGENT: usize = 16;
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

    fn push(queue: &mut WriteQueue, message: &[u8]) {
        queue.push(message.to_vec(), is_status(message));
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
            push(&mut queue, message);
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
            push(&mut queue, &status(number));
            assert!(queue.waiting_bytes <= queue.limit());
        }
        let (sent, _) = drain(&mut queue);
        assert!(sent.ends_with(&status(999)));
        for number in 0..100 {
            push(&mut queue, &other(number));
        }
        push(&mut queue, &status(7));
        for number in 100..200 {
            push(&mut queue, &other(number));
        }
        assert!(queue.waiting_bytes <= queue.limit());
        let (sent, _) = drain(&mut queue);
        assert!(sent.windows(250).any(|window| window == status(7)));
    }

    #[test]
    fn a_message_that_was_begun_is_given_up_alone() {
        let mut queue = WriteQueue::new(9600);
        push(&mut queue, &[b'a'; 1000]);
        push(&mut queue, &status(1));
        let now = Instant::now();
        assert_eq!(queue.piece(now).map(<[u8]>::len), Some(512));
        queue.wrote(100, now);
        assert_eq!(queue.piece(now), None);
        queue.give_up_current();
        assert_eq!(drain(&mut queue).0, status(1));
    }

    #[test]
    fn what_is_urgent_goes_between_messages() {
        let mut queue = WriteQueue::new(9600);
        push(&mut queue, &[b'a'; 100]);
        push(&mut queue, &[b'b'; 100]);
        let now = Instant::now();
        let length = queue.piece(now).unwrap().len();
        queue.wrote(length, now);
        for number in 0..100 {
            queue.push_urgent(vec![number; 4]);
        }
        let (sent, _) = drain(&mut queue);
        assert_eq!(sent[..4], [84; 4]);
        assert_eq!((sent.len(), sent[64], sent[163]), (164, b'b', b'b'));
        push(&mut queue, &[b'a'; 100]);
        queue.push_urgent(vec![1]);
        queue.forget_waiting();
        assert_eq!(drain(&mut queue).0, [1]);
    }
}
