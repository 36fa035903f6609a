//! A group that cannot be started here is offered to the other node (`failover.md` 1.5, 11.12).
//!
//! 3.0.6 waits 30 s and then always gives `foreign`, so that a local group that failed stays down for ever. A peer of ours is
//! lent the one group; it asks us to take it back when it fails there, too. 3.0.6 only knows sets: it is given one of which nothing
//! can be started here, so that nothing that runs is stopped for it. What may still run is not offered, and what was refused
//! stays here, where it is tried on, for an hour.

use alloc::vec::Vec;
use core::time::Duration;

use super::super::loans::Place;
use super::{Group, Groups};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{GroupId, HoldSet};
use crate::snapshot::GroupState;
use crate::time::Tick;

impl Group {
    /// Its start failed and left nothing, so the other node may try.
    fn is_startless(&self) -> bool {
        self.shall_run()
            && self.state == GroupState::Failed
            && !self.residue
            && self.job.is_none()
            && !self.loan.borrowed
            && !self.is_removed()
    }
}

impl Groups {
    /// What cannot be started here, of the sets that we hold.
    fn startless(&self, hold: HoldSet) -> Vec<GroupId> {
        let members = self.list.iter().filter(|group| hold.contains(group.set) && group.is_startless());
        members.map(|group| group.id).collect()
    }

    fn may_be_offered(&self, id: GroupId, now: Tick) -> bool {
        let refused = self.list.iter().find(|group| group.id == id).and_then(|group| group.refused);
        refused.is_none_or(|until| until <= now)
    }

    /// Whether this group is not offered for the present.
    fn refuse(&mut self, id: GroupId, until: Tick) {
        for group in self.list.iter_mut().filter(|group| group.id == id) {
            group.refused = Some(until);
        }
    }

    /// A group that could be started and does not stay up is not offered for now.
    pub(super) fn keep_here(&mut self, index: usize, now: Tick) {
        if let Some(group) = self.list.get_mut(index) {
            group.refused = Some(now.plus(REFUSED_FOR));
        }
    }

    /// An operator moves this group: it may be offered again.
    pub(crate) fn forget_refusal(&mut self, id: GroupId) {
        for group in self.list.iter_mut().filter(|group| group.id == id) {
            group.refused = None;
        }
    }

    /// The other node is another run: what was refused may be offered.
    pub(crate) fn forget_refusals(&mut self) {
        self.list.iter_mut().for_each(|group| group.refused = None);
    }
}

impl Engine {
    /// A start failed.
    pub(crate) fn look_for_offers(&mut self) {
        let due = self.now.tick.plus(LOOK_AFTER);
        self.failover.offer_due.get_or_insert(due);
    }

    /// Time to look whether what cannot be started here can be offered.
    pub(crate) fn offer_what_failed(&mut self) {
        if self.failover.offer_due.is_none_or(|due| due > self.now.tick) {
            return;
        }
        self.failover.offer_due = None;
        let failed = self.failover.groups.startless(self.failover.hold);
        if failed.is_empty() {
            return;
        }
        // What is in the way now may end, and so does a refusal.
        self.look_for_offers();
        let partner = self.failover.partner_id.map(|id| self.node(id)).filter(|node| !node.is_dead());
        let Some(classic) = partner.map(|node| !node.speaks_hb) else { return };
        if self.failover.partner.leaving
            || self.standby_hindrance().is_some()
            || self.failover.ipfail.partner_reaches_less()
        {
            return;
        }
        if classic {
            return self.offer_a_set(&failed);
        }
        let now = self.now.tick;
        for id in
            failed.into_iter().filter(|id| self.failover.groups.may_be_offered(*id, now)).collect::<Vec<_>>()
        {
            self.report(Event::Offering { group: id });
            self.lend(id);
            if self.failover.groups.view(id).is_some_and(|view| view.place == Place::Here) {
                self.refuse_offer(id);
            }
        }
    }

    /// 3.0.6 is asked to take a set of which nothing can be started here. Should it fail there, we are given it back.
    fn offer_a_set(&mut self, failed: &[GroupId]) {
        let now = self.now.tick;
        for set in [HoldSet::LOCAL, HoldSet::FOREIGN] {
            let members = self.failover.groups.members(set);
            let may = |id: &GroupId| failed.contains(id) && self.failover.groups.may_be_offered(*id, now);
            if members.is_empty() || !self.failover.hold.contains(set) || !members.iter().all(may) {
                continue;
            }
            for id in members {
                self.report(Event::Offering { group: id });
                self.failover.groups.refuse(id, now.plus(REFUSED_FOR));
            }
            return self.begin_standby(set);
        }
    }

    /// The other node cannot start it either, or does not want it.
    pub(crate) fn refuse_offer(&mut self, id: GroupId) {
        let now = self.now.tick;
        if self.failover.groups.may_be_offered(id, now) {
            self.report(Event::OfferRefused { group: id });
        }
        self.failover.groups.refuse(id, now.plus(REFUSED_FOR));
    }
}

/// From a failed start to the look: it may be one of several that fail, and the transition that it belongs to shall end.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// What failed on both nodes is tried where it is at home for so long before the other node is asked again.
const REFUSED_FOR: Duration = Duration::from_secs(60 * 60);
