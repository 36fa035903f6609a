//! Never two owners, except after a living node was declared dead; and then not for long. Who hears that it will be declared
//! dead has given everything up before.

use std::time::Duration;

use crate::scenario::Kind;
use crate::world::World;

impl World<'_> {
    /// A group begins to run on a node.
    pub(crate) fn watch_claim(&mut self, index: usize, group: usize) {
        let other = (0..self.hosts.len()).find(|other| *other != index && self.hosts[*other].running[group]);
        let Some(other) = other else { return };
        if self.classic_start_is_excused(index, other, group) {
            self.watch.split = true;
        }
        // Where every dead node is reset first, no verdict excuses two owners.
        let all_reset = self.setup().fencing && self.hosts.iter().all(|host| host.kind == Kind::Ours);
        if !self.watch.split || all_reset || self.setup().one_way {
            self.broken("two-owners", || {
                format!("group {group} starts on node {index} while it runs on node {other}")
            });
        }
    }

    /// A start has ended well on a node: does it serve everything after a verdict?
    pub(crate) fn watch_taken(&mut self, index: usize) {
        let host = &self.hosts[index];
        let serves_all = host.running.iter().all(|runs| *runs) && host.jobs.is_empty();
        if let Some(since) = self.watch.nodes[index].taking_since.take_if(|_| serves_all) {
            self.numbers.takeovers.push(Duration::from_nanos(self.now - since));
        }
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
            self.broken("overlap-lasts", || format!("a group runs twice {healed} ns after all is healed"));
        }
    }
}
