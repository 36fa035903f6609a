//! A cut in one direction: the other node does not hear us, although we hear it, and will declare us dead.
//!
//! ```text
//! last heartbeat that the other node heard                               it declares us dead
//! |<------------------------------- dead time ------------------------------->|
//! |<- two keepalives ->| no renewal of the lease, which ends before ->|       |
//!                                        |<------------- lead --------------->|
//!                                        | we release what we hold            |
//! ```
//! Nothing reaches it, so it will take everything, and only we can see to it that it finds nothing running. Each heartbeat of
//! ours says when its sender will declare the other node dead ([`FIELD`]); only the newest one counts, and only between two
//! nodes. A sender that stops takes nothing, and one that fences takes nothing before the reset: they do not say it. It is
//! believed only by who has listened for two keepalives: right after a stall, or after a partition has healed, nobody has heard
//! anybody yet.

use alloc::format;
use core::time::Duration;

use hb_wire::Message;

use crate::engine::Engine;
use crate::event::Event;
use crate::id::NodeId;
use crate::number;
use crate::time::Tick;

/// What the other node's newest heartbeat says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hearing {
    /// Since when it speaks to us without a break.
    since: Option<Tick>,
    verdict: Option<Verdict>,
    /// We have given up what we held for it.
    pub(crate) is_unheard: bool,
    /// It has been asked what it holds, and drops what was under way when it hears that.
    drops: bool,
}

/// That it will declare us dead if it stays as it is.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    due: Tick,
    /// When it said so.
    told: Tick,
    /// It had not heard our last heartbeat then.
    has_missed: bool,
}

impl Hearing {
    /// For a digest of the state.
    pub(crate) fn what_decides(&self) -> ([bool; 2], Option<Tick>, Option<Tick>) {
        ([self.is_unheard, self.drops], self.since, self.verdict.map(|verdict| verdict.due))
    }

    /// What it announces is not a step of a hand-over: by now it has dropped what was under way.
    pub(crate) const fn has_dropped(&mut self) {
        self.drops = false;
    }
}

impl Engine {
    /// Whether the driver may renew its lease: the other node has heard a heartbeat of the last two keepalives, as the length
    /// of the lease presumes, or does not say otherwise. One that falls silent has said nothing of the kind before: only a
    /// word counts by which it had missed a heartbeat already, and only while such words come.
    #[must_use]
    pub fn may_renew_lease(&self, now: Tick) -> bool {
        let (keepalive, deadtime) = self.judged_by();
        let Some(verdict) = self.failover.partner.hearing.verdict else { return true };
        let latest = now.plus(deadtime.saturating_sub(keepalive * 2));
        let counts = verdict.has_missed && now.since(verdict.told) <= keepalive * 2;
        !counts || verdict.due.plus(LEASE_SLACK) >= latest
    }

    /// Whether no step of a hand-over counts: the other node does not hear us, or has yet to answer that it does.
    pub(crate) const fn is_out_of_step(&self) -> bool {
        self.failover.partner.hearing.is_unheard || self.failover.partner.hearing.drops
    }

    /// Whether this node has released everything because the other one does not hear it.
    pub(crate) const fn is_unheard(&self) -> bool {
        self.failover.partner.hearing.is_unheard
    }

    /// For each `status`: when we will declare the other node dead, if there is one of ours, or none that we know.
    pub(crate) fn tell_verdict(&self, message: &mut Message) {
        let Some(id) = self.failover.partner_id.filter(|_| self.has_one_partner()) else { return };
        let peer = self.node(id);
        let is_new = peer.last_status.is_none();
        let takes_nothing = self.failover.is_stopping() || self.failover.fencing.is_on();
        // A 3.0.6; or a run that we are just about to hear of.
        if takes_nothing || (peer.generation > 0 && (is_new || !peer.speaks_hb)) {
            return;
        }
        let left = self.death_of(id).map_or(Duration::ZERO, |due| due.since(self.now.tick));
        message.push_text(FIELD, &format!("{:x},{:x}", peer.generation, number::millis(left)));
    }

    /// What a heartbeat says about that, which is the newest one of its node.
    pub(crate) fn note_verdict(&mut self, node: NodeId, message: &Message) {
        if self.failover.partner_id != Some(node) || !self.has_one_partner() {
            return;
        }
        let now = self.now.tick;
        let left = self.verdict_in(message);
        let (keepalive, deadtime) = self.judged_by();
        let usual = deadtime.saturating_sub(keepalive + keepalive / 4);
        let verdict = |left| Verdict { due: now.plus(left), told: now, has_missed: left < usual };
        let hearing = &mut self.failover.partner.hearing;
        let since = *hearing.since.get_or_insert(now);
        hearing.verdict = left.map(verdict);
        let is_unheard = left.is_some_and(|left| left <= self.lead());
        if is_unheard == self.is_unheard() || !self.is_active() || self.failover.is_stopping() {
            return;
        }
        if !is_unheard {
            return self.heard_again(node);
        }
        let listened = now.since(since) >= self.beat_interval() * KEEPALIVES_TO_LISTEN;
        if listened && self.local.doubt.is_none_or(|doubt| now >= doubt.until) {
            self.not_heard(node, left.unwrap_or_default());
        }
    }

    /// In how long the other node will declare this run dead; nothing if it has not said so.
    fn verdict_in(&self, message: &Message) -> Option<Duration> {
        let (run, left) = message.text(FIELD)?.split_once(',')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        // 0: it has never heard us.
        number(run).filter(|run| *run == 0 || *run == self.config.generation)?;
        number(left).map(Duration::from_millis)
    }

    /// How long before the other node's verdict we begin to release: two keepalives, as it tells of it once in each, or a
    /// fifth of the dead time, for scripts that take their time; a third at most, or loss alone would bring it about.
    fn lead(&self) -> Duration {
        let (keepalive, deadtime) = self.judged_by();
        (keepalive * 2).max(deadtime / 5).min(deadtime / 3)
    }

    fn not_heard(&mut self, node: NodeId, left: Duration) {
        self.failover.partner.hearing.is_unheard = true;
        self.report(Event::NotHeard { node, left });
        if self.forget_standby() {
            self.report(Event::StandbyRefused { why: NOT_HEARD });
        }
        self.failover.needs_failback = false;
        self.drop_borrowed();
        let set = self.failover.hold.minus(self.yielding());
        self.yield_set(set, NOT_HEARD);
    }

    /// It has declared us dead and taken everything, or was about to: only what it says from now on tells.
    fn heard_again(&mut self, node: NodeId) {
        let newest = self.node(node).receiver.last().unwrap_or(0);
        let partner = &mut self.failover.partner;
        (partner.hearing.is_unheard, partner.hearing.drops) = (false, true);
        partner.newest = partner.newest.max(newest);
        (partner.hold, partner.said, partner.stable) = (None, None, false);
        self.report(Event::HeardAgain { node });
        self.announce_and_ask();
    }

    /// Groups belong to two nodes only, so nobody else tells, or is told.
    fn has_one_partner(&self) -> bool {
        !self.config.groups.is_empty() && self.node_ids().count() == 2
    }
}

/// Why nothing is held, taken or handed over.
pub(crate) const NOT_HEARD: &str = "the other node does not hear this one";
/// `RUN,LEFT`, hexadecimal: the receiver's generation as the sender knows it (0: never heard), and in how many milliseconds
/// the sender will declare it dead unless it hears it (0: it has done so).
const FIELD: &str = "hb-hears";
/// For so long a node that was silent, or has slept itself, may not have heard us yet.
const KEEPALIVES_TO_LISTEN: u32 = 2;
/// Half of what a lease ends before the dead time: a heartbeat is never on time to the microsecond.
const LEASE_SLACK: Duration = Duration::from_millis(15);
