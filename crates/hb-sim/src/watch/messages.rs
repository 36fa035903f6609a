//! What a node says must be true: released before it says so, numbered without gaps, not too often.

use hb_engine::{GroupId, HoldSet};
use hb_wire::Message;

use crate::scenario::Kind;
use crate::world::World;

/// A burst of retransmissions is no larger than the widest gap that is filled, and what is lost of it again.
const MOST_REPEATED: u32 = 500;

impl World<'_> {
    pub(crate) fn watch_message(&mut self, from: usize, message: &Message) {
        let Some(seq) = number(message, "seq") else { return self.count_rate(from, false) };
        let watched = &mut self.watch.nodes[from];
        let again = seq <= watched.seq;
        self.count_rate(from, again);
        if again {
            return;
        }
        let watched = &mut self.watch.nodes[from];
        let before = std::mem::replace(&mut watched.seq, seq);
        let ours = self.hosts[from].kind == Kind::Ours;
        if ours && seq != before + 1 {
            self.broken("numbering", || format!("node {from} sends number {seq} after {before}"));
        }
        let generation = number(message, "hg").unwrap_or(0);
        let known = std::mem::replace(&mut self.watch.nodes[from].generation, generation);
        if generation < known || generation != self.hosts[from].generation {
            self.broken("generation", || format!("node {from} is in {generation} after {known}"));
        }
        if ours {
            self.watch_claims(from, message);
        } else if message.kind() == Some("ask_resources") {
            self.watch_step(message.text("info"));
        }
    }

    fn watch_claims(&mut self, from: usize, message: &Message) {
        let groups = &self.scenario.setup.groups;
        let [lent, borrowed] = ["hb-lent", "hb-borrowed"].map(|field| named(message, field));
        if let Some(group) = lent.iter().find(|group| self.hosts[from].running[usize::from(group.0)]) {
            self.broken("release-before-claim", || format!("node {from} lends {group:?}, which it runs"));
        }
        // What it names by itself it does not hide.
        let truth = self.hosts[from].truth(from, groups, &[], &borrowed);
        let set = message.text("rsc_hold").and_then(HoldSet::parse).unwrap_or_default();
        let info = message.text("info");
        if message.kind() == Some("resource") {
            self.watch.nodes[from].said = set;
        }
        match message.kind() {
            Some("resource") if message.text("rtype") == Some("full") && !set.contains(truth) => {
                self.broken("release-before-claim", || {
                    format!("node {from} announces {set} but still runs {truth}")
                });
            }
            Some("shutdone") if !truth.is_empty() => {
                self.broken("release-before-claim", || format!("node {from} is done but still runs {truth}"));
            }
            Some("ask_resources") => {
                let giver = &mut self.watch.nodes[from].giver;
                match info {
                    Some("me") => *giver = true,
                    Some("other") => *giver = false,
                    _ => {}
                }
                let giver = *giver;
                if info == Some("done") && giver && !truth.intersection(set).is_empty() {
                    self.broken("release-before-claim", || {
                        format!("node {from} has given {set} but still runs {truth}")
                    });
                }
            }
            _ => {}
        }
    }

    /// What is sent again may be a burst once, after a gap; what is new may not.
    fn count_rate(&mut self, from: usize, again: bool) {
        let second = self.now / 1_000_000_000;
        let watched = &mut self.watch.nodes[from];
        if watched.second != second {
            watched.second = second;
            watched.in_second = [0; 2];
        }
        let [new, repeated] = &mut watched.in_second;
        *(if again { &mut *repeated } else { &mut *new }) += 1;
        let (count, repeated) = (*new, *repeated);
        self.numbers.busiest_second = self.numbers.busiest_second.max(count);
        if count > self.watch.rate_bound || repeated > MOST_REPEATED {
            self.broken("storm", || {
                format!("node {from} sends {count} new and {repeated} old messages in one second")
            });
        }
    }
}

pub(crate) fn number(message: &Message, name: &str) -> Option<u64> {
    u64::from_str_radix(message.text(name)?, 16).ok()
}

/// The groups in a list of single ones: `NUMBER KEY KEY ...`.
fn named(message: &Message, field: &str) -> Vec<GroupId> {
    let keys = message.text(field).unwrap_or_default().split(' ').skip(1);
    keys.filter_map(|key| key.strip_prefix("10.0.0.").and_then(|number| number.parse().ok()).map(GroupId))
        .collect()
}
