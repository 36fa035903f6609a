//! Two engines in one thread with simulated time: a network that delays, loses and cuts, jobs that take time.
//!
//! After every step: no group runs on both nodes, unless the test has cut the network or frozen a node.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use hb_engine::{
    Action, Command, Config, Engine, Event, Failback, GroupConfig, GroupId, GroupPlan, Input, JobId,
    LinkConfig, LinkId, LinkPlan, Membership, NodeConfig, NodeId, Now, Outcome, Output, PingConfig, PingId,
    PingPlan, Reconfiguration, Snapshot, Tick, WallSeconds,
};
use hb_wire::Message;

pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;
/// How long a reset takes, unless a test says otherwise.
pub(crate) const RESET: Duration = Duration::from_secs(1);

pub(crate) struct Host {
    pub(crate) engine: Option<Engine>,
    pub(crate) config: Config,
    pub(crate) frozen: bool,
    /// While frozen, what comes is lost.
    pub(crate) deaf: bool,
    pub(crate) running: BTreeSet<u16>,
    pub(crate) events: Vec<(Tick, Event)>,
    pub(crate) sent: Vec<Message>,
    pub(crate) actions: Vec<Action>,
    /// How the next resets of the other node go, which take [`RESET`]; when there are no more, all fail.
    pub(crate) resets: VecDeque<bool>,
    fences: VecDeque<(Tick, JobId)>,
    pub(crate) fenced: Vec<Tick>,
    /// How long after a death; `None`: no device.
    pub(crate) fencing: Option<Duration>,
    /// Groups whose start fails here.
    pub(crate) broken: BTreeSet<u16>,
    /// Groups whose stop fails here.
    pub(crate) stuck: BTreeSet<u16>,
    /// Which ping members it reaches.
    pub(crate) reaches: Vec<bool>,
    /// A heartbeat went out, and with it requests to them.
    asked: bool,
    jobs: VecDeque<(Tick, JobId, Action)>,
    checks: VecDeque<(Tick, JobId, GroupId)>,
    pub(crate) waiting: VecDeque<Message>,
}

pub(crate) struct Lab {
    pub(crate) now: Tick,
    pub(crate) hosts: [Host; 2],
    /// `cut[x]`: nothing from x arrives.
    pub(crate) cut: [bool; 2],
    pub(crate) loss_percent: u64,
    pub(crate) job_time: Duration,
    pub(crate) reset_time: Duration,
    pub(crate) delay: Duration,
    pub(crate) overlap_allowed: bool,
    pub(crate) overlap: Duration,
    /// How much later than usual a message of a node arrives.
    pub(crate) late: fn(usize, &Message) -> Duration,
    flying: VecDeque<(Tick, usize, Message)>,
    random: u64,
}

pub(crate) fn config(local: u16, failback: Failback) -> Config {
    let group = |key: &str, home| GroupConfig { key: key.into(), home: Some(NodeId(home)) };
    Config {
        nodes: ["alpha", "beta"].map(|name| NodeConfig { name: name.into() }).into(),
        local: NodeId(local),
        uuid: [u8::try_from(local).unwrap() + 1; 16],
        generation: 100,
        links: vec![LinkConfig { name: "eth0".into() }],
        keepalive: Duration::from_millis(200),
        deadtime: Duration::from_secs(1),
        warntime: Duration::from_millis(500),
        initdead: Duration::from_secs(3),
        max_rexmit_delay: Duration::from_millis(250),
        ttl: 3,
        failback,
        files_digest: String::new(),
        first_epoch: None,
        pings: PingConfig::default(),
        membership: Membership::default(),
        agents: hb_engine::AgentPolicy::default(),
        groups: vec![group("10.0.0.1", 0), group("10.0.0.2", 1)],
    }
}

impl Lab {
    pub(crate) fn new(failback: Failback) -> Self {
        let host = |local| Host {
            engine: None,
            config: config(local, failback),
            frozen: false,
            deaf: false,
            running: BTreeSet::new(),
            events: Vec::new(),
            sent: Vec::new(),
            actions: Vec::new(),
            resets: VecDeque::new(),
            fences: VecDeque::new(),
            fenced: Vec::new(),
            fencing: None,
            broken: BTreeSet::new(),
            stuck: BTreeSet::new(),
            reaches: Vec::new(),
            asked: false,
            jobs: VecDeque::new(),
            checks: VecDeque::new(),
            waiting: VecDeque::new(),
        };
        Self {
            now: Tick::from_nanos(1_000_000_000),
            hosts: [host(0), host(1)],
            cut: [false; 2],
            loss_percent: 0,
            job_time: Duration::from_millis(5),
            reset_time: RESET,
            delay: Duration::from_micros(300),
            overlap_allowed: false,
            overlap: Duration::ZERO,
            late: |_, _| Duration::ZERO,
            flying: VecDeque::new(),
            random: 88_172_645_463_325_252,
        }
    }

    pub(crate) fn both_up(failback: Failback) -> Self {
        Self::both_up_with(failback, Duration::from_secs(1))
    }

    /// Both have a device, that of B so much later.
    pub(crate) fn both_up_fencing(failback: Failback, delay: Duration) -> Self {
        let mut lab = Self::new(failback);
        lab.hosts[A].fencing = Some(Duration::ZERO);
        lab.hosts[B].fencing = Some(delay);
        lab.start(A);
        lab.start(B);
        lab.until(Duration::from_secs(5), |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
        lab.pass(Duration::from_secs(1));
        lab
    }

    pub(crate) fn both_up_with(failback: Failback, deadtime: Duration) -> Self {
        let mut lab = Self::new(failback);
        for host in &mut lab.hosts {
            host.config.deadtime = deadtime;
            host.config.initdead = 2 * deadtime;
        }
        lab.start(A);
        lab.start(B);
        lab.until(Duration::from_secs(5), |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
        lab.pass(Duration::from_secs(1));
        lab
    }

    pub(crate) fn stamp(&self) -> Now {
        Now { tick: self.now, wall: WallSeconds(1_800_000_000 + self.now.as_nanos() / 1_000_000_000) }
    }

    pub(crate) fn start(&mut self, x: usize) {
        let now = self.stamp();
        let host = &mut self.hosts[x];
        host.config.generation += 1;
        let mut engine = Engine::new(host.config.clone(), 7 + x as u64, now);
        engine.set_fencing(host.fencing);
        host.engine = Some(engine);
        host.frozen = false;
        self.drain(x);
    }

    /// Power cut: the node, its jobs and its services vanish.
    pub(crate) fn crash(&mut self, x: usize) {
        let host = &mut self.hosts[x];
        host.engine = None;
        host.jobs.clear();
        host.checks.clear();
        host.fences.clear();
        host.waiting.clear();
        host.running.clear();
    }

    pub(crate) fn command(&mut self, x: usize, command: Command) {
        self.handle(x, Input::Command(command));
    }

    pub(crate) fn inject(&mut self, x: usize, message: Message) {
        self.handle(x, Input::Message { link: LinkId(0), message });
    }

    /// The node reads a file with these ping members, of which it reaches some; those that it had stay.
    pub(crate) fn reload_pings(&mut self, x: usize, pings: PingConfig, reaches: Vec<bool>) {
        let host = &mut self.hosts[x];
        let before = std::mem::replace(&mut host.config.pings, pings).names;
        host.reaches = reaches;
        self.reload(x, |new| {
            for ping in &mut new.pings {
                let place = before.iter().position(|known| *known == ping.name);
                ping.before = place.map(|place| PingId(u16::try_from(place).unwrap()));
            }
        });
    }

    /// The node reads its files again: what its configuration says now, but for this.
    pub(crate) fn reload(&mut self, x: usize, change: impl FnOnce(&mut Reconfiguration)) {
        let now = self.stamp();
        let host = &mut self.hosts[x];
        let config = host.config.clone();
        let pings = config.pings.names.into_iter().zip(0..);
        let links = config.links.into_iter().zip(0..);
        let groups = config.groups.into_iter().zip(0..);
        let mut new = Reconfiguration {
            keepalive: config.keepalive,
            deadtime: config.deadtime,
            warntime: config.warntime,
            initdead: config.initdead,
            max_rexmit_delay: config.max_rexmit_delay,
            nodes: hb_engine::NodesPlan::default(),
            hops: 1,
            pings: pings.map(|(name, number)| PingPlan { name, before: Some(PingId(number)) }).collect(),
            ping_list: config.pings.list,
            deadping: config.pings.deadtime,
            ipfail: config.pings.ipfail,
            failback: config.failback,
            fencing: host.fencing,
            links: links.map(|(config, number)| LinkPlan { config, before: Some(LinkId(number)) }).collect(),
            groups: groups.map(|(config, number)| GroupPlan { id: GroupId(number), config }).collect(),
            agents: config.agents,
            files_digest: config.files_digest,
        };
        change(&mut new);
        if let Some(engine) = &mut host.engine {
            engine.reconfigure(now, new);
        }
        self.drain(x);
    }

    fn handle(&mut self, x: usize, input: Input) {
        let now = self.stamp();
        if let Some(engine) = &mut self.hosts[x].engine {
            engine.handle(now, input);
        }
        self.drain(x);
    }

    fn drain(&mut self, x: usize) {
        while let Some(output) = self.hosts[x].engine.as_mut().and_then(Engine::poll) {
            let host = &mut self.hosts[x];
            match output {
                Output::Send(message) => {
                    host.asked |= message.kind() == Some("status");
                    host.sent.push(message.clone());
                    self.random ^= self.random << 13;
                    self.random ^= self.random >> 7;
                    self.random ^= self.random << 17;
                    if !self.cut[x] && (self.random >> 20) % 100 >= self.loss_percent {
                        let at = self.now.plus(self.delay + (self.late)(x, &message));
                        let place = self.flying.partition_point(|(other, ..)| *other <= at);
                        self.flying.insert(place, (at, 1 - x, message));
                    }
                }
                Output::Do { job, action } => {
                    host.actions.push(action);
                    host.jobs.push_back((self.now.plus(self.job_time), job, action));
                }
                Output::Check { job, group } => {
                    host.checks.push_back((self.now.plus(self.job_time), job, group));
                }
                Output::Fence { job, node } => {
                    assert_eq!(usize::from(node.0), 1 - x);
                    assert!(host.fences.is_empty(), "two resets at once");
                    host.fenced.push(self.now);
                    host.fences.push_back((self.now.plus(self.reset_time), job));
                }
                Output::Report(event) => {
                    if event == Event::Stopped {
                        host.engine = None;
                    }
                    host.events.push((self.now, event));
                }
            }
        }
    }

    /// The next thing that happens; false if nothing ever will.
    fn step(&mut self) -> bool {
        let mut next = self.flying.front().map(|(at, ..)| *at);
        for host in self.hosts.iter().filter(|host| !host.frozen) {
            let job = host.jobs.front().map(|(at, ..)| *at);
            let check = host.checks.front().map(|(at, ..)| *at);
            let wake = host.engine.as_ref().and_then(Engine::next_deadline);
            let fence = host.fences.front().map(|(at, _)| *at);
            next = [next, job, check, fence, wake].into_iter().flatten().min();
        }
        let Some(next) = next else { return false };
        let before = self.now;
        self.now = self.now.max(next);
        let both: Vec<_> = self.hosts[A].running.intersection(&self.hosts[B].running).collect();
        if !both.is_empty() {
            assert!(self.overlap_allowed, "both run {both:?}\n{}", self.story());
            self.overlap += self.now.since(before);
        }
        while self.flying.front().is_some_and(|(at, ..)| *at <= self.now) {
            let (_, to, message) = self.flying.pop_front().unwrap();
            if self.hosts[to].frozen {
                if !self.hosts[to].deaf {
                    self.hosts[to].waiting.push_back(message);
                }
            } else {
                self.inject(to, message);
            }
        }
        for x in [A, B] {
            if self.hosts[x].frozen {
                continue;
            }
            let host = &mut self.hosts[x];
            if std::mem::take(&mut host.asked) {
                for (ping, _) in (0..).zip(host.reaches.clone()).filter(|(_, reached)| *reached) {
                    self.handle(x, Input::Ping { ping: PingId(ping) });
                }
            }
            while self.hosts[x].jobs.front().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, job, action) = self.hosts[x].jobs.pop_front().unwrap();
                let outcome = self.perform(x, action);
                self.handle(x, Input::Done { job, outcome });
            }
            while self.hosts[x].checks.front().is_some_and(|(at, ..)| *at <= self.now) {
                let (_, job, group) = self.hosts[x].checks.pop_front().unwrap();
                let outcome = if self.hosts[x].running.contains(&group.0) {
                    Outcome::Ok
                } else {
                    Outcome::Failed { reason: "it is gone".into(), residue: false }
                };
                self.handle(x, Input::Done { job, outcome });
            }
            while self.hosts[x].fences.front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, job) = self.hosts[x].fences.pop_front().unwrap();
                let outcome = self.reset(x);
                self.handle(x, Input::Done { job, outcome });
            }
            let due = self.hosts[x].engine.as_ref().and_then(Engine::next_deadline);
            if due.is_some_and(|due| due <= self.now) {
                self.handle(x, Input::Wake);
            }
        }
        true
    }

    fn perform(&mut self, x: usize, action: Action) -> Outcome {
        let host = &mut self.hosts[x];
        match action {
            Action::Start(GroupId(group)) if host.broken.contains(&group) => {
                return Outcome::Failed { reason: "broken".into(), residue: false };
            }
            Action::Stop(GroupId(group)) if host.stuck.contains(&group) => {
                return Outcome::Failed { reason: "stuck".into(), residue: true };
            }
            Action::Start(GroupId(group)) => host.running.insert(group),
            Action::Stop(GroupId(group)) => host.running.remove(&group),
            Action::Announce(_) => false,
        };
        Outcome::Ok
    }

    /// Switches the other node off, if that goes well.
    fn reset(&mut self, x: usize) -> Outcome {
        if self.hosts[x].resets.pop_front().unwrap_or_default() {
            self.crash(1 - x);
            return Outcome::Ok;
        }
        Outcome::Failed { reason: "no answer".into(), residue: false }
    }

    pub(crate) fn thaw(&mut self, x: usize) {
        self.hosts[x].frozen = false;
        while let Some(message) = self.hosts[x].waiting.pop_front() {
            self.inject(x, message);
        }
        self.handle(x, Input::Wake);
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.plus(time);
        loop {
            let mut next = self.flying.front().map(|(at, ..)| *at);
            for host in self.hosts.iter().filter(|host| !host.frozen) {
                let job = host.jobs.front().map(|(at, ..)| *at);
                let check = host.checks.front().map(|(at, ..)| *at);
                let wake = host.engine.as_ref().and_then(Engine::next_deadline);
                let fence = host.fences.front().map(|(at, _)| *at);
                next = [next, job, check, fence, wake].into_iter().flatten().min();
            }
            if next.is_none_or(|next| next > end) {
                self.now = end;
                return;
            }
            self.step();
        }
    }

    #[track_caller]
    pub(crate) fn until(&mut self, limit: Duration, condition: impl Fn(&Self) -> bool) -> Duration {
        let begin = self.now;
        while !condition(self) {
            assert!(self.now.since(begin) < limit, "not within {limit:?}:\n{}", self.story());
            assert!(self.step(), "nothing happens any more:\n{}", self.story());
        }
        self.now.since(begin)
    }

    pub(crate) fn holds(&self, x: usize, groups: &[u16]) -> bool {
        self.hosts[x].running.iter().copied().eq(groups.iter().copied())
    }

    pub(crate) fn snapshot(&self, x: usize) -> Option<Snapshot> {
        self.hosts[x].engine.as_ref().map(|engine| engine.snapshot(self.stamp()))
    }

    /// Every living node calls itself stable.
    pub(crate) fn settled(&self) -> bool {
        [A, B].into_iter().filter_map(|x| self.snapshot(x)).all(|snapshot| snapshot.stable)
    }

    pub(crate) fn saw(&self, x: usize, what: impl Fn(&Event) -> bool) -> bool {
        self.hosts[x].events.iter().any(|(_, event)| what(event))
    }

    pub(crate) fn story(&self) -> String {
        let mut lines: Vec<_> = [A, B]
            .into_iter()
            .flat_map(|x| self.hosts[x].events.iter().map(move |(at, event)| (*at, x, format!("{event:?}"))))
            .collect();
        lines.sort();
        let lines: Vec<_> = lines
            .into_iter()
            .map(|(at, x, text)| format!("{:>9} us {x} {text}", at.as_nanos() / 1000))
            .collect();
        format!("{}\n{:#?}", lines.join("\n"), [self.snapshot(A), self.snapshot(B)])
    }
}
