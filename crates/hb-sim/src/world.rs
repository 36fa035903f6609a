//! The run itself: what happens next, in the order of true time, until all is quiet again or a rule is broken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::time::Duration;

use hb_engine::{
    AgentPolicy, Config, Engine, Event, GroupConfig, GroupId, Input, JobId, LinkConfig, LinkId, Membership,
    MonitorPolicy, NodeConfig, NodeId, Now, Output, PingConfig, WallSeconds,
};
use hb_wire::Message;

use crate::brain::Brain;
use crate::clock::Clock;
use crate::dice::Dice;
use crate::host::Host;
use crate::legacy::Legacy;
use crate::net::Net;
use crate::report::{Numbers, Report, Violation, seconds};
use crate::scenario::{Kind, Scenario, Setup};
use crate::watch::Watch;

/// Wall clock at the begin of a run.
const WALL: i64 = 1_800_000_000;
/// More outputs than this for one input are a flood.
const LONGEST_ANSWER: u32 = 250;
/// How often the slower rules are checked.
const LOOK_EVERY: u64 = 100_000_000;
/// For so long all must be well at the end.
const QUIET_FOR: u64 = 1_500_000_000;

/// What is going to happen.
#[derive(Debug)]
pub(crate) enum Happening {
    Packet {
        to: usize,
        link: u16,
        message: Message,
    },
    /// A look at a group ends.
    CheckEnd {
        host: usize,
        life: u32,
        job: JobId,
        group: GroupId,
    },
    JobEnd {
        host: usize,
        life: u32,
        job: JobId,
    },
    /// A reset by this node ends.
    ResetEnd {
        host: usize,
        life: u32,
        job: JobId,
        victim: usize,
    },
    Boot {
        host: usize,
        life: u32,
    },
    GuardCleans {
        host: usize,
    },
    FaultBegins(usize),
    /// With the life that the node had when the fault began.
    FaultEnds(usize, u32),
    Look,
}

pub(crate) struct World<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) now: u64,
    pub(crate) dice: Dice,
    pub(crate) hosts: Vec<Host>,
    pub(crate) net: Net,
    pub(crate) watch: Watch,
    pub(crate) numbers: Numbers,
    pub(crate) violation: Option<Violation>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    /// What the queue's numbers stand for.
    happenings: std::collections::HashMap<u64, Happening>,
    next_number: u64,
    trace: u64,
    story: Option<Vec<String>>,
}

/// Plays a scenario to its end; `tell` keeps the timeline.
#[must_use]
pub fn run(scenario: &Scenario, tell: bool) -> Report {
    let mut world = World::new(scenario, tell);
    while world.step() {}
    world.numbers.simulated = Duration::from_nanos(world.now);
    Report {
        violation: world.violation,
        numbers: world.numbers,
        trace: world.trace,
        story: world.story.unwrap_or_default(),
    }
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, tell: bool) -> Self {
        let setup = &scenario.setup;
        let mut dice = Dice::new(scenario.seed ^ 0x5eed);
        let hosts = setup.kinds.iter().zip(&setup.clock_error).map(|(kind, error)| {
            let clock = Clock::new(*error, 0, dice.range(1_000_000_000, 1_000_000_000_000));
            Host::new(*kind, clock, setup.groups.len())
        });
        let hosts = hosts.collect();
        let mut world = Self {
            scenario,
            now: 0,
            hosts,
            net: Net::new(setup),
            watch: Watch::new(setup),
            numbers: Numbers::default(),
            violation: None,
            queue: BinaryHeap::new(),
            happenings: std::collections::HashMap::new(),
            next_number: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            story: tell.then(Vec::new),
            dice,
        };
        for (host, boot) in setup.boot.iter().enumerate() {
            world.schedule(nanos(*boot), Happening::Boot { host, life: 0 });
        }
        for (index, fault) in scenario.faults.iter().enumerate() {
            world.schedule(nanos(fault.at), Happening::FaultBegins(index));
        }
        world.watch.expect(&scenario.faults);
        world.schedule(LOOK_EVERY, Happening::Look);
        world
    }

    pub(crate) const fn setup(&self) -> &'a Setup {
        &self.scenario.setup
    }

    pub(crate) fn schedule(&mut self, at: u64, happening: Happening) {
        self.next_number += 1;
        self.queue.push(Reverse((at.max(self.now), self.next_number)));
        self.happenings.insert(self.next_number, happening);
    }

    /// The next thing; false at the end of the run.
    fn step(&mut self) -> bool {
        if self.violation.is_some() {
            return false;
        }
        let queued = self.queue.peek().map_or(u64::MAX, |Reverse((at, _))| *at);
        let wake = self.hosts.iter().enumerate().filter(|(_, host)| host.frozen == 0);
        let wake = wake.filter_map(|(index, host)| host.next_wake.map(|at| (at, index))).min();
        match wake {
            Some((at, host)) if at < queued => {
                self.pass_until(at);
                self.wake(host);
            }
            _ => {
                let Some(Reverse((at, number))) = self.queue.pop() else { return false };
                self.pass_until(at);
                if let Some(happening) = self.happenings.remove(&number) {
                    return self.happen(happening);
                }
            }
        }
        true
    }

    fn pass_until(&mut self, at: u64) {
        let passed = at.saturating_sub(self.now);
        self.now = self.now.max(at);
        self.count_overlap(passed);
    }

    fn happen(&mut self, happening: Happening) -> bool {
        match happening {
            Happening::Packet { to, link, message } => self.arrive(to, LinkId(link), message),
            Happening::JobEnd { host, life, job } => self.job_end(host, life, job),
            Happening::CheckEnd { host, life, job, group } => self.check_end(host, life, job, group),
            Happening::ResetEnd { host, life, job, victim } => self.reset_end(host, life, job, victim),
            Happening::Boot { host, life } => self.boot(host, life),
            Happening::GuardCleans { host } => self.guard_cleans(host),
            Happening::FaultBegins(index) => self.fault_begins(index),
            Happening::FaultEnds(index, life) => self.fault_ends(index, life),
            Happening::Look => {
                self.look();
                if self.watch.quiet_since.is_some_and(|since| self.now - since >= QUIET_FOR) {
                    return false;
                }
                self.schedule(self.now + LOOK_EVERY, Happening::Look);
            }
        }
        true
    }

    pub(crate) fn stamp(&self, host: usize) -> Now {
        let host = &self.hosts[host];
        let seconds = i64::try_from(self.now / 1_000_000_000).unwrap_or(0);
        let wall = u64::try_from(WALL + seconds + host.wall_offset).unwrap_or(1);
        Now { tick: host.clock.tick(self.now), wall: WallSeconds(wall) }
    }

    fn boot(&mut self, index: usize, life: u32) {
        let host = &self.hosts[index];
        if host.brain.is_some() || host.life != life {
            return;
        }
        if host.guarded {
            return self.schedule(self.now + 10_000_000, Happening::Boot { host: index, life });
        }
        let now = self.stamp(index);
        let seed = self.dice.next();
        let setup = self.setup();
        let host = &mut self.hosts[index];
        host.generation += 1;
        host.life += 1;
        host.booted = self.now;
        host.thawed = self.now;
        let config = config(&self.scenario.setup, index, host.generation);
        host.brain = Some(match host.kind {
            Kind::Ours => {
                let mut engine = Engine::new(config, seed, now);
                // Of two that cannot hear each other the first one shoots first.
                let delay = if index == 0 { Duration::ZERO } else { setup.deadtime * 2 };
                engine.set_fencing(setup.fencing.then_some(delay));
                Brain::Ours(Box::new(engine))
            }
            Kind::Legacy => Brain::Legacy(Box::new(Legacy::new(config, now))),
        });
        self.watch.booted(index, now.tick);
        self.tell(index, || "boots".to_owned());
        self.drain(index);
    }

    fn arrive(&mut self, to: usize, link: LinkId, message: Message) {
        let host = &mut self.hosts[to];
        if host.brain.is_none() {
            return;
        }
        if host.frozen > 0 {
            return host.wait_in_socket(link, message);
        }
        self.deliver(to, link, message);
    }

    fn deliver(&mut self, to: usize, link: LinkId, message: Message) {
        let tick = self.hosts[to].clock.tick(self.now);
        self.watch.delivered(to, &message, tick);
        self.handle(to, Input::Message { link, message });
    }

    fn wake(&mut self, host: usize) {
        self.handle(host, Input::Wake);
        let now = self.stamp(host).tick;
        let next = self.hosts[host].brain.as_ref().and_then(Brain::next_deadline);
        if next.is_some_and(|next| next <= now) {
            self.broken("busy-loop", || format!("node {host} wants to wake at a time that has passed"));
        }
    }

    /// A frozen node goes on: first what waited in its sockets, then jobs and operators, then the clock.
    pub(crate) fn thaw(&mut self, index: usize) {
        let now = self.now;
        let host = &mut self.hosts[index];
        if let Some(since) = host.clock_stopped.take() {
            host.clock.stood_still(since, now);
        } else if (now - host.frozen_since) * 19 / 20 >= 2 * nanos(self.scenario.setup.keepalive) {
            // By its own clock, which may be slow, it is late by a keepalive whatever it was waiting for.
            host.thawed = now;
        }
        self.tell(index, || "goes on".to_owned());
        if self.hosts[index].kind == Kind::Legacy {
            // It looks at its clock before it looks at its sockets (`failover.md` 3.8).
            self.wake(index);
        }
        while let Some((link, message)) = self.hosts[index].waiting.pop_front() {
            self.deliver(index, link, message);
        }
        while let Some((job, outcome)) = self.hosts[index].ended.pop_front() {
            self.handle(index, Input::Done { job, outcome });
        }
        while let Some(command) = self.hosts[index].asked.pop_front() {
            self.handle(index, Input::Command(command));
        }
        if self.hosts[index].brain.is_some() {
            self.wake(index);
        }
    }

    pub(crate) fn handle(&mut self, host: usize, input: Input) {
        let now = self.stamp(host);
        self.numbers.inputs += 1;
        if let Some(brain) = &mut self.hosts[host].brain {
            brain.handle(now, input);
            self.drain(host);
        }
    }

    /// Performs what the program wants.
    fn drain(&mut self, index: usize) {
        let mut count = 0;
        while let Some(output) = self.hosts[index].brain.as_mut().and_then(Brain::poll) {
            count += 1;
            match output {
                Output::Send(message) => self.send(index, &message),
                Output::Do { job, action } => self.begin_job(index, job, action),
                Output::Check { job, group } => self.begin_check(index, job, group),
                Output::Fence { job, node } => self.begin_reset(index, job, node),
                Output::Report(event) => self.event(index, &event),
            }
        }
        self.numbers.longest_answer = self.numbers.longest_answer.max(count);
        if count > LONGEST_ANSWER {
            self.broken("flood", || format!("node {index} answers one input with {count} outputs"));
        }
        self.watch_hand_over(index);
        let deadline = self.hosts[index].brain.as_ref().and_then(Brain::next_deadline);
        let late = self.dice.below(nanos(self.setup().wake_jitter) + 1);
        let host = &mut self.hosts[index];
        host.next_wake = deadline.map(|tick| host.clock.truth(tick).max(self.now) + late);
    }

    fn send(&mut self, from: usize, message: &Message) {
        self.numbers.messages += 1;
        self.mark(&[
            self.now,
            from as u64,
            hash(message.kind()),
            hash(message.text("seq")),
            hash(message.text("info")),
        ]);
        self.watch_message(from, message);
        if message.kind() != Some("status") {
            self.tell(from, || brief(message));
        }
        for to in (0..self.hosts.len()).filter(|to| *to != from) {
            for link in 0..self.setup().links {
                for time in self.net.carry(&mut self.dice, from, to, link).into_iter().flatten() {
                    let at = self.now + nanos(time);
                    self.schedule(at, Happening::Packet { to, link, message: message.clone() });
                }
            }
        }
    }

    fn event(&mut self, index: usize, event: &Event) {
        self.mark(&[self.now, index as u64, 77]);
        self.tell(index, || format!("{event:?}"));
        self.watch_event(index, event);
        if *event == Event::Stopped {
            let restart = self.hosts[index].restart_after;
            self.watch_end(index);
            self.hosts[index].die();
            let life = self.hosts[index].life;
            // 3.0.6 restarts itself after a healed partition.
            let pause = restart.unwrap_or(nanos(self.setup().deadtime) + 1_000_000_000);
            self.schedule(self.now + pause, Happening::Boot { host: index, life });
        }
    }

    /// Notes that a rule is broken; the first one counts.
    pub(crate) fn broken(&mut self, rule: &'static str, detail: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let classic = self.classic_defect(rule);
            let violation = Violation { at: self.now, rule, detail: detail(), classic };
            if let Some(story) = &mut self.story {
                story.push(format!("BROKEN {violation}"));
            }
            self.violation = Some(violation);
        }
    }

    /// One line of the timeline.
    pub(crate) fn tell(&mut self, node: usize, text: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>11.6} {node} {}", seconds(self.now), text()));
        }
    }

    fn mark(&mut self, parts: &[u64]) {
        for part in parts {
            self.trace = (self.trace ^ part).wrapping_mul(0x100_0000_01b3).rotate_left(23);
        }
    }
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn hash(text: Option<&str>) -> u64 {
    text.unwrap_or("").bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}

/// The fields of a message that matter to a reader.
fn brief(message: &Message) -> String {
    let mut text = format!("-> {}", message.kind().unwrap_or("?"));
    for name in [
        "rsc_hold",
        "isstable",
        "info",
        "hb-taken",
        "hb-epochs",
        "hb-ask",
        "result",
        "firstseq",
        "ackseq",
        "seq",
    ] {
        if let Some(value) = message.text(name) {
            let _ = write!(text, " {name}={value}");
        }
    }
    text
}

/// What a node of this setup is started with.
pub(crate) fn config(setup: &Setup, local: usize, generation: u64) -> Config {
    let number = u16::try_from(local).unwrap_or(0);
    let group = |(index, home): (usize, &u16)| GroupConfig {
        key: format!("10.0.0.{index}"),
        home: Some(NodeId(*home)),
    };
    Config {
        nodes: (0..setup.kinds.len()).map(|n| NodeConfig { name: name(n) }).collect(),
        local: NodeId(number),
        uuid: [u8::try_from(local).unwrap_or(0) + 1; 16],
        generation,
        links: (0..setup.links).map(|n| LinkConfig { name: format!("eth{n}") }).collect(),
        keepalive: setup.keepalive,
        deadtime: setup.deadtime,
        warntime: setup.deadtime / 2,
        initdead: setup.initdead,
        max_rexmit_delay: Duration::from_millis(250),
        ttl: 3,
        failback: setup.failback,
        files_digest: String::new(),
        // Larger than any that an earlier run can have reached.
        first_epoch: Some(generation * 100_000),
        pings: PingConfig::default(),
        membership: Membership::default(),
        agents: AgentPolicy { monitor: setup.monitored.then(monitor_policy), ..AgentPolicy::default() },
        groups: setup.groups.iter().enumerate().map(group).collect(),
    }
}

/// Short enough for restarts and moves to come in a run.
fn monitor_policy() -> MonitorPolicy {
    MonitorPolicy {
        interval: Duration::from_millis(700),
        failures: 1,
        restarts: 1,
        within: Duration::from_secs(20),
        moves: true,
        only: Vec::new(),
    }
}

/// What a node is called.
pub(crate) fn name(node: usize) -> String {
    format!("node{node}")
}
