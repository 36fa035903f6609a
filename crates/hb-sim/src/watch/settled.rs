//! The slower rules: looked at ten times a second, and what must be true in the end.

use hb_engine::{Failback, HoldSet};

use crate::brain::{Brain, View};
use crate::scenario::Kind;
use crate::world::World;

impl World<'_> {
    pub(crate) fn look(&mut self) {
        let views: Vec<Option<View>> = (0..self.hosts.len())
            .map(|index| self.hosts[index].brain.as_ref().map(|brain: &Brain| brain.view(self.stamp(index))))
            .collect();
        for (index, view) in views.iter().enumerate() {
            if let Some(view) = view {
                self.watch_silence(index, &view.peers);
            }
        }
        let trouble = self.trouble(&views);
        if trouble.is_none() && self.watch.faults_active == 0 {
            self.watch.split = false;
        }
        if self.watch.faults_left > 0 {
            return;
        }
        match trouble {
            None => {
                self.watch.quiet_since.get_or_insert(self.now);
            }
            Some(trouble) => {
                self.watch.quiet_since = None;
                if self.now - self.watch.healed_since > self.watch.quiet_bound {
                    self.broken("never-well", || trouble);
                }
            }
        }
    }

    /// What is not yet as it must be in the end.
    fn trouble(&self, views: &[Option<View>]) -> Option<String> {
        for (index, (host, view)) in self.hosts.iter().zip(views).enumerate() {
            let Some(view) = view else { return Some(format!("node {index} is down")) };
            if host.frozen > 0 || !host.jobs.is_empty() {
                return Some(format!("node {index} is busy"));
            }
            for (node, (status, _, missing)) in view.peers.iter().enumerate() {
                if status != "active" || *missing > 0 {
                    return Some(format!("node {index} calls node {node} {status}, {missing} missing"));
                }
            }
        }
        if self.hosts.len() == 2 { self.ownership_trouble(views) } else { None }
    }

    fn ownership_trouble(&self, views: &[Option<View>]) -> Option<String> {
        for group in 0..self.setup().groups.len() {
            if self.hosts.iter().any(|host| host.dead[group]) {
                return Some(format!("group {group} is dead"));
            }
            let owners = self.hosts.iter().filter(|host| host.running[group]).count();
            if owners != 1 {
                return Some(format!("group {group} has {owners} owners"));
            }
            let home = usize::from(self.setup().groups[group]);
            let goes_home = self.watch.has_home
                && self.setup().failback == Failback::On
                && self.hosts.iter().all(|host| host.kind == Kind::Ours);
            if goes_home && !self.hosts[home].running[group] {
                return Some(format!("group {group} is not at home"));
            }
        }
        for (index, (host, view)) in self.hosts.iter().zip(views).enumerate() {
            let view = view.as_ref()?;
            if !view.stable {
                let why = host.brain.as_ref().map(Brain::explain).unwrap_or_default();
                return Some(format!("node {index} is in transition{why}"));
            }
            let peer = views[1 - index].as_ref()?;
            let truth = host.truth(index, &self.setup().groups, &view.lent, &peer.lent);
            if view.hold != truth {
                return Some(format!("node {index} holds {} but says {}", truth, view.hold));
            }
            let peer = Some(peer.hold);
            let believed = view.peers[1 - index].1;
            // Legacy mode tells nobody what it holds.
            let knows = host.kind == Kind::Ours || self.setup().failback != Failback::Legacy;
            if knows && believed != peer {
                let text = |set: Option<HoldSet>| set.map_or("?", HoldSet::as_str);
                return Some(format!("node {index} believes {} of {}", text(believed), text(peer)));
            }
        }
        None
    }
}
