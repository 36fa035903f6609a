//! Single groups on the other node: a node that holds a set lends groups of it, one by one, to a peer of ours.
//!
//! Hold sets, which 3.0.6 shares, stay as they are: who holds a set answers for all of it, and says in each `status` and
//! announcement which of its groups the other node may run (`hb-lent`, once they are gone here). The other node says which
//! of them it has, or may still have (`hb-borrowed`), and up to which list that is true. A group that was recalled, or that the
//! other node names, is not started here before the other node has said that it is gone there.
//!
//! All this is said again with each heartbeat, so no message must arrive; only what an operator of the other node asks is
//! said once. A loan ends with the life, the run or
//! the stop of either node, and when the set changes hands.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use hb_wire::Message;

use super::groups::View;
use super::{Phase, RUN_FIELD, Standby};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{GroupId, HoldSet, NodeId};
use crate::io::Action;
use crate::liveness::node::STATUS_ACTIVE;
use crate::number;
use crate::time::Tick;

/// Where a group of a set that we hold shall run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// On this node.
    #[default]
    Here,
    /// On the other node.
    Lent,
    /// Here, as soon as the other node has answered the list with this number and no longer names it.
    Recalled(u64),
}

/// What both sides have said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loans {
    /// The number of our list; grows with each change of what it shall be, 0 before the first one.
    told: u64,
    /// The number of the partner's list that we have acted on last.
    answered: u64,
    /// The number of the partner's message that was read last: older ones are void.
    newest: u64,
    /// Since when the partner has not taken something that it is offered.
    untaken_since: Option<Tick>,
}

/// What a job that has ended was to loans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoanJob {
    /// A group was stopped for the other node.
    pub(crate) is_loan: bool,
    pub(crate) failed_start: bool,
    /// A group was started that the other node had.
    pub(crate) came_back: bool,
}

/// Who wants a group moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    Operator,
    /// Nobody: it cannot be started where it is, or does not stay up.
    CannotRun,
    /// Nobody: the node where it is reaches too little for now (rule of `ipfail`).
    ReachesLess,
}

impl Loans {
    /// Of a list that is to be another one from now on.
    pub(crate) const fn next_number(&mut self) -> u64 {
        self.told += 1;
        self.told
    }

    /// Adds the state to a hash (see `digest`).
    pub(crate) fn digest<H: core::hash::Hasher>(&self, hasher: &mut H) {
        use core::hash::Hash as _;
        (self.told, self.answered).hash(hasher);
    }
}

impl Engine {
    /// An operator wants a group on this node, or on the other one.
    pub(crate) fn move_group(&mut self, id: GroupId, here: bool) {
        if let Some(why) = self.move_hindrance() {
            return self.report(Event::StandbyRefused { why });
        }
        let Some(view) = self.failover.groups.view(id) else {
            return self.report(Event::StandbyRefused { why: "there is no such group" });
        };
        if self.failover.hold.contains(view.set) {
            return match (here, view.place) {
                (true, Place::Lent) => self.recall(id),
                (false, Place::Here) => self.lend(id),
                (true, Place::Here) => self.report(Event::StandbyRefused { why: "the group is here" }),
                (false, Place::Lent) => self.report(Event::StandbyRefused { why: "the group is not here" }),
                (_, Place::Recalled(_)) => {
                    self.report(Event::StandbyRefused { why: "the group is on its way" });
                }
            };
        }
        if here == view.wanted {
            let why = if here { "the group is here" } else { "the group is not here" };
            return self.report(Event::StandbyRefused { why });
        }
        self.ask_for_move(id, here, Asker::Operator);
    }

    /// Why no group can be moved now.
    fn move_hindrance(&self) -> Option<&'static str> {
        let partner = self.failover.partner_id.map(|id| self.node(id)).filter(|node| !node.is_dead());
        match partner {
            None => Some("no other node is there"),
            Some(node) if !node.speaks_hb => {
                Some("the other node is a Heartbeat, which moves groups of one home together")
            }
            Some(_) if self.failover.partner.leaving => Some("the other node is stopping"),
            Some(_) => self.standby_hindrance(),
        }
    }

    /// The holder of its set shall see that a group runs here, or there.
    fn ask_for_move(&mut self, id: GroupId, here: bool, asker: Asker) {
        let me = self.config.local;
        let to = if here { Some(me) } else { self.failover.partner_id };
        let (Some(key), Some(to)) = (self.group_keys(&[id]).pop(), to) else { return };
        let mut message = Message::new("hb_takeover");
        message.push_text("rsc_hold", "none");
        message.push_text(GROUP_FIELD, &key);
        message.push_text(TO_FIELD, &self.node(to).name);
        match asker {
            Asker::Operator => {}
            Asker::CannotRun => message.push_text(FAILED_FIELD, "1"),
            Asker::ReachesLess => message.push_text(FAILED_FIELD, "0"),
        }
        self.send(message);
    }

    /// The other node asks us to see that a group of ours runs somewhere; false if that is not what it asks.
    pub(crate) fn receive_move(&mut self, node: NodeId, message: &Message) -> bool {
        let (Some(key), Some(to)) = (message.text(GROUP_FIELD), message.text(TO_FIELD)) else { return false };
        if self.failover.partner_id == Some(node)
            && let (Some((id, set)), Some(to)) = (self.group_by_key(key), self.node_by_name(to))
            && self.failover.hold.contains(set)
        {
            match message.text(FAILED_FIELD) {
                None => self.failover.groups.forget_refusal(id),
                // It can run there again when that node reaches as much as this one.
                Some("0") => {}
                Some(_) => self.refuse_offer(id),
            }
            self.move_group(id, to == self.config.local);
        }
        true
    }

    /// How many more groups can be on the other node by themselves.
    pub(crate) fn may_lend(&self) -> usize {
        let lent = self.failover.groups.views().filter(|view| view.place != Place::Here).count();
        MOST_LENT.saturating_sub(lent)
    }

    pub(crate) fn lend(&mut self, id: GroupId) {
        if self.may_lend() == 0 {
            return self
                .report(Event::StandbyRefused { why: "too many groups are on the other node already" });
        }
        // From now on each of our heartbeats has a list, and one without any says nothing.
        self.failover.loans.next_number();
        self.failover.loans.untaken_since = None;
        self.failover.groups.place(id, Place::Lent);
        self.report(Event::Lending { group: id });
        self.drive_groups();
        self.offer_what_is_gone(id);
    }

    /// The other node shall give a group back.
    pub(crate) fn recall(&mut self, id: GroupId) {
        let number = self.failover.loans.next_number();
        self.failover.groups.place(id, Place::Recalled(number));
        self.report(Event::Recalling { group: id });
        self.announce_state();
    }

    /// Whether this group runs, or shall run, on one node while the other holds its set.
    pub(crate) fn is_loan(&self, id: GroupId) -> bool {
        let view = self.failover.groups.view(id);
        view.is_some_and(|view| view.place == Place::Lent || !self.failover.hold.contains(view.set))
    }

    /// If nothing of this loan is here any longer, the other node waits to hear of it.
    pub(crate) fn offer_what_is_gone(&mut self, id: GroupId) {
        let gone = self.failover.groups.view(id).is_some_and(|view| view.is_gone);
        if gone
            && self.failover.phase == Phase::Stable
            && !self.failover.is_stopping()
            && self.failover.standby == Standby::Not
        {
            self.announce_state();
        }
    }

    /// What follows for loans when a job has ended.
    pub(crate) fn loan_job_done(&mut self, action: Action, job: LoanJob) {
        let (Action::Start(id) | Action::Stop(id) | Action::Announce(id)) = action;
        let view = self.failover.groups.view(id);
        let borrowed = view.is_some_and(|view| view.wanted && !self.failover.hold.contains(view.set));
        if (job.came_back || job.is_loan || borrowed) && self.failover.phase == Phase::Stable {
            // No goal ends with it, and what was announced meanwhile found us busy.
            self.adopt_orphans();
        }
        if job.is_loan {
            self.offer_what_is_gone(id);
        }
        if job.failed_start && borrowed {
            // Its holder may try.
            self.ask_for_move(id, false, Asker::CannotRun);
        }
    }

    /// Our lists, in each `status` and each announcement once there is something to say.
    pub(crate) fn tell_loans(&self, message: &mut Message) {
        let Loans { told, answered, .. } = self.failover.loans;
        let hold = self.failover.hold;
        let groups = &self.failover.groups;
        let lent: Vec<_> = groups.lent().filter(|view| hold.contains(view.set) && view.is_gone).collect();
        // What has left the configuration here and still runs is named as well, and what the other node may take for its own.
        let is_there = |view: &View| !view.is_gone || view.wanted && !hold.contains(view.set);
        let borrowed = groups.all_views().filter(|view| view.unsure || !hold.contains(view.set));
        let borrowed: Vec<_> = borrowed.filter(is_there).collect();
        for (field, number, list) in [(LENT_FIELD, told, lent), (BORROWED_FIELD, answered, borrowed)] {
            // Who stops takes nothing back: the other node will have everything.
            let unsaid = field == LENT_FIELD && self.failover.is_stopping();
            if list.is_empty() && (unsaid || number == 0) {
                continue;
            }
            let ids: Vec<_> = list.into_iter().map(|view| view.id).collect();
            message.push_text(field, &format!("{number:x} {}", self.group_keys(&ids).join(" ")));
        }
    }

    /// What the other node says that it has of ours. Before the rest of an announcement is acted on: what is decided then
    /// must know it. False if it says nothing of what it has now.
    pub(crate) fn note_borrowed(&mut self, node: NodeId, seq: u64, message: &Message) -> bool {
        let ours =
            number::hex(message, RUN_FIELD).is_none_or(|run| run == 0 || run >= self.config.generation);
        let status = message.kind() == Some("status");
        if self.failover.partner_id != Some(node)
            || self.node(node).is_dead()
            || seq <= self.failover.loans.newest
            || !ours
        {
            return false;
        }
        self.failover.loans.newest = seq;
        if status && self.node(node).status != STATUS_ACTIVE {
            return false; // It may still be removing what an earlier run left behind.
        }
        let borrowed = list(message, BORROWED_FIELD);
        if borrowed.is_none() && !self.failover.groups.has_loans() {
            return true; // As nearly every heartbeat.
        }
        let changed = if status && !self.node(node).speaks_hb {
            // A Heartbeat has taken its place, which borrows nothing.
            self.end_loans();
            true
        } else {
            let (answered, keys) = borrowed.unwrap_or_default();
            let named: Vec<_> =
                self.config.groups.iter().map(|group| keys.contains(&group.key.as_str())).collect();
            self.failover.groups.note_borrowed(answered, &named)
        };
        if changed {
            self.forget_gone_groups();
            self.drive_groups();
            self.settle();
            self.lend_what_is_gone();
        }
        self.recall_what_is_not_taken();
        true
    }

    /// The other node offers groups, or wants them back: level-triggered, whatever was said before.
    pub(crate) fn follow_offers(&mut self, node: NodeId, seq: u64, message: &Message) {
        let Some((number, keys)) = list(message, LENT_FIELD) else { return };
        if seq != self.failover.loans.newest
            || self.failover.partner_id != Some(node)
            || self.failover.phase != Phase::Stable
            || self.failover.is_stopping()
            || self.failover.standby != Standby::Not
            || self.is_unheard()
        {
            return;
        }
        let lent: Vec<_> = keys.iter().filter_map(|key| self.group_by_key(key)).map(|(id, _)| id).collect();
        // Who stops takes nothing back.
        let leaving = self.failover.partner.leaving;
        let hold = self.failover.hold;
        // What is being taken or released as a set is not decided here.
        let moves = |set| self.failover.goals.iter().any(|(_, moving)| moving.contains(set));
        let changed: Vec<_> = self
            .failover
            .groups
            .views()
            .filter(|view| !hold.contains(view.set) && !moves(view.set))
            .filter(|view| !view.unsure && view.wanted != lent.contains(&view.id))
            .filter(|view| !view.wanted || !leaving)
            .map(|view| (view.id, !view.wanted))
            .collect();
        self.failover.loans.answered = number;
        for (id, up) in changed {
            self.report(if up { Event::Borrowing { group: id } } else { Event::Returning { group: id } });
            self.want_group(id, up);
            self.offer_what_is_gone(id);
        }
    }

    /// What the other node does not take, because its files know no such group or it is busy for long, comes back.
    fn recall_what_is_not_taken(&mut self) {
        let untaken: Vec<_> =
            self.failover.groups.lent().filter(|view| view.is_gone && !view.there).collect();
        if untaken.is_empty() || self.failover.is_stopping() {
            return self.failover.loans.untaken_since = None;
        }
        let since = *self.failover.loans.untaken_since.get_or_insert(self.now.tick);
        if self.now.tick.since(since) >= TAKEN_WITHIN.max(self.config.keepalive * 5) {
            self.failover.loans.untaken_since = None;
            for view in untaken {
                self.refuse_offer(view.id);
                self.recall(view.id);
            }
        }
    }

    /// The other node is dead, has stopped, or is another one now: what it had of ours is ours again.
    pub(crate) fn end_loans(&mut self) {
        let Loans { told, .. } = self.failover.loans;
        self.failover.loans = Loans { told: told + u64::from(told > 0), ..Loans::default() };
        self.failover.groups.end_loans();
        self.failover.groups.forget_refusals();
    }

    /// The other node began a new run: what it had of ours comes back as soon as that run has said what it has; what we had
    /// of its is not ours any longer.
    pub(crate) fn loans_of_an_earlier_run(&mut self) {
        self.failover.loans.newest = 0;
        self.failover.loans.answered = 0;
        self.failover.groups.forget_refusals();
        let elsewhere = self.failover.groups.all_views().filter(|view| view.place != Place::Here);
        for id in elsewhere.map(|view| view.id).collect::<Vec<_>>() {
            self.failover.groups.place(id, Place::Recalled(0));
        }
        let hold = self.failover.hold;
        let borrowed: Vec<_> =
            self.failover.groups.views().filter(|view| !hold.contains(view.set) && view.wanted).collect();
        for view in borrowed {
            if self.failover.goals.iter().all(|(_, set)| !set.contains(view.set)) {
                self.want_group(view.id, false);
            }
        }
    }

    /// A set comes from the other node, which shall be rid of what it has of ours too.
    pub(crate) fn recall_all(&mut self, set: HoldSet) {
        for view in self.failover.groups.lent().filter(|view| set.contains(view.set)).collect::<Vec<_>>() {
            self.recall(view.id);
        }
    }

    /// Everything here whose set the other node holds goes, without a word.
    pub(crate) fn drop_borrowed(&mut self) {
        for id in self.borrowed().collect::<Vec<_>>() {
            self.want_group(id, false);
        }
    }

    /// Whether groups are here whose set the other node holds.
    pub(crate) fn has_borrowed(&self) -> bool {
        self.borrowed().next().is_some()
    }

    /// The holder of their sets shall take them all.
    pub(crate) fn return_borrowed(&mut self) {
        for id in self.borrowed().collect::<Vec<_>>() {
            self.ask_for_move(id, false, Asker::ReachesLess);
        }
    }

    fn borrowed(&self) -> impl Iterator<Item = GroupId> {
        let hold = self.failover.hold;
        let borrowed =
            self.failover.groups.views().filter(move |view| view.wanted && !hold.contains(view.set));
        borrowed.map(|view| view.id)
    }

    /// Whether something is here that the other node has recalled.
    pub(crate) fn has_recalled(&self) -> bool {
        let hold = self.failover.hold;
        self.failover.groups.all_views().any(|view| !hold.contains(view.set) && !view.wanted && !view.is_gone)
    }
}

/// The number of a list and the keys in it.
fn list<'a>(message: &'a Message, field: &str) -> Option<(u64, Vec<&'a str>)> {
    let mut words = message.text(field)?.split(' ');
    let number = words.next().and_then(|word| u64::from_str_radix(word, 16).ok()).unwrap_or(0);
    Some((number, words.collect()))
}

/// How many groups of one node can be on the other one by themselves: the lists are in each heartbeat.
pub(crate) const MOST_LENT: usize = 64;
/// A group that is offered for longer than this, and for five heartbeats, comes back.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);
const LENT_FIELD: &str = "hb-lent";
const BORROWED_FIELD: &str = "hb-borrowed";
const GROUP_FIELD: &str = "hb-group";
const TO_FIELD: &str = "hb-to";
/// The group of a request cannot be served by who asks.
const FAILED_FIELD: &str = "hb-failed";
