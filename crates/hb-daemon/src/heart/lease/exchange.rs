//! How another lease takes the place of the one that is in force, or none does, while addresses are here.
//!
//! Right after a heartbeat, as a renewal, and never while the lease has run out or must not be renewed: those addresses are closed
//! for a reason. The new one is acquired before the old one is let go, so that at no time neither protects; until it is granted
//! the old one is renewed as ever.

use std::time::Duration;

use super::{AGAIN, Hands, LeaseChange, State, TRIES};
use crate::clock;
use crate::heart::change::Discarded;
use crate::heart::message::FromHeart;
use crate::heart::{Heart, Port};

impl<P: Port> Heart<P> {
    /// Another lease from the next heartbeat on, or as soon as it can be.
    pub(in crate::heart) fn exchange_lease(&mut self, change: LeaseChange) {
        if matches!(change, LeaseChange::Stays) {
            return;
        }
        if let LeaseChange::To(hands) = std::mem::replace(&mut self.tenure.coming, change) {
            self.let_go(hands);
        }
    }

    /// Exchanges the lease if another one is coming and can be had.
    pub(super) fn change_lease(&mut self) {
        let is_coming = !matches!(self.tenure.coming, LeaseChange::Stays);
        if !is_coming || self.lease_is_lost() || !self.engine.may_renew_lease(clock::tick()) {
            return;
        }
        match std::mem::take(&mut self.tenure.coming) {
            LeaseChange::Stays => {}
            LeaseChange::Ends => self.replace_lease(None, State::Idle),
            LeaseChange::To(hands) => self.change_lease_to(hands),
        }
    }

    fn change_lease_to(&mut self, mut hands: Hands) {
        let (keepalive, deadtime) = self.engine.judged_by();
        let Ok(length) = hands.steps.length(keepalive, deadtime) else {
            // Nothing is held by it; that is told when its length is looked for.
            return self.replace_lease(Some(hands), State::Idle);
        };
        if hands.length != length {
            if hands.steps.set_length(length).is_ok() {
                hands.length = length;
            }
            // Known to the kernel at the next heartbeat: it must not begin with another one.
            self.tenure.coming = LeaseChange::To(hands);
            return;
        }
        if self.tenure.held.is_empty() {
            return self.replace_lease(Some(hands), State::Idle);
        }
        if let Some(granted) = hands.acquire(self.tenure.sent, keepalive) {
            return self.replace_lease(Some(hands), State::Living(granted));
        }
        if hands.steps.acquires_later() {
            self.tenure.tries += 1;
            self.tenure.again = (self.tenure.tries < TRIES).then(|| clock::tick().plus(AGAIN));
        } else {
            // Refused only where there is no gate.
            let _ = hands.steps.release();
        }
        self.tenure.coming = LeaseChange::To(hands);
    }

    fn replace_lease(&mut self, hands: Option<Hands>, state: State) {
        let is_gone = hands.is_none();
        let before = std::mem::replace(&mut self.tenure.hands, hands);
        self.tenure.state = state;
        self.tenure.again = None;
        self.tenure.counts.has_no_room = false;
        // Its length is looked at anew, and told to the engine.
        self.tenure.judged_by = (Duration::ZERO, Duration::ZERO);
        if is_gone {
            self.engine.set_lease(None);
        }
        if let Some(before) = before {
            self.let_go(before);
        }
    }

    fn let_go(&mut self, hands: Hands) {
        // Refused only where there is no gate.
        let _ = hands.steps.release();
        self.answers.push_back(FromHeart::Discarded(Discarded::of(hands)));
    }
}
