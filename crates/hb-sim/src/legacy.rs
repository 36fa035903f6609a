//! A model of Heartbeat 3.0.6 as a peer: its bus and liveness as far as another node can see them.
//!
//! Built from `failover.md` 3 and `wire.md` 6-7 alone. [`table`] has the rows of the transition table, [`requests`]
//! legacy mode, [`children`] what its scripts do. Left out: acknowledgements, links, fencing devices, clients.

mod children;
mod requests;
mod table;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use hb_engine::{Command, Config, Event, HoldSet, Input, NodeId, Now, Output, Tick};
use hb_wire::{Message, Value};

use self::children::Children;
use self::table::Table;
use crate::brain::View;

const POLL: Duration = Duration::from_millis(250);
const EARLY: Duration = Duration::from_secs(5);
const SECOND: Duration = Duration::from_secs(1);
const HISTORY: usize = 500;

/// One node of 3.0.6 with one peer.
#[derive(Debug)]
pub(crate) struct Legacy {
    config: Config,
    now: Now,
    outputs: VecDeque<Output>,
    started: Tick,
    next_beat: Tick,
    next_poll: Tick,
    ask_again: Option<Tick>,
    active: bool,
    seq: u64,
    history: VecDeque<(u64, Message)>,
    /// After this the daemon is gone.
    ends: Option<Tick>,
    peer: Peer,
    table: Table,
    children: Children,
}

/// The other node as 3.0.6 sees it.
#[derive(Debug)]
struct Peer {
    id: NodeId,
    status: String,
    generation: u64,
    last: Option<u64>,
    missing: BTreeMap<u64, Tick>,
    status_seq: u64,
    heard_at: Option<Tick>,
    declared: Tick,
    deadtime: Option<Duration>,
}

impl Legacy {
    pub(crate) fn new(config: Config, now: Now) -> Self {
        let id = NodeId(1 - config.local.0);
        let peer = Peer {
            id,
            status: "init".to_owned(),
            generation: 0,
            last: None,
            missing: BTreeMap::new(),
            status_seq: 0,
            heard_at: None,
            declared: now.tick,
            deadtime: None,
        };
        let children = Children::new(&config);
        let mut node = Self {
            now,
            outputs: VecDeque::new(),
            started: now.tick,
            next_beat: now.tick.plus(config.keepalive),
            next_poll: now.tick.plus(POLL),
            ask_again: None,
            active: false,
            seq: 0,
            history: VecDeque::new(),
            ends: None,
            peer,
            table: Table::new(),
            children,
            config,
        };
        for status in ["init", "up", "up"] {
            node.say_status(status);
        }
        node
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn next_deadline(&self) -> Tick {
        let asks = self.peer.missing.values().min().copied();
        [Some(self.next_beat), Some(self.next_poll), self.ask_again, asks, self.ends]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.next_poll)
    }

    pub(crate) fn view(&self) -> View {
        let nice = !self.has_no_hold_sets();
        let hold = if nice { self.table.hold } else { self.children.truth() };
        let me = ("active".to_owned(), Some(hold), 0);
        let missing = u32::try_from(self.peer.missing.len()).unwrap_or(0);
        let peer = (self.peer.status.clone(), nice.then_some(self.table.peer_hold), missing);
        let peers = if self.config.local == NodeId(0) { vec![me, peer] } else { vec![peer, me] };
        View { stable: self.is_stable(), hold, lent: Vec::new(), peers }
    }

    pub(crate) fn explain(&self) -> String {
        format!(": {:?}, {} scripts", self.table, self.children.count())
    }

    pub(crate) fn handle(&mut self, now: Now, input: Input) {
        self.now = now;
        match input {
            Input::Message { message, .. } => self.receive(&message),
            Input::Done { job, outcome } => self.child_step(job, &outcome),
            Input::Command(Command::Stop) => self.table.shutdown_wanted = true,
            Input::Command(Command::Standby(set)) => self.ask(set, "me"),
            Input::Command(Command::Takeover(set)) => {
                let mut message = Message::new("hb_takeover");
                message.push_text("rsc_hold", set.as_str());
                self.say(message);
            }
            Input::Command(Command::Move { .. } | Command::ConfirmFenced(_))
            | Input::Load(_)
            | Input::Echo { .. }
            | Input::Ping { .. } => {}
            Input::Wake => self.wake(),
        }
        self.drive_children();
        self.retry_shutdown();
    }

    fn wake(&mut self) {
        let now = self.now.tick;
        if self.next_beat <= now {
            self.say_status(if self.active { "active" } else { "up" });
            self.next_beat = now.plus(self.config.keepalive);
        }
        if self.ask_again.is_some_and(|due| due <= now) {
            self.ask_again = None;
            self.check_communication();
        }
        self.request_missing();
        if self.next_poll <= now {
            self.next_poll = now.plus(POLL);
            self.judge();
            self.poll_table();
        }
        if self.ends.is_some_and(|end| end <= now) {
            self.ends = None;
            self.outputs.push_back(Output::Report(Event::Stopped));
        }
    }

    /// Own handlers first, then the wire: what a handler sends goes out before.
    fn say(&mut self, mut message: Message) {
        self.seq += 1;
        let seq = self.seq;
        self.handle_own(&message);
        self.stamp(&mut message);
        message.set_text("seq", &format!("{seq:x}"));
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        self.history.push_back((seq, message.clone()));
        self.outputs.push_back(Output::Send(message));
    }

    fn stamp(&self, message: &mut Message) {
        let name = &self.config.nodes[usize::from(self.config.local.0)].name;
        message.set_text("src", name);
        message.set("srcuuid", Value::Binary(self.config.uuid.as_slice().into()));
        message.set_text("hg", &format!("{:x}", self.config.generation));
        message.set_text("ts", &format!("{:x}", self.now.wall.0));
        message.set_text("ttl", "3");
    }

    fn say_status(&mut self, status: &str) {
        let young = self.now.tick.since(self.started) < EARLY;
        let restarts = self.table.restart_at.is_some() && self.table.shutdown;
        let extra = if restarts {
            30 * SECOND
        } else if young {
            2 * SECOND
        } else {
            Duration::ZERO
        };
        let mut message = Message::new("status");
        message.push_text("st", status);
        message.push_text("dt", &format!("{:x}", (self.config.deadtime + extra).as_millis()));
        message.push_text("protocol", "1");
        self.say(message);
    }

    fn check_communication(&mut self) {
        let known = self.peer.heard_at.is_some() || self.peer.status == "dead";
        if self.active || self.ask_again.is_some() || !known {
            return;
        }
        if self.peer.status == "dead" {
            return self.communication_up();
        }
        let mut message = Message::new("reqnodes");
        message.push_text("dest", &self.config.nodes[usize::from(self.peer.id.0)].name.clone());
        self.say(message);
        self.ask_again = Some(self.now.tick.plus(SECOND));
    }

    fn communication_up(&mut self) {
        self.ask_again = None;
        self.active = true;
        self.outputs.push_back(Output::Report(Event::LocalStatus { status: "active" }));
        self.say_status("active");
        self.begin_table();
    }

    fn judge(&mut self) {
        if self.peer.status == "dead" {
            return;
        }
        let deadtime = match (self.active, self.peer.deadtime) {
            (true, Some(deadtime)) => deadtime,
            (true, None) => self.config.deadtime,
            (false, _) => self.config.initdead,
        };
        let silence = self.now.tick.since(self.peer.heard_at.unwrap_or(self.started));
        if silence <= deadtime {
            return;
        }
        "dead".clone_into(&mut self.peer.status);
        self.peer.declared = self.now.tick;
        self.peer.last = None;
        self.peer.missing.clear();
        self.outputs.push_back(Output::Report(Event::NodeDead { node: self.peer.id, silence }));
        if self.active {
            self.peer_died();
        } else {
            self.ask_again = None;
            self.check_communication();
        }
    }

    fn receive(&mut self, message: &Message) {
        let Some(kind) = message.kind() else { return };
        let own = self.config.nodes[usize::from(self.config.local.0)].name.clone();
        let for_us = message.text("dest").is_none_or(|dest| dest == own);
        match kind {
            "NS_rexmit" if for_us => return self.repeat(message),
            "NS_nak_rexmit" => {
                if let Some(seq) = hex(message, "firstseq") {
                    self.peer.missing.remove(&seq);
                }
                return;
            }
            _ if kind.starts_with("NS_") => return,
            _ => {}
        }
        let (Some(seq), Some(generation)) = (hex(message, "seq"), hex(message, "hg")) else { return };
        if generation < self.peer.generation {
            return;
        }
        if kind == "status" && !self.admit(generation, seq) {
            return;
        }
        if !self.arrive(seq) || !for_us {
            return;
        }
        match kind {
            "status" => self.receive_status(seq, message),
            "reqnodes" => {
                let mut answer = Message::new("repnodes");
                answer.push_text("dest", message.text("src").unwrap_or_default());
                answer.push_text("nodelist", "node0 node1 ");
                answer.push_text("delnodelist", " ");
                self.say(answer);
            }
            "repnodes" if !self.active => self.communication_up(),
            _ => self.handle_peer(kind, message),
        }
        self.check_communication();
    }

    /// Whether a status counts; a higher generation opens a new run.
    fn admit(&mut self, generation: u64, seq: u64) -> bool {
        let peer = &mut self.peer;
        if generation == peer.generation && peer.status == "dead" && seq <= peer.status_seq {
            return false;
        }
        if generation > peer.generation {
            peer.generation = generation;
            peer.last = None;
            peer.missing.clear();
            peer.status_seq = 0;
        } else if peer.status == "dead" && self.now.tick.since(peer.declared) > POLL {
            // Returning after partition: release and restart in two seconds (`failover.md` 3.8).
            let due = self.now.tick.plus(2 * SECOND);
            self.table.restart_at.get_or_insert(due);
        }
        true
    }

    fn arrive(&mut self, seq: u64) -> bool {
        let first = self.now.tick.plus(Duration::from_millis(150));
        let peer = &mut self.peer;
        let Some(last) = peer.last else {
            peer.last = Some(seq);
            return true;
        };
        if seq <= last {
            return peer.missing.remove(&seq).is_some();
        }
        if seq - last <= 250 {
            peer.missing.extend((last + 1..seq).map(|number| (number, first)));
        } else {
            peer.missing.clear();
        }
        peer.last = Some(seq);
        true
    }

    fn receive_status(&mut self, seq: u64, message: &Message) {
        if seq < self.peer.status_seq {
            return;
        }
        self.peer.status_seq = seq;
        self.peer.heard_at = Some(self.now.tick);
        self.peer.deadtime = hex(message, "dt").map(Duration::from_millis);
        if let Some(status) = message.text("st") {
            status.clone_into(&mut self.peer.status);
        }
    }

    fn request_missing(&mut self) {
        let now = self.now.tick;
        let due: Vec<u64> =
            self.peer.missing.iter().filter(|(_, due)| **due <= now).map(|(seq, _)| *seq).collect();
        for seq in due {
            self.peer.missing.insert(seq, now.plus(self.config.max_rexmit_delay));
            let mut message = Message::new("NS_rexmit");
            message.push_text("dest", &self.config.nodes[usize::from(self.peer.id.0)].name.clone());
            message.push_text("firstseq", &seq.to_string());
            message.push_text("lastseq", &seq.to_string());
            self.stamp(&mut message);
            self.outputs.push_back(Output::Send(message));
        }
    }

    fn repeat(&mut self, message: &Message) {
        let number = |name| message.text(name).and_then(|text: &str| text.parse::<u64>().ok());
        let (Some(first), Some(last)) = (number("firstseq"), number("lastseq")) else { return };
        for seq in first..=last.min(first.saturating_add(49)) {
            if let Some((_, message)) = self.history.iter().find(|(number, _)| *number == seq) {
                self.outputs.push_back(Output::Send(message.clone()));
            } else if seq <= self.seq {
                let mut refusal = Message::new("NS_nak_rexmit");
                refusal.push_text("firstseq", &format!("{seq:x}"));
                self.stamp(&mut refusal);
                self.outputs.push_back(Output::Send(refusal));
            }
        }
    }

    fn ask(&mut self, set: HoldSet, info: &str) {
        let mut message = Message::new("ask_resources");
        message.push_text("rsc_hold", set.as_str());
        message.push_text("info", info);
        self.say(message);
    }
}

fn hex(message: &Message, name: &str) -> Option<u64> {
    u64::from_str_radix(message.text(name)?, 16).ok()
}
