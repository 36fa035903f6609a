//! How closely the heart listens: with short keepalives usual heartbeats wake nobody.
//!
//! A node that wakes for its own beat and for each of its peer's wakes twice as often as it must. As long as nothing but
//! usual heartbeats comes, media with a doorbell are read only at the own beat and before any verdict; the time at which a
//! packet came is then the kernel's. Whatever else comes rings, and from then on every packet wakes the heart until
//! it has been quiet for a while. A flood of what looks like heartbeats does the same, before a queue runs over.

use std::time::Duration;

use hb_engine::{Now, Tick};

use super::waiter::Ready;
use super::{Heart, Port};
use crate::clock;

/// Whether each packet wakes the heart.
pub(super) struct Attention {
    /// Only what rings does.
    pub(super) relaxed: bool,
    /// Until then each packet does, at least.
    until: Tick,
}

impl Attention {
    pub(super) const fn full(now: Tick) -> Self {
        Self { relaxed: false, until: now }
    }
}

impl<P: Port> Heart<P> {
    /// Answers doorbells that rang; true if everything that waits must be read now.
    pub(super) fn answer_doorbells(&mut self) -> bool {
        if !self.waiter.has_rung() {
            return false;
        }
        for wire in &self.wires {
            wire.port.answer_doorbell();
        }
        self.attend(ATTENTION);
        true
    }

    /// From now on each packet wakes the heart, for this time at least.
    pub(super) fn attend(&mut self, time: Duration) {
        let until = clock::tick().plus(time);
        self.attention.until = self.attention.until.max(until);
        if !std::mem::take(&mut self.attention.relaxed) {
            return;
        }
        for (index, wire) in self.wires.iter().enumerate() {
            if wire.port.doorbell().is_some()
                && let Err(error) = self.waiter.watch(&wire.port, Ready::Wire(index))
            {
                // It is then only read at each beat.
                self.voice.cannot_wait(wire.port.name(), &error);
            }
        }
        self.watch_pings();
    }

    /// After a beat: nothing but what rings needs to wake the heart any more, if keepalives are short and all was quiet.
    pub(super) fn relax(&mut self, now: Tick) {
        let is_short = self.engine.keepalive() <= LONGEST_KEEPALIVE;
        if self.attention.relaxed && !is_short {
            return self.attend(ATTENTION);
        }
        if self.attention.relaxed || !is_short || now < self.attention.until {
            return;
        }
        for wire in self.wires.iter().filter(|wire| wire.port.doorbell().is_some()) {
            self.waiter.forget(&wire.port);
        }
        self.forget_pings();
        self.attention.relaxed = true;
    }

    /// When a packet came that is read now: what waited unread came before, but not before the last beat.
    pub(super) fn arrival(&self, stamp: Option<Duration>) -> Now {
        let mut now = clock::now();
        if let Some(stamp) = stamp
            && self.attention.relaxed
        {
            let age = clock::wall().saturating_sub(stamp).min(self.engine.keepalive());
            let age = u64::try_from(age.as_nanos()).unwrap_or(0);
            now.tick = Tick::from_nanos(now.tick.as_nanos().saturating_sub(age));
        }
        now
    }

    /// So many packets were read at once from a medium that should have had a few.
    pub(super) fn notice_flood(&mut self, packets: usize) {
        if self.attention.relaxed && packets > MOST_WAITING {
            self.attend(ATTENTION_AFTER_FLOOD);
        }
    }
}

/// Longest keepalive with which heartbeats may wait for the next own one: they then wait for at most that long, and a
/// wake-up saved is worth something.
pub(crate) const LONGEST_KEEPALIVE: Duration = Duration::from_millis(50);
/// Time after something that rang: what belongs to it follows within that.
const ATTENTION: Duration = Duration::from_millis(50);
/// Time after more packets than a cluster's usual heartbeats.
const ATTENTION_AFTER_FLOOD: Duration = Duration::from_secs(1);
/// Packets of one medium in one keepalive: heartbeats of all nodes of the largest cluster (`config.md` 7).
const MOST_WAITING: usize = 100;
