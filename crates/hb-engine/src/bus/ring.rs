//! Passing on: what came over one line of a ring goes out on the others (`wire.md` 12.2), once, and never in a circle.
//!
//! Decides what is passed on; on which media that is possible, the driver says. A message ends where it began, where its
//! field `ttl` has come to 0, and where it was passed on before, unless somebody has asked for it since: a message that is sent
//! again must come through. 3.0.6 passes nothing on; to have it as a neighbour does no harm.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::hash::{Hash as _, Hasher};
use core::time::Duration;

use hb_wire::{Message, Value};

use super::receiver::MISSING_LIMIT;
use super::sender::SERVED_PER_REQUEST;
use crate::engine::Engine;
use crate::id::{LinkId, NodeId};
use crate::number;
use crate::time::Tick;

/// A message of another node that goes out as it is, but for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The medium on which it came: it goes out on all others of the ring.
    pub from: LinkId,
    /// With a `ttl` that is one less.
    pub message: Message,
}

/// What was passed on, and what is to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    links: Vec<LinkId>,
    waiting: VecDeque<Forward>,
    passed: BTreeMap<NodeId, Passed>,
    /// Messages without a number (requests and their like) that were passed on: when, and what they hold.
    plain: VecDeque<(Tick, u64)>,
}

/// What was passed on of one run of a node.
#[derive(Clone, Debug, Default)]
struct Passed {
    generation: u64,
    /// The newest numbers that were passed on.
    numbers: BTreeSet<u64>,
    /// All up to this one count as passed on.
    floor: u64,
    /// Passed on before, and asked for since.
    wanted: BTreeSet<u64>,
}

impl Passed {
    /// Whether this number goes on; it is noted then.
    fn take(&mut self, seq: u64) -> bool {
        if !self.wanted.remove(&seq) && (seq <= self.floor || self.numbers.contains(&seq)) {
            return false;
        }
        if seq > self.floor && self.numbers.insert(seq) && self.numbers.len() > MISSING_LIMIT {
            self.floor = self.numbers.pop_first().unwrap_or(self.floor);
        }
        true
    }

    /// Somebody lacks these numbers.
    fn want(&mut self, first: u64, last: u64) {
        for seq in first..=last.min(first.saturating_add(SERVED_PER_REQUEST - 1)) {
            if self.wanted.len() < MISSING_LIMIT && (seq <= self.floor || self.numbers.contains(&seq)) {
                self.wanted.insert(seq);
            }
        }
    }
}

impl Ring {
    fn is_on(&self, link: LinkId) -> bool {
        self.links.len() > 1 && self.links.contains(&link)
    }

    fn of(&mut self, node: NodeId, generation: u64) -> &mut Passed {
        let passed = self.passed.entry(node).or_default();
        if passed.generation != generation {
            *passed = Passed { generation, ..Passed::default() };
        }
        passed
    }

    /// Whether the same message without a number came just now.
    fn is_repeated(&mut self, message: &Message, now: Tick, within: Duration) -> bool {
        let print = fingerprint(message);
        if self.plain.iter().any(|(at, known)| *known == print && now.since(*at) < within) {
            return true;
        }
        if self.plain.len() >= MOST_PLAIN {
            self.plain.pop_front();
        }
        self.plain.push_back((now, print));
        false
    }

    fn push(&mut self, from: LinkId, message: &Message) {
        // Whoever lacks what is lost here asks for it.
        if self.waiting.len() >= MOST_WAITING {
            return;
        }
        let Some(hops) = number::decimal(message, "ttl").and_then(|ttl| ttl.checked_sub(1)) else { return };
        let mut message = message.clone();
        message.set_written("ttl", format_args!("{}", hops.min(MOST_HOPS)));
        self.waiting.push_back(Forward { from, message });
    }
}

impl Engine {
    /// Whether what comes over this line may have to go on: with two nodes both lines end at the other one.
    fn is_in_a_ring(&self, link: LinkId) -> bool {
        self.ring.is_on(link) && self.node_ids().count() > 2
    }

    /// These media form a ring, by the numbers that they have now: what comes over one of them goes out on the others. None
    /// do at the start; to be said anew after each [`Engine::reconfigure`] that changes media.
    pub fn form_ring(&mut self, links: Vec<LinkId>) {
        self.ring.links = links;
    }

    /// The next message to be passed on. To be drained as [`Engine::poll`]; what others say is not among that.
    #[must_use]
    pub fn poll_forward(&mut self) -> Option<Forward> {
        self.ring.waiting.pop_front()
    }

    /// A message with a number of another node, of its present run.
    pub(crate) fn pass_on(&mut self, node: NodeId, link: LinkId, run: u64, seq: u64, message: &Message) {
        // One that is not passed on again by anybody does not count: it may come with more hops left.
        if self.is_in_a_ring(link) && has_hops(message) && self.ring.of(node, run).take(seq) {
            self.ring.push(link, message);
        }
    }

    /// A message without a number of another node.
    pub(crate) fn pass_on_plain(&mut self, link: LinkId, message: &Message) {
        if !self.is_in_a_ring(link) {
            return;
        }
        let within = self.config.max_rexmit_delay / 2;
        if self.ring.is_repeated(message, self.now.tick, within) {
            return;
        }
        let dest = message.text("dest").and_then(|dest| self.node_by_name(dest));
        if dest == Some(self.config.local) {
            return;
        }
        if let (Some("NS_rexmit"), Some(dest)) = (message.kind(), dest)
            && let (Some(first), Some(last)) =
                (number::decimal(message, "firstseq"), number::decimal(message, "lastseq"))
        {
            let run = self.node(dest).generation;
            self.ring.of(dest, run).want(first, last);
        }
        self.ring.push(link, message);
    }
}

fn has_hops(message: &Message) -> bool {
    number::decimal(message, "ttl").is_some_and(|ttl| ttl > 0)
}

/// Of what the sender wrote: `ttl` and `auth` change on the way.
fn fingerprint(message: &Message) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    for field in message.fields() {
        if let Value::Text(text) = &field.value
            && field.name != b"ttl"
            && field.name != b"auth"
        {
            field.name.hash(&mut hasher);
            text.hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Fowler, Noll and Vo's hash. Members are trusted not to make collisions; one would cost them a message.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// Messages that wait to be passed on, between two visits of the driver.
const MOST_WAITING: usize = 64;
/// Messages without a number that are remembered: a few for each node that asks.
const MOST_PLAIN: usize = 64;
/// More members than that no cluster has.
const MOST_HOPS: u64 = 255;

#[cfg(test)]
mod tests;
