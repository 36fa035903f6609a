//! Two real engines played from bytes: deliveries, losses, job ends, crashes, commands, time, and messages that no honest
//! node sends. What must hold stands in `rules`; how bytes become messages in `forge`.
//!
//! Heartbeats and the traffic of the bus arrive at once unless the wire is cut; what decides about resources waits until
//! the input delivers it. So a short input gets far, and the order of what matters is the input's choice.

mod forge;
mod rules;

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::Duration;

use hb_engine::{
    Action, Command, Config, Engine, Event, Failback, GroupConfig, GroupId, HoldSet, Input, JobId,
    LinkConfig, LinkId, NodeConfig, NodeId, Now, Outcome, Output, PingConfig, Tick, WallSeconds,
};
use hb_wire::Message;

use forge::{Bytes, Known};
use rules::{KEYS, Rules};

/// Plays one input; panics when a rule is broken.
pub fn play(input: &[u8]) {
    let mut bytes = Bytes::new(input);
    let mut pair = READY.get(usize::from(bytes.byte() & 15)).cloned().expect("one for each setup");
    for _ in 0..MOST_STEPS {
        if bytes.is_empty() || pair.work > MOST_WORK {
            break;
        }
        pair.step(&mut bytes);
    }
}

/// Where inputs begin, by the first byte: failback (1, 2), liars allowed (4), one just booted instead of two settled (8).
static READY: LazyLock<Vec<Pair>> = LazyLock::new(|| (0..16).map(Pair::ready).collect());

/// Both nodes and what is between them.
#[derive(Clone)]
struct Pair {
    failback: Failback,
    /// Only what honest nodes and bad luck can do: then nothing may run twice.
    honest: bool,
    nodes: [Node; 2],
    now: u64,
    cut: bool,
    /// Messages that the input delivers, and to whom.
    flight: VecDeque<(usize, Message)>,
    /// Messages that arrive within the present step.
    at_once: VecDeque<(usize, Message)>,
    /// Inputs that engines had.
    work: u32,
}

#[derive(Clone)]
struct Node {
    engine: Option<Engine>,
    generation: u64,
    /// The highest number of a message that was forged in its name.
    forged: u64,
    rules: Rules,
}

impl Pair {
    fn ready(setup: u8) -> Self {
        let mut pair = Self::new(setup);
        pair.boot(0);
        if setup & 8 == 0 {
            pair.boot(1);
            pair.settle();
            assert!(pair.is_calm(), "two healthy nodes settle");
        }
        pair.work = 0;
        pair
    }

    fn new(setup: u8) -> Self {
        let failback = match setup & 3 {
            0 | 1 => Failback::On,
            2 => Failback::Off,
            _ => Failback::Legacy,
        };
        let node = || Node { engine: None, generation: 100, forged: 0, rules: Rules::new() };
        Self {
            failback,
            honest: setup & 4 == 0,
            nodes: [node(), node()],
            now: 1_000_000_000,
            cut: false,
            flight: VecDeque::new(),
            at_once: VecDeque::new(),
            work: 0,
        }
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let code = bytes.byte();
        let node = usize::from(code >> 7);
        match code & 0x1f {
            0..=3 => self.deliver(bytes.byte(), true),
            4 => self.deliver(bytes.byte(), false),
            5 => {
                let index = usize::from(bytes.byte()) % self.flight.len().max(1);
                self.flight.remove(index);
            }
            6..=8 => self.end_job(node, bytes.byte(), Outcome::Ok),
            9 => {
                let which = bytes.byte();
                let outcome = Outcome::Failed { reason: "fuzzed".to_owned(), residue: which & 0x80 != 0 };
                self.end_job(node, which, outcome);
            }
            10..=12 => self.pass_to_next(),
            13 | 14 => self.pass(bytes.time()),
            15 => self.command(node, bytes.byte()),
            16 => self.crash(node),
            17 | 18 => self.boot(node),
            19 => self.cut = !self.cut,
            20 => self.settle(),
            21 => self.handle(node, Input::Wake),
            22 => self.handle(node, Input::Load(bytes.text().repeat(16))),
            23 => self.handle(node, Input::Echo { link: LinkId(u16::from(bytes.byte())) }),
            // Somebody who has the key and is no honest node of this cluster.
            24..=31 if self.honest => {}
            24 => {
                // The end of a job that is not under way: of those that are, the daemon alone tells the end.
                let job = JobId(u64::from(bytes.byte()));
                if !self.nodes[node].rules.is_under_way(job) {
                    self.handle(node, Input::Done { job, outcome: Outcome::Ok });
                }
            }
            25 => self.sleep(node, bytes.time()),
            26 => self.replay(node, bytes),
            27 => {
                if let Some(message) = bytes.packet() {
                    self.say_to(node, bytes, message);
                }
            }
            _ => {
                let known = self.known(1 - node);
                let message = forge::message(bytes, known);
                let seq = message.text("seq").and_then(|text| u64::from_str_radix(text, 16).ok());
                let near = seq.filter(|seq| *seq < known.seq.saturating_add(NEAR));
                self.nodes[1 - node].forged = near.unwrap_or(0).max(self.nodes[1 - node].forged);
                self.say_to(node, bytes, message);
            }
        }
        self.flow();
    }

    fn say_to(&mut self, node: usize, bytes: &mut Bytes<'_>, message: Message) {
        let link = LinkId(u16::from(bytes.byte() & 3));
        self.handle(node, Input::Message { link, message });
    }

    fn deliver(&mut self, which: u8, remove: bool) {
        let index = usize::from(which) % self.flight.len().max(1);
        let taken = if remove { self.flight.remove(index) } else { self.flight.get(index).cloned() };
        if let Some((to, message)) = taken {
            self.receive(to, message);
        }
    }

    /// A message of the wire with one field changed, to its addressee or back to its sender.
    fn replay(&mut self, node: usize, bytes: &mut Bytes<'_>) {
        let index = usize::from(bytes.byte()) % self.flight.len().max(1);
        let Some((_, mut message)) = self.flight.get(index).cloned() else { return };
        let (name, value) = forge::field(bytes, self.known(1 - node));
        message.set_text(name, &value);
        self.receive(node, message);
    }

    fn known(&self, node: usize) -> Known {
        let Node { generation, forged, rules, .. } = &self.nodes[node];
        let name = if node == 0 { "node0" } else { "node1" };
        Known { name, generation: *generation, seq: rules.seq.max(*forged) }
    }

    fn receive(&mut self, to: usize, message: Message) {
        self.handle(to, Input::Message { link: LinkId(0), message });
    }

    fn end_job(&mut self, node: usize, which: u8, outcome: Outcome) {
        let Some(job) = self.nodes[node].rules.end_job(which, &outcome) else { return };
        self.handle(node, Input::Done { job, outcome });
    }

    fn command(&mut self, node: usize, what: u8) {
        let set = [HoldSet::ALL, HoldSet::LOCAL, HoldSet::FOREIGN, HoldSet::NONE][usize::from(what >> 4) % 4];
        let command = match what & 3 {
            0 => Command::Stop,
            1 => Command::Takeover(set),
            _ => Command::Standby(set),
        };
        self.handle(node, Input::Command(command));
    }

    fn crash(&mut self, node: usize) {
        self.nodes[node].engine = None;
        self.nodes[node].rules.power_off();
    }

    fn boot(&mut self, node: usize) {
        if self.nodes[node].engine.is_some() {
            return;
        }
        self.nodes[node].generation += 1;
        self.nodes[node].forged = 0;
        self.nodes[node].rules.boot(self.nodes[node].generation);
        let config = config(node, self.nodes[node].generation, self.failback);
        self.nodes[node].engine = Some(Engine::new(config, self.now, self.stamp(self.now)));
        self.drain(node);
        self.flow();
    }

    /// The node sleeps alone: its next input comes late.
    fn sleep(&mut self, node: usize, time: Duration) {
        if time > SLOWEST {
            self.arrive_and_end();
        }
        self.now = self.now.saturating_add(nanos(time)).min(END_OF_TIME);
        self.handle(node, Input::Wake);
    }

    const fn stamp(&self, now: u64) -> Now {
        Now { tick: Tick::from_nanos(now), wall: WallSeconds(1_800_000_000) }
    }

    fn next_deadline(&self) -> Option<u64> {
        let engines = self.nodes.iter().filter_map(|node| node.engine.as_ref());
        engines.filter_map(Engine::next_deadline).map(Tick::as_nanos).min()
    }

    fn pass_to_next(&mut self) {
        if let Some(next) = self.next_deadline() {
            self.now = self.now.max(next).min(END_OF_TIME);
            self.wake();
        }
    }

    /// No message is on its way, and no job under way, for as long as a hand-over waits: networks lose what they do not
    /// bring within a minute, and jobs have a time limit.
    fn arrive_and_end(&mut self) {
        for _ in 0..MOST_SETTLING {
            if !self.flight.is_empty() {
                self.deliver(0, true);
            } else if let Some(node) = (0..2).find(|node| self.nodes[*node].rules.has_jobs()) {
                self.end_job(node, 0, Outcome::Ok);
            } else {
                break;
            }
            self.flow();
        }
    }

    fn pass(&mut self, time: Duration) {
        if time > SLOWEST {
            self.arrive_and_end();
        }
        let until = self.now.saturating_add(nanos(time)).min(END_OF_TIME);
        for _ in 0..MOST_WAKES {
            match self.next_deadline().filter(|next| *next <= until) {
                Some(_) => self.pass_to_next(),
                None => break,
            }
            self.flow();
        }
        self.now = until;
        self.wake();
    }

    /// Wakes whoever wants it; afterwards nobody may want it again at once.
    fn wake(&mut self) {
        for node in 0..2 {
            let due = |pair: &Self| {
                let deadline = pair.nodes[node].engine.as_ref().and_then(Engine::next_deadline);
                deadline.is_some_and(|deadline| deadline.as_nanos() <= pair.now)
            };
            if due(self) {
                self.handle(node, Input::Wake);
                assert!(!due(self) || self.now >= END_OF_TIME, "node {node} wants to wake in the past");
            }
        }
    }

    /// Nothing goes wrong for a while.
    fn settle(&mut self) {
        self.cut = false;
        for _ in 0..MOST_SETTLING {
            self.flow();
            if !self.flight.is_empty() {
                self.deliver(0, true);
            } else if let Some(node) = (0..2).find(|node| self.nodes[*node].rules.has_jobs()) {
                self.end_job(node, 0, Outcome::Ok);
            } else {
                self.pass_to_next();
                if self.is_calm() {
                    break;
                }
            }
        }
    }

    fn is_calm(&self) -> bool {
        self.flight.is_empty()
            && self.nodes.iter().all(|node| {
                !node.rules.has_jobs()
                    && node.engine.as_ref().is_none_or(|engine| engine.snapshot(self.stamp(self.now)).stable)
            })
    }

    fn handle(&mut self, node: usize, input: Input) {
        let now = self.stamp(self.now);
        let Some(engine) = &mut self.nodes[node].engine else { return };
        self.work += 1;
        engine.handle(now, input);
        self.drain(node);
    }

    fn drain(&mut self, node: usize) {
        let now = self.stamp(self.now);
        let other_runs = self.nodes[1 - node].rules.running;
        let other_lives = self.nodes[1 - node].engine.is_some();
        let mut count = 0;
        let mut ended = false;
        while let Some(output) = self.nodes[node].engine.as_mut().and_then(Engine::poll) {
            count += 1;
            assert!(count <= MOST_OUTPUTS, "node {node} answers one input without end");
            match output {
                Output::Send(message) => {
                    self.nodes[node].rules.said(&message, node);
                    self.carry(1 - node, message);
                }
                Output::Do { job, action } => {
                    self.nodes[node].rules.begins(job, action);
                    if let (Action::Start(group), true) = (action, self.honest && !self.is_split()) {
                        assert!(
                            !other_runs[index(group)],
                            "{group:?} starts on {node} and runs on the other"
                        );
                    }
                }
                Output::Check { .. } | Output::Fence { .. } => {}
                Output::Report(Event::NodeDead { .. }) => self.nodes[node].rules.declared_dead(other_lives),
                Output::Report(Event::Borrowing { group }) => self.nodes[node].rules.borrows(group),
                Output::Report(Event::Stopped) => ended = true,
                Output::Report(_) => {}
            }
        }
        if let Some(engine) = &self.nodes[node].engine {
            self.nodes[node].rules.seen(&engine.snapshot(now), node);
        }
        if ended {
            self.nodes[node].engine = None;
            self.nodes[node].rules.ended();
        }
    }

    fn is_split(&self) -> bool {
        self.nodes.iter().any(|node| node.rules.was_wrong)
    }

    fn carry(&mut self, to: usize, message: Message) {
        if self.cut {
            return;
        }
        match message.kind() {
            Some("status" | "NS_ackmsg" | "NS_rexmit" | "NS_nak_rexmit" | "reqnodes" | "repnodes") | None => {
                self.at_once.push_back((to, message));
            }
            Some(_) => {
                self.flight.push_back((to, message));
                if self.flight.len() > MOST_IN_FLIGHT {
                    self.flight.pop_front();
                }
            }
        }
    }

    /// What arrives at once arrives; two nodes must not keep each other busy for ever.
    fn flow(&mut self) {
        for _ in 0..MOST_AT_ONCE {
            let Some((to, message)) = self.at_once.pop_front() else { return };
            self.receive(to, message);
        }
        panic!("two nodes keep each other busy: {:?}", self.at_once.front());
    }
}

fn config(local: usize, generation: u64, failback: Failback) -> Config {
    let node = |number: u16| NodeConfig { name: format!("node{number}") };
    let home = |home: u16| GroupConfig { key: KEYS[usize::from(home)].to_owned(), home: Some(NodeId(home)) };
    let local = u16::from(local == 1);
    Config {
        nodes: vec![node(0), node(1)],
        local: NodeId(local),
        uuid: [u8::from(local == 1) + 1; 16],
        generation,
        links: vec![LinkConfig { name: "eth0".to_owned() }, LinkConfig { name: "eth1".to_owned() }],
        keepalive: Duration::from_millis(200),
        deadtime: Duration::from_secs(1),
        warntime: Duration::from_millis(500),
        initdead: Duration::from_secs(3),
        max_rexmit_delay: Duration::from_millis(250),
        ttl: 3,
        failback,
        groups: vec![home(0), home(1)],
        files_digest: String::new(),
        first_epoch: None,
        pings: PingConfig::default(),
        membership: hb_engine::Membership::default(),
        agents: hb_engine::AgentPolicy::default(),
    }
}

fn index(group: GroupId) -> usize {
    usize::from(group.0)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Steps of one input.
const MOST_STEPS: usize = 300;
/// Inputs to engines for one input of the target; what goes on longer is seldom new.
const MOST_WORK: u32 = 400;
/// Outputs for one input, as in the simulator.
const MOST_OUTPUTS: usize = 250;
/// A forged number that is further ahead than this is not where the next one continues.
const NEAR: u64 = 300;
const MOST_IN_FLIGHT: usize = 40;
const MOST_AT_ONCE: usize = 2000;
/// Wake-ups within one step.
const MOST_WAKES: usize = 60;
/// Longer than a message travels, and than a job may take.
const SLOWEST: Duration = Duration::from_secs(120);
const MOST_SETTLING: usize = 120;
/// Where the driver's clock ends, in nanoseconds: a hundred years.
const END_OF_TIME: u64 = 3_000_000_000_000_000_000;
