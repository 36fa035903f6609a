//! The orderly stop (`failover.md` 3.6): release everything, say so, linger, end.

use hb_wire::Message;

use super::{Goal, LINGER, Phase, Standby, Stop};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::HoldSet;

impl Engine {
    /// SIGTERM or `hb-ctl stop`.
    pub(crate) fn want_stop(&mut self) {
        // What could not be stopped before, and was left alone, is in the way.
        self.stop_again();
        if self.failover.stop == Stop::No {
            self.failover.stop = Stop::Wanted;
            if !self.may_stop() {
                self.report(Event::StopDelayed);
            }
        }
        self.retry_stop();
    }

    /// Begins a wanted stop as soon as nothing of our own is under way.
    pub(crate) fn retry_stop(&mut self) {
        if self.failover.stop != Stop::Wanted || !self.may_stop() {
            return;
        }
        self.failover.stop = Stop::Releasing;
        self.failover.phase = Phase::Shutdown;
        self.failover.requests.give_up_asking();
        self.forget_fencing();
        self.failover.standby = Standby::Not;
        self.failover.standby_deadline = None;
        self.report(Event::Stopping);
        self.release(HoldSet::ALL, Goal::Stop, "this node stops");
    }

    /// Waits for jobs and for sets that have not settled, but not for the other side of a hand-over.
    fn may_stop(&self) -> bool {
        self.failover.goals.is_empty() && !self.failover.groups.is_busy()
    }

    /// Everything is released: say so. `none` is announced only now, when it is true.
    pub(crate) fn released_all(&mut self) {
        if self.failover.stop != Stop::Releasing {
            return;
        }
        if self.is_active() {
            self.announce(false, Some("shutdown"));
        }
        let mut message = Message::new("shutdone");
        message.push_text("st", "dead");
        self.send(message);
        self.failover.stop = Stop::Lingering(self.now.tick.plus(LINGER));
        self.linger_over();
    }

    /// A 3.0.6 peer believes the announcement that arrives last: one from before our farewell that is late would have it fence a node
    /// that has stopped in order (`failover.md` 6.2). Without `isstable` this changes nothing else there (row 12).
    pub(crate) fn say_farewell_again(&mut self) {
        if !matches!(self.failover.stop, Stop::Lingering(_)) {
            return;
        }
        let mut message = Message::new("resource");
        message.push_text("rsc_hold", self.failover.hold.as_str());
        message.push_text("rtype", "full");
        message.push_text("info", "shutdown");
        self.send(message);
    }

    /// Ends the time in which lost messages are still sent again, or cuts it short when nobody needs it.
    pub(crate) fn linger_over(&mut self) {
        let Stop::Lingering(until) = self.failover.stop else { return };
        let alone = self.failover.partner_id.is_none_or(|id| self.node(id).is_dead() || !self.node(id).heard);
        if alone || until <= self.now.tick {
            self.failover.stop = Stop::Ended;
            self.report(Event::Stopped);
        }
    }

    /// A peer of ours that announces everything as its own has heard our last word.
    pub(crate) fn end_linger_early(&mut self) {
        let Some(id) = self.failover.partner_id else { return };
        if matches!(self.failover.stop, Stop::Lingering(_))
            && self.node(id).speaks_hb
            && self.failover.partner.hold == Some(HoldSet::ALL)
        {
            self.failover.stop = Stop::Lingering(self.now.tick);
            self.linger_over();
        }
    }
}
