//! Whether counts of ping members can be compared: only if both nodes ask the same ones.
//!
//! A reload changes one node and then the other one, and between them a count says nothing about who is better off. Nodes of
//! ours send the number of their list with each count (`hb-pings`, `docs/adr/0003`), so either knows. 3.0.6 sends none; it reads
//! another list only when it starts anew (`failover.md` 9.3), so once ours has changed its counts are left aside until then,
//! and it is told none of ours, but not for ever: its file may have been right before.
//!
//! Files may name other hosts on purpose: each node the router of its own line, say, which 3.0.6 compares as well. As many as the
//! other node has are therefore compared when neither list has changed for as long.
//!
//! Nothing is compared either while a new member of our own may still answer for the first time: then the number is [`INCOMPLETE`].

use core::time::Duration;

use hb_wire::Message;

use crate::engine::Engine;
use crate::event::Event;
use crate::number;
use crate::time::Tick;

/// The field with the number of the sender's list.
const FIELD: &str = "hb-pings";
/// The number of a list with a member that may still answer for the first time; no list has it.
const INCOMPLETE: u32 = 0;
/// For how long counts of a list that can be compared are left aside at most: long enough for somebody to change the other node's file.
const LEFT_ASIDE: Duration = Duration::from_secs(600);

/// The bits of a list's number that say how many members it has.
const COUNT: u32 = 0xff;

/// A count of the partner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Told {
    pub(super) count: u32,
    /// The number of the list that it counted, if it said so.
    pub(super) list: Option<u32>,
}

/// What is remembered of lists.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    /// Our list has changed: until then counts without a list do not count, of the run of the partner that has this generation.
    aside: Option<(Tick, u64)>,
    /// The partner's list, which is another one of as many members.
    other: Option<Other>,
    /// We have said that counts are not compared.
    differ: bool,
}

/// Another list than ours, with as many members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Other {
    list: u32,
    /// Until when it is taken for a file that is yet to be changed; `None`: it is meant so.
    until: Option<Tick>,
}

impl Lists {
    pub(super) const fn new() -> Self {
        Self { aside: None, other: None, differ: false }
    }

    pub(super) fn next_deadline(&self) -> Option<Tick> {
        let other = self.other.and_then(|other| other.until);
        self.aside.map(|(until, _)| until).into_iter().chain(other).min()
    }

    /// For a digest of the state: the partner's other list, and until when its counts are left aside.
    pub(super) fn other(&self) -> Option<(u32, Option<Tick>)> {
        self.other.map(|other| (other.list, other.until))
    }

    pub(super) const fn left_aside(&self) -> Option<(Tick, u64)> {
        self.aside
    }
}

/// The number of the list that a count of this message is of.
pub(super) fn told_by(message: &Message) -> Option<u32> {
    number::hex(message, FIELD).and_then(|list| u32::try_from(list).ok())
}

impl Engine {
    /// The rule, and the members that it counts, are as the new configuration says; before, it was in force or not.
    pub(crate) fn exchange_rule(&mut self, was_on: bool, list: u32) {
        let is_on = self.ipfail_is_on();
        let is_other = core::mem::replace(&mut self.config.pings.list, list) != list;
        if was_on && !is_on {
            self.forget_reach();
        }
        if is_other {
            self.failover.ipfail.lists.other = None;
            self.note_list(self.failover.ipfail.theirs.and_then(|told| told.list));
            let partner = self.failover.partner_id.map(|id| self.node(id).generation);
            self.failover.ipfail.lists.aside = partner.map(|run| (self.now.tick.plus(LEFT_ASIDE), run));
        }
        if is_on && !was_on {
            self.ipfail_joins();
        }
        if is_other {
            self.tell_reach();
        }
    }

    /// The partner has told a count of this list.
    pub(super) fn note_list(&mut self, list: Option<u32>) {
        let Some(list) = list.filter(|list| *list != INCOMPLETE) else { return };
        let ours = self.config.pings.list;
        let as_many = list != ours && list & COUNT == ours & COUNT;
        let lists = &mut self.failover.ipfail.lists;
        if lists.other.map(|other| other.list) != as_many.then_some(list) {
            let until = Some(self.now.tick.plus(LEFT_ASIDE));
            lists.other = as_many.then_some(Other { list, until });
        }
    }

    /// Says of which list our count is.
    pub(super) fn tell_list(&self, message: &mut Message) {
        let list = if self.pings_are_known() { self.config.pings.list } else { INCOMPLETE };
        message.push_hex(FIELD, u64::from(list));
    }

    /// Whether a count that the partner made of that list can be compared with ours.
    pub(super) fn can_compare(&self, list: Option<u32>) -> bool {
        self.pings_are_known() && self.is_alike(list)
    }

    /// Whether the partner makes of our count what it should: one that knows no lists compares it with its own whatever that
    /// is.
    pub(super) fn may_tell_reach(&self) -> bool {
        let knows_lists = match self.failover.ipfail.theirs {
            Some(told) => told.list.is_some(),
            None => !self.partner_is_classic(),
        };
        knows_lists || (self.pings_are_known() && self.is_alike(None))
    }

    /// Says whether what it told last is compared, when that changes.
    pub(super) fn tell_lists(&mut self, theirs: Option<Told>) {
        if theirs.is_some_and(|told| told.list == Some(INCOMPLETE)) {
            return;
        }
        let differ = theirs.filter(|told| !self.is_alike(told.list));
        let differed = core::mem::replace(&mut self.failover.ipfail.lists.differ, differ.is_some());
        match differ {
            Some(told) if !differed => self.report(Event::PingListsDiffer { told: told.list.is_some() }),
            None if differed && theirs.is_some() => self.report(Event::PingListsAgree),
            Some(_) | None => {}
        }
    }

    /// Counts that were left aside count again, if the time for that has come.
    pub(super) fn lists_wait_over(&mut self) {
        if let Some(other) = &mut self.failover.ipfail.lists.other
            && other.until.is_some_and(|until| until <= self.now.tick)
        {
            other.until = None;
            self.tell_reach();
        }
        let aside = self.failover.ipfail.lists.aside;
        if aside.is_none_or(|(until, _)| until > self.now.tick) {
            return;
        }
        let waited = self.is_run_left_aside();
        self.failover.ipfail.lists.aside = None;
        if waited && self.failover.ipfail.theirs.is_none_or(|told| told.list.is_none()) {
            self.ask_reach();
        }
    }

    fn is_alike(&self, list: Option<u32>) -> bool {
        match list {
            Some(list) => {
                let meant = Other { list, until: None };
                list == self.config.pings.list || self.failover.ipfail.lists.other == Some(meant)
            }
            None => !self.is_run_left_aside(),
        }
    }

    fn is_run_left_aside(&self) -> bool {
        let run = self.failover.partner_id.map(|id| self.node(id).generation);
        self.failover.ipfail.lists.aside.is_some_and(|(_, aside)| run == Some(aside))
    }
}
