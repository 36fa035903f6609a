//! What the partner's life means for ownership: death, restart, return after a partition, conflict.

use super::{CLASSIC_RESTART, Goal, Hearing, Partner, Standby};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{HoldSet, NodeId};

impl Engine {
    /// Whether there is a partner, and it is a node of ours.
    pub(crate) fn partner_is_ours(&self) -> bool {
        self.failover.partner_id.is_some_and(|id| self.node(id).speaks_hb)
    }

    /// Whether there is a partner, and it is a 3.0.6, or has not said yet that it is none.
    pub(crate) fn partner_is_classic(&self) -> bool {
        self.failover.partner_id.is_some_and(|id| !self.node(id).speaks_hb)
    }

    /// Whether there is a partner that is not dead.
    pub(crate) fn partner_lives(&self) -> bool {
        self.failover.partner_id.is_some_and(|id| !self.node(id).is_dead())
    }

    /// Whether there is a partner that lives, and is not on its way out.
    pub(crate) fn partner_stays(&self) -> bool {
        self.partner_lives() && !self.failover.partner.leaving
    }

    /// Rows 17-21: a peer was declared dead.
    pub(crate) fn peer_died(&mut self, node: NodeId) {
        if self.failover.partner_id != Some(node) || self.failover.fencing.is_pending() {
            return;
        }
        self.forget_reach();
        let lent_nothing = !self.failover.groups.has_loans();
        let known = self.failover.partner.hold;
        let was_heard = self.node(node).heard;
        let was_never_there = self.failover.partner.is_new && !was_heard;
        let had_nothing = was_never_there || (was_heard && known == Some(HoldSet::NONE) && lent_nothing);
        // In legacy mode nothing is announced, and a group that we have released may run there before we have released all.
        let is_unknown = self.partner_is_legacy() && !self.failover.partner.leaving;
        // Whoever was taking what we have released has it perhaps ...
        let may_have = !had_nothing || is_unknown || self.failover.standby == Standby::Given;
        // ... and so has whoever was deciding: what it said of it may be lost.
        let settled = was_never_there || (self.failover.partner.stable && self.failover.hold == HoldSet::ALL);
        let fences = (may_have || !settled) && self.failover.fencing.is_on() && !self.failover.is_stopping();
        if !fences {
            self.end_loans();
        }
        let was_giving = self.failover.goals.iter().any(|(goal, _)| !goal.is_up());
        let kept = self.surely_ours();
        if self.forget_standby() {
            self.report(Event::StandbyRefused { why: "the other node died" });
        }
        let (newest, rules) = (self.failover.partner.newest, self.failover.partner.rules);
        self.failover.partner =
            Partner { hold: Some(HoldSet::NONE), stable: true, newest, rules, ..Partner::default() };
        self.failover.requests.forget();
        if self.failover.is_stopping() {
            return;
        }
        let its_own = known.map_or(HoldSet::FOREIGN, HoldSet::mirrored);
        self.failover.taken.get_or_insert_default();
        if fences {
            self.begin_fencing(node, its_own);
            self.failover.groups.keep_what_is_not_gone();
            // Also what we were giving: it is ours as long as it is not gone.
            return self.acquire(kept, Goal::Own, "the other node is dead");
        }
        self.report(if may_have { Event::NotFenced { node } } else { Event::FencingUnneeded { node } });
        let missing = HoldSet::ALL.minus(self.failover.hold);
        if missing.is_empty() && had_nothing && !was_giving {
            return self.retry_stop();
        }
        self.failover.needs_failback = true;
        self.tell_fencing(node, if had_nothing { "unneeded" } else { "n_stnth" });
        self.take_from_the_dead(its_own);
    }

    /// What we hold, but for what we release because the peer is to have it, and for our own groups while a peer in legacy mode
    /// has not answered for each of them: it may run those.
    fn surely_ours(&self) -> HoldSet {
        let yielded = self.sets_of(|goal| goal == Goal::Yield);
        let asked = if self.failover.requests.asked.is_empty() { HoldSet::NONE } else { HoldSet::LOCAL };
        self.failover.hold.minus(yielded).minus(asked)
    }

    /// A peer began a new run: nothing that it said before holds, except its hold set for a fencing decision.
    pub(crate) fn peer_restarted(&mut self, node: NodeId) {
        if self.failover.partner_id != Some(node) {
            return;
        }
        self.forget_reach();
        self.end_fencing(node);
        self.failover.floor = 0;
        self.loans_of_an_earlier_run();
        self.failover.requests.forget();
        let was_giving = self.failover.standby == Standby::Given || self.is_giving();
        let set = self.failover.standby_set;
        if self.forget_standby() {
            self.report(Event::StandbyRefused { why: "the other node started anew" });
        }
        // It lost what it held: whoever has nothing announced holds nothing that we could count on.
        self.failover.partner = Partner { hold: self.failover.partner.hold, ..Partner::default() };
        self.failover.taken = None;
        if was_giving && !self.failover.is_stopping() {
            self.failover.needs_failback |= set.contains(HoldSet::FOREIGN);
            self.acquire(set, Goal::Own, "the other node started anew and never took them");
        }
    }

    /// A peer that we had declared dead was alive all the time.
    pub(crate) fn peer_returned(&mut self, node: NodeId) {
        if self.failover.partner_id != Some(node) || !self.is_active() {
            return;
        }
        self.end_fencing(node);
        self.failover.partner.hearing = Hearing::default();
        self.failover.partner.stable = false;
        self.failover.partner.hold = None;
        self.failover.partner.said = None;
        if self.node(node).speaks_hb {
            // It answers with what it holds; who keeps what follows from both announcements.
            self.announce_and_ask();
            self.ask_reach();
        } else {
            // Only a heartbeat brings us back for it; what we announce before it would be undone by that.
            self.send_status();
            self.ask_reach();
            // 3.0.6 releases everything and starts anew if it had declared us dead as well (`failover.md` 3.8); in
            // either case what we took by a wrong verdict is not ours.
            let taken = self.failover.taken.unwrap_or_default();
            if self.partner_is_legacy() {
                return self.legacy_peer_returned(taken);
            }
            self.yield_set(taken, "the other node was not dead");
            // It answers only when we become stable again in its eyes (rows 10 and 11).
            self.announce(false, None);
            self.announce_state();
        }
    }

    /// Both claim the same groups: decides from what both announced, so that both come to the same result.
    pub(crate) fn resolve_conflict(&mut self) {
        let (Some(id), Some(peer_hold)) = (self.failover.partner_id, self.failover.partner.hold) else {
            return;
        };
        let overlap = self.failover.hold.intersection(peer_hold.mirrored()).minus(self.yielding());
        let settled = self.failover.partner.stable;
        if overlap.is_empty() {
            self.failover.conflict_until = None;
        }
        if overlap.is_empty()
            || !settled
            || self.failover.standby != Standby::Not
            || self.failover.is_stopping()
        {
            return;
        }
        self.report(Event::BothOwn { node: id, set: overlap });
        let sets = [HoldSet::LOCAL, HoldSet::FOREIGN].into_iter();
        let sets = sets.filter(|set| overlap.contains(*set) && self.must_give_up(id, *set));
        let give = sets.fold(HoldSet::NONE, HoldSet::union);
        let keep = overlap.minus(give);
        if !keep.is_empty() {
            self.announce_again();
            if !self.node(id).speaks_hb {
                let until = self.now.tick.plus(CLASSIC_RESTART);
                self.failover.conflict_until.get_or_insert(until);
            }
        }
        if !self.node(id).speaks_hb {
            self.classic_took_by_verdict(give);
        }
        self.yield_set(give, "the other node holds it");
    }

    /// What a 3.0.6 peer claimed during a hand-over it does not claim again after it.
    pub(crate) fn resolve_classic_conflict(&mut self) {
        if self.partner_is_classic() && self.partner_lives() {
            self.resolve_conflict();
        }
    }

    /// A 3.0.6 peer should have released by now and has not: it never lost sight of us (it was asleep itself), will
    /// keep what it holds, and cannot be told anything.
    pub(crate) fn conflict_wait_over(&mut self) {
        if self.failover.conflict_until.is_none_or(|until| until > self.now.tick) {
            return;
        }
        self.failover.conflict_until = None;
        let Some(id) = self.failover.partner_id.filter(|id| !self.node(*id).is_dead()) else { return };
        let theirs = self.failover.partner.hold.unwrap_or_default().mirrored();
        let overlap = self.failover.hold.intersection(theirs).minus(self.yielding());
        if !overlap.is_empty() && self.failover.standby == Standby::Not && !self.failover.is_stopping() {
            self.report(Event::BothOwn { node: id, set: overlap });
            self.yield_set(overlap, "the other node keeps it");
        }
    }

    /// Whether a set that both claim is the other node's.
    ///
    /// Between two of ours this is symmetric in what both announce (`hb-taken`, `hb-epochs`), so both come to opposite answers.
    fn must_give_up(&self, peer: NodeId, set: HoldSet) -> bool {
        let mine = self.failover.taken;
        if !self.node(peer).speaks_hb {
            // It will start anew if it had lost sight of us as well; if not, it does not know of us.
            return mine.is_none_or(|mine| mine.contains(set));
        }
        let theirs = self.failover.partner.taken.map(HoldSet::mirrored);
        let (mine_taken, theirs_taken) =
            (mine.is_some_and(|mine| mine.contains(set)), theirs.is_some_and(|theirs| theirs.contains(set)));
        // If that does not tell, the one with the older epoch releases; without epochs, the node that is not preferred.
        let is_older = match self.failover.claims.compare(set, self.failover.partner.claims) {
            Some(order) if order.is_ne() => order.is_lt(),
            Some(_) | None => set == HoldSet::FOREIGN,
        };
        match (mine.is_some(), theirs.is_some()) {
            // Both were wrong about the other: whoever took gives back.
            (true, true) if mine_taken != theirs_taken => mine_taken,
            // Only one was wrong: it took over by right of its verdict and can serve; the other was asleep, or is
            // perhaps not heard even now.
            (true, false) => !mine_taken && is_older,
            (false, true) => theirs_taken || is_older,
            (true, true) | (false, false) => is_older,
        }
    }

    /// What we are releasing already.
    pub(crate) fn yielding(&self) -> HoldSet {
        self.sets_of(|goal| !goal.is_up())
    }

    /// What the goals of a kind are about.
    fn sets_of(&self, kind: impl Fn(Goal) -> bool) -> HoldSet {
        let goals = self.failover.goals.iter().filter(|(goal, _)| kind(*goal));
        goals.fold(HoldSet::NONE, |sum, (_, set)| sum.union(*set))
    }

    pub(crate) fn yield_set(&mut self, set: HoldSet, why: &'static str) {
        if set.is_empty() {
            return;
        }
        // What is the other node's and stays here still goes back.
        self.failover.needs_failback &= !set.contains(HoldSet::FOREIGN);
        self.release(set, Goal::Yield, why);
    }
}
