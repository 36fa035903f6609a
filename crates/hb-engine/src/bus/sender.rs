//! What we have sent: sequence numbers and the history from which lost messages are sent again.
//!
//! Decides which requests can be served; who may ask, and what a message must hold, is decided in `traffic`.

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
}

#[derive(Clone, Debug)]
struct Sent {
    seq: u64,
    message: Message,
    repeated: Option<Tick>,
}

/// The answer to a request for one number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Send this again.
    Message(Message),
    /// It was sent again just now.
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
        self.history.push_back(Sent { seq, message, repeated: None });
    }

    /// Looks up a message that a peer lost.
    pub(crate) fn repeat(&mut self, seq: u64, now: Tick, max_delay: Duration) -> Repeat {
        if seq > self.seq {
            return Repeat::TooHigh;
        }
        match self.history.iter_mut().find(|sent| sent.seq == seq) {
            None => Repeat::TooLow,
            Some(sent) => {
                let pause = max_delay.saturating_sub(REPEAT_MARGIN);
                if sent.repeated.is_some_and(|before| now.since(before) < pause) {
                    return Repeat::TooSoon;
                }
                sent.repeated = Some(now);
                Repeat::Message(sent.message.clone())
            }
        }
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
        assert!(matches!(sender.repeat(2, now, DELAY), Repeat::Message(_)));
        assert!(matches!(sender.repeat(501, now, DELAY), Repeat::Message(_)));
        assert_eq!(sender.repeat(502, now, DELAY), Repeat::TooHigh);
    }

    #[test]
    fn repeats_not_sooner_than_the_delay() {
        let mut sender = filled(3);
        let start = Tick::from_nanos(0);
        assert!(matches!(sender.repeat(2, start, DELAY), Repeat::Message(_)));
        assert_eq!(sender.repeat(2, start.plus(Duration::from_millis(239)), DELAY), Repeat::TooSoon);
        assert!(matches!(
            sender.repeat(2, start.plus(Duration::from_millis(240)), DELAY),
            Repeat::Message(_)
        ));
    }
}
