//! Legacy mode of 3.0.6 (`failover.md` 3.9): no hold sets, each node asks for its own groups one by one.

use hb_engine::{Failback, GroupId, HoldSet};
use hb_wire::Message;

use super::Legacy;
use super::children::Then;

impl Legacy {
    pub(super) fn has_no_hold_sets(&self) -> bool {
        self.config.failback == Failback::Legacy
    }

    /// Communication is up: takes its own groups, or asks an active peer for them.
    pub(super) fn begin_requests(&mut self) {
        if self.peer.status != "active" {
            return self.take(HoldSet::LOCAL);
        }
        for group in self.children.idle(HoldSet::LOCAL) {
            let mut message = Message::new("ip-request");
            message.push_text("ipaddr", &self.key(group));
            self.say(message);
        }
    }

    /// The peer is dead, or has stopped.
    pub(super) fn take_all(&mut self) {
        if !self.table.shutdown {
            self.take(HoldSet::FOREIGN);
            self.take(HoldSet::LOCAL);
        }
    }

    fn take(&mut self, set: HoldSet) {
        self.queue_hook(set, Then::Nothing);
    }

    pub(super) fn handle_request(&mut self, kind: &str, message: &Message) {
        let key = message.text("ipaddr");
        let group = self.config.groups.iter().position(|group| Some(group.key.as_str()) == key);
        let group = group.and_then(|index| u16::try_from(index).ok()).map(GroupId);
        match (kind, group) {
            ("shutdone", _) => self.take_all(),
            ("ip-request", Some(group)) => self.queue_for(group, false, Then::Answer(group)),
            ("ip-request-resp", Some(group)) if !self.table.shutdown => {
                self.queue_for(group, true, Then::Nothing);
            }
            _ => {}
        }
    }

    /// What the hook of `ip-request` says at its end.
    pub(super) fn answer_request(&mut self, group: GroupId) {
        let mut message = Message::new("ip-request-resp");
        message.push_text("dest", &self.config.nodes[usize::from(self.peer.id.0)].name.clone());
        message.push_text("ipaddr", &self.key(group));
        message.push_text("weown", "yes");
        message.push_text("ok", "OK");
        self.say(message);
    }

    fn key(&self, group: GroupId) -> String {
        self.config.groups[usize::from(group.0)].key.clone()
    }
}
