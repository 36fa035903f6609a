//! The epoch: a number that grows with every start of a group, in all of the cluster.
//!
//! Whoever compares two claims to a group can tell which is older; agents get it. Each node counts on from the largest number
//! that it has used or that a message of another node of ours has named (`hb-epoch` in each status). That it also grows from
//! one run to the next is the driver's: it says with which number to begin, and keeps the largest one.

use alloc::format;

use hb_wire::Message;

use crate::engine::Engine;
use crate::id::{GroupId, NodeId};
use crate::number;

impl Engine {
    /// Begins to count, from this number on. Without it starts have no epoch, and none is told.
    pub(crate) fn count_epochs_from(&mut self, number: u64) {
        self.local.epoch = Some(number.min(LARGEST));
    }

    /// The largest number that was used here or heard of.
    #[must_use]
    pub const fn epoch(&self) -> Option<u64> {
        self.local.epoch
    }

    /// The number of the latest start of a group here.
    #[must_use]
    pub fn epoch_of(&self, group: GroupId) -> Option<u64> {
        self.failover.groups.epoch_of(group)
    }

    /// A number for a start. Groups have two nodes: one takes the even numbers, the other the odd ones, because two starts
    /// may be nearer to each other than the statuses that tell of them.
    pub(crate) fn next_epoch(&mut self) -> Option<u64> {
        let name = |id: NodeId| self.node(id).name.as_str();
        let is_odd = self.failover.partner_id.is_some_and(|partner| name(self.config.local) > name(partner));
        let next = |epoch: u64| epoch + if (epoch % 2 == 1) == is_odd { 2 } else { 1 };
        self.local.epoch = self.local.epoch.map(|epoch| next(epoch).min(LARGEST));
        self.local.epoch
    }

    pub(crate) fn note_epoch(&mut self, node: NodeId, message: &Message) {
        let limit = self.local.epoch.map_or(LARGEST, |ours| ours.saturating_add(FARTHEST).min(LARGEST));
        let told = number::hex(message, FIELD).filter(|epoch| *epoch <= limit);
        self.node_mut(node).epoch = told;
        if let (Some(ours), Some(theirs)) = (&mut self.local.epoch, told) {
            *ours = (*ours).max(theirs);
        }
    }

    pub(crate) fn tell_epoch(&self, message: &mut Message) {
        if let Some(epoch) = self.local.epoch {
            message.push_text(FIELD, &format!("{epoch:x}"));
        }
    }
}

const FIELD: &str = "hb-epoch";
/// What an honest cluster never reaches, and scripts can still count with.
pub(crate) const LARGEST: u64 = 1 << 53;
/// Nodes that begin at the time, in seconds, are never so far from each other. Without this bound a single status could
/// bring the number to its end, where starts can no longer be told from each other.
const FARTHEST: u64 = 1 << 32;
