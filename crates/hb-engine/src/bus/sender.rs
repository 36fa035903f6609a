//! What we have sent: sequence numbers and the history from which lost messages are sent again.
//!
//! Decides which requests can be served; who may ask, and what a message must hold, is decided in `traffic`. What is to
//! be sent again waits here until the driver has time for it: a peer can ask for the whole history at once, and
//! that must not hold up a heartbeat.

use alloc::collections::VecDeque;
use core::time::Duration;

use hb_wire::Message;

use crate::time::Tick;

/// How many sent messages are kept (`wire.md` 6.5).
pub(crate) const HISTORY_LENGTH: usize = 500;
/// How many numbers of one request are served.
pub(crate) const SERVED_PER_REQUEST: u64 = 50;
/// A message is not sent again sooner than the longest request delay less this.
const REPEAT_MARGIN: Duration = Duration::from_millis(10);

/// Our own side of the bus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sender {
    seq: u64,
    history: VecDeque<Sent>,
    /// Numbers of what is to be sent again, none twice.
    asked: VecDeque<u64>,
}

#[derive(Clone, Debug)]
struct Sent {
    seq: u64,
    message: Message,
    /// When it was last asked for and granted.
    granted: Option<Tick>,
}

/// The answer to a request for one number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It is sent again as soon as there is time.
    Granted,
    /// That was so just now.
    TooSoon,
    /// No longer in the history.
    TooLow,
    /// Never sent.
    TooHigh,
}

impl Sender {
    /// The highest number used.
    pub(crate) const fn seq(&self) -> u64 {
        self.seq
    }

    /// Takes the next number, from 1.
    pub(crate) const fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Keeps a sent message; forgets the oldest beyond [`HISTORY_LENGTH`].
    pub(crate) fn remember(&mut self, seq: u64, message: Message) {
        if self.history.len() >= HISTORY_LENGTH {
            self.history.pop_front();
        }
        self.history.push_back(Sent { seq, message, granted: None });
    }

    /// A peer lost the message with this number.
    pub(crate) fn repeat(&mut self, seq: u64, now: Tick, max_delay: Duration) -> Repeat {
        if seq > self.seq {
            return Repeat::TooHigh;
        }
        let Some(sent) = self.sent(seq) else { return Repeat::TooLow };
        let pause = max_delay.saturating_sub(REPEAT_MARGIN);
        if sent.granted.is_some_and(|before| now.since(before) < pause) {
            return Repeat::TooSoon;
        }
        sent.granted = Some(now);
        if !self.asked.contains(&seq) {
            self.asked.push_back(seq);
        }
        Repeat::Granted
    }

    /// The next message to be sent again.
    pub(crate) fn next_repeat(&mut self) -> Option<Message> {
        // What has left the history meanwhile is refused when it is asked for again.
        while let Some(seq) = self.asked.pop_front() {
            if let Some(sent) = self.sent(seq) {
                return Some(sent.message.clone());
            }
        }
        None
    }

    /// Whether something waits to be sent again.
    pub(crate) fn has_repeats(&self) -> bool {
        !self.asked.is_empty()
    }

    fn sent(&mut self, seq: u64) -> Option<&mut Sent> {
        let place = self.history.binary_search_by_key(&seq, |sent| sent.seq).ok()?;
        self.history.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(250);

    fn filled(count: u64) -> Sender {
        let mut sender = Sender::default();
        for _ in 0..count {
            let seq = sender.next_seq();
            sender.remember(seq, Message::new("status"));
        }
        sender
    }

    #[test]
    fn keeps_the_last_five_hundred() {
        let mut sender = filled(501);
        let now = Tick::from_nanos(0);
        assert_eq!(sender.repeat(1, now, DELAY), Repeat::TooLow);
        assert_eq!(sender.repeat(2, now, DELAY), Repeat::Granted);
        assert_eq!(sender.repeat(501, now, DELAY), Repeat::Granted);
        assert_eq!(sender.repeat(502, now, DELAY), Repeat::TooHigh);
    }

    #[test]
    fn repeats_not_sooner_than_the_delay() {
        let mut sender = filled(3);
        let start = Tick::from_nanos(0);
        assert_eq!(sender.repeat(2, start, DELAY), Repeat::Granted);
        let soon = start.plus(Duration::from_millis(239));
        assert_eq!(sender.repeat(2, soon, DELAY), Repeat::TooSoon);
        let later = start.plus(Duration::from_millis(240));
        assert_eq!(sender.repeat(2, later, DELAY), Repeat::Granted);
        assert!(sender.next_repeat().is_some());
        assert_eq!(sender.next_repeat(), None, "once for both");
    }

    #[test]
    fn what_has_left_the_history_is_not_repeated() {
        let mut sender = filled(500);
        for seq in [1, 2, 3] {
            assert_eq!(sender.repeat(seq, Tick::from_nanos(0), DELAY), Repeat::Granted);
        }
        for seq in 501..=502 {
            assert_eq!(sender.next_seq(), seq);
            sender.remember(seq, Message::new("resource"));
        }
        assert!(sender.has_repeats());
        assert!(sender.next_repeat().is_some());
        assert_eq!((sender.next_repeat(), sender.has_repeats()), (None, false));
    }
}
