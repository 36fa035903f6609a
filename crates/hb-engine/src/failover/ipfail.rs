//! The rule of `ipfail` (`failover.md` 7): the node that reaches fewer ping members hands over to the one that reaches more.
//!
//! Built in, and in force only where the configuration asks for it. The counts are exchanged in ipfail's own messages, so a
//! real one on a 3.0.6 peer understands ours and we understand it. Different from it, see `docs/differences.md`: counts
//! are looked at, not the order of deaths; only what the rule moved is given back; who has nothing asks for nothing; what
//! flaps moves less and less often.

mod lists;

use alloc::format;
use core::cmp::Ordering;
use core::time::Duration;

use hb_wire::Message;

use super::Standby;
use crate::config::Failback;
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{HoldSet, NodeId};
use crate::number;
use crate::time::Tick;

use lists::{Lists, Told};

/// Keepalives for which the peer must reach more before we give up, so that it can notice a common loss as well.
const KEEPALIVES_OF_LOSS: u32 = 2;
/// 3.0.6 looks for dead nodes so often.
const CLASSIC_GRID: Duration = Duration::from_millis(250);
/// How long counts must be equal before what was taken is given back, at first.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// What each move multiplies that with.
const GROWTH: u32 = 4;
/// It never becomes longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// After so many pauses without a change of the counts they are as at first.
const FORGET_AFTER: u32 = 8;
/// After a move for which a group could not be stopped.
const STAYS_FOR: Duration = Duration::from_secs(60 * 60);
/// The name of the client whose part this is.
const CLIENT: &str = "ipfail";

/// What the rule remembers.
#[derive(Clone, Debug)]
pub(crate) struct Ipfail {
    /// How many members the partner's present run reaches, as far as it told.
    theirs: Option<Told>,
    /// Whether that can be compared.
    lists: Lists,
    /// The number of the message that told it.
    newest: u64,
    /// The counts as last compared, and since when they are so.
    compared: Option<(u32, u32)>,
    changed: Tick,
    /// What is to be done and when, if nothing changes meanwhile.
    due: Option<(Tick, Move)>,
    /// What we hold of the partner's came to us by the rule.
    has_taken: bool,
    last_move: Option<Tick>,
    /// A group could not be stopped for a move: no other one away from here before this, as long as the counts stay.
    stays_until: Option<Tick>,
    pause: Duration,
}

/// What the rule can bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Move {
    /// Everything goes to the other node.
    Away,
    /// What the other node prefers goes back to it.
    Back,
}

impl Ipfail {
    pub(crate) const fn new(now: Tick) -> Self {
        Self {
            theirs: None,
            lists: Lists::new(),
            newest: 0,
            compared: None,
            changed: now,
            due: None,
            has_taken: false,
            last_move: None,
            stays_until: None,
            pause: FIRST_PAUSE,
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        self.due.map(|(at, _)| at).into_iter().chain(self.lists.next_deadline()).min()
    }

    /// Whoever reaches less gets nothing new.
    pub(crate) fn partner_reaches_less(&self) -> bool {
        self.compared.is_some_and(|(ours, theirs)| ours > theirs)
    }

    /// For a digest of the state.
    pub(crate) const fn what_decides(&self) -> (Option<Told>, Option<(Tick, Move)>, bool) {
        (self.theirs, self.due, self.has_taken)
    }

    /// For a digest of the state: until when counts of that run of the partner are left aside.
    pub(crate) const fn left_aside(&self) -> Option<(Tick, u64)> {
        self.lists.left_aside()
    }

    /// For a digest of the state: another list of the partner, and until when its counts are left aside.
    pub(crate) fn other_list(&self) -> Option<(u32, Option<Tick>)> {
        self.lists.other()
    }
}

impl Engine {
    /// A group could not be stopped for a move: everything would be stopped for the next one.
    pub(crate) fn move_has_failed(&mut self) {
        let ipfail = &mut self.failover.ipfail;
        ipfail.stays_until = Some(self.now.tick.plus(STAYS_FOR));
        ipfail.due = None;
    }

    /// Communication is up, or the rule is new: a partner that plays along answers with its count.
    pub(crate) fn ipfail_joins(&mut self) {
        if !self.ipfail_is_on() {
            return;
        }
        let mut message = Message::new("hbapi-clstat");
        message.push_text("st", "join");
        message.push_text("from_id", CLIENT);
        message.push_text("to_id", CLIENT);
        message.push_text("info", "signon");
        message.push_text("client_gen", "0");
        self.send(message);
    }

    /// The partner was alive all the time, so neither side begins anew and tells its count by itself.
    pub(crate) fn ask_reach(&mut self) {
        self.ipfail_joins();
        self.tell_reach();
    }

    /// A ping member answers again, or no longer, or there are others.
    pub(crate) fn tell_reach(&mut self) {
        if self.ipfail_is_on() && self.partner_stays() && self.may_tell_reach() {
            let ours = self.pings_reached();
            self.say_as_ipfail("num_ping_nodes", Some(ours));
        }
    }

    /// What the partner's ipfail says, or that it is there.
    pub(crate) fn receive_ipfail(&mut self, node: NodeId, kind: &str, seq: u64, message: &Message) {
        if self.failover.partner_id != Some(node)
            || message.text("to_id") != Some(CLIENT)
            || !self.ipfail_is_on()
        {
            return;
        }
        if kind == "hbapi-clstat" {
            if message.text("st") == Some("join") {
                self.tell_reach();
            }
            return;
        }
        if seq <= self.failover.ipfail.newest {
            return;
        }
        self.failover.ipfail.newest = seq;
        let ours = self.pings_reached();
        let list = lists::told_by(message);
        self.note_list(list);
        if kind != "num_ping_nodes" {
            if self.can_compare(list) {
                // It has compared its count with ours.
                let before = self.failover.ipfail.theirs.map_or(0, |told| told.count);
                let is_more = kind == "you_are_dead";
                let count = if is_more { before.max(ours.saturating_add(1)) } else { ours };
                self.failover.ipfail.theirs = Some(Told { count, list });
            }
            return;
        }
        let Some(count) = number::decimal(message, "num_ping") else {
            return self.report(Event::BadMessage { why: "a count of ping nodes that is no number" });
        };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.failover.ipfail.theirs = Some(Told { count, list });
        if !self.can_compare(list) {
            return;
        }
        match ours.cmp(&count) {
            Ordering::Greater => self.say_as_ipfail("you_are_dead", None),
            Ordering::Equal => self.say_as_ipfail("abort_giveup", None),
            // 3.0.6 says nothing; a partner of ours wants to know why it will get everything.
            Ordering::Less => self.tell_reach(),
        }
    }

    /// The partner died, stopped or started anew: nothing is known of what it reaches.
    pub(crate) fn forget_reach(&mut self) {
        let ipfail = &mut self.failover.ipfail;
        (ipfail.theirs, ipfail.newest, ipfail.has_taken) = (None, 0, false);
    }

    /// Compares the counts, after every input.
    pub(crate) fn weigh_reach(&mut self) {
        if !self.config.pings.ipfail && self.failover.ipfail.compared.is_none() {
            return;
        }
        let ours = self.pings_reached();
        let theirs = self.failover.ipfail.theirs.filter(|_| self.ipfail_is_on());
        self.tell_lists(theirs);
        let counts = theirs.filter(|told| self.can_compare(told.list)).map(|told| (ours, told.count));
        self.note_counts(counts);
        let takes = matches!(self.failover.standby, Standby::Waiting | Standby::Taking);
        let foreign = self.failover.hold.contains(HoldSet::FOREIGN);
        let ipfail = &mut self.failover.ipfail;
        if takes && counts.is_some_and(|(ours, theirs)| ours > theirs) {
            ipfail.has_taken = true;
        } else if !takes && !foreign {
            ipfail.has_taken = false;
        }
        let has_taken = ipfail.has_taken;
        let wanted = counts.and_then(|(ours, theirs)| {
            let gives_back = self.config.failback == Failback::On && has_taken && foreign;
            if ours < theirs {
                (!self.failover.hold.is_empty() || self.has_borrowed()).then_some(Move::Away)
            } else {
                (ours == theirs && gives_back).then_some(Move::Back)
            }
        });
        let ipfail = &self.failover.ipfail;
        if ipfail.due.map(|(_, planned)| planned) != wanted {
            self.failover.ipfail.due = wanted.map(|wanted| (self.time_of(wanted), wanted));
        }
    }

    /// Does what the rule wants, if its time has come.
    pub(crate) fn ipfail_wait_over(&mut self) {
        let now = self.now.tick;
        self.lists_wait_over();
        let Some((_, wanted)) = self.failover.ipfail.due.filter(|(at, _)| *at <= now) else { return };
        if !self.ipfail_is_on() {
            self.failover.ipfail.due = None;
            return;
        }
        if self.standby_hindrance().is_some() || !self.partner_stays() {
            let again = now.plus(self.config.keepalive * KEEPALIVES_OF_LOSS);
            self.failover.ipfail.due = Some((again, wanted));
            return;
        }
        let ipfail = &mut self.failover.ipfail;
        ipfail.due = None;
        ipfail.last_move = Some(now);
        ipfail.pause = (ipfail.pause * GROWTH).min(LONGEST_PAUSE);
        let set = match wanted {
            Move::Away => HoldSet::ALL,
            Move::Back => HoldSet::FOREIGN,
        };
        if wanted == Move::Away {
            self.return_borrowed();
        }
        if !self.failover.hold.is_empty() {
            self.begin_standby(set);
        }
    }

    /// 3.0.6's ipfail ends itself with `auto_failback legacy`.
    pub(crate) fn ipfail_is_on(&self) -> bool {
        self.config.pings.ipfail
            && self.config.failback != Failback::Legacy
            && self.is_active()
            && !self.failover.is_stopping()
    }

    fn note_counts(&mut self, counts: Option<(u32, u32)>) {
        let now = self.now.tick;
        let ipfail = &mut self.failover.ipfail;
        if ipfail.compared == counts {
            return;
        }
        if now.since(ipfail.changed) > ipfail.pause * FORGET_AFTER {
            ipfail.pause = FIRST_PAUSE;
        }
        ipfail.changed = now;
        let before = core::mem::replace(&mut ipfail.compared, counts);
        // A move that waits begins to wait anew.
        ipfail.due = None;
        ipfail.stays_until = None;
        let Some((ours, theirs)) = counts else { return };
        let were_equal = before.is_none_or(|(ours, theirs)| ours == theirs);
        if ours != theirs {
            self.report(Event::PingsDiffer { ours, theirs });
        } else if !were_equal {
            self.report(Event::PingsBalanced);
        }
    }

    fn time_of(&self, wanted: Move) -> Tick {
        let (now, ipfail) = (self.now.tick, &self.failover.ipfail);
        let Move::Away = wanted else { return now.plus(ipfail.pause) };
        let is_classic = self.partner_is_classic();
        let wait = self.config.keepalive * KEEPALIVES_OF_LOSS;
        let steady = now.plus(if is_classic { wait + CLASSIC_GRID } else { wait });
        // Away from what is cut off sooner than back to it.
        let rested = ipfail.last_move.map_or(steady, |last| steady.max(last.plus(ipfail.pause / GROWTH)));
        ipfail.stays_until.map_or(rested, |until| rested.max(until))
    }

    /// A message as 3.0.6 passes it on for its client.
    fn say_as_ipfail(&mut self, kind: &str, count: Option<u32>) {
        let Some(partner) = self.failover.partner_id else { return };
        let mut message = Message::new(kind);
        if let Some(count) = count {
            message.push_text("src", &self.node(self.config.local).name);
            message.push_text("num_ping", &format!("{count}"));
        }
        message.push_text("dest", &self.node(partner).name);
        message.push_text("from_id", CLIENT);
        message.push_text("to_id", CLIENT);
        message.push_text("client_gen", "0");
        self.tell_list(&mut message);
        self.send(message);
    }
}
