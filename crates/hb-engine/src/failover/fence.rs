//! Fencing: nothing of a dead node is taken before a device has switched it off, or a human says that it is (`failover.md` 6).
//!
//! Decides when a node is to be reset, when that is tried again, and when it is given up because the node is back and well.
//! How it is done is the driver's business. Different from 3.0.6, each with a line in `docs/differences.md`: a node that
//! returned is not reset any more, and while a node waits for its reset nothing new is acquired, our own groups included.

use alloc::string::String;
use core::time::Duration;

use hb_wire::Message;

use super::Goal;
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{HoldSet, JobId, NodeId};
use crate::io::{Outcome, Output};
use crate::time::Tick;

/// A reset that failed is tried again so long after its end (`failover.md` 6.2).
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What is known of devices and victims.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fencing {
    /// How long after a death the first reset is tried; `None`: there is no device.
    delay: Option<Duration>,
    victim: Option<Victim>,
    /// The reset that runs, perhaps of a node that is back meanwhile: two at once would fight over one device.
    running: Option<Running>,
}

/// A reset that has begun.
#[derive(Clone, Copy, Debug)]
struct Running {
    job: JobId,
    /// The node died anew since, or an operator was faster: its success says nothing.
    is_stale: bool,
}

/// A dead node that may still hold what it held.
#[derive(Clone, Copy, Debug)]
struct Victim {
    node: NodeId,
    /// When the next reset begins.
    due: Tick,
    failures: u32,
    /// What the node held, in our terms.
    held: HoldSet,
}

impl Fencing {
    /// Whether there is a device.
    pub(crate) const fn is_on(&self) -> bool {
        self.delay.is_some()
    }

    /// Whether a dead node has to be reset before anything is taken.
    pub(crate) const fn is_pending(&self) -> bool {
        self.victim.is_some()
    }

    /// The node that is to be reset, and how often that has failed.
    pub(crate) fn victim(&self) -> Option<(NodeId, u32)> {
        self.victim.map(|victim| (victim.node, victim.failures))
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        self.victim.filter(|_| self.running.is_none()).map(|victim| victim.due)
    }

    /// For the digest: whether one is pending, whether a reset runs and counts, how long the next one still waits.
    pub(crate) fn what_decides(&self) -> (Option<HoldSet>, Option<bool>, Option<Tick>) {
        let running = self.running.map(|running| running.is_stale);
        (self.victim.map(|victim| victim.held), running, self.next_deadline())
    }

    /// Nobody waits any more; what runs comes to its end, since half a reset could leave the node without power.
    fn forget(&mut self) -> Option<Victim> {
        if let Some(running) = &mut self.running {
            running.is_stale = true;
        }
        self.victim.take()
    }
}

impl Engine {
    /// Whether there is a device that resets other nodes, and how long after a death it is used first: of two nodes that
    /// have lost sight of each other the one with the shorter delay wins. `None`: there is none (the default), and what a
    /// dead node held is taken at once.
    pub fn set_fencing(&mut self, delay: Option<Duration>) {
        self.failover.fencing.delay = delay;
    }

    /// A node died that may hold something: `held`, in our terms.
    pub(crate) fn begin_fencing(&mut self, node: NodeId, held: HoldSet) {
        let Some(delay) = self.failover.fencing.delay else { return };
        let due = self.now.tick.plus(delay);
        self.failover.fencing.victim = Some(Victim { node, due, failures: 0, held });
        self.report(Event::Fencing { node, delay });
        self.drive_fencing();
    }

    /// Begins a reset that is due.
    pub(crate) fn drive_fencing(&mut self) {
        let now = self.now.tick;
        let is_due = self.failover.fencing.next_deadline().is_some_and(|due| due <= now);
        let Some(victim) = self.failover.fencing.victim.as_mut().filter(|_| is_due) else { return };
        if let Some(doubt) = self.local.doubt.filter(|doubt| now < doubt.until) {
            // We have slept, and it may be well by now.
            victim.due = doubt.until;
            return;
        }
        let node = victim.node;
        let job = self.failover.groups.new_job();
        self.failover.fencing.running = Some(Running { job, is_stale: false });
        self.outputs.push_back(Output::Fence { job, node });
    }

    /// A reset ended; one that no node waits for any more is ignored.
    pub(crate) fn fencing_done(&mut self, job: JobId, outcome: &Outcome) {
        let now = self.now.tick;
        let Some(running) = self.failover.fencing.running.take_if(|running| running.job == job) else {
            return;
        };
        let Some(victim) = self.failover.fencing.victim.as_mut().filter(|_| !running.is_stale) else {
            return self.drive_fencing();
        };
        let node = victim.node;
        match outcome {
            Outcome::Ok => self.fenced(false),
            Outcome::Failed { reason, .. } => {
                victim.due = now.plus(RETRY_AFTER);
                victim.failures = victim.failures.saturating_add(1);
                let reason: String = reason.clone();
                self.tell_fencing(node, "bad");
                self.report(Event::FencingFailed { node, reason });
            }
        }
    }

    /// An operator says that this node is off.
    pub(crate) fn confirm_fenced(&mut self, node: NodeId) {
        if self.failover.fencing.victim().is_some_and(|(victim, _)| victim == node) {
            self.fenced(true);
        }
    }

    /// It is off: what it held is free.
    fn fenced(&mut self, by_hand: bool) {
        let Some(victim) = self.failover.fencing.forget() else { return };
        self.tell_fencing(victim.node, "OK");
        self.report(Event::Fenced { node: victim.node, by_hand });
        if self.failover.is_stopping() {
            return;
        }
        self.end_loans();
        self.failover.needs_failback = true;
        self.take_from_the_dead(victim.held);
    }

    /// A node is back, by itself or because somebody has started it: it must not be reset now.
    pub(crate) fn end_fencing(&mut self, node: NodeId) {
        if self.failover.fencing.victim().is_some_and(|(victim, _)| victim == node) {
            self.failover.fencing.forget();
            self.report(Event::FencingEnded { node });
        }
    }

    /// We stop, and so take nothing any more.
    pub(crate) fn forget_fencing(&mut self) {
        if let Some((node, _)) = self.failover.fencing.victim() {
            self.end_fencing(node);
        }
    }

    /// Takes everything after the end of a node that held this, in our terms.
    pub(crate) fn take_from_the_dead(&mut self, held: HoldSet) {
        let taken = *self.failover.taken.get_or_insert_default();
        let missing = HoldSet::ALL.minus(self.failover.hold);
        // What it held when it died is what a wrong verdict would take from it.
        self.failover.taken = Some(taken.union(missing.intersection(held)));
        self.acquire(HoldSet::ALL, Goal::Own, "the other node is dead");
    }

    /// What of a set may be acquired now: nothing that is not held already while a dead node may still hold it.
    /// Nothing at all while the other node, which takes everything, does not hear us.
    pub(crate) fn free_of(&self, set: HoldSet) -> HoldSet {
        if self.is_unheard() {
            return HoldSet::NONE;
        }
        if self.failover.fencing.is_pending() { set.intersection(self.failover.hold) } else { set }
    }

    pub(crate) fn tell_fencing(&mut self, node: NodeId, result: &str) {
        let mut message = Message::new("stonith");
        message.push_text("node", &self.node(node).name);
        message.push_text("result", result);
        self.send(message);
    }
}
