//! What only a 3.0.6 peer can be blamed for: the exact cases in which a mixed pair may break a rule of ownership.
//!
//! Each case is a state of the 3.0.6 node and how it came to that, not a comparison with another run: a mixed pair that
//! breaks a rule for any other reason fails. No rule about messages, verdicts or time is ever excused.

use hb_engine::{Failback, HoldSet};

use super::Watch;
use crate::brain::Brain;
use crate::host::set_of;
use crate::report::ClassicDefect;
use crate::scenario::Kind;
use crate::world::World;

/// A hand-over that a 3.0.6 node takes part in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandOver {
    /// The life of the other node when it began.
    life: u32,
    /// One of the two has declared the other dead since then, or our node gave up: after the ten seconds that 3.0.6 waits
    /// as well, or because a group could not be stopped, for which 3.0.6 would reboot.
    broken_off: bool,
    /// The 3.0.6 node said that it had released.
    given: bool,
}

impl Watch {
    /// One node has declared the other dead.
    pub(crate) fn lost_sight(&mut self) {
        if let Some(hand_over) = &mut self.hand_over {
            hand_over.broken_off = true;
        }
    }

    /// A node of ours gave up a hand-over.
    pub(crate) fn refused(&mut self, why: &str) {
        if ["the other node did not answer", "a group could not be stopped, so what was to go stays here"]
            .contains(&why)
        {
            self.lost_sight();
        }
    }
}

impl World<'_> {
    /// A 3.0.6 node says a step of a hand-over.
    pub(crate) fn watch_step(&mut self, info: Option<&str>) {
        if let Some(hand_over) = self.watch.hand_over.as_mut().filter(|_| info == Some("done")) {
            hand_over.given = true;
        }
    }

    /// Follows the hand-overs of a 3.0.6 node after each of its steps.
    pub(crate) fn watch_hand_over(&mut self, index: usize) {
        let host = &self.hosts[index];
        if host.kind != Kind::Legacy || self.hosts.len() != 2 {
            return;
        }
        if !host.brain.as_ref().is_some_and(Brain::hands_over) {
            self.watch.hand_over = None;
        } else if self.watch.hand_over.is_none() {
            let other = &self.hosts[1 - index];
            // It answers what was asked before that verdict.
            let dead = |brain: &Brain| brain.view(self.stamp(1 - index)).peers[index].0 == "dead";
            let broken_off = other.brain.as_ref().is_none_or(dead);
            self.watch.hand_over = Some(HandOver { life: other.life, broken_off, given: false });
        }
    }

    /// A node is about to end, and with it its part of a hand-over.
    pub(crate) fn watch_end(&mut self, index: usize) {
        if self.hosts[index].kind == Kind::Legacy {
            self.watch.hand_over = None;
        }
    }

    /// Whether a second start is possible although both nodes follow the protocol, as 3.0.6 understands it.
    pub(crate) fn classic_start_is_excused(&self, starter: usize, runner: usize, group: usize) -> bool {
        let set = |node: usize| set_of(node, self.setup().groups[group]);
        let given = self.watch.hand_over.is_some_and(|hand_over| hand_over.given);
        let is_legacy = self.setup().failback == Failback::Legacy;
        let is_starters = set(starter) == HoldSet::LOCAL;
        match (self.hosts[starter].kind, self.hosts[runner].kind) {
            (Kind::Ours, Kind::Ours) => false,
            // Its answers name no run: one to an earlier run of ours can come when a take-over of the same groups waits
            // behind it in the queue of its hooks.
            (_, Kind::Legacy) if is_legacy && is_starters => true,
            // It asks nobody for its own groups if the first that it hears of us is not yet that we are active.
            (Kind::Legacy, Kind::Ours) if is_legacy => is_starters && !self.sees_active(starter, runner),
            // It says that it has released before it has (`failover.md` 11.1), and that it holds what it was given only
            // when it has started it (row 37): a node that was not there when this began cannot know. And it goes on
            // with a start that it no longer wants, also after it has said `done` (`failover.md` 11.7).
            (_, Kind::Legacy) => {
                let said = self.hosts[runner].brain.as_ref().map(|brain| brain.view(self.stamp(runner)).hold);
                !said.unwrap_or_default().contains(set(runner)) && (given || self.is_broken_off(starter))
            }
            // The same from the other side; a group that it has not given must be one that we have said to hold.
            (Kind::Legacy, Kind::Ours) => given || self.watch.nodes[runner].said.contains(set(runner)),
        }
    }

    fn sees_active(&self, index: usize, other: usize) -> bool {
        let brain = self.hosts[index].brain.as_ref();
        brain.is_some_and(|brain| brain.view(self.stamp(index)).peers[other].0 == "active")
    }

    /// Whether the hand-over of a 3.0.6 node has lost the run of the other node that took part in it.
    fn is_broken_off(&self, other: usize) -> bool {
        let life = self.hosts[other].life;
        self.watch.hand_over.is_some_and(|hand_over| hand_over.broken_off || hand_over.life != life)
    }

    /// Whether a 3.0.6 node runs what it says that it does not hold, after all its scripts have ended. Its hold set is
    /// its own: nothing that it is sent makes it forget a group that it runs.
    fn runs_unclaimed(&self, classic: usize) -> bool {
        let host = &self.hosts[classic];
        let Some(brain) = host.brain.as_ref().filter(|_| host.jobs.is_empty()) else { return false };
        if self.setup().failback == Failback::Legacy {
            // It declared us dead, heard us again before its next look at the clock, and tells nobody.
            return host.truth(classic, &self.setup().groups, &[], &[]).contains(HoldSet::FOREIGN);
        }
        !brain.view(self.stamp(classic)).hold.contains(host.truth(classic, &self.setup().groups, &[], &[]))
    }

    /// Which defect of 3.0.6 explains that this rule is broken now.
    pub(crate) fn classic_defect(&self, rule: &str) -> Option<ClassicDefect> {
        let classic = self.hosts.iter().position(|host| host.kind == Kind::Legacy)?;
        if self.hosts.iter().all(|host| host.kind == Kind::Legacy) {
            return None;
        }
        match rule {
            "never-well" if self.is_broken_off(1 - classic) => Some(ClassicDefect::WaitsAnHour),
            "never-well" | "overlap-lasts" if self.runs_unclaimed(classic) => {
                Some(ClassicDefect::RunsUnclaimed)
            }
            _ => None,
        }
    }
}
