//! Nodes that join and leave while the cluster runs (`wire.md` 9.3 to 9.7): by themselves (`autojoin`), by `addnode` and
//! `delnode`, and by the lists that nodes give each other.
//!
//! Only where the nodes own no resource groups: groups have two nodes, which their files name, and who dropped one of them
//! could serve its groups beside it. A node that was deleted stays out until `addnode` names it. What the node's own files say
//! while it runs is in `files`.
//!
//! A number once given to a node is given to another only after that node was deleted.

mod files;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hb_wire::Message;

use crate::engine::Engine;
use crate::event::Event;
use crate::id::NodeId;
use crate::liveness::node::{Node, Number, STATUS_ACTIVE, STATUS_INIT, STATUS_UP};
use crate::number;
use crate::time::Now;

pub use files::NodesPlan;

/// Most nodes of a cluster (`wire.md` 1.4).
pub const MAX_NODES: usize = 100;
/// Most nodes that can come by a reload where there are groups (`failover.md` 11.32).
pub(crate) const MAX_GROUP_NODES: usize = 2;
/// Longest name of a node, in bytes.
pub const MAX_NODE_NAME: usize = 99;
/// Weight of a node of which nothing else is known.
pub const DEFAULT_WEIGHT: u32 = 100;
/// Longest name of a site that is kept, in bytes.
const MAX_SITE: usize = 99;

/// What is known of nodes beside the files, as host cache files keep it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Nodes that the files do not name may join.
    pub autojoin: bool,
    /// What is known of nodes; of those that are no nodes nothing is taken.
    pub members: Vec<MemberRecord>,
    /// Nodes that were deleted.
    pub deleted: Vec<MemberRecord>,
}

/// One line of a host cache file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRecord {
    /// The node's name.
    pub name: String,
    /// Its UUID; zeros if not known.
    pub uuid: [u8; 16],
    /// Its weight, 100 if nobody set it.
    pub weight: u32,
    /// Its site, mostly empty.
    pub site: String,
}

impl MemberRecord {
    /// A node of which only the name is known.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), uuid: [0; 16], weight: DEFAULT_WEIGHT, site: String::new() }
    }
}

/// Why nodes were not added or not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipError {
    /// The cluster owns resource groups.
    HasGroups,
    /// Not the name of a node.
    BadName,
    /// Not the name of a site.
    BadSite,
    /// It is a node already.
    Known,
    /// There is no such node.
    Unknown,
    /// Only dead nodes can be deleted.
    NotDead,
    /// A node cannot delete itself.
    Own,
    /// A node that is neither up nor dead would not hear of it.
    NotAllUp,
    /// It waits for its reset.
    Fencing,
    /// There are [`MAX_NODES`] nodes already.
    Full,
}

impl fmt::Display for MembershipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HasGroups => "the nodes of a cluster with resource groups are those of its files",
            Self::BadName => "no possible name of a node",
            Self::BadSite => "no possible name of a site",
            Self::Known => "it is a node already",
            Self::Unknown => "there is no such node",
            Self::NotDead => "the node is not dead",
            Self::Own => "a node cannot delete itself",
            Self::NotAllUp => "not every other node is up",
            Self::Fencing => "the node waits for its reset",
            Self::Full => "the cluster is full",
        })
    }
}

impl core::error::Error for MembershipError {}

impl Engine {
    /// Adds these nodes here and on every other node (`hb_addnode`). Outputs are to be drained afterwards.
    ///
    /// # Errors
    ///
    /// The first name that cannot be added; then none is.
    pub fn add_nodes(&mut self, now: Now, names: &[String]) -> Result<(), MembershipError> {
        self.advance(now);
        for name in names {
            self.may_add(name)?;
        }
        self.say_members("addnode", names);
        self.apply_add(names.iter().map(String::as_str));
        Ok(())
    }

    /// Deletes these nodes here and on every other node (`hb_delnode`). Outputs are to be drained afterwards.
    ///
    /// # Errors
    ///
    /// Why they cannot be deleted; then none is.
    pub fn delete_nodes(&mut self, now: Now, names: &[String]) -> Result<(), MembershipError> {
        self.advance(now);
        let ids = self.deletable(names.iter().map(String::as_str))?;
        self.say_members("delnode", names);
        self.apply_delete(&ids);
        Ok(())
    }

    /// Gives a node a weight, here and on every other node (`hb_setweight`). Outputs are to be drained afterwards.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn set_weight(&mut self, now: Now, node: &str, weight: u32) -> Result<(), MembershipError> {
        let mut message = Message::new("setweight");
        message.push_text("node", node);
        message.push_written("weight", format_args!("{weight}"));
        self.say_card(now, node, message)
    }

    /// Gives a node a site, here and on every other node (`hb_setsite`). Outputs are to be drained afterwards.
    ///
    /// # Errors
    ///
    /// If there is no such node, or the site is no legal name of one.
    pub fn set_site(&mut self, now: Now, node: &str, site: &str) -> Result<(), MembershipError> {
        if !is_site(site) {
            return Err(MembershipError::BadSite);
        }
        let mut message = Message::new("setsite");
        message.push_text("node", node);
        message.push_text("site", site);
        self.say_card(now, node, message)
    }

    /// What host cache files should say now.
    #[must_use]
    pub fn membership(&self) -> Membership {
        let members = self.node_ids().map(|id| self.record(id)).collect();
        let Membership { autojoin, deleted, .. } = &self.config.membership;
        Membership { autojoin: *autojoin, members, deleted: deleted.clone() }
    }

    /// Names by the number of the node, deleted ones included.
    pub fn node_names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.name.as_str())
    }

    /// Whether nodes can come and go.
    #[must_use]
    pub fn has_changing_members(&self) -> bool {
        self.config.groups.is_empty()
    }

    /// Takes over what the files know of nodes.
    pub(crate) fn recall_members(&mut self) {
        let records = core::mem::take(&mut self.config.membership.members);
        for record in records {
            let Some(id) = self.node_by_name(&record.name) else { continue };
            let node = self.node_mut(id);
            node.uuid = node.uuid.or(Some(record.uuid).filter(|uuid| *uuid != [0; 16]));
            node.weight = record.weight;
            node.site = record.site;
        }
    }

    /// A message of a node that is none: it joins, or its message is refused.
    pub(crate) fn receive_stranger(&mut self, name: &str) {
        let is_deleted = self.config.membership.deleted.iter().any(|record| record.name == name);
        if !self.config.membership.autojoin || is_deleted || self.may_add(name).is_err() {
            return self.report(Event::UnknownNode { name: name.to_owned() });
        }
        self.add(name);
        self.report(Event::MembersChanged);
    }

    /// `addnode`, `delnode`, `setweight` and `setsite` of a peer.
    pub(crate) fn receive_members(&mut self, kind: &str, message: &Message) {
        let names = || message.text("nodelist").unwrap_or_default().split_whitespace();
        match kind {
            "addnode" => self.apply_add(names()),
            "delnode" => {
                let own = &self.node(self.config.local).name;
                if self.has_changing_members() && names().any(|name| name == own) {
                    self.report(Event::Deleted);
                    return self.want_stop();
                }
                match self.deletable(names()) {
                    Ok(ids) => self.apply_delete(&ids),
                    Err(why) => self.report(Event::NotChanged { why }),
                }
            }
            _ => self.receive_card(kind, message),
        }
    }

    /// A list of nodes, as an answer to ours (`wire.md` 9.6). One that we did not ask for brings back nobody who was deleted.
    pub(crate) fn receive_lists(&mut self, message: &Message) {
        let Some(list) = message.text("nodelist").filter(|_| self.has_changing_members()) else { return };
        let deleted = message.text("delnodelist").unwrap_or_default();
        let mut changed = false;
        let asked = self.local.ask_again.is_some();
        for name in list.split_whitespace() {
            let is_deleted = self.config.membership.deleted.iter().any(|record| record.name == name);
            if self.may_add(name).is_ok() && (asked || !is_deleted) {
                self.forget_deletion(name);
                self.add(name);
                changed = true;
            }
        }
        let is_listed = |name: &str| list.split_whitespace().any(|listed| listed == name);
        let me = self.config.local;
        let gone: Vec<NodeId> =
            self.node_ids().filter(|id| *id != me && !is_listed(&self.node(*id).name)).collect();
        for id in gone {
            // What is heard is a node, whatever an old list says.
            if self.node(id).is_dead() || self.node(id).status == STATUS_INIT {
                self.remove(id);
                changed = true;
            }
        }
        let present: Vec<String> = self.node_ids().map(|id| self.node(id).name.clone()).collect();
        let is_new = |name: &str| {
            is_name(name)
                && !present.iter().any(|known| known == name)
                && !self.config.membership.deleted.iter().any(|record| record.name == name)
        };
        let new: Vec<_> = deleted.split_whitespace().filter(|name| is_new(name)).take(MAX_NODES).collect();
        changed |= !new.is_empty();
        self.config.membership.deleted.extend(new.into_iter().map(MemberRecord::new));
        self.bound_deleted();
        if changed {
            self.report(Event::MembersChanged);
        }
    }

    /// The names of the deleted nodes, for `repnodes`.
    pub(crate) fn deleted_names(&self) -> impl Iterator<Item = &str> {
        self.config.membership.deleted.iter().map(|record| record.name.as_str())
    }

    fn record(&self, id: NodeId) -> MemberRecord {
        let node = self.node(id);
        MemberRecord {
            name: node.name.clone(),
            uuid: node.uuid.unwrap_or_default(),
            weight: node.weight,
            site: node.site.clone(),
        }
    }

    fn say_members(&mut self, kind: &str, names: &[String]) {
        let mut message = Message::new(kind);
        message.push_text("nodelist", &names.join(" "));
        self.send(message);
    }

    fn say_card(&mut self, now: Now, node: &str, message: Message) -> Result<(), MembershipError> {
        self.advance(now);
        self.node_by_name(node).ok_or(MembershipError::Unknown)?;
        self.receive_card(message.kind().unwrap_or_default(), &message);
        self.send(message);
        Ok(())
    }

    fn may_add(&self, name: &str) -> Result<(), MembershipError> {
        if !self.has_changing_members() {
            return Err(MembershipError::HasGroups);
        }
        self.can_be_added(name)
    }

    fn can_be_added(&self, name: &str) -> Result<(), MembershipError> {
        if !is_name(name) {
            return Err(MembershipError::BadName);
        }
        if self.node_by_name(name).is_some() {
            return Err(MembershipError::Known);
        }
        if self.node_ids().count() >= MAX_NODES { Err(MembershipError::Full) } else { Ok(()) }
    }

    fn apply_add<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let mut changed = false;
        for name in names.take(MAX_NODES) {
            match self.may_add(name) {
                Ok(()) => {
                    self.forget_deletion(name);
                    self.add(name);
                    changed = true;
                }
                Err(why) => self.report(Event::NotChanged { why }),
            }
        }
        if changed {
            self.report(Event::MembersChanged);
        }
    }

    /// The nodes of these names, if all of them may go.
    fn deletable<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<Vec<NodeId>, MembershipError> {
        if !self.has_changing_members() {
            return Err(MembershipError::HasGroups);
        }
        let mut ids = Vec::new();
        for name in names.take(MAX_NODES) {
            let id = self.node_by_name(name).ok_or(MembershipError::Unknown)?;
            if id == self.config.local {
                return Err(MembershipError::Own);
            }
            if !self.node(id).is_dead() {
                return Err(MembershipError::NotDead);
            }
            ids.push(id);
        }
        let me = self.config.local;
        let others = self.node_ids().filter(|id| *id != me && !ids.contains(id));
        let mut status = others.map(|id| self.node(id).status.as_str());
        if status.all(|status| matches!(status, STATUS_UP | STATUS_ACTIVE)) {
            Ok(ids)
        } else {
            Err(MembershipError::NotAllUp)
        }
    }

    fn apply_delete(&mut self, ids: &[NodeId]) {
        for id in ids {
            self.delete(*id);
        }
        if !ids.is_empty() {
            self.report(Event::MembersChanged);
        }
    }

    /// Removes a node for good: it stays out.
    fn delete(&mut self, id: NodeId) {
        let record = self.record(id);
        self.remove(id);
        self.forget_deletion(&record.name);
        self.config.membership.deleted.push(record);
        self.bound_deleted();
    }

    fn add(&mut self, name: &str) {
        let links = self.config.links.len();
        let node = Node::new(name, links, self.now.tick, &mut self.random);
        let free = self.nodes.iter().position(|node| node.number == Number::Free);
        let index = free.unwrap_or(self.nodes.len());
        match self.nodes.get_mut(index) {
            Some(slot) => *slot = node,
            None => self.nodes.push(node),
        }
        let Ok(index) = u16::try_from(index) else { return };
        self.config.ttl = self.config.ttl.saturating_add(1);
        self.report(Event::NodeAdded { node: NodeId(index), name: name.to_owned() });
        self.choose_partner();
    }

    fn remove(&mut self, id: NodeId) {
        self.end_fencing(id);
        let name = self.node(id).name.clone();
        let links = self.config.links.len();
        let mut empty = Node::new(&name, links, self.now.tick, &mut self.random);
        empty.number = Number::Free;
        *self.node_mut(id) = empty;
        self.config.ttl = self.config.ttl.saturating_sub(1);
        self.report(Event::NodeDeleted { node: id, name });
        self.choose_partner();
        self.check_communication();
    }

    fn forget_deletion(&mut self, name: &str) {
        self.config.membership.deleted.retain(|record| record.name != name);
    }

    /// The oldest of too many deletions are forgotten.
    fn bound_deleted(&mut self) {
        let too_many = self.config.membership.deleted.len().saturating_sub(MAX_NODES);
        self.config.membership.deleted.drain(..too_many);
    }

    fn receive_card(&mut self, kind: &str, message: &Message) {
        let Some(id) = message.text("node").and_then(|name| self.node_by_name(name)) else { return };
        let before = self.record(id);
        if kind == "setweight" {
            if let Some(weight) = number::decimal(message, "weight") {
                self.node_mut(id).weight = u32::try_from(weight).unwrap_or(u32::MAX);
            }
        } else {
            let site = message.text("site").unwrap_or_default();
            if is_site(site) {
                site.clone_into(&mut self.node_mut(id).site);
            }
        }
        if before != self.record(id) {
            self.report(Event::MembersChanged);
        }
    }
}

fn is_site(site: &str) -> bool {
    site.len() <= MAX_SITE && !site.contains(char::is_control)
}

/// Whether others could read it back from a list or a file.
fn is_name(name: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c.is_ascii_uppercase();
    !name.is_empty() && name.len() <= MAX_NODE_NAME && !name.contains(bad)
}

#[cfg(test)]
pub(crate) mod tests;
