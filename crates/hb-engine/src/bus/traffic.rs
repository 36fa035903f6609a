//! The way of a message through the bus: completing what goes out, sorting what comes in.
//!
//! Decides which messages are acted on; what they mean is decided in `liveness` and `failover`.

use alloc::vec::Vec;

use hb_wire::{Message, Value};

use super::receiver::Arrival;
use super::sender::{Repeat, SERVED_PER_REQUEST};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{LinkId, NodeId};
use crate::io::Output;
use crate::liveness::node::STATUS_DEAD;
use crate::number;
use crate::time::Tick;

/// Messages that make us answer or move resources.
pub(crate) const REACTIONS: &[&str] = &[
    "reqnodes",
    "repnodes",
    "starting",
    "resource",
    "ask_resources",
    "hb_takeover",
    "ip-request",
    "ip-request-resp",
    "shutdone",
    "hbapi-clstat",
    "num_ping_nodes",
    "addnode",
    "delnode",
    "setweight",
    "setsite",
];
/// How many requests for missing messages are sent in one turn.
const REQUESTS_PER_TURN: usize = 8;

impl Engine {
    /// Completes a message as `wire.md` 4.2 says and sends it.
    pub(crate) fn send(&mut self, mut message: Message) {
        let plain = message.kind().is_some_and(|kind| kind.starts_with("NS_"));
        if let Some(dest) = message.text("dest").and_then(|name| self.node_by_name(name)) {
            let uuid = self.node(dest).uuid.unwrap_or_default();
            message.set("destuuid", Value::Binary(uuid.as_slice().into()));
        }
        let seq = if plain { 0 } else { self.sender.next_seq() };
        self.stamp(&mut message, seq);
        if !plain {
            self.sender.remember(seq, message.clone());
        }
        self.outputs.push_back(Output::Send(message));
    }

    /// The fields that every message has; a `seq` of 0 stands for none.
    fn stamp(&self, message: &mut Message, seq: u64) {
        message.set_text("src", &self.node(self.config.local).name);
        message.set("srcuuid", Value::Binary(self.config.uuid.as_slice().into()));
        if seq > 0 {
            message.set_hex("seq", seq);
        }
        message.set_hex("hg", self.config.generation);
        message.set_hex("ts", self.now.wall.0);
        if seq > 0 {
            message.set_text("ld", &self.load);
        }
        message.set_written("ttl", format_args!("{}", self.config.ttl));
    }

    /// The number of the last message; what [`Engine::farewell`] counts from.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.sender.seq()
    }

    /// What can be said in this node's name when it has died and a living part of it has released everything: the
    /// `shutdone` of an orderly stop (`failover.md` row 23), which peers of ours and 3.0.6 believe. It carries the number
    /// `ahead` of the last one, so it is news to everybody as long as fewer messages than that are sent meanwhile.
    #[must_use]
    pub fn farewell(&self, ahead: u64) -> Message {
        let mut message = Message::new("shutdone");
        message.push_text("st", "dead");
        self.stamp(&mut message, self.sender.seq().saturating_add(ahead));
        message
    }

    /// Sorts an authentic message (`wire.md` 6.4).
    pub(crate) fn receive(&mut self, link: LinkId, message: &Message) {
        let (Some(kind), Some(src)) = (message.kind(), message.text("src")) else {
            return self.report(Event::BadMessage { why: "no type or no sender" });
        };
        match number::hex(message, "ts") {
            None if !message.has("ts") => return self.report(Event::BadMessage { why: "no time stamp" }),
            None | Some(0) => return,
            Some(_) => {}
        }
        let Some(node) = self.node_by_name(src) else {
            return self.receive_stranger(src);
        };
        if node == self.config.local {
            return self.receive_own(link, message);
        }
        self.node_mut(node).heard = true;
        self.learn_uuid(node, message);
        if kind.starts_with("NS_") {
            // What an earlier run of it acknowledged, lost or refused says nothing about this one.
            let known = self.node(node).generation;
            if number::hex(message, "hg").is_none_or(|generation| generation >= known) {
                self.pass_on_plain(link, message);
                self.receive_plain(node, kind, message);
            }
            return;
        }
        if let Some(acknowledge) = self.receive_numbered(node, link, kind, message) {
            self.acknowledge(node, acknowledge);
        }
        self.check_communication();
    }

    /// Our own broadcast comes back, or somebody else uses our name.
    fn receive_own(&mut self, link: LinkId, message: &Message) {
        match message.binary("srcuuid") {
            Some(uuid) if uuid != self.config.uuid.as_slice() => {
                if let Ok(uuid) = uuid.try_into() {
                    self.report(Event::NameClash { uuid });
                }
            }
            _ => self.refresh_link(self.config.local, link),
        }
    }

    fn learn_uuid(&mut self, node: NodeId, message: &Message) {
        let Some(Ok(uuid)) = message.binary("srcuuid").map(<[u8; 16]>::try_from) else { return };
        if uuid != [0; 16] && self.node(node).uuid != Some(uuid) {
            let now = self.now.tick;
            let peer = self.node_mut(node);
            peer.uuid = Some(uuid);
            if self.has_changing_members() && self.node_mut(node).actions.take(now) {
                self.report(Event::MembersChanged);
            }
        }
    }

    fn receive_refusal(&mut self, node: NodeId, message: &Message) {
        let Some(seq) = number::hex(message, "firstseq") else { return };
        self.node_mut(node).receiver.give_up(seq);
        if self.is_for_us(message) {
            self.report(Event::Irretrievable { node, seq });
        }
    }

    fn receive_plain(&mut self, node: NodeId, kind: &str, message: &Message) {
        if kind == "NS_nak_rexmit" {
            return self.receive_refusal(node, message);
        }
        if message.text("dest").is_some_and(|dest| dest != self.node(self.config.local).name) {
            return;
        }
        // An acknowledgement (`NS_ackmsg`) decides nothing here: see `serve_request`.
        if kind == "NS_rexmit" {
            self.serve_request(node, message);
        }
    }

    /// A peer lost messages of ours.
    fn serve_request(&mut self, node: NodeId, message: &Message) {
        let (Some(first), Some(last)) =
            (number::decimal(message, "firstseq"), number::decimal(message, "lastseq"))
        else {
            return self.report(Event::BadMessage { why: "request for no number" });
        };
        if first < 1 || first > last {
            return self.report(Event::BadMessage { why: "request for numbers in the wrong order" });
        }
        let last = last.min(first.saturating_add(SERVED_PER_REQUEST - 1));
        // Who asks for a message does not have it, whatever was acknowledged: an acknowledgement may be meant for our
        // run before this one. 3.0.6 refuses for ever (`wire.md` 6.5).
        for seq in first..=last {
            match self.sender.repeat(seq, self.now.tick, self.config.max_rexmit_delay) {
                Repeat::Granted | Repeat::TooSoon => {}
                Repeat::TooHigh => {
                    return self.report(Event::CannotRetransmit { node, seq, why: "never sent" });
                }
                Repeat::TooLow => {
                    let now = self.now.tick;
                    if !self.node_mut(node).refusals.take(now) {
                        return self.report(Event::TooMuch { node });
                    }
                    self.report(Event::CannotRetransmit { node, seq, why: "no longer kept" });
                    let mut refusal = Message::new("NS_nak_rexmit");
                    refusal.push_hex("firstseq", seq);
                    refusal.push_text("dest", &self.node(node).name);
                    refusal.push_text("info", "seqno too low");
                    self.send(refusal);
                }
            }
        }
    }

    /// A message with a sequence number; returns what to acknowledge.
    fn receive_numbered(&mut self, node: NodeId, link: LinkId, kind: &str, message: &Message) -> Option<u64> {
        let seq = match number::hex(message, "seq") {
            None | Some(0) => {
                self.report(Event::BadMessage { why: "no sequence number" });
                return None;
            }
            Some(seq) => seq,
        };
        let generation = match (message.has("hg"), number::hex(message, "hg")) {
            (true, None) => {
                self.report(Event::BadMessage { why: "generation is no number" });
                return None;
            }
            (_, generation) => generation.unwrap_or(0),
        };
        let known = self.node(node).generation;
        if generation < known {
            self.report(Event::Replay { node, generation, known });
            return None;
        }
        if !self.admit_generation(node, generation, seq, message) {
            return None;
        }
        self.pass_on(node, link, generation, seq, message);
        let delay = self.config.max_rexmit_delay;
        let now = self.now.tick;
        let Self { nodes, random, .. } = self;
        let arrival = nodes.get_mut(usize::from(node.0))?.receiver.arrive(seq, now, delay, random);
        let (acknowledge, act) = self.report_arrival(node, seq, &arrival);
        if !self.is_for_us(message) || arrival == Arrival::Old {
            return acknowledge;
        }
        self.refresh_link(node, link);
        // Of a dead node only a heartbeat counts: its numbers are forgotten, so anything else could be an old message
        // played again.
        if act && (kind == "status" || !self.node(node).is_dead()) {
            // Heartbeats cost nothing, and clients' messages are not acted on.
            if REACTIONS.contains(&kind) && !self.node_mut(node).actions.take(now) {
                self.note_too_much(node);
            } else {
                self.act(node, kind, seq, message);
            }
        } else if act && kind == "ask_resources" {
            self.agrees_too_late(node, message);
        }
        acknowledge
    }

    /// What an arrival means: the number to acknowledge, and whether the message is acted on.
    fn report_arrival(&mut self, node: NodeId, seq: u64, arrival: &Arrival) -> (Option<u64>, bool) {
        match *arrival {
            Arrival::Fresh { acknowledge } => (acknowledge, true),
            Arrival::AfterGap { lost, last } => {
                self.report(Event::Gap { node, lost, last, seen: seq });
                (None, true)
            }
            Arrival::AfterWideGap { lost } => {
                self.report(Event::GapTooWide { node, lost });
                (None, true)
            }
            Arrival::Filled { acknowledge, closed } => {
                if closed {
                    self.report(Event::GapClosed { node });
                }
                (acknowledge, true)
            }
            Arrival::Duplicate | Arrival::Old => (None, false),
        }
    }

    /// `wire.md` 6.4 step 4.
    fn is_for_us(&self, message: &Message) -> bool {
        match message.binary("destuuid") {
            Some(uuid) if uuid.len() == 16 && uuid != [0; 16] => uuid == self.config.uuid.as_slice(),
            _ => message.text("dest").is_none_or(|dest| dest == self.node(self.config.local).name),
        }
    }

    fn acknowledge(&mut self, node: NodeId, seq: u64) {
        if !self.node(node).acknowledges {
            return;
        }
        let mut message = Message::new("NS_ackmsg");
        message.push_text("dest", &self.node(node).name);
        message.push_hex("ackseq", seq);
        self.send(message);
    }

    /// Asks for what is missing and due.
    pub(crate) fn request_missing(&mut self) {
        let (now, delay) = (self.now.tick, self.config.max_rexmit_delay);
        for node in self.node_ids().collect::<Vec<_>>() {
            let peer = self.node_mut(node);
            if peer.receiver.missing() == 0 {
                continue;
            }
            let name = peer.name.clone();
            let wanted = peer.receiver.requests(now, delay, REQUESTS_PER_TURN);
            for (first, last) in wanted {
                let mut message = Message::new("NS_rexmit");
                message.push_text("dest", &name);
                message.push_written("firstseq", format_args!("{first}"));
                message.push_written("lastseq", format_args!("{last}"));
                self.send(message);
            }
        }
    }

    /// When the next request is due.
    pub(crate) fn next_request(&self) -> Option<Tick> {
        self.nodes
            .iter()
            .filter(|node| node.status != STATUS_DEAD)
            .filter_map(|node| node.receiver.next_request())
            .min()
    }
}
