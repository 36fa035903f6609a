//! Whom a node declares dead: not before the dead time, not right after it slept itself, and not too late.

use std::time::Duration;

use hb_engine::{Event, HoldSet, NodeId, Tick};
use hb_wire::Message;

use super::Watch;
use super::messages::number;
use crate::scenario::Kind;
use crate::world::World;

impl Watch {
    /// A message reaches the program of a node at its own time.
    pub(crate) fn delivered(&mut self, to: usize, message: &Message, tick: Tick) {
        let from =
            message.text("src").and_then(|name| name.strip_prefix("node")).and_then(|n| n.parse().ok());
        let (Some(from), Some(generation), Some(seq)) = (from, number(message, "hg"), number(message, "seq"))
        else {
            return;
        };
        let from: usize = from;
        let first = &mut self.nodes[to].first[from];
        if generation > first.0 {
            *first = (generation, seq);
        } else if generation == first.0 && seq < first.1 {
            return; // From before it was first heard in this run: never missed, so not taken.
        }
        let heard = &mut self.nodes[to].heard[from];
        if message.kind() != Some("status") {
            // The first word of a new run is as good as a heartbeat.
            if generation > heard.0 {
                *heard = (generation, 0, tick);
            }
        } else if (generation, seq) > (heard.0, heard.1) {
            *heard = (generation, seq, tick);
            self.nodes[to].deadtime[from] = number(message, "dt").map(Duration::from_millis);
        }
    }
}

impl World<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most events say nothing that a rule needs")]
    pub(crate) fn watch_event(&mut self, index: usize, event: &Event) {
        match event {
            Event::LocalStatus { status: "active" } => {
                let tick = self.hosts[index].clock.tick(self.now);
                self.watch.nodes[index].active = true;
                self.watch.nodes[index].started = tick;
            }
            Event::NodeDead { node, .. } => self.watch_verdict(index, *node),
            Event::StandbyRefused { why } => self.watch.refused(why),
            Event::PeerShutdown { .. } => self.numbers.stops += 1,
            Event::StandbyDone { giver, .. } if usize::from(giver.0) == index => self.numbers.handovers += 1,
            _ => {}
        }
    }

    fn watch_verdict(&mut self, index: usize, node: NodeId) {
        let node = usize::from(node.0);
        let tick = self.hosts[index].clock.tick(self.now);
        let setup = self.setup();
        let watched = &self.watch.nodes[index];
        let silence = tick.since(watched.heard[node].2);
        let deadtime = watched.deadtime[node].unwrap_or(setup.deadtime);
        let needed = if watched.active { deadtime } else { setup.initdead };
        let lives = self.hosts[node].brain.is_some();
        let ours = self.hosts[index].kind == Kind::Ours;
        if silence < needed && ours {
            self.broken("verdict-too-early", || {
                format!("node {index} declares node {node} dead after {silence:?} of {needed:?}")
            });
        }
        // A message may take a keepalive to come; before that a node that slept knows nothing.
        let awake = Duration::from_nanos(self.now - self.hosts[index].thawed);
        let fresh = self.hosts[index].thawed != self.hosts[index].booted && awake < setup.keepalive;
        if ours && lives && fresh {
            self.broken("no-doubt", || {
                format!("node {index} declares node {node} dead {awake:?} after it slept itself")
            });
        }
        self.watch.lost_sight();
        let wrong = lives || self.hosts[node].running.contains(&true);
        if wrong {
            self.watch.split = true;
            self.numbers.wrong_verdicts += u64::from(lives);
        } else {
            if self.hosts[index].truth(index, &setup.groups, &[], &[]) != HoldSet::ALL {
                self.numbers.failovers += 1;
            }
            if let Some(died) = self.watch.nodes[node].dead_since.take() {
                self.numbers.detections.push(Duration::from_nanos(self.now - died));
                let serves_all = self.hosts[index].running.iter().all(|runs| *runs);
                self.watch.nodes[index].taking_since = (!serves_all).then_some(self.now);
            }
        }
    }

    /// Who is silent for too long and still counts as alive?
    pub(crate) fn watch_silence(&mut self, index: usize, statuses: &[(String, Option<HoldSet>, u32)]) {
        let host = &self.hosts[index];
        let setup = self.setup();
        if host.frozen > 0 || host.kind != Kind::Ours || !self.watch.nodes[index].active {
            return;
        }
        let tick = host.clock.tick(self.now);
        let awake = Duration::from_nanos((self.now - host.thawed) * 19 / 20);
        for (node, (status, ..)) in statuses.iter().enumerate().filter(|(node, _)| *node != index) {
            let watched = &self.watch.nodes[index];
            let silence = tick.since(watched.heard[node].2).min(awake).min(tick.since(watched.started));
            // Doubt after an own stall may last a dead time.
            let deadtime = watched.deadtime[node].unwrap_or(setup.deadtime);
            let limit = deadtime + setup.deadtime + setup.keepalive * 3 + setup.wake_jitter * 4;
            if status != "dead" && silence > limit {
                let status = status.clone();
                self.broken("verdict-too-late", || {
                    format!("node {index} has not heard node {node} for {silence:?} and calls it {status}")
                });
                return;
            }
        }
    }
}
