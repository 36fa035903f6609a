//! Nodes that the files name anew, or no longer, while the node runs, and whether others may join from now on.
//!
//! The files are the administrator's word for this node alone: nobody else is told, so that each node goes by its own. Different
//! from `addnode` and `delnode`, this is possible where there are groups too, as long as they then have at most two nodes and
//! nobody goes who may serve some of them. What other nodes have added is not touched.

use alloc::string::String;
use alloc::vec::Vec;

use super::{MAX_GROUP_NODES, Membership, MembershipError};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{HoldSet, NodeId};

/// The nodes of a new configuration, but for those that stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodesPlan {
    /// They are nodes from now on; those that are already stay as they are.
    pub added: Vec<String>,
    /// They are none any more. One that may not go is still in the snapshot afterwards, and [`Event::NotChanged`] says why.
    pub removed: Vec<String>,
    /// Whether others may join; and if they could not before, what the host cache files know, otherwise nothing.
    pub membership: Membership,
}

impl Engine {
    /// Takes over the nodes of a new configuration. `groups`: it has groups.
    pub(crate) fn exchange_nodes(&mut self, plan: NodesPlan, groups: bool) {
        let has_groups = groups || !self.config.groups.is_empty();
        let mut changed = self.open_or_close(plan.membership);
        for name in &plan.removed {
            let Some(id) = self.node_by_name(name) else { continue };
            match self.may_leave(id, has_groups) {
                Ok(()) => {
                    self.leave(id);
                    changed = true;
                }
                Err(why) => self.report(Event::NotChanged { why }),
            }
        }
        for name in &plan.added {
            match self.may_come(name, has_groups) {
                Ok(()) => {
                    self.forget_deletion(name);
                    self.come(name);
                    changed = true;
                }
                Err(MembershipError::Known) => {}
                Err(why) => self.report(Event::NotChanged { why }),
            }
        }
        if changed {
            self.report(Event::MembersChanged);
        }
        self.check_communication();
    }

    /// Whoever has joined stays. What the host cache files know counts as at a start.
    fn open_or_close(&mut self, new: Membership) -> bool {
        let was_open = core::mem::replace(&mut self.config.membership.autojoin, new.autojoin);
        if was_open || !new.autojoin {
            return false;
        }
        for record in new.deleted {
            let known = self.deleted_names().any(|name| name == record.name);
            if !known && self.node_by_name(&record.name).is_none() {
                self.config.membership.deleted.push(record);
            }
        }
        self.bound_deleted();
        for record in &new.members {
            let is_deleted = self.deleted_names().any(|name| name == record.name);
            if !is_deleted && self.may_add(&record.name).is_ok() {
                self.add(&record.name);
            }
        }
        self.config.membership.members = new.members;
        self.recall_members();
        true
    }

    fn may_come(&self, name: &str, has_groups: bool) -> Result<(), MembershipError> {
        let can = self.can_be_added(name);
        if has_groups && self.node_ids().count() >= MAX_GROUP_NODES {
            return can.and(Err(MembershipError::HasGroups));
        }
        can
    }

    /// A node that comes when everything is here already has nothing until it is heard.
    fn come(&mut self, name: &str) {
        let before = self.failover.partner_id;
        self.add(name);
        if self.failover.partner_id != before && self.failover.hold == HoldSet::ALL {
            self.failover.partner.is_new = true;
            // What is its own goes to it when it is there, as after a death.
            self.failover.needs_failback = true;
        }
    }

    /// Where there are groups only a dead node of which nothing is left to be taken.
    fn may_leave(&self, id: NodeId, has_groups: bool) -> Result<(), MembershipError> {
        if id == self.config.local {
            return Err(MembershipError::Own);
        }
        if self.failover.fencing.victim().is_some_and(|(victim, _)| victim == id) {
            return Err(MembershipError::Fencing);
        }
        let node = self.node(id);
        let is_away =
            if has_groups { node.is_dead() && self.is_active() } else { node.is_dead() || !node.heard };
        if is_away { Ok(()) } else { Err(MembershipError::NotDead) }
    }

    /// Where anybody may join it stays out, as after `delnode`.
    fn leave(&mut self, id: NodeId) {
        if self.config.membership.autojoin {
            return self.delete(id);
        }
        self.remove(id);
    }
}

#[cfg(test)]
mod tests;
