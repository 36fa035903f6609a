//! Never two owners, except after a living node was declared dead; and then not for long.

use std::time::Duration;

use crate::scenario::Kind;
use crate::world::World;

impl World<'_> {
    /// A group begins to run on a node.
    pub(crate) fn watch_claim(&mut self, index: usize, group: usize) {
        let other = (0..self.hosts.len()).find(|other| *other != index && self.hosts[*other].running[group]);
        let Some(other) = other else { return };
        // 3.0.6 says that it has released before it has, and goes on with a start that it no longer wants
        // (`failover.md` 11.1 and 11.7): nobody can know.
        let half_released = self.hosts[other].kind == Kind::Legacy && self.is_stopping(other, group);
        if half_released || self.hosts[index].kind == Kind::Legacy {
            self.watch.split = true;
        }
        if !self.watch.split {
            self.broken("two-owners", || {
                format!("group {group} starts on node {index} while it runs on node {other}")
            });
        }
    }

    /// Whether a 3.0.6 node runs what it says that it does not hold, or waits for a hand-over that nobody makes
    /// (`failover.md` 11.7 and 11.13): nobody can know, and nobody can end it.
    pub(crate) fn classic_lies(&self) -> bool {
        self.hosts.iter().enumerate().filter(|(_, host)| host.kind == Kind::Legacy).any(|(index, host)| {
            let Some(brain) = &host.brain else { return false };
            let said = brain.view(self.stamp(index)).hold;
            !said.contains(host.truth(index, &self.setup().groups))
                || !brain.explain().contains("standby: Not")
        })
    }

    /// Time passes: counts how much of it some group has two owners.
    pub(crate) fn count_overlap(&mut self, passed: u64) {
        let groups = self.setup().groups.len();
        let twice = (0..groups).any(|group| self.hosts.iter().filter(|host| host.running[group]).count() > 1);
        if !twice {
            self.watch.overlap_since = None;
            return;
        }
        let since = *self.watch.overlap_since.get_or_insert(self.now);
        self.numbers.overlap += Duration::from_nanos(passed);
        if self.watch.faults_active > 0 {
            return;
        }
        let down = self.hosts.iter().map(|host| if host.brain.is_none() { self.now } else { host.booted });
        let since = since.max(self.watch.healed_since).max(down.max().unwrap_or(0));
        let healed = self.now.saturating_sub(since);
        let longest = &mut self.numbers.overlap_after_healing;
        *longest = Duration::from_nanos(healed).max(*longest);
        if healed > self.watch.overlap_bound {
            let rule = if self.classic_lies() { "classic-lies" } else { "overlap-lasts" };
            self.broken(rule, || format!("a group runs twice {healed} ns after all is healed"));
        }
    }
}
