//! What the heart leaves with the guard: its last word, signed already, for the case that it dies.
//!
//! The message must be news to every node that hears it, so its number lies ahead of those that are sent meanwhile;
//! when half of them are used up, another is left. A node that hears it asks for the numbers between in vain until it
//! has given the sender up. It is signed as heartbeats are, so that a 3.0.6 peer whose keys are still to be changed takes it.

use hb_resource::{Farewell, Route};

use super::{Heart, Port};
use crate::clock;

/// Hands a farewell over without waiting. What cannot be handed over is missed by nobody but a heart that dies.
pub(crate) type Leave = Box<dyn FnMut(Farewell) + Send>;

impl<P: Port> Heart<P> {
    /// Leaves another farewell when the last is nearly used up.
    pub(super) fn renew_farewell(&mut self) {
        let seq = self.engine.seq();
        if seq < self.farewell_at {
            return;
        }
        self.farewell_at = seq + AHEAD / 2;
        let message = self.engine.farewell(AHEAD);
        let ring = self.signature.ring(&self.keys);
        let packet = ring.seal(&message, self.packing.inner);
        let mut text = Vec::new();
        if self.wires.iter().any(|wire| wire.port.carries_text())
            && let Err(error) = self.packing.seal_text_into(ring, &message, &mut text)
        {
            self.voice.not_sealed(clock::tick(), &error);
        }
        let routes: Vec<Route> = self.wires.iter().map(|wire| wire.port.route()).collect();
        (self.leave)(Farewell { packet, text, routes });
    }

    /// After a change of keys or media.
    pub(super) fn replace_farewell(&mut self) {
        self.spoil_farewell();
        self.renew_farewell();
    }

    /// Another key signs from now on: the next input leaves another one.
    pub(super) const fn spoil_farewell(&mut self) {
        self.farewell_at = 0;
    }
}

/// How far ahead its number lies: so far that leaving one costs nothing beside the heartbeats, and not so far that it would
/// be a gap that nobody can fill (`wire.md` 6.4). A node of 3.0.6 complains once of the numbers that it misses.
const AHEAD: u64 = 64;
