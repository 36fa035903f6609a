//! What waits to be written to a slow line, and what is given up when there is too much: the newest status always goes
//! out, because it is what keeps a node alive; everything else can be asked for again. In a ring other nodes' messages come by:
//! of each node the newest status counts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::patience::Patience;

/// Messages on their way out, in the order in which they came.
#[derive(Debug)]
pub(crate) struct WriteQueue {
    baud: u32,
    patience: Patience,
    /// The message that is being written, and how much of it was.
    current: Vec<u8>,
    written: usize,
    /// Short answers that somebody waits for; they go first.
    urgent: VecDeque<Vec<u8>>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// A message that takes the line longer than a second.
    long: Option<Vec<u8>>,
    /// Statuses that were written while it waited.
    statuses_before_long: u32,
    /// What `current` is.
    before: Kind,
    /// When the line has sent everything that was written to it.
    free_at: Option<Instant>,
    /// Of each node the newest status that was taken.
    newest: Vec<(Vec<u8>, Number)>,
}

/// Generation and number of a message: which of two is newer.
type Number = (u64, u64);

/// What makes a message a status, and whose newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status<'a> {
    node: &'a [u8],
    number: Number,
}

/// What a message means for the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Status,
    Long,
    Other,
}

#[derive(Debug)]
struct Waiting {
    bytes: Vec<u8>,
    /// Whose status it is.
    status_of: Option<Vec<u8>>,
}

/// A message is longer than a line of that speed can send in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    /// Bytes that the line can send.
    pub(crate) limit: usize,
}

impl WriteQueue {
    /// `patience` is how long one message may keep a status waiting.
    pub(super) const fn new(baud: u32, patience: Patience) -> Self {
        Self {
            baud,
            patience,
            current: Vec::new(),
            written: 0,
            before: Kind::Other,
            urgent: VecDeque::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            long: None,
            statuses_before_long: 0,
            free_at: None,
            newest: Vec::new(),
        }
    }

    /// Takes a message; `status` says whose status it is, if it is one. If more waits than the line can send in a second,
    /// statuses go first that are older than another one of the same node, then, for a status, the oldest
    /// messages; what is no status is not taken if it does not fit even so. One message that is longer than all
    /// that waits beside the others. An old status that is sent again because it was lost is no sign of life: it is taken only
    /// while less than half of that waits.
    ///
    /// # Errors
    ///
    /// If the message would keep a status waiting too long, however empty the line is.
    pub(crate) fn push(&mut self, message: Vec<u8>, status: Option<Status<'_>>) -> Result<(), TooLong> {
        let status_of = status.filter(|status| self.is_newest(*status)).map(|status| status.node);
        if status_of.is_none() && message.len() > self.limit() {
            return self.push_long(message);
        }
        let is_sent_again = status.is_some() && status_of.is_none();
        if is_sent_again && self.waiting_bytes + message.len() > self.limit() / 2 {
            // It is asked for again. In a full queue it would push out new ones, to be asked for as well, for ever.
            return Ok(());
        }
        let is_full = self.waiting_bytes + message.len() > self.limit();
        if is_full {
            self.drop_old_statuses();
        }
        if let Some(node) = status_of {
            let is_old = |old: &&mut Waiting| is_full && old.status_of.as_deref() == Some(node);
            match self.waiting.iter_mut().find(is_old) {
                Some(old) => old.bytes = message,
                None => self.waiting.push_back(Waiting { bytes: message, status_of: Some(node.to_vec()) }),
            }
            self.count();
            while self.waiting_bytes > self.limit() && self.drop_oldest() {}
        } else if self.waiting_bytes + message.len() <= self.limit() {
            self.waiting_bytes += message.len();
            self.waiting.push_back(Waiting { bytes: message, status_of: None });
        }
        Ok(())
    }

    /// Whether none of the same node is newer; remembers it then.
    fn is_newest(&mut self, status: Status<'_>) -> bool {
        if let Some((_, number)) = self.newest.iter_mut().find(|(node, _)| node == status.node) {
            let is_newest = status.number >= *number;
            *number = status.number.max(*number);
            return is_newest;
        }
        if self.newest.len() >= MOST_STATUSES {
            self.newest.remove(0);
        }
        self.newest.push((status.node.to_vec(), status.number));
        true
    }

    /// Only the first waits: the others are asked for again, as is this one while it is being written.
    fn push_long(&mut self, message: Vec<u8>) -> Result<(), TooLong> {
        let limit = self.longest();
        if message.len() > limit {
            return Err(TooLong { limit });
        }
        if self.long.is_none() && self.current != message {
            self.long = Some(message);
            self.statuses_before_long = 0;
        }
        Ok(())
    }

    /// Of each node the newest status stays, in the place of the oldest: at the end it would wait anew, and with each
    /// heartbeat again, for ever.
    fn drop_old_statuses(&mut self) {
        let mut kept: VecDeque<Waiting> = VecDeque::with_capacity(self.waiting.len());
        for waiting in self.waiting.drain(..) {
            let is_newer = |old: &&mut Waiting| old.status_of.is_some() && old.status_of == waiting.status_of;
            match kept.iter_mut().find(is_newer) {
                Some(old) => *old = waiting,
                None => kept.push_back(waiting),
            }
        }
        self.waiting = kept;
        self.count();
    }

    /// The oldest message that is no status; where there are only statuses, the oldest of too many. False if nothing
    /// more may go.
    fn drop_oldest(&mut self) -> bool {
        let other = self.waiting.iter().position(|waiting| waiting.status_of.is_none());
        let place = other.or_else(|| (self.waiting.len() >= MOST_STATUSES).then_some(0));
        let dropped = place.and_then(|place| self.waiting.remove(place)).is_some();
        self.count();
        dropped
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
        self.long = None;
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
                None => self.next()?,
            };
            self.count();
            self.written = 0;
        }
        let rest = self.current.get(self.written..)?;
        rest.get(..rest.len().min(PIECE))
    }

    /// What is begun now. A long message follows a status at once, and a status follows it, so that others wait for a
    /// status no longer than they must.
    fn next(&mut self) -> Option<Vec<u8>> {
        let first_status = self.waiting.iter().position(|waiting| waiting.status_of.is_some());
        let is_long_due = self.before == Kind::Status
            && (first_status.is_none() || self.statuses_before_long >= MOST_STATUSES_BEFORE_LONG);
        // What has become too long while it waited is told when it is asked for again.
        let longest = self.longest();
        let has_time = |long: &Vec<u8>| long.len() <= longest;
        if is_long_due && let Some(long) = self.long.take().filter(has_time) {
            self.before = Kind::Long;
            return Some(long);
        }
        let place = if self.before == Kind::Long { first_status.unwrap_or(0) } else { 0 };
        let next = self.waiting.remove(place)?;
        self.before = if next.status_of.is_some() { Kind::Status } else { Kind::Other };
        self.statuses_before_long += u32::from(self.before == Kind::Status);
        Some(next.bytes)
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
        // A long message waits for a status.
        let is_long_due = self.long.is_some() && self.before == Kind::Status;
        let has_more = self.written < self.current.len()
            || !self.waiting.is_empty()
            || !self.urgent.is_empty()
            || is_long_due;
        has_more.then(|| self.free_at.unwrap_or(now))
    }

    /// Bytes that may wait: what the line sends in a second.
    fn limit(&self) -> usize {
        usize::try_from(self.baud / BITS_PER_BYTE).unwrap_or(usize::MAX).max(SMALLEST_LIMIT)
    }

    /// Bytes of the longest message: what the line sends in the time for which a status may wait.
    fn longest(&self) -> usize {
        let bytes = self.patience.millis().saturating_mul(u64::from(self.baud / BITS_PER_BYTE)) / 1000;
        usize::try_from(bytes).unwrap_or(usize::MAX).max(self.limit())
    }

    fn time_of(&self, bytes: usize) -> Duration {
        let bits = u32::try_from(bytes).unwrap_or(u32::MAX).saturating_mul(BITS_PER_BYTE);
        Duration::from_secs(1) * bits / self.baud.max(1)
    }

    fn count(&mut self) {
        self.waiting_bytes = self.waiting.iter().map(|waiting| waiting.bytes.len()).sum();
    }
}

/// Whose status it is, if it is one: the type comes first, the name of the node and the numbers somewhere behind it.
pub(crate) fn status_of(message: &[u8]) -> Option<Status<'_>> {
    let fields = message.strip_prefix(b">>>\nt=status\n")?;
    let value = |name: &[u8]| fields.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name));
    let number = |name| {
        let text = value(name).and_then(|digits| str::from_utf8(digits).ok());
        text.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
    };
    let node = value(b"src=").unwrap_or_default();
    Some(Status { node, number: (number(b"hg="), number(b"seq=")) })
}

/// Bytes written at once, as 3.0.6 does.
const PIECE: usize = 512;
/// Urgent frames that wait: more than one end of a link ever has.
const MOST_URGENT: usize = 16;
/// Statuses that may wait beside each other: of so many nodes of a ring.
const MOST_STATUSES: usize = 16;
/// A long message does not wait for a pause between the statuses for ever.
const MOST_STATUSES_BEFORE_LONG: u32 = 32;
/// One start bit, eight bits, one stop bit.
const BITS_PER_BYTE: u32 = 10;
/// Room for a few messages on the slowest line.
const SMALLEST_LIMIT: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(baud: u32) -> WriteQueue {
        WriteQueue::new(baud, Patience::new(Duration::from_secs(5)))
    }

    fn status(number: u32) -> Vec<u8> {
        let mut text = format!(">>>\nt=status\nsrc=wa1\nseq={number:x}\n").into_bytes();
        text.resize(250, b'x');
        text
    }

    fn other(number: u32) -> Vec<u8> {
        let mut text = format!(">>>\nt=resource\nseq={number}\n").into_bytes();
        text.resize(250, b'y');
        text
    }

    fn push(queue: &mut WriteQueue, message: &[u8]) {
        queue.push(message.to_vec(), status_of(message)).unwrap();
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
        let mut queue = queue(19200);
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
        let mut queue = queue(9600);
        for number in 1..1000 {
            push(&mut queue, &status(number));
            assert!(queue.waiting_bytes <= queue.limit());
        }
        let (sent, _) = drain(&mut queue);
        assert!(sent.ends_with(&status(999)));
        for number in 0..100 {
            push(&mut queue, &other(number));
        }
        push(&mut queue, &status(1007));
        for number in 100..200 {
            push(&mut queue, &other(number));
        }
        assert!(queue.waiting_bytes <= queue.limit());
        let (sent, _) = drain(&mut queue);
        assert!(sent.windows(250).any(|window| window == status(1007)));
    }

    /// Otherwise each lost status that is sent again costs a new one, which is asked for as well, for ever.
    #[test]
    fn statuses_that_are_sent_again_push_out_no_new_one() {
        let mut queue = queue(19200);
        let mut now = Instant::now();
        let mut sent = Vec::new();
        // A new one each half second, and always more that were lost.
        for tenth in 0..200_u32 {
            let newest = 100 + tenth / 5;
            if tenth % 5 == 0 {
                push(&mut queue, &status(newest));
            }
            for old in 1..20 {
                push(&mut queue, &status(newest - old));
            }
            let end = now + Duration::from_millis(100);
            while let Some(due) = queue.due(now).filter(|due| *due < end) {
                now = now.max(due);
                let piece = queue.piece(now).unwrap().to_vec();
                queue.wrote(piece.len(), now);
                sent.extend(piece);
            }
            now = end;
        }
        sent.extend(drain(&mut queue).0);
        let numbers: Vec<u64> =
            sent.split(|byte| *byte == b'>').filter(|text| !text.is_empty()).map(number).collect();
        let place = |number| numbers.iter().position(|sent| *sent == number);
        for new in 101..140 {
            assert!(place(new - 1).is_some() && place(new - 1) < place(new), "{new} pushed one out");
        }
        assert!(numbers.len() > 60, "lost ones go out beside them: {}", numbers.len());
    }

    /// The number in a message without its first line.
    fn number(text: &[u8]) -> u64 {
        let message = [b">>>", text].concat();
        status_of(&message).unwrap().number.1
    }

    #[test]
    fn a_message_that_was_begun_is_given_up_alone() {
        let mut queue = queue(9600);
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
        let mut queue = queue(9600);
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

    #[test]
    fn a_long_message_goes_right_behind_a_status_and_a_status_right_behind_it() {
        let mut queue = queue(19200);
        let long = [b'l'; 3000];
        push(&mut queue, &other(1));
        push(&mut queue, &long);
        // Asked for again, and another one.
        push(&mut queue, &long);
        push(&mut queue, &[b'm'; 4000]);
        push(&mut queue, &other(2));
        assert_eq!(drain(&mut queue).0, [other(1), other(2)].concat(), "there is no status yet");
        push(&mut queue, &status(3));
        push(&mut queue, &other(4));
        let now = Instant::now();
        let mut written = 0;
        while written < 250 + 512 {
            let now = queue.due(now).unwrap();
            written += queue.piece(now).unwrap().len();
            queue.wrote(512, now);
        }
        // It is asked for while it is written, and more comes.
        push(&mut queue, &long);
        push(&mut queue, &other(5));
        push(&mut queue, &status(6));
        let (rest, _) = drain(&mut queue);
        assert_eq!(rest, [&long[512..], &status(6), &other(4), &other(5)].concat());
        assert_eq!(queue.due(now), None);
    }

    #[test]
    fn a_long_message_does_not_wait_for_ever() {
        let mut queue = queue(19200);
        push(&mut queue, &[b'l'; 3000]);
        let mut sent = Vec::new();
        let mut now = Instant::now();
        for number in 0..300 {
            // The line is never idle.
            push(&mut queue, &status(number));
            now = now.max(queue.due(now).unwrap());
            if let Some(piece) = queue.piece(now).map(<[u8]>::to_vec) {
                queue.wrote(piece.len(), now);
                sent.extend(piece);
            }
            push(&mut queue, &status(number));
        }
        assert!(sent.contains(&b'l'));
    }

    #[test]
    fn what_would_keep_a_status_waiting_too_long_is_refused() {
        let mut queue = WriteQueue::new(19200, Patience::new(Duration::from_secs(2)));
        assert_eq!(queue.push(vec![b'l'; 3841], None), Err(TooLong { limit: 3840 }));
        assert_eq!(queue.push(vec![b'l'; 3840], None), Ok(()));
        let mut queue = WriteQueue::new(9600, Patience::new(Duration::ZERO));
        assert_eq!(queue.push(vec![b'l'; 2049], None), Err(TooLong { limit: 2048 }));
        assert_eq!(queue.push(vec![b'l'; 2048], None), Ok(()));
    }

    #[test]
    fn a_line_with_always_too_much_to_send_carries_statuses_all_the_same() {
        let mut queue = queue(9600);
        let (begin, mut sent) = (Instant::now(), Vec::new());
        let mut last_status = begin;
        // A heartbeat each 200 ms, of which the line carries one, and more beside it than it can carry.
        for millis in 0..30_000 {
            let now = begin + Duration::from_millis(millis);
            if millis % 200 == 0 {
                push(&mut queue, &status(u32::try_from(millis).unwrap()));
            }
            if millis % 50 == 0 {
                push(&mut queue, &other(7));
                assert!(queue.waiting_bytes <= queue.limit());
            }
            if queue.due(now).is_some_and(|due| due <= now)
                && let Some(piece) = queue.piece(now).map(<[u8]>::to_vec)
            {
                queue.wrote(piece.len(), now);
                if piece.starts_with(b">>>\nt=status") {
                    let waited = now - last_status;
                    // What may wait takes the smallest line two seconds and an eighth.
                    assert!(waited < Duration::from_millis(2500), "{waited:?} at {millis}");
                    last_status = now;
                }
                sent.extend(piece);
            }
        }
        assert!(begin + Duration::from_secs(30) < last_status + Duration::from_millis(2500));
        assert!(sent.windows(250).any(|window| window == other(7)), "others have their turn");
    }

    #[test]
    fn an_old_status_that_is_sent_again_does_not_replace_the_newest() {
        let mut queue = queue(9600);
        push(&mut queue, &status(500));
        for number in 0..400 {
            push(&mut queue, &status(number));
        }
        let (sent, _) = drain(&mut queue);
        assert!(sent.starts_with(&status(500)));
        // In a new run numbers begin anew.
        push(&mut queue, b">>>\nt=status\nsrc=wa1\nseq=1\nhg=2\n");
        for number in 0..400 {
            push(&mut queue, &status(number));
        }
        assert!(drain(&mut queue).0.starts_with(b">>>\nt=status\nsrc=wa1\nseq=1\nhg=2\n"));
    }

    #[test]
    fn patience_that_changes_counts_from_then_on() {
        let patience = Patience::new(Duration::from_secs(2));
        let mut queue = WriteQueue::new(19200, patience.clone());
        queue.push(vec![b'l'; 3840], None).unwrap();
        patience.set(Duration::from_millis(1500));
        assert_eq!(queue.push(vec![b'm'; 2881], None), Err(TooLong { limit: 2880 }));
        push(&mut queue, &status(1));
        push(&mut queue, &other(2));
        assert_eq!(drain(&mut queue).0, [status(1), other(2)].concat(), "what waited has become too long");
        patience.set(Duration::from_secs(3));
        push(&mut queue, &[b'n'; 5760]);
        push(&mut queue, &status(3));
        assert_eq!(drain(&mut queue).0, [status(3), vec![b'n'; 5760]].concat());
    }

    #[test]
    fn of_each_node_of_a_ring_the_newest_status_goes_out() {
        let mut queue = queue(9600);
        let status = |node: u32, number: u32| {
            let mut text = format!(">>>\nt=status\nsrc=node{node}\nseq={number:x}\n").into_bytes();
            text.resize(250, b'x');
            text
        };
        push(&mut queue, &status(0, 9999));
        for number in 0..100 {
            for node in 1..4 {
                push(&mut queue, &status(node, number));
                push(&mut queue, &other(number));
            }
            assert!(queue.waiting_bytes <= queue.limit());
        }
        let (sent, _) = drain(&mut queue);
        for newest in [status(0, 9999), status(1, 99), status(2, 99), status(3, 99)] {
            assert!(sent.windows(250).any(|window| window == newest));
        }
        for node in 0..100 {
            push(&mut queue, &status(node, 1));
        }
        assert!(queue.waiting.len() <= MOST_STATUSES);
    }
}
