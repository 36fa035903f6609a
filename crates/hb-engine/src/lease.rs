//! What the driver must know to hold the addresses by a lease of the kernel's, and what follows when it lost that.
//!
//! The lease itself, its length and its renewal are the driver's: renewed after each heartbeat, and gone when the driver
//! slept for too long. Whether what is configured on this machine is still this node's to serve is decided here.

use core::time::Duration;

use crate::engine::Engine;
use crate::time::{Now, Tick};

impl Engine {
    /// The time from one heartbeat to the next, and the shortest silence after which anybody may declare this node dead:
    /// the others judge by what we tell them; one with a shorter time of its own is respected as well.
    #[must_use]
    pub fn judged_by(&self) -> (Duration, Duration) {
        let told = self.nodes.iter().filter_map(|node| node.deadtime);
        (self.beat_interval(), told.fold(self.config.deadtime, Duration::min))
    }

    /// How long the driver's lease is; `None`: there is none. Sent in each status (`hb-lease`), for the other nodes' eyes.
    pub fn set_lease(&mut self, length: Option<Duration>) {
        self.local.lease = length;
    }

    /// The right to serve ran out while the driver slept, so another node may have taken over: asks it. Until it has
    /// answered, [`Engine::is_undisputed`] says no. The outputs are to be drained as after [`Engine::handle`].
    pub fn lease_lost(&mut self, now: Now) {
        self.now = Now { tick: now.tick.max(self.now.tick), wall: now.wall };
        let Some(id) = self.failover.partner_id.filter(|id| !self.node(*id).is_dead()) else { return };
        if !self.is_active() || self.failover.is_stopping() {
            return;
        }
        self.failover.partner.stable = false;
        self.failover.partner.hold = None;
        self.failover.partner.said = None;
        if self.node(id).speaks_hb {
            self.announce_and_ask();
        } else {
            self.announce_and_provoke();
        }
    }

    /// The right to serve is there again: tells the network where the addresses are. The outputs are to be drained as after
    /// [`Engine::handle`].
    pub fn lease_regained(&mut self, now: Now) {
        self.now = Now { tick: now.tick.max(self.now.tick), wall: now.wall };
        self.announce_again();
    }

    /// Whether this node may serve what it holds: it has listened since it woke late, and the other node is dead or
    /// claims nothing of it.
    #[must_use]
    pub fn is_undisputed(&self, now: Tick) -> bool {
        if self.is_unheard() || self.local.doubt.is_some_and(|doubt| now < doubt.until) {
            return false;
        }
        let partner = &self.failover.partner;
        let theirs = partner.hold.map(crate::id::HoldSet::mirrored);
        let overlaps = theirs.is_none_or(|theirs| !self.failover.hold.intersection(theirs).is_empty());
        !self.partner_lives() || (partner.stable && !overlaps && !self.has_recalled())
    }
}
