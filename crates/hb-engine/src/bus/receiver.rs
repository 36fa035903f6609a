//! The book that is kept of one node's numbers: what came, what is missing, what to acknowledge.
//!
//! Decides about sequence numbers within one generation; generations are `traffic`'s business.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::sender::SERVED_PER_REQUEST;
use crate::random::Random;
use crate::time::Tick;

/// A gap wider than this is given up (`wire.md` 6.4).
pub(crate) const GAP_LIMIT: u64 = 250;
/// How many missing numbers are remembered at most.
pub(crate) const MISSING_LIMIT: usize = 500;
/// Shortest pause before the first request for a missing message.
const FIRST_REQUEST: Duration = Duration::from_millis(50);
/// Below this longest delay the first request may come at once (`wire.md` 6.5).
const SHORT_DELAY: Duration = Duration::from_millis(100);

/// One node's numbers.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    last: Option<u64>,
    /// Missing number -> when to ask for it next.
    missing: BTreeMap<u64, Tick>,
    /// One in ten is acknowledged: those whose number ends with this digit.
    ack_digit: u64,
}

/// What a number means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// New; `acknowledge` if one is due.
    Fresh { acknowledge: Option<u64> },
    /// New, and numbers before it are missing.
    AfterGap { lost: u64, last: u64 },
    /// New, but so far ahead that everything before it was given up.
    AfterWideGap { lost: u64 },
    /// One of the missing came; `closed` if it was the last of them.
    Filled { acknowledge: Option<u64>, closed: bool },
    /// The same as the one before.
    Duplicate,
    /// Came long ago, or was given up.
    Old,
}

impl Receiver {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self { last: None, missing: BTreeMap::new(), ack_digit: random.below(10) }
    }

    /// Forgets all numbers: the node started anew or died.
    pub(crate) fn forget(&mut self) {
        self.last = None;
        self.missing.clear();
    }

    /// The node started anew: all that it has said since is missing if it does not come.
    pub(crate) fn begin_run(&mut self) {
        self.last = Some(0);
        self.missing.clear();
        // Who starts anew with each message must not choose the digit: he would be answered each time.
        self.ack_digit = (self.ack_digit + 3) % 10;
    }

    pub(crate) fn missing(&self) -> usize {
        self.missing.len()
    }

    /// What is missing, lowest first.
    pub(crate) fn missing_numbers(&self) -> impl Iterator<Item = u64> + '_ {
        self.missing.keys().copied()
    }

    /// The highest number that came.
    pub(crate) const fn last(&self) -> Option<u64> {
        self.last
    }

    /// When the next missing message is to be asked for.
    pub(crate) fn next_request(&self) -> Option<Tick> {
        self.missing.values().min().copied()
    }

    /// A message with this number came.
    pub(crate) fn arrive(
        &mut self,
        seq: u64,
        now: Tick,
        max_delay: Duration,
        random: &mut Random,
    ) -> Arrival {
        let Some(last) = self.last else {
            self.last = Some(seq);
            return Arrival::Fresh { acknowledge: self.due(seq) };
        };
        if seq == last {
            return Arrival::Duplicate;
        }
        if seq < last {
            return self.fill(seq);
        }
        self.last = Some(seq);
        let gap = seq - last - 1;
        if gap == 0 {
            return Arrival::Fresh { acknowledge: self.due(seq) };
        }
        if gap > GAP_LIMIT {
            self.missing.clear();
            return Arrival::AfterWideGap { lost: gap };
        }
        let low = if max_delay < SHORT_DELAY { Duration::ZERO } else { FIRST_REQUEST };
        for number in last + 1..seq {
            if self.missing.len() >= MISSING_LIMIT {
                self.missing.pop_first();
            }
            self.missing.insert(number, now.plus(random.between(low, max_delay)));
        }
        Arrival::AfterGap { lost: gap, last }
    }

    /// The sender can no longer give this number; true if it was missed.
    pub(crate) fn give_up(&mut self, seq: u64) -> bool {
        self.missing.remove(&seq).is_some()
    }

    /// The missing numbers whose request is due, as ranges (first, last), at most `limit` of them; each number is due
    /// again after `max_delay`. Neighbours of a due number are asked for with it, so that a long gap costs one request
    /// and not one for each number.
    pub(crate) fn requests(&mut self, now: Tick, max_delay: Duration, limit: usize) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64, bool)> = Vec::new();
        for (seq, due) in &self.missing {
            let due = *due <= now;
            match ranges.last_mut() {
                Some((first, last, any)) if *last + 1 == *seq && seq - *first < SERVED_PER_REQUEST => {
                    *last = *seq;
                    *any |= due;
                }
                _ => ranges.push((*seq, *seq, due)),
            }
        }
        let chosen = ranges.into_iter().filter(|(_, _, due)| *due).map(|(first, last, _)| (first, last));
        let mut chosen: Vec<(u64, u64)> = chosen.collect();
        for (index, (first, last)) in chosen.iter().enumerate() {
            // What is beyond the limit comes a little later, but not at once: that would be no limit.
            let pause = if index < limit { max_delay } else { max_delay / 4 };
            for (_, due) in self.missing.range_mut(*first..=*last) {
                *due = now.plus(pause);
            }
        }
        chosen.truncate(limit);
        chosen
    }

    fn fill(&mut self, seq: u64) -> Arrival {
        let lowest = self.missing.first_key_value().map(|(number, _)| *number);
        if self.missing.remove(&seq).is_none() {
            return Arrival::Old;
        }
        let closed = self.missing.is_empty();
        if lowest != Some(seq) {
            return Arrival::Filled { acknowledge: None, closed };
        }
        // The highest number with our digit below the new lowest missing one, if that is news (`wire.md` 6.6).
        let below =
            self.missing.first_key_value().map_or_else(|| self.last.unwrap_or(seq), |(number, _)| number - 1);
        let candidate = below.checked_sub((below % 10 + 10 - self.ack_digit) % 10);
        Arrival::Filled { acknowledge: candidate.filter(|number| *number >= seq), closed }
    }

    fn due(&self, seq: u64) -> Option<u64> {
        (self.missing.is_empty() && seq % 10 == self.ack_digit).then_some(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(250);

    struct Book {
        receiver: Receiver,
        random: Random,
        now: Tick,
    }

    impl Book {
        fn new(ack_digit: u64) -> Self {
            let mut random = Random::new(1);
            let mut receiver = Receiver::new(&mut random);
            receiver.ack_digit = ack_digit;
            Self { receiver, random, now: Tick::from_nanos(0) }
        }

        fn arrive(&mut self, seq: u64) -> Arrival {
            self.receiver.arrive(seq, self.now, DELAY, &mut self.random)
        }
    }

    #[test]
    fn in_sequence_and_acknowledged_one_in_ten() {
        let mut book = Book::new(3);
        let acknowledged: Vec<u64> = (1..=40)
            .filter_map(|seq| {
                let Arrival::Fresh { acknowledge } = book.arrive(seq) else { panic!("{seq} is in sequence") };
                acknowledge
            })
            .collect();
        assert_eq!(acknowledged, [3, 13, 23, 33]);
    }

    #[test]
    fn duplicates_and_old_numbers() {
        let mut book = Book::new(0);
        book.arrive(5);
        book.arrive(6);
        assert_eq!(book.arrive(6), Arrival::Duplicate);
        assert_eq!(book.arrive(5), Arrival::Old);
    }

    #[test]
    fn gap_is_noted_filled_and_acknowledged() {
        let mut book = Book::new(5);
        book.arrive(3);
        assert_eq!(book.arrive(7), Arrival::AfterGap { lost: 3, last: 3 });
        assert_eq!(book.receiver.missing(), 3);
        assert_eq!(book.arrive(5), Arrival::Filled { acknowledge: None, closed: false });
        assert_eq!(book.arrive(4), Arrival::Filled { acknowledge: Some(5), closed: false });
        assert_eq!(book.arrive(6), Arrival::Filled { acknowledge: None, closed: true });
        assert_eq!(book.arrive(6), Arrival::Old);
    }

    #[test]
    fn the_last_number_of_all_is_a_number_like_any_other() {
        let mut book = Book::new(5);
        book.arrive(u64::MAX - 3);
        assert_eq!(book.arrive(u64::MAX), Arrival::AfterGap { lost: 2, last: u64::MAX - 3 });
        let later = book.now.plus(DELAY);
        assert_eq!(book.receiver.requests(later, DELAY, 50), [(u64::MAX - 2, u64::MAX - 1)]);
        assert_eq!(book.arrive(u64::MAX - 2), Arrival::Filled { acknowledge: None, closed: false });
        // u64::MAX ends with 5.
        assert_eq!(book.arrive(u64::MAX - 1), Arrival::Filled { acknowledge: Some(u64::MAX), closed: true });
    }

    #[test]
    fn gaps_up_to_250_are_kept_wider_ones_given_up() {
        for (lost, kept) in [(249, true), (250, true), (251, false)] {
            let mut book = Book::new(0);
            book.arrive(1);
            let arrival = book.arrive(2 + lost);
            if kept {
                assert_eq!(arrival, Arrival::AfterGap { lost, last: 1 });
            } else {
                assert_eq!(arrival, Arrival::AfterWideGap { lost });
                assert_eq!(book.receiver.missing(), 0);
            }
        }
    }

    #[test]
    fn requests_begin_between_50_and_250_ms_and_repeat() {
        let mut book = Book::new(0);
        book.arrive(1);
        book.arrive(4);
        let first = book.receiver.next_request().unwrap().since(book.now);
        assert!(first >= FIRST_REQUEST && first <= DELAY);
        let later = book.now.plus(DELAY);
        assert_eq!(book.receiver.requests(later, DELAY, 50), [(2, 3)]);
        assert_eq!(book.receiver.requests(later, DELAY, 50), []);
        assert_eq!(book.receiver.next_request(), Some(later.plus(DELAY)));
        assert!(book.receiver.give_up(2));
        assert!(!book.receiver.give_up(2));
    }

    #[test]
    fn runs_of_one_message_are_acknowledged_one_in_ten() {
        let mut book = Book::new(4);
        let acknowledged = (0..20).filter(|_| {
            book.receiver.begin_run();
            matches!(book.arrive(1), Arrival::Fresh { acknowledge: Some(_) })
        });
        assert_eq!(acknowledged.count(), 2);
    }

    #[test]
    fn the_highest_number_below_a_gap_is_acknowledged_once() {
        let acknowledged = |digit: u64, arrivals: &[u64]| -> Vec<Option<u64>> {
            let mut book = Book::new(digit);
            let mut answers = Vec::new();
            for seq in arrivals {
                if let Arrival::Filled { acknowledge, .. } = book.arrive(*seq) {
                    answers.push(acknowledge);
                }
            }
            answers
        };
        assert_eq!(acknowledged(3, &[1, 8, 2, 3, 4]), [None, Some(3), None]);
        assert_eq!(acknowledged(3, &[10, 16, 15, 14, 13, 12, 11]), [None, None, None, None, Some(13)]);
        for digit in [6, 7] {
            assert_eq!(acknowledged(digit, &[3, 9, 5, 4]), [None, None], "6 is missing");
        }
    }

    #[test]
    fn neighbours_are_asked_for_together_at_most_fifty() {
        let mut book = Book::new(0);
        book.arrive(1);
        book.arrive(122);
        book.receiver.give_up(60);
        let first = book.receiver.next_request().unwrap();
        let due = book.receiver.requests(first, DELAY, 50);
        assert_eq!(due.len(), 1, "one number is due, and its neighbours with it");
        assert!(due[0].0 < due[0].1);
        let later = book.now.plus(DELAY * 3);
        assert_eq!(book.receiver.requests(later, DELAY, 50), [(2, 51), (52, 59), (61, 110), (111, 121)]);
    }

    #[test]
    fn what_is_beyond_the_limit_comes_a_quarter_later() {
        let mut book = Book::new(0);
        for seq in [1, 3, 5, 7] {
            book.arrive(seq);
        }
        let later = book.now.plus(DELAY);
        assert_eq!(book.receiver.requests(later, DELAY, 1), [(2, 2)]);
        let quarter = later.plus(DELAY / 4);
        assert_eq!(book.receiver.next_request(), Some(quarter));
        assert_eq!(book.receiver.requests(quarter, DELAY, 2), [(4, 4), (6, 6)]);
        assert_eq!(book.receiver.next_request(), Some(later.plus(DELAY)));
    }

    #[test]
    fn never_remembers_more_than_its_limit() {
        let mut book = Book::new(0);
        book.arrive(1);
        for step in 1..20 {
            book.arrive(1 + step * 251);
        }
        assert_eq!(book.receiver.missing(), MISSING_LIMIT);
    }
}
