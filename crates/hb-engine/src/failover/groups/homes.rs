//! Groups whose preferred node another configuration has changed while both nodes run.
//!
//! Such a group belongs to the other hold set from then on, but only on this node: until the other one works by the same files, either
//! may take it for its own. So until then (`unsure`) nobody starts it; the node that runs it goes on, and names it among what it
//! has of the other one (`hb-borrowed`). Each says in its heartbeats which homes it works by (`hb-homes`). When both say the
//! same, a group that the other node names is on loan there, and one that it does not name may start here.

use alloc::format;
use alloc::vec::Vec;

use hb_wire::Message;

use super::super::loans::{MOST_LENT, Place};
use super::{Group, Groups};
use crate::config::GroupConfig;
use crate::engine::Engine;
use crate::id::{GroupId, HoldSet, NodeId};
use crate::liveness::node::STATUS_ACTIVE;
use crate::snapshot::GroupState;

/// What a node whose homes have changed wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Asks {
    #[default]
    Nothing,
    /// What it runs for the other one: only when that has made up its mind.
    WhetherItStays,
    /// What the other one has, before it starts anything itself.
    WhereItIs,
}

impl Groups {
    /// Whether somebody may still count a group of ours among its own, or we one of its.
    pub(crate) fn is_any_unsure(&self) -> bool {
        self.list.iter().any(|group| group.loan.unsure)
    }

    fn unsure(&self) -> Vec<(GroupId, HoldSet)> {
        self.list.iter().filter(|group| group.loan.unsure).map(|group| (group.id, group.set)).collect()
    }

    fn be_sure(&mut self, id: GroupId) {
        self.list.iter_mut().filter(|group| group.id == id).for_each(|group| group.loan.unsure = false);
    }

    /// What is stopped and what comes in its place have one name and two homes: as if it were one that changed its home.
    pub(super) fn doubt(&mut self, configs: &[GroupConfig]) {
        let of = |removed: bool| {
            let groups =
                self.list.iter().zip(configs).filter(move |(group, _)| group.is_removed() == removed);
            groups.map(|(group, config)| (group.id, group.set, config.key.as_str())).collect::<Vec<_>>()
        };
        let (gone, come) = (of(true), of(false));
        let pairs = gone.iter().flat_map(|old| come.iter().map(move |new| (old, new)));
        let changed = pairs.filter(|(old, new)| old.2 == new.2 && old.1 != new.1);
        let ids: Vec<GroupId> = changed.flat_map(|(old, new)| [old.0, new.0]).collect();
        let doubted = self.list.iter_mut().filter(|group| ids.contains(&group.id));
        doubted.for_each(|group| (group.loan.unsure, group.loan.was_lent) = (true, true));
    }
}

impl Engine {
    /// A group that stays is of this set from now on; `wanted`: which sets shall run here. What runs here runs on. True if it was of
    /// the other one.
    pub(super) fn rehome(&mut self, group: &mut Group, set: HoldSet, wanted: HoldSet, kept: usize) -> bool {
        if set == group.set {
            return false;
        }
        let is_up = matches!(group.state, GroupState::Up | GroupState::Starting);
        let runs_here = group.shall_run() && is_up && !group.loan.borrowed;
        group.set = set;
        if group.loan.place != Place::Here {
            // The other node may have it, or an offer of it that is on its way.
            group.loan.place = Place::Recalled(self.failover.loans.next_number());
        }
        let holds = self.failover.hold.contains(set);
        // What of that set is here is being released.
        let leaves = self.yielding().contains(set);
        let up = if holds { wanted.contains(set) } else { runs_here && !leaves && kept < MOST_LENT };
        if up != group.wanted {
            group.want(up);
        }
        group.loan.unsure = self.failover.partner_id.is_some();
        // No goal waits for its start: what it holds up is looked at when it has started.
        group.loan.was_lent |= group.loan.unsure;
        true
    }

    /// Whether a group may change its set: a 3.0.6 reads its files whenever it does something, and says nothing of them.
    pub(super) fn can_rehome(&self) -> bool {
        !(self.partner_is_classic() && self.partner_lives())
    }

    /// Whether what is unsure must not be started.
    pub(super) fn waits_for_homes(&self) -> bool {
        self.partner_is_ours() && self.partner_lives()
    }

    /// For each `status` as long as one of the two nodes wants to know.
    pub(crate) fn tell_homes(&self, message: &mut Message) {
        let asks = self.asks_homes();
        if asks != Asks::Nothing || self.failover.partner.asks_homes != Asks::Nothing {
            message.push_text(FIELD, &format!("{:x} {:x}", self.homes(), asks as u8));
        }
    }

    fn asks_homes(&self) -> Asks {
        let hold = self.failover.hold;
        let unsure = self.failover.groups.list.iter().filter(|group| group.loan.unsure);
        let asks = unsure.map(|group| {
            if group.wanted && !hold.contains(group.set) { Asks::WhetherItStays } else { Asks::WhereItIs }
        });
        asks.max().unwrap_or_default()
    }

    /// What the other node says of that, in a heartbeat whose list of what it has was read before.
    pub(crate) fn note_homes(&mut self, node: NodeId, message: &Message) {
        if self.failover.partner_id != Some(node) || self.node(node).status != STATUS_ACTIVE {
            return;
        }
        let words = message.text(FIELD).and_then(|said| said.split_once(' '));
        let homes = words.and_then(|(homes, _)| u32::from_str_radix(homes, 16).ok());
        self.failover.partner.asks_homes = match words {
            None | Some((_, "0")) => Asks::Nothing,
            Some((_, "1")) => Asks::WhetherItStays,
            Some(_) => Asks::WhereItIs,
        };
        if homes != Some(self.homes()) || !self.failover.groups.is_any_unsure() {
            return;
        }
        for (id, set) in self.failover.groups.unsure() {
            self.same_homes(id, self.failover.hold.contains(set));
        }
        self.drive_groups();
        self.settle();
    }

    /// Both nodes mean the same by this group.
    fn same_homes(&mut self, id: GroupId, holds: bool) {
        let Some(view) = self.failover.groups.all_views().find(|view| view.id == id) else { return };
        match (holds, view.there) {
            (true, true) if view.is_gone => {
                let number = self.failover.loans.next_number();
                let place = if self.may_lend() > 0 { Place::Lent } else { Place::Recalled(number) };
                self.failover.groups.place(id, place);
            }
            // It is there as well.
            (false, true) if view.wanted => self.want_group(id, false),
            // Whoever holds it says whether it stays here, as soon as it is sure itself.
            (false, false) if view.wanted && self.failover.partner.asks_homes == Asks::WhereItIs => return,
            (true | false, _) => {}
        }
        self.failover.groups.be_sure(id);
    }

    /// Which node is the preferred one of which group, in a number: FNV-1a of each, in any order.
    fn homes(&self) -> u32 {
        let groups = self.failover.groups.list.iter().zip(&self.config.groups);
        let members = groups.filter(|(group, _)| !group.is_removed());
        members.fold(0, |sum, (_, config)| {
            // The number of a node that was to come with this reload and could not is none of ours.
            let home = config.home.and_then(|home| self.nodes.get(usize::from(home.0)));
            let home = home.map_or("", |node| node.name.as_str());
            let text = config.key.bytes().chain([0]).chain(home.bytes());
            let one =
                text.fold(0x811c_9dc5_u32, |one, byte| (one ^ u32::from(byte)).wrapping_mul(0x0100_0193));
            sum.wrapping_add(one)
        })
    }
}

const FIELD: &str = "hb-homes";
