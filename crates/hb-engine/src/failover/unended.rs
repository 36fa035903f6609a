//! A hand-over that we have dropped, and a 3.0.6 peer has not: which end it is given.
//!
//! A 3.0.6 that agreed to take a set waits for our `done` for an hour, takes part in nothing else meanwhile, and cannot be stopped
//! (`failover.md` 3.7 and 11.13). It may agree right after it declared us dead, to a question that it read late; it has the set then. There is
//! no word that ends a hand-over but its own (12.6), so it is told that a release is done which has released nothing. One that gives
//! goes on with it as well: what it has released then is nobody's until we take it.

use core::time::Duration;

use hb_wire::Message;

use super::{HANDOVER_WAIT, Phase};
use crate::engine::Engine;
use crate::id::{HoldSet, NodeId};
use crate::time::Tick;

/// What a 3.0.6 peer goes on with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unended {
    /// The set that it agreed to take (our terms), until when it waits, and when it is looked next whether it can be told.
    pub(crate) takes: Option<(HoldSet, Tick, Tick)>,
    /// The set that it gives (its terms): it said so, we agreed, and then it claimed it again. Whether its scripts have reported since then:
    /// what they have yet to take, its own groups among it, they take after the release.
    pub(crate) gives: Option<(HoldSet, bool)>,
}

impl Engine {
    /// It agreed to take this set of ours, which it is not given.
    pub(super) fn goes_on_taking(&mut self, set: HoldSet) {
        if self.partner_is_classic() {
            let now = self.now.tick;
            self.failover.partner.unended.takes = Some((set, now.plus(HANDOVER_WAIT), now.plus(LOOK_AGAIN)));
        }
    }

    /// What it waits for it does not get by this hand-over.
    pub(super) fn is_not_given(&mut self) {
        if let Some((set, _)) = self.failover.partner.waits.take() {
            self.goes_on_taking(set);
        }
    }

    /// A peer that we hold for dead, or did a moment ago, agrees to what it was asked before that.
    pub(crate) fn agrees_too_late(&mut self, node: NodeId, message: &Message) {
        let agrees = message.text("info").is_some_and(|info| info.eq_ignore_ascii_case("other"));
        let set = message.text("rsc_hold").and_then(HoldSet::parse);
        if let Some(set) = set.filter(|_| agrees && self.failover.partner_id == Some(node)) {
            self.goes_on_taking(set);
        }
    }

    /// Tells a peer that waits for a set which it has that there is nothing to wait for.
    pub(crate) fn end_what_is_unended(&mut self) {
        let Some((set, until, _)) =
            self.failover.partner.unended.takes.filter(|(.., look)| *look <= self.now.tick)
        else {
            return;
        };
        let has_it = self.failover.partner.hold.is_some_and(|hold| hold.contains(set.mirrored()));
        let is_at_rest = self.failover.phase == Phase::Stable && self.failover.is_quiet();
        let may = has_it && is_at_rest && self.partner_lives() && self.failover.conflict_until.is_none();
        if may && self.failover.hold.intersection(set).is_empty() {
            self.failover.partner.unended.takes = None;
            return self.ask_resources(set, "done");
        }
        let look = self.now.tick.plus(LOOK_AGAIN);
        self.failover.partner.unended.takes = (look < until).then_some((set, until, look));
    }
}

/// Pause before it is looked again whether a peer can be told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
