//! What follows for the other groups when one cannot be stopped (`failover.md` 1.5, where 3.0.6 reboots the machine).
//!
//! Nobody may be told that it is gone, so nothing that waits for its end comes to an end: a hand-over is taken back, with
//! everything that was stopped for it, and a node that stops lends what is gone already to a peer of ours. When the group is
//! stopped again is decided in `groups`.

use alloc::vec::Vec;

use super::loans::Place;
use super::{Goal, Stop};
use crate::config::FailedStop;
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{GroupId, HoldSet};

impl Engine {
    /// A group could not be stopped; it has been said.
    pub(crate) fn stop_has_failed(&mut self, id: GroupId) {
        let Some(view) = self.failover.groups.view(id) else { return };
        if view.wanted && view.place == Place::Here || self.config.agents.failed_stop == FailedStop::Reset {
            return;
        }
        if view.place == Place::Lent && view.wanted {
            self.report(Event::StandbyRefused { why: STAYS });
            self.failover.groups.place(id, Place::Here);
            self.drive_groups();
        } else if self.is_giving() && self.failover.standby_set.contains(view.set) {
            self.take_hand_over_back();
        }
    }

    /// All of the set stays here. A peer of ours sees that in what is announced; 3.0.6 goes on waiting, for an hour, so that the
    /// next hand-over of the same set needs no question.
    fn take_hand_over_back(&mut self) {
        let set = self.failover.standby_set.intersection(self.failover.hold);
        let waits = self.failover.partner.waits;
        self.forget_standby();
        self.failover.partner.waits = waits;
        // Nobody tries that again by itself: each time everything would be stopped for it.
        self.failover.needs_failback = false;
        self.move_has_failed();
        self.failover.partner.stable = true;
        self.report(Event::StandbyRefused { why: STAYS });
        let stops = self.failover.stop == Stop::Wanted;
        if stops || set.is_empty() {
            // The stop waited for the hand-over; and of what we do not hold nothing is to be taken back.
            self.failover.goals.retain(|(goal, _)| goal.is_up());
        } else {
            self.acquire(set, Goal::Own, STAYS);
        }
        if !stops {
            self.announce_state();
        }
    }

    /// A job has ended, or what was lent is back: while this node stops and something of it does not, a peer of ours may run what is gone.
    pub(crate) fn lend_what_is_gone(&mut self) {
        if self.failover.stop != Stop::Releasing
            || !self.partner_is_ours()
            || !self.partner_lives()
            || !self.failover.groups.has_failed(HoldSet::ALL)
        {
            return;
        }
        let hold = self.failover.hold;
        let gone = self.failover.groups.views();
        let gone = gone.filter(|view| hold.contains(view.set) && view.place == Place::Here && view.is_gone);
        let gone: Vec<_> = gone.map(|view| view.id).take(self.may_lend()).collect();
        if gone.is_empty() {
            return;
        }
        self.failover.loans.next_number();
        for id in gone {
            self.failover.groups.place(id, Place::Lent);
            self.report(Event::Lending { group: id });
        }
        self.announce(false, Some("shutdown"));
    }
}

/// Why what was to go stays.
const STAYS: &str = "a group could not be stopped, so what was to go stays here";
