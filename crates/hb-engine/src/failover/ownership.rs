//! Taking and releasing sets of groups, and what follows when a set has settled.

use hb_wire::Message;

use super::{
    ASK_LATER, DONE_AGAIN, Goal, HANDOVER_WAIT, Phase, RUN_FIELD, SAY_AGAIN_FIRST, SAY_AGAIN_LAST,
    START_AGAIN, Standby,
};
use crate::config::Failback;
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{HoldSet, NodeId};

impl Engine {
    /// Communication is up: rows 1-3 of the table.
    pub(crate) fn begin_ownership(&mut self) {
        if self.failover.is_stopping() {
            return; // Its last word may be said already.
        }
        self.failover.phase = Phase::Starting;
        // Only what the partner says from now on can be its answer.
        let last = self.failover.partner_id.and_then(|id| self.node(id).receiver.last());
        self.failover.partner.newest = self.failover.partner.newest.max(last.unwrap_or(0));
        self.send(Message::new("starting"));
        self.failover.start_again = Some(self.now.tick.plus(START_AGAIN));
        match self.failover.partner_id {
            Some(partner) if self.node(partner).is_dead() => self.peer_died(partner),
            Some(_) => {}
            None => {
                self.failover.partner.stable = true;
                self.acquire(HoldSet::ALL, Goal::Own, "no other node");
            }
        }
        self.retry_stop();
    }

    /// Nobody answered our `starting` (`failover.md` 3.4 F): it may be lost, and not be missed.
    pub(crate) fn start_again(&mut self) {
        if self.failover.start_again.is_none_or(|due| due > self.now.tick) {
            return;
        }
        self.failover.start_again = None;
        if self.failover.phase == Phase::Starting && !self.failover.hold.contains(HoldSet::ALL) {
            self.send(Message::new("starting"));
            self.failover.start_again = Some(self.now.tick.plus(START_AGAIN));
        }
    }

    /// Announces what we hold (`failover.md` 4, `resource`).
    pub(crate) fn announce(&mut self, stable: bool, info: Option<&str>) {
        if self.partner_is_legacy() {
            return; // It ignores hold sets.
        }
        let message = self.announcement(stable, info);
        self.send(message);
        self.failover.say_again =
            self.partner_is_classic().then(|| (self.now.tick.plus(SAY_AGAIN_FIRST), SAY_AGAIN_FIRST));
    }

    /// Tells a 3.0.6 peer again what we hold, some time after the last change.
    pub(crate) fn say_again(&mut self) {
        let Some((_, pause)) = self.failover.say_again.filter(|(at, _)| *at <= self.now.tick) else { return };
        self.failover.say_again = None;
        if !self.partner_lives() {
            return;
        }
        if self.failover.is_stopping() {
            return self.say_farewell_again();
        }
        if self.failover.is_quiet() && self.failover.phase == Phase::Stable {
            let answered = self.failover.partner.stable;
            self.announce_and_provoke();
            if pause >= SAY_AGAIN_LAST && answered {
                self.failover.say_again = None;
                return;
            }
        }
        let pause = (pause * 2).min(SAY_AGAIN_LAST);
        self.failover.say_again = Some((self.now.tick.plus(pause), pause));
    }

    /// The allowance of a node is used up: what it says is lost. Its last word may be the one that counts.
    pub(crate) fn note_too_much(&mut self, node: NodeId) {
        self.report(Event::TooMuch { node });
        if self.failover.partner_id == Some(node) && self.node(node).speaks_hb {
            let due = self.now.tick.plus(ASK_LATER);
            self.failover.ask_later.get_or_insert(due);
        }
    }

    /// Asks a peer of ours, of which something was not acted on, what it holds.
    pub(crate) fn ask_what_was_too_much(&mut self) {
        if self.failover.ask_later.is_none_or(|due| due > self.now.tick) {
            return;
        }
        if self.failover.standby != Standby::Not {
            // The question would end the hand-over, whose steps are said again.
            self.failover.ask_later = Some(self.now.tick.plus(ASK_LATER));
            return;
        }
        self.failover.ask_later = None;
        if self.partner_lives() && self.is_active() && !self.failover.is_stopping() {
            self.announce_and_ask();
        }
    }

    /// Announces what we hold and asks a peer of ours for the same.
    pub(crate) fn announce_and_ask(&mut self) {
        let mut message = self.announcement(self.is_decided(), None);
        message.push_text("hb-ask", "1");
        self.send(message);
    }

    /// Announces what we hold so that a 3.0.6 peer of which we do not know what it holds says so: it answers only if it
    /// took us for unstable before (rows 10 and 11), and its own take-over makes us stable in its eyes (row 14).
    pub(crate) fn announce_and_provoke(&mut self) {
        let partner = self.failover.partner_id.map(|id| self.node(id));
        let classic = partner.is_some_and(|node| !node.speaks_hb && !node.is_dead());
        if classic && !self.failover.partner.stable && self.is_decided() {
            self.announce(false, None);
        }
        self.announce_state();
    }

    fn announcement(&self, stable: bool, info: Option<&str>) -> Message {
        let mut message = Message::new("resource");
        message.push_text("rsc_hold", self.failover.hold.as_str());
        message.push_text("rtype", "full");
        message.push_text("isstable", if stable { "1" } else { "0" });
        // Whatever it is that makes a node on its way out speak.
        if let Some(info) = info.or(self.failover.is_stopping().then_some("shutdown")) {
            message.push_text("info", info);
        }
        if let Some(partner) = self.failover.partner_id {
            let known = self.node(partner).generation;
            message.push_hex(RUN_FIELD, known);
        }
        if let Some(taken) = self.failover.taken {
            message.push_text("hb-taken", taken.as_str());
        }
        self.failover.claims.tell(&mut message);
        self.tell_loans(&mut message);
        message
    }

    /// [`Engine::announce`], stable if our first decision is made and nothing announced is being given up.
    pub(crate) fn announce_state(&mut self) {
        self.announce(self.is_decided(), None);
    }

    fn is_decided(&self) -> bool {
        self.failover.phase == Phase::Stable && self.failover.goals.iter().all(|(goal, _)| goal.is_up())
    }

    /// Begins to hold a set; it counts as held from now on.
    pub(crate) fn acquire(&mut self, set: HoldSet, goal: Goal, why: &'static str) {
        if set.contains(HoldSet::LOCAL) {
            self.failover.requests.give_up_asking();
        }
        let set = self.free_of(set);
        if set.is_empty() {
            return; // After the reset of the other node everything is taken.
        }
        self.claim(set);
        self.add_goal(goal, set);
        self.report(Event::Acquiring { set, why });
        self.want(set, true);
        self.settle();
    }

    /// Begins to release a set; it counts as held until it is gone.
    pub(crate) fn release(&mut self, set: HoldSet, goal: Goal, why: &'static str) {
        self.add_goal(goal, set);
        self.report(Event::Releasing { set: set.intersection(self.failover.hold), why });
        self.want(set, false);
        self.settle();
    }

    /// A new goal ends the opposite ones for the same groups.
    fn add_goal(&mut self, goal: Goal, set: HoldSet) {
        self.failover.goals.retain(|(other, other_set)| {
            other.is_up() == goal.is_up() || other_set.intersection(set).is_empty()
        });
        if !self.failover.goals.contains(&(goal, set)) {
            self.failover.goals.push((goal, set));
        }
    }

    /// Looks which sets have settled and does what follows.
    pub(crate) fn settle(&mut self) {
        while let Some(index) = self
            .failover
            .goals
            .iter()
            .position(|(goal, set)| self.failover.groups.are_settled(*set, goal.is_up()))
        {
            let (goal, set) = self.failover.goals.remove(index);
            if goal.is_up() {
                self.report_acquired(set);
            } else {
                self.failover.hold = self.failover.hold.minus(set);
                self.failover.claims.forget(set);
                self.failover.groups.forget_places(set);
                self.failover.taken = self.failover.taken.map(|taken| taken.minus(set));
                self.report(Event::Released { set });
            }
            match goal {
                Goal::Own => self.owned(),
                Goal::Give => self.given(),
                Goal::Take => self.taken_over(),
                Goal::Yield => self.yielded(),
                Goal::Stop => self.released_all(),
            }
            self.assume_legacy_holdings();
            if self.failover.phase == Phase::Stable {
                self.resolve_classic_conflict();
                self.adopt_orphans();
            }
        }
        self.retry_stop();
    }

    /// Says what is up; a failed group has said so itself.
    fn report_acquired(&mut self, set: HoldSet) {
        let parts = [HoldSet::LOCAL, HoldSet::FOREIGN].into_iter().filter(|part| set.contains(*part));
        let up = parts.filter(|part| !self.failover.groups.has_failed(*part));
        let up = up.fold(HoldSet::NONE, HoldSet::union);
        if !up.is_empty() {
            self.report(Event::Acquired { set: up });
        }
    }

    fn owned(&mut self) {
        if self.failover.is_stopping() || self.failover.goals.iter().any(|(goal, _)| *goal == Goal::Own) {
            return;
        }
        // With everything in hand, or alone, there is nothing else to wait for.
        if self.failover.phase != Phase::Stable
            && (self.failover.partner.stable || self.failover.hold == HoldSet::ALL)
        {
            self.failover.phase = Phase::Stable;
            self.raise_floor();
        }
        if self.failover.phase == Phase::Stable {
            self.announce_state();
            self.report(Event::TransitionComplete { hold: self.failover.hold });
            self.try_failback();
        }
    }

    /// What was taken by a wrong verdict is gone again. If that verdict was the first decision of this run, there will be no
    /// other one: a 3.0.6 peer answers only to a node that has decided (rows 10 and 11).
    fn yielded(&mut self) {
        let classic = self.partner_is_classic();
        let undecided =
            matches!(self.failover.phase, Phase::Starting | Phase::BothStarting | Phase::ResourcesReceived);
        if classic && undecided && self.failover.taken.is_some() && !self.partner_is_legacy() {
            self.failover.phase = Phase::Stable;
            self.raise_floor();
        }
        self.announce_and_provoke();
        if let Some(hold) = self.failover.partner.hold.filter(|_| !classic) {
            // It may have said its last word of it before we had released.
            self.forget_partition(hold);
            self.try_failback();
        }
    }

    /// Row 34: we have released; the peer may take.
    fn given(&mut self) {
        self.announce(false, Some("standby"));
        let set = self.failover.standby_set;
        self.ask_resources(set, "done");
        self.raise_floor();
        self.failover.needs_failback = false;
        self.failover.partner.waits = None;
        self.failover.standby = Standby::Given;
        let until = self.now.tick.plus(HANDOVER_WAIT);
        let ours = self.partner_is_ours();
        self.failover.given_until = Some(until);
        // 3.0.6 would take a second `done` for the other side's.
        self.failover.standby_deadline = Some(if ours { self.now.tick.plus(DONE_AGAIN) } else { until });
    }

    /// Row 37: we have taken what the peer released.
    fn taken_over(&mut self) {
        let set = self.failover.standby_set;
        self.raise_floor();
        self.failover.standby = Standby::Not;
        self.failover.standby_deadline = None;
        self.announce_state();
        self.ask_resources(set, "done");
        if let Some(giver) = self.failover.partner_id {
            self.report(Event::StandbyDone { giver, set });
        }
        self.report(Event::TransitionComplete { hold: self.failover.hold });
    }

    /// Takes our own groups if the peer does not hold them (`req_local`, unforced).
    pub(crate) fn acquire_own(&mut self, why: &'static str) {
        let peer_has_ours = self.failover.partner.hold.is_some_and(|hold| hold.contains(HoldSet::FOREIGN));
        if self.failover.is_stopping() || peer_has_ours || self.failover.hold.contains(HoldSet::LOCAL) {
            return;
        }
        self.acquire(HoldSet::LOCAL, Goal::Own, why);
    }

    /// Rows 13 and 16: the first decision about resources.
    pub(crate) fn decide_first(&mut self, why: &'static str) {
        self.failover.local_deadline = None;
        self.failover.phase = Phase::Stable;
        self.raise_floor();
        // The announcement comes before the work, as the peer waits for it.
        let peer_has_ours = self.failover.partner.hold.is_some_and(|hold| hold.contains(HoldSet::FOREIGN));
        if !peer_has_ours {
            self.claim(HoldSet::LOCAL);
        }
        self.announce(true, None);
        if peer_has_ours {
            self.report(Event::TransitionComplete { hold: self.failover.hold });
        } else {
            self.acquire(HoldSet::LOCAL, Goal::Own, why);
        }
        self.try_failback();
    }

    /// Hands the peer's own groups back after its return (`failover.md` 3.3, `try_failback`).
    pub(crate) fn try_failback(&mut self) {
        self.failover.failback_retry = None;
        if !self.failover.needs_failback {
            return;
        }
        let holds_foreign = self.failover.hold.contains(HoldSet::FOREIGN);
        let asks_itself = self.partner_is_legacy();
        let stays = self.config.failback == Failback::Off || asks_itself;
        if self.failover.is_stopping() || !holds_foreign || stays {
            self.failover.needs_failback = false;
            return;
        }
        if !self.partner_stays()
            || self.failover.partner.hold.is_none()
            || self.failover.standby != Standby::Not
        {
            return; // Its announcement, or the end of the hand-over, will bring us here again.
        }
        if !self.failover.is_stable() {
            self.failover.failback_retry = Some(self.now.tick.plus(super::FAILBACK_RETRY));
            return;
        }
        self.begin_standby(HoldSet::FOREIGN);
    }
}
