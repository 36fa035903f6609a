//! The messages `starting`, `resource` and `shutdone` (rows 4-16 and 23 of the table).

use hb_wire::Message;

use super::{
    Claims, Goal, Hearing, LOCAL_WAIT, ORPHANS_AGAIN, ORPHANS_FIRST, Phase, RUN_FIELD, Standby, Takeover,
};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{HoldSet, NodeId};
use crate::number;

impl Engine {
    /// Rows 4-6: a peer started and asks who holds what.
    pub(crate) fn receive_starting(&mut self, node: NodeId, seq: u64) {
        // Sent again after its loss it says nothing new if the peer has decided since then.
        let decided = self.failover.partner.started || self.failover.partner.stable;
        if self.failover.partner_id != Some(node) || (seq < self.failover.partner.newest && decided) {
            return;
        }
        self.partner_is_nice();
        self.failover.partner.started = true;
        match self.failover.phase {
            Phase::Init | Phase::BothStarting => {}
            Phase::Starting => {
                self.failover.partner.stable = false;
                self.failover.phase = Phase::BothStarting;
                self.announce(false, None);
                self.resources_received();
                if self.failover.partner.hold.is_none() {
                    // Ours may have come before it could answer.
                    self.send(Message::new("starting"));
                }
            }
            Phase::ResourcesReceived | Phase::Stable | Phase::Shutdown => {
                self.failover.partner.stable = false;
                self.announce_state();
            }
        }
        self.decide_early();
    }

    /// Row 8: an announcement was seen, so the wait for a decision has an end.
    fn resources_received(&mut self) {
        if matches!(self.failover.phase, Phase::Starting | Phase::BothStarting) {
            self.failover.phase = Phase::ResourcesReceived;
            let deadline = self.now.tick.plus(LOCAL_WAIT);
            self.failover.local_deadline.get_or_insert(deadline);
        }
    }

    /// Rows 7-13: a peer announced what it holds.
    pub(crate) fn receive_resource(&mut self, node: NodeId, seq: u64, message: &Message) {
        if self.failover.partner_id != Some(node) || self.failover.phase == Phase::Init {
            return;
        }
        if seq < self.failover.partner.newest {
            // Lost, sent again, and overtaken by a newer one. Only the question in it still stands.
            if message.has("hb-ask") {
                let asked = self.has_asked();
                self.partner_lost_us(seq);
                if asked && self.failover.standby == Standby::Not {
                    self.take_question_back();
                }
                self.announce_state();
            }
            return;
        }
        if self.is_for_an_earlier_run(message) {
            return; // The answer to our `starting` is still to come.
        }
        let Some(text) = message.text("rsc_hold") else {
            return self.report(Event::BadMessage { why: "announcement without hold set" });
        };
        let said = HoldSet::parse(text).unwrap_or(HoldSet::NONE);
        let full = message.text("rtype") == Some("full");
        self.partner_is_nice();
        let said_before = self.failover.partner.said;
        if full {
            self.failover.partner.newest = seq;
            self.failover.partner.said = Some(said);
        }
        let hold = match self.failover.partner.hold {
            Some(before) if !full && !said.is_empty() => before.union(said),
            Some(_) | None => said,
        };
        let info = message.text("info");
        let hold = if full { self.with_its_scripts(seq, hold, info == Some("shutdown")) } else { hold };
        let before = self.failover.partner.hold.replace(hold);
        if before.is_some_and(|before| !hold.minus(before).is_empty()) {
            // It has taken something, so it waits for nothing, unless it agreed after it had.
            self.is_not_given();
        }
        self.failover.partner.taken =
            message.text("hb-taken").map(|text| HoldSet::parse(text).unwrap_or_default().intersection(hold));
        self.failover.partner.claims = Claims::read(message);
        self.resources_received();
        let Some(stable) = message.text("isstable").map(|text| text == "1") else {
            // Row 12: a take-over script's report. What it took because it had declared us dead may run here.
            if info == Some("mach_down") && self.partner_is_classic() {
                self.scripts_reported(seq);
            }
            if self.failover.phase == Phase::Stable {
                self.resolve_conflict();
            }
            return;
        };
        self.report(Event::PeerHolds { node, hold, stable });
        if info != Some("standby") {
            self.failover.partner.hearing.has_dropped();
        }
        self.failover.partner.leaving = info == Some("shutdown");
        let was_giving = self.failover.partner.giving;
        // A 3.0.6 calls itself stable at any time.
        self.failover.partner.giving =
            self.partner_is_ours() && (info == Some("standby") || was_giving && !stable);
        let was_stable = core::mem::replace(&mut self.failover.partner.stable, stable);
        if info == Some("standby") && self.failover.standby == Standby::Waiting {
            self.failover.standby_deadline = Some(self.now.tick.plus(super::HANDOVER_WAIT));
        }
        if message.has("hb-ask") || message.has("hb-taken") {
            self.partner_lost_us(seq);
        }
        self.taker_has_it(seq);
        let had_left = before.is_some_and(|before| before.intersection(self.failover.standby_set).is_empty());
        let stops = self.partner_is_ours() && self.failover.partner.leaving;
        // One of ours calls itself stable only when the hand-over has ended for it.
        let has_ended = was_giving && stable;
        self.giver_took_it_back(seq, had_left || has_ended || stops, has_ended, hold);
        if stable {
            self.classic_takes_over(said_before, hold);
        }
        if self.failover.phase == Phase::Stable {
            self.resolve_conflict();
            self.forget_partition(hold);
            self.take_what_waits(node, message);
        }
        if stable {
            self.peer_is_stable(was_stable);
        }
        if message.has("hb-ask") && (was_stable || !stable) {
            self.announce_state();
        }
        self.decide_early();
        if self.failover.phase == Phase::Stable {
            self.adopt_orphans();
        }
        self.end_linger_early();
    }

    /// Whether we have yet to decide, and a peer of ours said this before it knew of our run: it may have taken over from
    /// the run before since then, and what it said of that may be lost, or later than this.
    fn is_for_an_earlier_run(&self, message: &Message) -> bool {
        let undecided = match self.failover.phase {
            Phase::Init | Phase::Starting | Phase::BothStarting | Phase::ResourcesReceived => true,
            Phase::Stable | Phase::Shutdown => false,
        };
        // 0: it has never heard of us, so it took everything, or will.
        let run = number::hex(message, RUN_FIELD).filter(|run| *run > 0);
        undecided && run.is_some_and(|run| run < self.config.generation)
    }

    /// It has declared us dead since the hand-over began, and dropped it then: nobody begins one while a partition is
    /// still to be sorted out. What we had begun to release we yield. If it said so before we asked, and we only hear it
    /// now, it will refuse to answer.
    fn partner_lost_us(&mut self, seq: u64) {
        if (seq > self.failover.floor || self.has_asked()) && self.forget_standby() {
            self.report(Event::StandbyRefused { why: "the other node had given this one up" });
        }
        // What it asked before that is no longer asked.
        self.failover.floor = self.failover.floor.max(seq);
    }

    /// Rows 10 and 13.
    fn peer_is_stable(&mut self, was_stable: bool) {
        match self.failover.phase {
            Phase::Stable => {
                if !was_stable {
                    self.announce_state();
                }
                // That it was not for a while may be lost.
                if !was_stable || self.partner_is_ours() {
                    self.try_failback();
                }
            }
            Phase::Shutdown => {
                if !was_stable {
                    self.announce(false, None);
                }
            }
            Phase::Init | Phase::Starting | Phase::BothStarting | Phase::ResourcesReceived => {
                self.decide_first("the other node is stable");
            }
        }
    }

    /// Instead of the ten seconds of row 16: both nodes are starting and both said so; the peer holds nothing of
    /// ours, and its run is too young to be releasing anything.
    fn decide_early(&mut self) {
        let partner = self.failover.partner;
        let both_start =
            self.failover.phase == Phase::ResourcesReceived && partner.started && !partner.leaving;
        if both_start && partner.hold.is_some_and(|hold| !hold.contains(HoldSet::FOREIGN)) {
            self.decide_first("both nodes start together");
        }
    }

    /// Row 16: nobody calls itself stable; we do not wait for ever.
    pub(crate) fn local_wait_over(&mut self) {
        let due = self.failover.local_deadline.is_some_and(|due| due <= self.now.tick);
        if !due || self.failover.phase != Phase::ResourcesReceived {
            return;
        }
        if self.failover.partner.leaving && self.partner_is_classic() {
            // It still runs what it is releasing, although it says `none` from the begin; its last word, or its
            // death, brings us on.
            return self.failover.local_deadline = Some(self.now.tick.plus(LOCAL_WAIT));
        }
        self.decide_first("nobody else decided");
    }

    /// Both are stable and claim different groups: a partition before this says nothing about the next one.
    pub(super) fn forget_partition(&mut self, hold: HoldSet) {
        if self.failover.partner.stable && self.failover.hold.intersection(hold.mirrored()).is_empty() {
            self.failover.taken = None;
        }
    }

    /// Both are stable and nobody has some groups: 3.0.6 only logs that. A peer of ours has removed at its start what an
    /// earlier run left behind, so each node takes its own.
    pub(super) fn adopt_orphans(&mut self) {
        if self.failover.is_stopping() {
            return;
        }
        let Some(peer_hold) = self.failover.partner.hold else { return };
        let owned = self.failover.hold.union(peer_hold.mirrored());
        let orphans = HoldSet::ALL.minus(owned);
        if orphans.is_empty() {
            self.failover.orphans_again = None;
            return;
        }
        if !self.failover.is_stable() || self.is_unheard() {
            let is_due = self.failover.orphans_again.is_none_or(|due| due <= self.now.tick);
            if is_due && self.partner_lives() {
                // Nothing that is still to come need bring us back.
                self.failover.orphans_again = Some(self.now.tick.plus(ORPHANS_FIRST));
            }
            return;
        }
        if self.partner_is_ours() {
            self.report(Event::NobodyOwns { set: orphans });
            if orphans.contains(HoldSet::LOCAL) {
                self.acquire_own("nobody owned them");
            }
        } else if self.failover.orphans_again.is_none() {
            // Unless the next announcement names an owner.
            self.failover.orphans_again = Some(self.now.tick.plus(ORPHANS_FIRST));
            self.report(Event::NobodyOwns { set: orphans });
        } else if self.failover.orphans_again.is_some_and(|due| due <= self.now.tick) {
            self.failover.orphans_again = Some(self.now.tick.plus(ORPHANS_AGAIN));
            self.hand_over_orphans(orphans);
        }
    }

    /// An earlier run of a 3.0.6 peer may have left groups up that this run does not know. A hand-over of them is safe
    /// in either direction: as the giver it stops them first, as the taker it leaves alone what already runs.
    fn hand_over_orphans(&mut self, orphans: HoldSet) {
        if self.failover.partner.leaving || self.failover.taken.is_some() {
            return;
        }
        if orphans.contains(HoldSet::LOCAL) {
            self.ask_takeover(HoldSet::LOCAL);
        } else {
            self.begin_standby(HoldSet::FOREIGN);
        }
    }

    /// Time to look again whether somebody owns what nobody owned.
    pub(crate) fn orphans_wait_over(&mut self) {
        if self.failover.orphans_again.is_some_and(|due| due <= self.now.tick) {
            self.adopt_orphans();
            if self.failover.orphans_again.is_some_and(|due| due <= self.now.tick) {
                self.failover.orphans_again = None;
            }
        }
    }

    /// Row 23: a peer has released everything and stops.
    pub(crate) fn receive_shutdone(&mut self, node: NodeId) {
        if self.failover.partner_id != Some(node) || self.failover.phase == Phase::Init {
            return;
        }
        self.report(Event::PeerShutdown { node });
        self.end_fencing(node);
        self.forget_reach();
        self.failover.partner.hold = Some(HoldSet::NONE);
        self.failover.partner.stable = true;
        self.failover.partner.leaving = true;
        self.failover.partner.taken = None;
        // It takes nothing any more.
        self.failover.partner.hearing = Hearing::default();
        self.failover.partner.takeover = Takeover::default();
        self.end_loans();
        if self.failover.is_stopping() {
            return;
        }
        self.forget_standby();
        self.failover.needs_failback = true;
        self.acquire(HoldSet::ALL, Goal::Own, "the other node stopped");
    }
}
