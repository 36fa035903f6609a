//! Verdicts about others: late, dead, returned; and the doubt about ourselves that comes first.
//!
//! A node that woke late judges nobody before it has listened again (design, invariant 3), and after a sleep in which it may
//! have been judged itself it listens for a whole dead time: what it holds may be served by others now.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use hb_wire::Message;

use super::Doubt;
use super::node::{STATUS_ACTIVE, STATUS_DEAD, STATUS_UP};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{LinkId, NodeId};
use crate::number;
use crate::time::Tick;

/// A peer cannot ask for a shorter dead time than this or a keepalive: it would be dead between any two heartbeats.
const SHORTEST_DEADTIME: Duration = Duration::from_millis(5);
/// Bytes of a status text that are kept (`wire.md` 1.4).
const STATUS_TEXT: usize = 31;
/// How many keepalives a peer gets to be heard after we woke late.
const KEEPALIVES_OF_DOUBT: u32 = 2;

impl Engine {
    /// `wire.md` 6.4 step 6: whether a message may open or continue a generation.
    ///
    /// In 3.0.6 only a status opens one. What a node says before its first status reaches us (an answer, its
    /// `starting`) would then count as said in the run before, and be forgotten at that status.
    pub(crate) fn admit_generation(
        &mut self,
        node: NodeId,
        generation: u64,
        seq: u64,
        message: &Message,
    ) -> bool {
        let now = self.now.tick;
        let status = if message.kind() == Some("status") { message.text("st") } else { None };
        let peer = self.node_mut(node);
        let was_dead = peer.is_dead();
        if status.is_some()
            && generation == peer.generation
            && generation > 0
            && was_dead
            && seq <= peer.status_seq
        {
            return false;
        }
        let known = peer.generation > 0;
        if generation > peer.generation && (known || status.is_some() || !was_dead) {
            if known {
                peer.receiver.begin_run();
            } else {
                peer.receiver.forget();
            }
            peer.status_seq = 0;
            peer.last_status = None;
            peer.generation = generation;
            if status.is_none() {
                // As good as its first heartbeat: it runs, and what it says now counts.
                peer.last_status = Some(now);
                if was_dead {
                    STATUS_UP.clone_into(&mut peer.status);
                    self.report(Event::NodeStatus { node, status: STATUS_UP.to_owned() });
                }
            }
            if known {
                self.report(Event::NodeRestarted { node });
            }
            if self.is_active() && self.node_mut(node).actions.take(now) {
                // Before anything else: a 3.0.6 node in legacy mode that hears us, and not yet that we are active, takes its
                // groups without asking (`failover.md` 3.9).
                self.send_status();
            }
            // Whom we only now hear for the first time did not start anew, unless it says so.
            if known || (was_dead && status != Some(STATUS_ACTIVE)) {
                self.peer_restarted(node);
            }
        }
        true
    }

    /// A heartbeat, or a change of a peer's status.
    pub(crate) fn receive_status(&mut self, node: NodeId, seq: u64, message: &Message) {
        let Some(status) = message.text("st") else {
            return self.report(Event::BadMessage { why: "status without text" });
        };
        let status = status_text(status);
        if status == STATUS_DEAD {
            // That is our verdict about it, with all that follows from one; who is silent will get it.
            return self.report(Event::BadMessage { why: "a node that calls itself dead" });
        }
        let shortest = SHORTEST_DEADTIME.max(self.config.keepalive);
        let now = self.now.tick;
        let peer = self.node_mut(node);
        if seq < peer.status_seq {
            return; // An old heartbeat, sent again.
        }
        peer.status_seq = seq;
        peer.acknowledges = message.has("protocol");
        peer.speaks_hb = message.has("hb-v");
        if let Some(millis) = number::hex(message, "dt") {
            peer.deadtime = Some(Duration::from_millis(millis).max(shortest));
        }
        let interval = peer.last_status.map(|before| now.since(before));
        peer.last_status = Some(now);
        let was_dead = peer.is_dead();
        let changed = peer.status != status;
        if changed {
            peer.status.clone_from(&status);
        }
        if let Some(interval) = interval {
            self.judge_interval(node, interval);
        }
        // It was running all the time while we thought it dead.
        let returned = was_dead && status == STATUS_ACTIVE;
        if returned {
            self.report(Event::NodeReturned { node });
        }
        if changed {
            self.report(Event::NodeStatus { node, status });
        }
        self.note_epoch(node, message);
        self.note_files(node, message);
        if returned {
            self.peer_returned(node);
        } else if was_dead {
            // It starts, and holds nothing yet.
            self.end_fencing(node);
        }
        self.note_verdict(node, message);
    }

    fn judge_interval(&mut self, node: NodeId, interval: Duration) {
        let beyond_deadtime = interval > self.config.deadtime;
        if beyond_deadtime || interval > self.config.warntime {
            self.report(Event::LateHeartbeat { node, interval, beyond_deadtime });
        }
        if interval * 2 > self.config.deadtime && self.failover.partner_id == Some(node) {
            // It may have missed us as long.
            self.doubt_legacy_peer();
        }
    }

    /// A message came on this link.
    pub(crate) fn refresh_link(&mut self, node: NodeId, link: LinkId) {
        let now = self.now.tick;
        let Some(heard) = self.node_mut(node).links.get_mut(usize::from(link.0)) else { return };
        let was_up = heard.replace(now).is_some();
        if !was_up {
            self.report(Event::LinkUp { node, link });
        }
    }

    /// Notices that this input comes much later than the engine asked to be woken.
    pub(crate) fn doubt_ourselves(&mut self) {
        let Some(deadline) = self.next_deadline() else { return };
        let now = self.now.tick;
        // What waited while we slept comes before we have done what is overdue.
        let by = now.since(self.local.noticed.map_or(deadline, |noticed| noticed.max(deadline)));
        if by < self.config.keepalive || by.is_zero() {
            return;
        }
        self.local.noticed = Some(now);
        let until = now.plus(self.config.keepalive * KEEPALIVES_OF_DOUBT);
        // After so long a sleep nothing that was known before is worth anything.
        let long = by * 2 >= self.config.deadtime;
        match &mut self.local.doubt {
            // A node that is always a little late must judge at last: doubt never lasts longer than a dead time in which
            // it was awake, and does not begin again before a verdict was due.
            Some(doubt) if !long => {
                doubt.since = doubt.since.plus(by);
                doubt.until = until.min(doubt.since.plus(self.config.deadtime));
            }
            Some(_) | None => {
                self.local.doubt = Some(Doubt { since: now, until });
                self.report(Event::WokeLate { by });
            }
        }
        if long {
            self.local.woke = Some(now);
            self.announce_again();
            self.doubt_legacy_peer();
        }
    }

    /// Declares nodes and links dead whose time is over.
    pub(crate) fn judge(&mut self) {
        if self.local.doubt.is_some_and(|doubt| self.now.tick < doubt.until) {
            return;
        }
        self.local.doubt = None;
        for node in self.node_ids().collect::<Vec<_>>() {
            if node == self.config.local {
                continue;
            }
            if self.death_of(node).is_some_and(|due| due <= self.now.tick) {
                self.declare_dead(node);
            }
            self.judge_links(node);
        }
        self.judge_pings();
    }

    /// When a node will be declared dead if it stays silent; `None` if it is dead.
    pub(crate) fn death_of(&self, node: NodeId) -> Option<Tick> {
        let peer = self.node(node);
        if peer.is_dead() {
            return None;
        }
        let since = self.awake_since(peer.last_status.unwrap_or(peer.known_since));
        Some(since.plus(self.deadtime_of(node)))
    }

    /// From when on silence counts, of somebody who was last heard at that time.
    fn awake_since(&self, heard: Tick) -> Tick {
        Some(heard).max(self.listens_since()).unwrap_or(heard)
    }

    /// From when on silence counts, whoever was heard last.
    fn listens_since(&self) -> Option<Tick> {
        self.local.woke.max(self.local.active_since)
    }

    pub(crate) fn deadtime_of(&self, node: NodeId) -> Duration {
        if self.is_active() {
            self.node(node).deadtime.unwrap_or(self.config.deadtime)
        } else {
            self.config.initdead
        }
    }

    /// When the next verdict may be due.
    pub(crate) fn next_verdict(&self) -> Option<Tick> {
        let due = self
            .node_ids()
            .filter(|id| *id != self.config.local)
            .flat_map(|id| self.death_of(id).into_iter().chain(self.next_link_death(id)))
            .chain(self.next_ping_death())
            .min()?;
        Some(self.local.doubt.map_or(due, |doubt| due.max(doubt.until)))
    }

    fn next_link_death(&self, node: NodeId) -> Option<Tick> {
        let deadtime = self.deadtime_of(node);
        self.node(node).links.iter().flatten().map(|heard| self.awake_since(*heard).plus(deadtime)).min()
    }

    fn declare_dead(&mut self, node: NodeId) {
        let now = self.now.tick;
        let peer = self.node_mut(node);
        let silence = now.since(peer.last_status.unwrap_or(peer.known_since));
        STATUS_DEAD.clone_into(&mut peer.status);
        peer.receiver.forget();
        self.report(Event::NodeDead { node, silence });
        if self.is_active() {
            self.peer_died(node);
        } else {
            self.local.ask_again = None;
            self.check_communication();
        }
    }

    fn judge_links(&mut self, node: NodeId) {
        let now = self.now.tick;
        let deadtime = self.deadtime_of(node);
        let listens = self.listens_since();
        let mut index: u16 = 0;
        while let Some(heard) = self.node_mut(node).links.get_mut(usize::from(index)) {
            let since = heard.and_then(|heard| Some(heard).max(listens));
            if since.is_some_and(|since| since.plus(deadtime) <= now) {
                *heard = None;
                self.report(Event::LinkDown { node, link: LinkId(index) });
            }
            index += 1;
        }
    }
}

/// A status text as it is kept and shown: of bounded length, and without what a terminal would obey.
fn status_text(text: &str) -> String {
    let mut kept = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if kept.len() + c.len_utf8() > STATUS_TEXT {
            break;
        }
        kept.push(c);
    }
    kept
}
