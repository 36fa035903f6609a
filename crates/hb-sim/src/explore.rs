//! Explicit-state exploration of two nodes: every order of deliveries, losses, timers, job ends, crashes and commands,
//! to a depth and within budgets.
//!
//! Heartbeats, requests and refusals arrive at once; both clocks are equal. Depth first, with the digests of all
//! states seen, so memory holds one path only; the states reached are the same as breadth first.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use hb_engine::{
    Action, Command, Config, Engine, Event, Failback, HoldSet, Input, JobId, LinkId, Now, Outcome, Output,
    Tick, WallSeconds,
};
use hb_wire::Message;

use crate::host::set_of;
use crate::scenario::{Kind, Setup};
use crate::watch::number;
use crate::world::config;

const HOMES: [u16; 2] = [0, 1];
/// For every such share of new states it is also checked that everything ends well.
const CLOSE_EVERY: u64 = 16;
/// So many moves must be enough for that.
const CLOSING_MOVES: u32 = 600;

/// How often each kind of trouble may happen on one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Lost messages.
    pub losses: u8,
    /// Power cuts.
    pub crashes: u8,
    /// Jobs that fail.
    pub failures: u8,
    /// `standby` or `stop` of an operator.
    pub commands: u8,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Different states.
    pub states: u64,
    /// Moves made.
    pub moves: u64,
    /// States from which it was checked that all ends well.
    pub closed: u64,
    /// The first broken rule and the moves that lead there.
    pub broken: Option<(String, Vec<String>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Deliver(usize),
    Lose(usize),
    End(usize, usize, bool),
    Time,
    Crash(usize),
    Boot(usize),
    Ask(usize, Command),
}

#[derive(Clone)]
struct State {
    engines: [Option<Engine>; 2],
    generations: [u64; 2],
    spoken: [u64; 2],
    running: [[bool; 2]; 2],
    jobs: [Vec<(JobId, Action)>; 2],
    flight: Vec<(usize, Message)>,
    now: u64,
    budget: Budget,
    split: bool,
    stopped: [bool; 2],
    broken: Option<String>,
}

/// Explores from two settled nodes.
#[must_use]
pub fn explore(failback: Failback, depth: u32, budget: Budget) -> Found {
    let mut search =
        Search { setup: setup(failback), seen: HashMap::new(), path: Vec::new(), found: Found::default() };
    let mut start = State::settled(&search.setup);
    start.budget = budget;
    search.visit(&start, depth);
    search.found
}

struct Search {
    setup: Setup,
    /// Digest of a state, and how many moves were left when it was visited.
    seen: HashMap<u64, u32>,
    path: Vec<Move>,
    found: Found,
}

impl Search {
    fn visit(&mut self, state: &State, left: u32) {
        let digest = state.digest();
        match self.seen.get_mut(&digest) {
            Some(known) if *known >= left => return,
            Some(known) => *known = left,
            None => {
                self.seen.insert(digest, left);
                self.found.states += 1;
                if self.found.states.is_multiple_of(CLOSE_EVERY) {
                    self.found.closed += 1;
                    if let Some(why) = state.clone().close(&self.setup) {
                        return self.fail(format!("does not end well: {why}"));
                    }
                }
            }
        }
        if left == 0 {
            return;
        }
        for step in state.moves() {
            if self.found.broken.is_some() {
                return;
            }
            let mut next = state.clone();
            self.path.push(step);
            self.found.moves += 1;
            next.perform(step, &self.setup);
            match next.broken.take() {
                Some(why) => self.fail(why),
                None => self.visit(&next, left - 1),
            }
            self.path.pop();
        }
    }

    fn fail(&mut self, why: String) {
        if self.found.broken.is_none() {
            self.found.broken = Some((why, self.path.iter().map(|step| format!("{step:?}")).collect()));
        }
    }
}

impl State {
    fn settled(setup: &Setup) -> Self {
        let mut state = Self {
            engines: [None, None],
            generations: [1; 2],
            spoken: [0; 2],
            running: [[false; 2]; 2],
            jobs: [Vec::new(), Vec::new()],
            flight: Vec::new(),
            now: 1_000_000_000,
            budget: Budget { losses: 0, crashes: 0, failures: 0, commands: 0 },
            split: false,
            stopped: [false; 2],
            broken: None,
        };
        state.perform(Move::Boot(0), setup);
        state.perform(Move::Boot(1), setup);
        let trouble = state.close(setup);
        debug_assert!(trouble.is_none(), "{trouble:?}");
        state
    }

    fn moves(&self) -> Vec<Move> {
        let mut moves = vec![Move::Time];
        for index in 0..self.flight.len() {
            if self.flight[..index].contains(&self.flight[index]) {
                continue;
            }
            moves.push(Move::Deliver(index));
            if self.budget.losses > 0 {
                moves.push(Move::Lose(index));
            }
        }
        for node in 0..2 {
            for job in 0..self.jobs[node].len() {
                moves.push(Move::End(node, job, true));
                if self.budget.failures > 0 {
                    moves.push(Move::End(node, job, false));
                }
            }
            if self.engines[node].is_none() {
                moves.push(Move::Boot(node));
                continue;
            }
            if self.budget.crashes > 0 {
                moves.push(Move::Crash(node));
            }
            if self.budget.commands > 0 {
                moves
                    .extend([HoldSet::ALL, HoldSet::LOCAL].map(|set| Move::Ask(node, Command::Standby(set))));
                moves.push(Move::Ask(node, Command::Stop));
            }
        }
        moves
    }

    fn perform(&mut self, step: Move, setup: &Setup) {
        match step {
            Move::Deliver(index) => {
                let (to, message) = self.flight.remove(index);
                self.handle(to, Input::Message { link: LinkId(0), message });
            }
            Move::Lose(index) => {
                self.flight.remove(index);
                self.budget.losses -= 1;
            }
            Move::End(node, index, good) => self.end_job(node, index, good),
            Move::Time => self.pass_time(),
            Move::Crash(node) => {
                self.budget.crashes -= 1;
                self.engines[node] = None;
                self.jobs[node].clear();
                self.running[node] = [false; 2];
            }
            Move::Boot(node) => {
                self.generations[node] += 1;
                self.spoken[node] = 0;
                // Numbers that only grow would make every state a new one.
                let config = Config { first_epoch: None, ..config(setup, node, self.generations[node]) };
                self.engines[node] = Some(Engine::new(config, 1, self.stamp()));
                self.drain(node);
            }
            Move::Ask(node, command) => {
                self.budget.commands -= 1;
                self.handle(node, Input::Command(command));
            }
        }
    }

    const fn stamp(&self) -> Now {
        Now { tick: Tick::from_nanos(self.now), wall: WallSeconds(1_800_000_000) }
    }

    fn handle(&mut self, node: usize, input: Input) {
        let now = self.stamp();
        if let Some(engine) = &mut self.engines[node] {
            engine.handle(now, input);
            self.drain(node);
        }
    }

    fn drain(&mut self, node: usize) {
        let mut at_once = Vec::new();
        while let Some(output) = self.engines[node].as_mut().and_then(Engine::poll) {
            match output {
                Output::Send(message) => self.send(node, message, &mut at_once),
                Output::Do { job, action } => self.begin_job(node, job, action),
                Output::Report(Event::NodeDead { node: other, .. }) => {
                    self.split |= self.engines[usize::from(other.0)].is_some();
                }
                Output::Report(Event::Stopped) => {
                    self.engines[node] = None;
                    self.stopped[node] = true;
                }
                // Nothing is monitored here, and no node of an exploration has a device.
                Output::Check { .. } | Output::Fence { .. } | Output::Report(_) => {}
            }
        }
        for message in at_once {
            self.handle(1 - node, Input::Message { link: LinkId(0), message });
        }
    }

    fn send(&mut self, node: usize, message: Message, at_once: &mut Vec<Message>) {
        let seq = number(&message, "seq").unwrap_or(0);
        if seq > self.spoken[node] {
            self.spoken[node] = seq;
            self.check_claim(node, &message);
        }
        match message.kind() {
            Some("NS_ackmsg" | "stonith") | None => {}
            Some("status" | "NS_rexmit" | "NS_nak_rexmit" | "reqnodes" | "repnodes") => at_once.push(message),
            Some(_) => self.flight.push((1 - node, message)),
        }
    }

    /// What is said must be true (see `watch::messages`).
    fn check_claim(&mut self, node: usize, message: &Message) {
        let running = self.running[node].iter().zip(HOMES).filter(|(running, _)| **running);
        let truth = running.fold(HoldSet::NONE, |sum, (_, home)| sum.union(set_of(node, home)));
        let said = message.text("rsc_hold").and_then(HoldSet::parse).unwrap_or_default();
        let full = message.kind() == Some("resource") && message.text("rtype") == Some("full");
        if full && !said.contains(truth) || message.kind() == Some("shutdone") && !truth.is_empty() {
            self.broken = Some(format!("node {node} says {said} but runs {truth}"));
        }
    }

    fn begin_job(&mut self, node: usize, job: JobId, action: Action) {
        let group = group_of(action);
        if self.jobs[node].iter().any(|(_, other)| group_of(*other) == group) {
            self.broken = Some(format!("node {node}: two jobs for group {group}"));
        }
        self.jobs[node].push((job, action));
        if let Action::Start(_) = action {
            self.running[node][group] = true;
            if self.running[1 - node][group] && !self.split {
                self.broken = Some(format!("group {group} starts on node {node} and runs on the other"));
            }
        }
    }

    fn end_job(&mut self, node: usize, index: usize, good: bool) {
        let (job, action) = self.jobs[node].remove(index);
        if !good {
            self.budget.failures -= 1;
        }
        match action {
            Action::Start(group) => self.running[node][usize::from(group.0)] = good,
            Action::Stop(group) => self.running[node][usize::from(group.0)] = !good,
            Action::Announce(_) => {}
        }
        let residue = matches!(action, Action::Stop(_));
        let failed = || Outcome::Failed { reason: "explored".to_owned(), residue };
        let outcome = if good { Outcome::Ok } else { failed() };
        self.handle(node, Input::Done { job, outcome });
    }

    /// To the next time at which anybody wants to wake.
    fn pass_time(&mut self) {
        let next = self.engines.iter().flatten().filter_map(Engine::next_deadline).min();
        let Some(next) = next else { return };
        self.now = self.now.max(next.as_nanos());
        for node in 0..2 {
            let due = self.engines[node].as_ref().and_then(Engine::next_deadline);
            if due.is_some_and(|due| due.as_nanos() <= self.now) {
                self.handle(node, Input::Wake);
            }
            let due = self.engines[node].as_ref().and_then(Engine::next_deadline);
            if due.is_some_and(|due| due.as_nanos() <= self.now) {
                self.broken = Some(format!("node {node} wants to wake in the past"));
            }
        }
    }

    /// From now on nothing goes wrong: what is still not well then?
    fn close(&mut self, setup: &Setup) -> Option<String> {
        self.budget = Budget { losses: 0, crashes: 0, failures: 0, commands: 0 };
        for _ in 0..CLOSING_MOVES {
            let step = if !self.flight.is_empty() {
                Move::Deliver(0)
            } else if let Some(node) = (0..2).find(|node| !self.jobs[*node].is_empty()) {
                Move::End(node, 0, true)
            } else if let Some(node) = (0..2).find(|node| self.engines[*node].is_none()) {
                Move::Boot(node)
            } else if self.trouble().is_none() {
                return None;
            } else {
                Move::Time
            };
            self.perform(step, setup);
            if let Some(broken) = &self.broken {
                return Some(broken.clone());
            }
        }
        self.trouble()
    }

    fn trouble(&self) -> Option<String> {
        let views: Vec<_> =
            self.engines.iter().flatten().map(|engine| engine.snapshot(self.stamp())).collect();
        let [first, second] = views.as_slice() else { return Some("a node is down".to_owned()) };
        for group in 0..HOMES.len() {
            let owners = self.running.iter().filter(|running| running[group]).count();
            if owners != 1 {
                return Some(format!("group {group} has {owners} owners"));
            }
        }
        if !first.stable || !second.stable {
            return Some("a node is in transition".to_owned());
        }
        let agree = first.nodes[1].hold == Some(second.hold) && second.nodes[0].hold == Some(first.hold);
        (!agree).then(|| "they do not agree".to_owned())
    }

    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for node in 0..2 {
            self.engines[node].is_some().hash(&mut hasher);
            if let Some(engine) = &self.engines[node] {
                engine.digest(&mut hasher);
            }
            for (_, action) in &self.jobs[node] {
                let kind = match action {
                    Action::Start(_) => 0,
                    Action::Stop(_) => 1,
                    Action::Announce(_) => 2,
                };
                (kind, group_of(*action)).hash(&mut hasher);
            }
        }
        for (to, message) in &self.flight {
            let seq = number(message, "seq").unwrap_or(0);
            (to, self.spoken[1 - to].wrapping_sub(seq)).hash(&mut hasher);
            for field in ["t", "rsc_hold", "isstable", "info", "hb-taken", "hb-ask", "hb-run", "hg"] {
                message.text(field).hash(&mut hasher);
            }
        }
        (self.running, self.budget, self.split, self.generations).hash(&mut hasher);
        hasher.finish()
    }
}

fn group_of(action: Action) -> usize {
    match action {
        Action::Start(group) | Action::Stop(group) | Action::Announce(group) => usize::from(group.0),
    }
}

fn setup(failback: Failback) -> Setup {
    let second = Duration::from_secs(1);
    Setup {
        kinds: vec![Kind::Ours; 2],
        keepalive: second,
        deadtime: 3 * second,
        initdead: 3 * second,
        failback,
        links: 1,
        groups: HOMES.to_vec(),
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: 0,
        duplication: 0,
        stragglers: 0,
        clock_error: vec![0; 2],
        wake_jitter: Duration::ZERO,
        job_time: (Duration::ZERO, Duration::ZERO),
        job_limit: second,
        monitored: false,
        fencing: false,
        one_way: false,
        boot: vec![Duration::ZERO; 2],
    }
}
