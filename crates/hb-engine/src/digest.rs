//! A number for a state, for explicit-state exploration: equal for states that will behave alike.
//!
//! Times count relative to now and sequence numbers relative to the newest one; what never decides anything (history,
//! random delays of requests, texts) is left out. Two states with the same digest can differ in what was left out.

use core::hash::{Hash, Hasher};

use crate::engine::Engine;
use crate::id::HoldSet;
use crate::time::Tick;

impl Engine {
    /// Adds the state to a hash.
    pub fn digest<H: Hasher>(&self, hasher: &mut H) {
        let now = self.now.tick;
        let ahead = |tick: Option<Tick>| tick.map(|tick| tick.since(now).as_millis());
        let ago = |tick: Option<Tick>| tick.map(|tick| now.since(tick).as_millis());
        self.local.status.hash(hasher);
        ahead(Some(self.local.next_heartbeat)).hash(hasher);
        ahead(self.local.ask_again).hash(hasher);
        ahead(self.local.doubt.map(|doubt| doubt.until)).hash(hasher);
        ago(self.local.woke.max(self.local.active_since)).hash(hasher);
        for ping in &self.pings {
            ping.status().hash(hasher);
            ago(ping.last()).hash(hasher);
        }
        let me = usize::from(self.config.local.0);
        for (_, node) in self.nodes.iter().enumerate().filter(|(index, _)| *index != me) {
            let last = node.receiver.last().unwrap_or(0);
            node.status.hash(hasher);
            (node.generation, node.heard, node.speaks_hb, node.receiver.last().is_some()).hash(hasher);
            last.wrapping_sub(node.status_seq).hash(hasher);
            ago(node.last_status).hash(hasher);
            node.receiver.missing_numbers().for_each(|seq| last.wrapping_sub(seq).hash(hasher));
            self.failover.digest(hasher, last, &ahead, &ago);
        }
    }
}

impl crate::failover::Failover {
    fn digest<H: Hasher>(
        &self,
        hasher: &mut H,
        last: u64,
        ahead: &impl Fn(Option<Tick>) -> Option<u128>,
        ago: &impl Fn(Option<Tick>) -> Option<u128>,
    ) {
        (self.phase, self.hold, self.standby, self.standby_set, self.needs_failback).hash(hasher);
        let partner = &self.partner;
        (partner.hold, partner.stable, partner.started, partner.leaving, partner.taken, partner.rules)
            .hash(hasher);
        (partner.giving, partner.is_new, partner.asks_homes, partner.waits.map(|(set, _)| set)).hash(hasher);
        let (hearing, since, verdict) = partner.hearing.what_decides();
        hearing.hash(hasher);
        // How long it has been listened to matters only at the begin.
        (ago(since).map(|ago| ago.min(LISTENED)), ahead(verdict)).hash(hasher);
        (partner.takeover.set, partner.takeover.reported.is_some()).hash(hasher);
        (partner.unended.takes.map(|(set, ..)| set), partner.unended.gives).hash(hasher);
        // Only whether a number that is still to come will be above matters; what is far below is all the same.
        last.wrapping_sub(partner.newest).min(64).hash(hasher);
        last.wrapping_sub(self.floor).min(64).hash(hasher);
        (self.taken, self.stop).hash(hasher);
        for half in [HoldSet::LOCAL, HoldSet::FOREIGN] {
            self.claims.compare(half, partner.claims).hash(hasher);
        }
        for tick in [
            self.standby_deadline,
            self.given_until,
            self.failback_retry,
            self.local_deadline,
            self.conflict_until,
            partner.takeover.until,
            self.start_again,
            self.offer_due,
            self.orphans_again,
            partner.waits.map(|(_, until)| until),
            partner.unended.takes.map(|(_, until, _)| until),
            partner.unended.takes.map(|(.., look)| look),
            self.requests.verdict,
            self.requests.again,
            self.requests.sort_out.map(|(at, _)| at),
        ] {
            ahead(tick).hash(hasher);
        }
        let (theirs, due, has_taken) = self.ipfail.what_decides();
        let aside = self.ipfail.left_aside();
        (theirs, has_taken, due.map(|(_, wanted)| wanted), aside.map(|(_, run)| run)).hash(hasher);
        (ahead(due.map(|(at, _)| at)), ahead(aside.map(|(until, _)| until))).hash(hasher);
        let other = self.ipfail.other_list();
        (other.map(|(list, _)| list), ahead(other.and_then(|(_, until)| until))).hash(hasher);
        let (victim, runs, due) = self.fencing.what_decides();
        (victim, runs, ahead(due)).hash(hasher);
        self.requests.digest(hasher);
        self.goals.hash(hasher);
        self.groups.digest(hasher);
        self.loans.digest(hasher);
    }
}

/// In milliseconds; longer than anybody has to listen.
const LISTENED: u128 = 10_000;
