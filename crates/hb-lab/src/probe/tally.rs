//! Counts probes and answers: how long nobody answered, who answered, how long two nodes did.
//!
//! Pure: all times come in, in nanoseconds of the monotonic clock. Every store is bounded.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::probe::packet::{Kind, Probe};

/// An interval of time, in nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// When it began.
    pub from_ns: u64,
    /// When it ended.
    pub to_ns: u64,
}

impl Interval {
    /// Its length in nanoseconds.
    #[must_use]
    pub fn length_ns(self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }
}

/// A time in which one node answered without a pause of 50 ms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    /// Name of the node.
    pub node: String,
    /// First and last answer.
    pub time: Interval,
    /// How many answers came.
    pub answers: u64,
}

/// What happened in a tenth of a second: one column of a time line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Number of the tenth since the monotonic clock began.
    pub tenth: u64,
    /// Routed probes that were sent.
    pub sent: u32,
    /// Answers to routed probes that came, per node in the order of [`Sight::nodes`].
    pub answers: Vec<u32>,
    /// Rounds of direct probes that more than one node answered.
    pub both: u32,
}

/// What a probe has seen since its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// When this was written down.
    pub now_ns: u64,
    /// When the measurement began.
    pub begun_ns: u64,
    /// Routed probes sent.
    pub sent: u64,
    /// Answers to routed probes.
    pub answered: u64,
    /// Routed probes that are still without an answer after 100 ms, or after about two seconds for ever.
    pub lost: u64,
    /// The longest time without an answer to a routed probe that has ended. It ends with an answer's arrival.
    pub longest_gap: Interval,
    /// When the last answer to a routed probe came.
    pub last_answer_ns: Option<u64>,
    /// Names of the nodes that are or were known.
    pub nodes: Vec<String>,
    /// Who answered when, the last 256 spells; the last one is who answers now or answered last.
    pub spells: Vec<Spell>,
    /// Total time in which more than one node answered direct probes, in nanoseconds.
    pub both_ns: u64,
    /// The longest delay of the probe's own sending, in nanoseconds: no gap is known better than this.
    pub stall_ns: u64,
    /// Does the sender run in a real-time class?
    pub real_time: bool,
    /// When more than one node answered direct probes, by the times at which these were sent, the last 64 times. What is
    /// less than 50 ms apart is one time.
    pub both: Vec<Interval>,
    /// The last minute in tenths of a second; only from [`crate::Probe::look_back`].
    pub beats: Vec<Beat>,
}

impl Sight {
    /// How long no answer has come by now, in nanoseconds.
    #[must_use]
    pub fn silence_ns(&self) -> u64 {
        self.now_ns.saturating_sub(self.last_answer_ns.unwrap_or(self.begun_ns))
    }

    /// The longest time without an answer, also if it has not ended yet, in nanoseconds.
    #[must_use]
    pub fn outage_ns(&self) -> u64 {
        self.longest_gap.length_ns().max(self.silence_ns())
    }

    /// Has `node`, and no other, answered for the last second, without a pause?
    #[must_use]
    pub fn is_quiet(&self, node: &str) -> bool {
        let second = 10 * TENTH_NS;
        let since = self.now_ns.saturating_sub(second);
        let single = self.both.last().is_none_or(|both| both.to_ns < since);
        let steady = |spell: &Spell| spell.node == node && spell.time.length_ns() >= second;
        single && self.silence_ns() < PAUSE_NS && self.spells.last().is_some_and(steady)
    }

    /// The node that answered last.
    #[must_use]
    pub fn last_node(&self) -> Option<&str> {
        self.spells.last().map(|spell| spell.node.as_str())
    }
}

pub(crate) struct Tally {
    /// Time between two rounds of direct probes.
    round_ns: u64,
    sight: Sight,
    /// The latest routed probes, by number modulo their count.
    routed: Vec<Option<Sent>>,
    /// The latest rounds of direct probes: number and the nodes that answered as bits.
    rounds: Vec<(u64, u32)>,
    spells: VecDeque<Spell>,
    /// The tenths before the current one.
    beats: VecDeque<Beat>,
    current: Beat,
}

#[derive(Clone, Copy)]
struct Sent {
    number: u64,
    at_ns: u64,
    answered: bool,
}

impl Tally {
    pub(crate) fn new(nodes: Vec<String>, round_ns: u64, now_ns: u64) -> Self {
        let mut tally = Self {
            round_ns,
            sight: Sight { nodes, ..Sight::default() },
            routed: vec![None; RECENT],
            rounds: vec![(u64::MAX, 0); RECENT],
            spells: VecDeque::new(),
            beats: VecDeque::new(),
            current: Beat { tenth: now_ns / TENTH_NS, ..Beat::default() },
        };
        tally.begin(now_ns);
        tally
    }

    pub(crate) fn set_real_time(&mut self, real_time: bool) {
        self.sight.real_time = real_time;
    }

    /// Forgets everything but the time line.
    pub(crate) fn begin(&mut self, now_ns: u64) {
        let Sight { nodes, real_time, .. } = std::mem::take(&mut self.sight);
        self.sight = Sight { begun_ns: now_ns, nodes, real_time, ..Sight::default() };
        self.routed.fill(None);
        self.rounds.fill((u64::MAX, 0));
        self.spells.clear();
    }

    /// A routed probe went out; it should have done so `late_ns` earlier.
    pub(crate) fn sent(&mut self, number: u64, now_ns: u64, late_ns: u64) {
        self.sight.sent += 1;
        self.sight.stall_ns = self.sight.stall_ns.max(late_ns);
        self.beat(now_ns).sent += 1;
        let sent = Sent { number, at_ns: now_ns, answered: false };
        let evicted = place(&mut self.routed, number).and_then(|place| place.replace(sent));
        if evicted.is_some_and(|old| !old.answered) {
            self.sight.lost += 1;
        }
    }

    /// An answer came.
    pub(crate) fn answered(&mut self, probe: Probe, node: &str, now_ns: u64) {
        // What was asked before the beginning does not count.
        if probe.sent_ns < self.sight.begun_ns {
            return;
        }
        let Some(node) = self.node(node) else { return };
        match probe.kind {
            Kind::Routed => self.answered_routed(probe, node, now_ns),
            Kind::Direct => self.answered_direct(probe, node, now_ns),
        }
    }

    /// What was seen; the time line (`beats`) makes it long.
    pub(crate) fn look(&self, now_ns: u64, beats: bool) -> Sight {
        let waiting = self.routed.iter().flatten().filter(|sent| !sent.answered);
        let overdue = waiting.filter(|sent| sent.at_ns + OVERDUE_NS < now_ns).count();
        let mut sight = self.sight.clone();
        sight.now_ns = now_ns;
        sight.lost += overdue as u64;
        sight.spells = self.spells.iter().cloned().collect();
        if beats {
            sight.beats = self.beats.iter().chain([&self.current]).cloned().collect();
        }
        sight
    }

    fn answered_routed(&mut self, probe: Probe, node: usize, now_ns: u64) {
        if let Some(sent) = place(&mut self.routed, probe.number).and_then(Option::as_mut)
            && sent.number == probe.number
        {
            sent.answered = true;
        }
        let sight = &mut self.sight;
        sight.answered += 1;
        let gap = Interval { from_ns: sight.last_answer_ns.unwrap_or(sight.begun_ns), to_ns: now_ns };
        if gap.length_ns() > sight.longest_gap.length_ns() {
            sight.longest_gap = gap;
        }
        sight.last_answer_ns = Some(now_ns);
        let name = sight.nodes.get(node).cloned().unwrap_or_default();
        match self.spells.back_mut() {
            Some(spell) if spell.node == name && gap.length_ns() < PAUSE_NS => {
                spell.time.to_ns = now_ns;
                spell.answers += 1;
            }
            _ => {
                if self.spells.len() == SPELLS {
                    self.spells.pop_front();
                }
                let time = Interval { from_ns: now_ns, to_ns: now_ns };
                self.spells.push_back(Spell { node: name, time, answers: 1 });
            }
        }
        let answers = &mut self.beat(now_ns).answers;
        answers.resize(answers.len().max(node + 1), 0);
        if let Some(count) = answers.get_mut(node) {
            *count += 1;
        }
    }

    fn note_both(&mut self, sent_ns: u64) {
        let both = &mut self.sight.both;
        match both.last_mut() {
            Some(last) if sent_ns < last.to_ns + PAUSE_NS => last.to_ns = last.to_ns.max(sent_ns),
            _ => {
                if both.len() == TIMES_OF_BOTH {
                    both.remove(0);
                }
                both.push(Interval { from_ns: sent_ns, to_ns: sent_ns });
            }
        }
    }

    fn answered_direct(&mut self, probe: Probe, node: usize, now_ns: u64) {
        let Some(round) = place(&mut self.rounds, probe.number) else { return };
        if round.0 != probe.number {
            *round = (probe.number, 0);
        }
        let before = round.1.count_ones();
        round.1 |= 1 << node;
        if before == 1 && round.1.count_ones() == 2 {
            self.sight.both_ns += self.round_ns;
            self.note_both(probe.sent_ns);
            self.beat(now_ns).both += 1;
        }
    }

    fn node(&mut self, name: &str) -> Option<usize> {
        let nodes = &mut self.sight.nodes;
        nodes.iter().position(|known| known == name).or_else(|| {
            (nodes.len() < NODES).then(|| {
                nodes.push(name.to_owned());
                nodes.len() - 1
            })
        })
    }

    /// The current tenth of a second. Times that come in late count here too.
    fn beat(&mut self, now_ns: u64) -> &mut Beat {
        let tenth = now_ns / TENTH_NS;
        if tenth > self.current.tenth {
            let ended = std::mem::replace(&mut self.current, Beat { tenth, ..Beat::default() });
            if self.beats.len() == BEATS {
                self.beats.pop_front();
            }
            self.beats.push_back(ended);
        }
        &mut self.current
    }
}

fn place<T>(ring: &mut [T], number: u64) -> Option<&mut T> {
    let length = ring.len() as u64;
    ring.get_mut(usize::try_from(number % length.max(1)).ok()?)
}

/// Probes and rounds that are remembered: two seconds of 4 000 a second.
const RECENT: usize = 8192;
const SPELLS: usize = 256;
const TIMES_OF_BOTH: usize = 64;
/// With the current one a minute.
const BEATS: usize = 599;
/// Bits in a round; more nodes are not told apart.
const NODES: usize = 32;
const TENTH_NS: u64 = 100_000_000;
const PAUSE_NS: u64 = 50_000_000;
const OVERDUE_NS: u64 = 100_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn routed(number: u64, sent_ns: u64) -> Probe {
        Probe { kind: Kind::Routed, number, sent_ns }
    }

    fn tally() -> Tally {
        Tally::new(vec!["alpha".into(), "beta".into()], MS, 0)
    }

    /// One probe a millisecond, answered by whom the closure says.
    fn play(tally: &mut Tally, times: std::ops::Range<u64>, answer: impl Fn(u64) -> Option<&'static str>) {
        for ms in times {
            tally.sent(ms, ms * MS, 0);
            if let Some(node) = answer(ms) {
                tally.answered(routed(ms, ms * MS), node, ms * MS + 1000);
            }
        }
    }

    #[test]
    fn the_longest_gap_is_from_answer_to_answer() {
        let mut tally = tally();
        play(&mut tally, 0..1000, |ms| match ms {
            0..300 => Some("alpha"),
            300..700 => None,
            _ => Some("beta"),
        });
        let sight = tally.look(1000 * MS, true);
        assert_eq!(sight.longest_gap.length_ns(), 401 * MS);
        assert_eq!((sight.sent, sight.answered, sight.lost), (1000, 600, 400));
        let spells: Vec<_> = sight.spells.iter().map(|spell| (spell.node.as_str(), spell.answers)).collect();
        assert_eq!(spells, [("alpha", 300), ("beta", 300)]);
        assert_eq!(sight.spells[1].time.from_ns, 700 * MS + 1000);
        assert_eq!(sight.last_node(), Some("beta"));
        assert_eq!(sight.silence_ns(), MS - 1000);
    }

    #[test]
    fn lost_probes_are_counted_also_when_there_were_very_many() {
        let mut tally = tally();
        play(&mut tally, 0..30_000, |ms| (ms < 100).then_some("alpha"));
        assert_eq!(tally.look(30_100 * MS, true).lost, 29_900);
        // The last ones may still be answered.
        assert_eq!(tally.look(29_999 * MS, true).lost, 29_900 - 101);
    }

    #[test]
    fn both_counts_rounds_that_two_nodes_answered() {
        let mut tally = tally();
        for round in 0..100 {
            let probe = Probe { kind: Kind::Direct, number: round, sent_ns: round * MS };
            tally.answered(probe, "alpha", round * MS);
            if (40..60).contains(&round) {
                tally.answered(probe, "beta", round * MS);
                tally.answered(probe, "beta", round * MS);
            }
        }
        assert_eq!(tally.look(100 * MS, true).both_ns, 20 * MS);
        let both = [Interval { from_ns: 40 * MS, to_ns: 59 * MS }];
        assert_eq!(tally.look(100 * MS, false).both, both, "also without the time line");
        assert_eq!(tally.look(100 * MS, true).beats.iter().map(|beat| beat.both).sum::<u32>(), 20);
    }

    #[test]
    fn a_new_beginning_ignores_answers_to_old_probes() {
        let mut tally = tally();
        play(&mut tally, 0..100, |_| Some("alpha"));
        tally.begin(100 * MS);
        tally.answered(routed(99, 99 * MS), "beta", 101 * MS);
        assert_eq!(tally.look(102 * MS, true).answered, 0);
        assert_eq!(tally.look(102 * MS, true).last_node(), None);
        assert_eq!(tally.look(102 * MS, true).silence_ns(), 2 * MS);
        play(&mut tally, 102..110, |_| Some("alpha"));
        assert_eq!(tally.look(110 * MS, true).answered, 8);
    }

    #[test]
    fn the_time_line_is_bounded_and_in_tenths() {
        let mut tally = tally();
        play(&mut tally, 0..70_000, |ms| Some(if ms < 65_000 { "alpha" } else { "beta" }));
        let beats = tally.look(70_000 * MS, true).beats;
        assert_eq!((beats.len(), beats[0].tenth, beats[599].tenth), (600, 100, 699));
        assert_eq!((beats[0].sent, beats[0].answers.as_slice()), (100, [100].as_slice()));
        assert_eq!(beats[599].answers, [0, 100]);
    }
}
