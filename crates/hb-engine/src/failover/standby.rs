//! The hand-over in three steps (`failover.md` 3.7): `me` - `other` - release - `done` - acquire - `done`.
//!
//! Used by operators and by failback. Decides rows 25-40 of the table.

use core::time::Duration;

use hb_wire::Message;

use super::unheard::NOT_HEARD;
use super::{ANSWER_WAIT, DONE_AGAIN, Goal, HANDOVER_WAIT, Phase, RELEASE_SIGN_WAIT, Standby, Unended};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{HoldSet, NodeId};

impl Engine {
    pub(crate) fn ask_resources(&mut self, set: HoldSet, info: &str) {
        let mut message = Message::new("ask_resources");
        message.push_text("rsc_hold", set.as_str());
        message.push_text("info", info);
        self.send(message);
    }

    /// Row 31: an operator, or failback, wants to give a set away.
    pub(crate) fn begin_standby(&mut self, set: HoldSet) {
        if let Some(why) = self.standby_hindrance() {
            return self.report(Event::StandbyRefused { why });
        }
        if !self.partner_stays() {
            return self.report(Event::StandbyRefused { why: "no other node is there to take over" });
        }
        self.raise_floor();
        self.failover.partner.unended = Unended::default();
        self.report(Event::StandbyBegins { giver: self.config.local, set });
        if self.failover.partner.waits.is_some_and(|(waiting, until)| waiting == set && self.now.tick < until)
        {
            return self.give(set);
        }
        self.failover.standby = Standby::Giving;
        self.failover.standby_set = set;
        self.failover.partner.stable = false;
        self.failover.standby_deadline = Some(self.now.tick.plus(ANSWER_WAIT));
        self.ask_resources(set, "me");
    }

    /// Rows 26, 28-30.
    pub(crate) fn standby_hindrance(&self) -> Option<&'static str> {
        if self.failover.is_stopping() {
            return Some("this node is stopping");
        }
        if self.partner_is_legacy() {
            return Some(LEGACY);
        }
        if self.failover.standby != Standby::Not {
            return Some("a hand-over is under way");
        }
        if self.failover.phase != Phase::Stable {
            return Some("this node has not yet decided about its resources");
        }
        if !self.failover.partner.stable {
            return Some("the other node is in transition");
        }
        if !self.failover.is_quiet() {
            return Some("resources are being started or stopped");
        }
        if self.is_out_of_step() {
            return Some(NOT_HEARD);
        }
        (self.failover.taken.is_some() && self.partner_lives()).then_some(UNSORTED)
    }

    /// An operator wants a set from the peer (`failover.md` 3.7, `hb_takeover`; our view).
    pub(crate) fn ask_takeover(&mut self, set: HoldSet) {
        let mut message = Message::new("hb_takeover");
        message.push_text("rsc_hold", set.as_str());
        self.send(message);
    }

    /// The peer wants a set from us (its view).
    pub(crate) fn receive_takeover(&mut self, node: NodeId, seq: u64, message: &Message) {
        if seq <= self.failover.floor {
            return; // Asked for before we were there, or before the last hand-over.
        }
        if self.receive_move(node, message) {
            return;
        }
        let set = match message.text("rsc_hold") {
            // 3.0.6 maps neither; what was meant is the giver's `foreign`, and everything (`failover.md` 3.7).
            Some("failback") => HoldSet::FOREIGN,
            None => HoldSet::ALL,
            Some(text) => HoldSet::parse(text).unwrap_or(HoldSet::ALL).mirrored(),
        };
        self.begin_standby(set);
    }

    /// A peer's `ask_resources`.
    pub(crate) fn receive_ask_resources(&mut self, node: NodeId, seq: u64, message: &Message) {
        if self.failover.partner_id != Some(node) || self.failover.is_stopping() {
            return; // Row 26.
        }
        if self.partner_is_legacy() {
            return self.report(Event::StandbyRefused { why: LEGACY }); // Row 25.
        }
        if seq <= self.failover.floor {
            self.agrees_too_late(node, message);
            return self.report(Event::StandbyRefused { why: "a step of an earlier hand-over" });
        }
        let set =
            message.text("rsc_hold").map_or(Some(HoldSet::ALL), HoldSet::parse).unwrap_or(HoldSet::NONE);
        let Some(info) = message.text("info") else {
            return self.report(Event::BadMessage { why: "request for a hand-over without step" });
        };
        if info.eq_ignore_ascii_case("me") {
            self.peer_wants_to_give(node, seq, set);
        } else if info.eq_ignore_ascii_case("other") {
            self.peer_will_take(seq, set);
        } else if info.eq_ignore_ascii_case("done") {
            self.peer_is_done(node, seq, set);
        } else {
            self.report(Event::StandbyRefused { why: "unknown step of a hand-over" });
        }
    }

    /// Rows 28-30 and 32.
    fn peer_wants_to_give(&mut self, node: NodeId, seq: u64, set: HoldSet) {
        if self.failover.standby == Standby::Waiting && self.node(node).speaks_hb {
            // It asks anew, so it has given up the hand-over that we wait for. 3.0.6 says `me` even if it does not mean
            // it, because it only then sees that a hand-over is under way.
            self.failover.standby = Standby::Not;
            self.failover.partner.stable = true;
        }
        let goes_first = self.node(node).name < self.node(self.config.local).name;
        if self.has_asked() && self.node(node).speaks_hb && goes_first {
            // Both ask, and would refuse each other for ever: one goes first.
            self.failover.standby = Standby::Not;
            self.failover.standby_deadline = None;
            self.report(Event::StandbyRefused { why: "the other node asks as well, and goes first" });
            self.take_question_back();
        }
        // After a partition a 3.0.6 with failback wants to give back what it took; unanswered it would keep that for
        // ten seconds before it starts anew, and both would own it.
        let sorts_out = |why: &&str| *why == UNSORTED && !self.node(node).speaks_hb;
        if let Some(why) = self.standby_hindrance().filter(|why| !sorts_out(why)) {
            return self.report(Event::StandbyRefused { why });
        }
        self.failover.floor = seq;
        self.failover.partner.unended = Unended::default();
        self.failover.partner.giving = false;
        self.failover.partner.waits = None;
        self.failover.standby = Standby::Waiting;
        self.failover.standby_set = set;
        self.failover.partner.stable = false;
        self.failover.standby_deadline = Some(self.now.tick.plus(RELEASE_SIGN_WAIT));
        self.report(Event::StandbyBegins { giver: node, set });
        self.ask_resources(set, "other");
    }

    /// Row 33: the peer takes; now we release.
    fn peer_will_take(&mut self, seq: u64, set: HoldSet) {
        if self.is_out_of_step() {
            // To what we asked before it did not hear us; it drops that when it hears of it.
            return self.report(Event::StandbyRefused { why: NOT_HEARD });
        }
        let late = self.failover.standby == Standby::Not && self.failover.phase == Phase::Stable;
        let classic = self.partner_is_classic();
        let only_yields = classic && self.failover.goals.iter().all(|(goal, _)| *goal == Goal::Yield);
        if late && (self.failover.is_quiet() || only_yields) {
            // We had given up waiting; the peer waits for our `done` and would do so for an hour.
            self.report(Event::StandbyBegins { giver: self.config.local, set });
        } else if !self.has_asked() {
            self.goes_on_taking(set);
            return self.report(Event::StandbyRefused { why: "an answer that nobody waits for" });
        } else if !classic && set != self.failover.standby_set {
            // To a question of an earlier hand-over; a peer of ours answers this one as well.
            return self.report(Event::StandbyRefused { why: "an answer to an earlier question" });
        }
        if !classic {
            // A question of it that comes later, and is older, does not end this one.
            self.failover.floor = self.failover.floor.max(seq);
        }
        // It has waited since before it said so; when it began to is not known of a late word.
        let until = self.now.tick.plus(HANDOVER_WAIT.saturating_sub(WAITS_LESS));
        self.failover.partner.waits = (classic && !late).then_some((set, until));
        self.give(set);
    }

    /// The peer waits for this set.
    fn give(&mut self, set: HoldSet) {
        self.failover.standby = Standby::Giving;
        self.failover.standby_set = set;
        self.failover.partner.stable = false;
        self.failover.standby_deadline = Some(self.now.tick.plus(HANDOVER_WAIT));
        self.announce(false, Some("standby"));
        self.release(set, Goal::Give, "hand-over to the other node");
    }

    /// Whether we have asked for a hand-over and nobody has answered.
    pub(crate) fn has_asked(&self) -> bool {
        self.failover.standby == Standby::Giving && !self.is_giving()
    }

    /// Our question was forgotten at a word that is older than the newest: what was said before we asked stands.
    pub(crate) fn take_question_back(&mut self) {
        self.failover.partner.stable = true;
        if self.failover.needs_failback {
            self.failover.failback_retry = Some(self.now.tick.plus(super::FAILBACK_RETRY));
        }
    }

    pub(crate) fn is_giving(&self) -> bool {
        self.failover.goals.iter().any(|(goal, _)| *goal == Goal::Give)
    }

    /// Rows 35, 38 and 39.
    fn peer_is_done(&mut self, node: NodeId, seq: u64, set: HoldSet) {
        let newer = self.failover.partner.newest > seq;
        let unended = self.failover.partner.unended.gives.take();
        if let Some((hold, _)) = self.failover.partner.hold.zip(unended.filter(|gives| *gives == (set, true)))
            && !newer
        {
            // Its scripts reported it before that.
            self.partner_holds(seq, hold.minus(set));
        }
        let known = self.failover.partner.hold.unwrap_or_default();
        let gives = match self.failover.standby {
            Standby::Waiting => self.failover.standby_set,
            Standby::Not => set,
            Standby::Given | Standby::Giving | Standby::Taking => HoldSet::NONE,
        };
        if self.gives_too_early(gives) {
            return;
        }
        match self.failover.standby {
            Standby::Waiting => {
                let set = self.failover.standby_set;
                if newer && !known.intersection(set).is_empty() {
                    // It has said since then that it holds the set.
                    self.forget_standby();
                    return self.report(Event::StandbyRefused { why: "the other node took it back" });
                }
                self.partner_holds(seq, known.minus(set));
                self.take_over_set(set);
            }
            Standby::Given => {
                // Its announcement may come later and is old news then.
                let taken = set.intersection(self.failover.standby_set);
                self.partner_holds(seq, known.union(taken.mirrored()));
                self.failover.partner.stable |= !newer;
                self.hand_over_ended();
            }
            Standby::Not if newer && self.failover.partner.leaving => {
                // Said before it began to stop, and that ended its hand-over. Perhaps it was the taker's word, late; what
                // it leaves behind comes with its last word.
                self.report(Event::StandbyRefused { why: "the other node has begun to stop since" });
            }
            Standby::Not if newer && self.node(node).speaks_hb => {
                // It may be the taker's word of an earlier hand-over. If it gives, it says so with whatever it announces.
                self.report(Event::StandbyRefused { why: "the other node has said since what it holds" });
                self.announce_state();
            }
            Standby::Not => {
                // It released and waits for us, but we had given up. Somebody must hold the groups.
                let missing = set.mirrored().minus(self.failover.hold).minus(known.mirrored());
                let ours = self.node(node).speaks_hb;
                // We had declared it dead, and took nothing because it was to be reset. It drops the hand-over when it hears that.
                let dropped = ours && self.failover.taken.is_some();
                if missing.is_empty() || dropped {
                    if ours {
                        // It slept, and gives what we have long taken, or shall keep: it waits for a word.
                        self.announce_state();
                    }
                } else if self.failover.phase == Phase::Stable && self.failover.is_quiet() {
                    let set = missing.mirrored();
                    self.report(Event::StandbyBegins { giver: node, set });
                    self.take_over_set(set);
                }
            }
            Standby::Giving | Standby::Taking => {
                self.report(Event::StandbyRefused { why: "a step out of order" });
            }
        }
    }

    /// A `done` says what its sender holds as well as an announcement does.
    fn partner_holds(&mut self, seq: u64, hold: HoldSet) {
        if seq > self.failover.partner.newest {
            self.failover.partner.newest = seq;
            self.failover.partner.hold = Some(hold);
        }
    }

    /// Row 38: the peer has taken what we gave.
    fn hand_over_ended(&mut self) {
        self.raise_floor();
        self.failover.standby = Standby::Not;
        self.failover.standby_deadline = None;
        self.report(Event::StandbyDone { giver: self.config.local, set: self.failover.standby_set });
        self.announce_state();
        self.adopt_orphans();
        self.retry_stop();
    }

    /// A giver that had said that it no longer holds the set (3.0.6 says so first and does it then), or that it is releasing it,
    /// says that it holds it for good, or until it has stopped: it has given up the hand-over. So has one that says so by anything else
    /// (`has_ended`).
    pub(crate) fn giver_took_it_back(&mut self, seq: u64, had_begun: bool, has_ended: bool, now: HoldSet) {
        let set = self.failover.standby_set;
        let waiting = self.failover.standby == Standby::Waiting && seq > self.failover.floor;
        if waiting && had_begun && (has_ended || !now.intersection(set).is_empty()) {
            self.forget_standby();
            self.failover.partner.unended.gives = self.partner_is_classic().then_some((set, false));
            self.report(Event::StandbyRefused { why: "the other node took it back" });
        }
    }

    /// A 3.0.6 peer that now claims more than before, and what we hold, has declared us dead since the hand-over began,
    /// and dropped it then.
    pub(crate) fn classic_takes_over(&mut self, before: Option<HoldSet>, now: HoldSet) {
        let classic = self.partner_is_classic();
        let grown = now.minus(before.unwrap_or(now)).mirrored();
        let dropped = matches!(self.failover.standby, Standby::Giving | Standby::Given | Standby::Waiting);
        if classic && dropped && !self.failover.hold.intersection(grown).is_empty() {
            self.forget_standby();
            self.report(Event::StandbyRefused { why: "the other node had given this one up" });
        }
    }

    /// The taker announced that it holds what we gave: its `done` is only late, or was never sent.
    pub(crate) fn taker_has_it(&mut self, seq: u64) {
        let set = self.failover.standby_set.mirrored();
        let has_it = self.failover.partner.hold.is_some_and(|hold| hold.contains(set));
        if self.failover.standby == Standby::Given
            && seq > self.failover.floor
            && self.failover.partner.stable
            && has_it
        {
            self.hand_over_ended();
        }
    }

    fn take_over_set(&mut self, set: HoldSet) {
        if self.is_out_of_step() {
            return self.report(Event::StandbyRefused { why: NOT_HEARD });
        }
        self.failover.standby = Standby::Taking;
        self.failover.standby_set = set;
        self.failover.standby_deadline = Some(self.now.tick.plus(HANDOVER_WAIT));
        self.acquire(set.mirrored(), Goal::Take, "hand-over from the other node");
        self.recall_all(set.mirrored());
    }

    /// A peer of ours has released a set and waits, but its `done` found us no longer, or not yet, waiting: its
    /// announcement says the same.
    pub(crate) fn take_what_waits(&mut self, node: NodeId, message: &Message) {
        let releases = message.text("info") == Some("standby") && self.node(node).speaks_hb;
        // After a wrong verdict it drops the hand-over as soon as it hears of that.
        let dropped = self.failover.taken.is_some();
        if !releases || dropped || self.failover.standby != Standby::Not || !self.failover.is_quiet() {
            return;
        }
        let Some(peer_hold) = self.failover.partner.hold else { return };
        let missing = HoldSet::ALL.minus(self.failover.hold).minus(peer_hold.mirrored());
        if !missing.is_empty() && !self.failover.is_stopping() {
            let set = missing.mirrored();
            self.report(Event::StandbyBegins { giver: node, set });
            self.take_over_set(set);
        }
    }

    /// Ends a hand-over on this side; true if there was one. What we were acquiring we go on to acquire, what we were
    /// releasing we go on to release, both no longer as a step of a hand-over.
    pub(crate) fn forget_standby(&mut self) -> bool {
        let was = core::mem::replace(&mut self.failover.standby, Standby::Not);
        if was != Standby::Not {
            self.raise_floor();
        }
        self.failover.standby_deadline = None;
        self.is_not_given();
        for (goal, _) in &mut self.failover.goals {
            match goal {
                Goal::Give => *goal = Goal::Yield,
                Goal::Take => *goal = Goal::Own,
                Goal::Own | Goal::Yield | Goal::Stop => {}
            }
        }
        was != Standby::Not
    }

    /// What the partner has said so far cannot be an answer to what comes now.
    pub(crate) fn raise_floor(&mut self) {
        let last = self.failover.partner_id.and_then(|id| self.node(id).receiver.last());
        self.failover.floor = self.failover.floor.max(last.unwrap_or(0));
    }

    /// Row 40: a step did not come in time.
    pub(crate) fn standby_wait_over(&mut self) {
        if self.failover.standby_deadline.is_none_or(|due| due > self.now.tick) {
            return;
        }
        if let Some(doubt) = self.local.doubt.filter(|doubt| self.now.tick < doubt.until) {
            // We have slept: the step may have come long ago and wait to be read.
            self.failover.standby_deadline = Some(doubt.until);
            return;
        }
        let waits = self.failover.given_until.is_some_and(|until| until > self.now.tick);
        if self.failover.standby == Standby::Given && waits {
            self.failover.standby_deadline = Some(self.now.tick.plus(DONE_AGAIN));
            return self.ask_resources(self.failover.standby_set, "done");
        }
        self.failover.standby_deadline = None;
        self.failover.partner.stable = true;
        let given = self.failover.standby == Standby::Given || self.is_giving();
        let released = self
            .failover
            .partner
            .hold
            .is_some_and(|hold| hold.intersection(self.failover.standby_set).is_empty());
        if self.failover.standby == Standby::Waiting && released {
            return self.take_over_set(self.failover.standby_set); // Only its `done` was lost.
        }
        // A step that is only late must still find its hand-over: see the rows for NOT.
        let floor = self.failover.floor;
        self.forget_standby();
        self.failover.floor = floor;
        if self.failover.needs_failback {
            self.failover.failback_retry = Some(self.now.tick.plus(super::FAILBACK_RETRY));
        }
        self.report(Event::StandbyRefused { why: "the other node did not answer" });
        if given {
            // 3.0.6 leaves the groups with nobody. What the other node holds was never ours to give.
            let its_own = self.failover.partner.hold.map_or(HoldSet::NONE, HoldSet::mirrored);
            let lost = self.failover.standby_set.minus(its_own);
            self.acquire(lost, Goal::Own, "the other node never took them");
        } else if self.partner_is_classic() {
            // It does not answer while it takes us for unstable (row 29).
            self.announce_state();
        }
        self.retry_stop();
    }
}

/// By so much less than it does a 3.0.6 is taken to wait for what it was to be given: longer than a question and its answer
/// take.
const WAITS_LESS: Duration = Duration::from_secs(60);
/// Why nothing is handed over to or from a 3.0.6 peer in legacy mode, which ignores every step (row 25).
const LEGACY: &str = "the other node has `auto_failback legacy`, which knows no hand-overs";
/// Why nothing is handed over before it is clear what a partition has left behind.
const UNSORTED: &str = "a partition is not yet sorted out";
