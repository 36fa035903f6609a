//! The groups of another configuration: what is in both is not touched, what left is stopped first.

use alloc::vec::Vec;

use super::super::loans::Place;
use super::{Group, Groups, Membership, set_of};
use crate::config::GroupConfig;
use crate::engine::Engine;
use crate::id::HoldSet;
use crate::reconfigure::GroupPlan;

impl Groups {
    /// A reload is a time to stop again what could not be stopped and was left alone: what has left the configuration, and, with
    /// another policy for such groups, everything.
    pub(crate) fn forget_kept(&mut self, other_policy: bool) {
        let members = self.list.iter_mut();
        let kept = members.filter(|group| group.kept && (other_policy || group.is_removed()));
        kept.for_each(Group::wishes_changed);
    }
}

impl Engine {
    /// Exchanges the groups for those of a new configuration, `wanted` telling which sets shall run here. What is in
    /// both is not touched; see [`crate::Reconfiguration::groups`].
    pub(crate) fn exchange_groups(&mut self, plan: Vec<GroupPlan>, wanted: HoldSet) {
        let local = self.config.local;
        let mut before: Vec<(Group, GroupConfig)> =
            self.failover.groups.list.drain(..).zip(self.config.groups.drain(..)).collect();
        let mut after = Vec::with_capacity(plan.len());
        let mut rehomed = false;
        for GroupPlan { id, config } in plan {
            let set = set_of(&config, local);
            let known = before.iter().position(|(group, _)| group.id == id && !group.is_removed());
            if let Some(index) = known {
                let (mut group, known) = before.remove(index);
                if !self.can_rehome() && set != group.set {
                    after.push((group, known));
                    continue;
                }
                let kept = after.iter().filter(|(group, _): &&(Group, _)| group.loan.unsure).count();
                rehomed |= self.rehome(&mut group, set, wanted, kept);
                after.push((group, GroupConfig { home: config.home, ..known }));
                continue;
            }
            let mut group = Group::new(id, set, Membership::Added);
            group.wanted = wanted.contains(set);
            after.push((group, config));
        }
        for (group, _) in &mut before {
            group.membership = Membership::Removed;
            if group.loan.place == Place::Lent {
                // What comes in its place waits until the other node is rid of it.
                group.loan.place = Place::Recalled(self.failover.loans.next_number());
            }
            if group.wanted {
                group.want(false);
            }
        }
        after.append(&mut before);
        (self.failover.groups.list, self.config.groups) = after.into_iter().unzip();
        self.failover.groups.doubt(&self.config.groups);
        if rehomed {
            // From now on each of our heartbeats has a list of what is lent: what is not in it comes back.
            self.failover.loans.next_number();
        }
        self.forget_gone_groups();
        self.drive_groups();
        self.settle();
        if self.failover.groups.is_any_unsure() {
            self.send_status();
        }
    }

    /// What left the configuration and is stopped need not be known any longer.
    pub(crate) fn forget_gone_groups(&mut self) {
        let list = core::mem::take(&mut self.failover.groups.list);
        let configs = core::mem::take(&mut self.config.groups);
        let stays = |(group, _): &(Group, GroupConfig)| {
            !(group.is_removed() && group.is_gone() && !group.is_elsewhere())
        };
        (self.failover.groups.list, self.config.groups) = list.into_iter().zip(configs).filter(stays).unzip();
    }
}
