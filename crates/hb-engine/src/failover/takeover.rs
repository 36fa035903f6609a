//! A 3.0.6 peer that declared us dead: its take-over scripts run on until they report (`mach_down`), whatever it says meanwhile.
//!
//! 3.0.6 gives back (`auto_failback on`) what its scripts are still starting; the start ends after the release and nobody there
//! notices (`failover.md` 3.4, last row). So what they take counts as its own until their report, and what it gives before that
//! is not taken. An orderly stop of it waits for them.

use core::time::Duration;

use crate::engine::Engine;
use crate::event::Event;
use crate::id::HoldSet;
use crate::time::Tick;

/// What we know of the take-over scripts of a 3.0.6 peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Takeover {
    /// What they may be starting, in its terms.
    pub(crate) set: HoldSet,
    /// The number of their report, if it holds what they took.
    pub(crate) reported: Option<u64>,
    /// It gave before they reported; until then the report is waited for.
    pub(crate) until: Option<Tick>,
}

impl Engine {
    /// A 3.0.6 peer claims this (in our terms), which is here, so it had declared us dead.
    pub(super) fn classic_took_by_verdict(&mut self, set: HoldSet) {
        let takeover = &mut self.failover.partner.takeover;
        if takeover.reported.is_none() {
            takeover.set = takeover.set.union(set.mirrored());
        }
    }

    /// What it holds by a full announcement with this number, and what its scripts are still taking.
    pub(super) fn with_its_scripts(&mut self, seq: u64, said: HoldSet, stops: bool) -> HoldSet {
        let takeover = &mut self.failover.partner.takeover;
        if stops {
            *takeover = Takeover::default();
        }
        if !said.contains(HoldSet::FOREIGN) && takeover.reported.is_some_and(|reported| reported < seq) {
            takeover.reported = None;
        }
        said.union(takeover.set)
    }

    /// Its scripts have done what they do. What it gave before that it has now, and gives again when it is asked.
    pub(super) fn scripts_reported(&mut self, seq: u64) {
        let takeover = &mut self.failover.partner.takeover;
        let gave = takeover.until.is_some();
        *takeover = Takeover { set: HoldSet::NONE, reported: Some(seq), until: None };
        if let Some((_, has_reported)) = &mut self.failover.partner.unended.gives {
            *has_reported = true;
        }
        if gave && !self.failover.is_stopping() {
            self.failover.partner.stable = false;
            self.announce_and_provoke();
        }
    }

    /// It gives this set (its terms) while its scripts still take some of it: ends the hand-over and takes nothing. It waits for
    /// our word, so it gets one. False if nothing of the set is being taken.
    pub(super) fn gives_too_early(&mut self, set: HoldSet) -> bool {
        let takeover = &mut self.failover.partner.takeover;
        if takeover.set.intersection(set).is_empty() {
            return false;
        }
        takeover.until = Some(self.now.tick.plus(SCRIPTS_WAIT));
        self.forget_standby();
        self.report(Event::StandbyRefused { why: "the scripts of the other node still take it" });
        self.announce_state();
        self.ask_resources(set, "done");
        true
    }

    /// Its scripts have not reported for so long that nobody waits for them any more.
    pub(crate) fn scripts_wait_over(&mut self) {
        let takeover = &mut self.failover.partner.takeover;
        if takeover.until.is_none_or(|until| until > self.now.tick) {
            return;
        }
        let set = takeover.set;
        *takeover = Takeover::default();
        if let Some(hold) = self.failover.partner.said {
            self.failover.partner.hold = Some(hold.minus(set));
        }
        self.adopt_orphans();
    }
}

/// Addresses take a second; what starts for longer than this may run twice.
const SCRIPTS_WAIT: Duration = Duration::from_secs(60);
