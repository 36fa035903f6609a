//! What a new configuration changes, and above all what it leaves alone.

use alloc::string::ToString;
use alloc::vec;

use super::*;
use crate::config::{Config, NodeConfig, PingConfig};
use crate::failover::Phase;
use crate::id::{HoldSet, JobId};
use crate::io::{Action, Command, Input, Outcome, Output};
use crate::membership::Membership;
use crate::snapshot::GroupState;
use crate::time::WallSeconds;

mod loans;
mod pings;

const SECOND: Duration = Duration::from_secs(1);
const LEGACY_TO: [Failback; 2] = [Failback::On, Failback::Off];

fn now(millis: u64) -> Now {
    Now { tick: Tick::from_nanos(millis * 1_000_000), wall: WallSeconds(1_800_000_000) }
}

fn group(key: &str, home: u16) -> GroupConfig {
    GroupConfig { key: key.to_string(), home: Some(NodeId(home)) }
}

fn config() -> Config {
    Config {
        nodes: ["us", "peer"].map(|name| NodeConfig { name: name.to_string() }).into(),
        local: NodeId(0),
        uuid: [1; 16],
        generation: 5,
        links: vec![LinkConfig { name: "eth0".to_string() }],
        keepalive: SECOND,
        deadtime: 10 * SECOND,
        warntime: 5 * SECOND,
        initdead: 20 * SECOND,
        max_rexmit_delay: Duration::from_millis(250),
        ttl: 3,
        failback: Failback::Legacy,
        groups: vec![group("L", 0), group("F", 1)],
        files_digest: "ours".to_string(),
        first_epoch: None,
        pings: PingConfig::default(),
        membership: Membership::default(),
        agents: crate::config::AgentPolicy::default(),
    }
}

/// A node that is stable, as its peer is; both hold their own groups.
struct Bench {
    engine: Engine,
    millis: u64,
    seq: u64,
    generation: u64,
    /// The peer is a 3.0.6.
    classic: bool,
    /// So many ping members answer each second, the last ones.
    answers: u16,
}

impl Bench {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: Config) -> Self {
        let engine = Engine::new(config, 1, now(0));
        let mut bench = Self { engine, millis: 0, seq: 0, generation: 7, classic: false, answers: 0 };
        bench.heartbeat("ours");
        bench.say(Message::new("repnodes"));
        let failover = &mut bench.engine.failover;
        failover.phase = Phase::Stable;
        failover.hold = HoldSet::LOCAL;
        failover.partner.hold = Some(HoldSet::LOCAL);
        failover.partner.stable = true;
        bench.engine.want(HoldSet::LOCAL, true);
        let jobs = bench.jobs();
        bench.finish(jobs[0].0, Outcome::Ok);
        bench.drain();
        bench
    }

    fn say(&mut self, mut message: Message) {
        self.seq += 1;
        self.millis += 1;
        message.push_text("src", "peer");
        message.push_text("srcuuid", "AAAAAAAAAAAAAAAAAAAAAg==");
        message.push_text("seq", &alloc::format!("{:x}", self.seq));
        message.push_hex("hg", self.generation);
        message.push_text("ts", "6b49d200");
        self.engine.handle(now(self.millis), Input::Message { link: LinkId(0), message });
    }

    fn heartbeat(&mut self, files: &str) {
        let mut status = Message::new("status");
        for (name, value) in [("st", "active"), ("dt", "2710"), ("protocol", "1")] {
            status.push_text(name, value);
        }
        if self.classic {
            return self.say(status);
        }
        status.push_text("hb-v", "1");
        status.push_text("hb-files", files);
        // It has read each of our lists, and runs nothing of them.
        status.push_text("hb-borrowed", "ffffffff ");
        self.say(status);
    }

    /// What is in force now, to be changed.
    fn plan(&self) -> Reconfiguration {
        let config = &self.engine.config;
        let groups = self.engine.failover.groups.states().zip(&config.groups);
        let links = config.links.iter().cloned().zip(0..);
        let pings = config.pings.names.iter().cloned().zip(0..);
        let pings = pings.map(|(name, number)| PingPlan { name, before: Some(PingId(number)) });
        Reconfiguration {
            keepalive: config.keepalive,
            deadtime: config.deadtime,
            warntime: config.warntime,
            initdead: config.initdead,
            max_rexmit_delay: config.max_rexmit_delay,
            nodes: NodesPlan {
                membership: Membership { autojoin: config.membership.autojoin, ..Membership::default() },
                ..NodesPlan::default()
            },
            hops: config.ttl - u32::try_from(config.nodes.len()).unwrap(),
            pings: pings.collect(),
            ping_list: config.pings.list,
            deadping: config.pings.deadtime,
            ipfail: config.pings.ipfail,
            failback: config.failback,
            fencing: None,
            links: links.map(|(config, number)| LinkPlan { config, before: Some(LinkId(number)) }).collect(),
            groups: groups.map(|((id, _), config)| GroupPlan { id, config: config.clone() }).collect(),
            agents: config.agents.clone(),
            files_digest: config.files_digest.clone(),
        }
    }

    fn reconfigure(&mut self, change: impl FnOnce(&mut Reconfiguration)) {
        let mut plan = self.plan();
        change(&mut plan);
        self.engine.reconfigure(now(self.millis), plan);
    }

    fn drain(&mut self) -> Vec<Output> {
        core::iter::from_fn(|| self.engine.poll()).collect()
    }

    /// The jobs begun since the last look.
    fn jobs(&mut self) -> Vec<(JobId, Action)> {
        let outputs = self.drain().into_iter();
        let job = |output| match output {
            Output::Do { job, action } => Some((job, action)),
            Output::Send(_) | Output::Check { .. } | Output::Fence { .. } | Output::Report(_) => None,
        };
        outputs.filter_map(job).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        let outputs = self.drain().into_iter();
        let event = |output| match output {
            Output::Report(event) => Some(event),
            Output::Send(_) | Output::Do { .. } | Output::Check { .. } | Output::Fence { .. } => None,
        };
        outputs.filter_map(event).collect()
    }

    fn finish(&mut self, job: JobId, outcome: Outcome) {
        self.engine.handle(now(self.millis), Input::Done { job, outcome });
    }

    fn states(&self) -> Vec<(u16, GroupState)> {
        let states = self.engine.snapshot(now(self.millis)).groups.into_iter();
        states.map(|group| (group.group.0, group.state)).collect()
    }

    /// Lets time pass, woken whenever the engine asks for it, with a heartbeat of the peer each second; when a status
    /// was sent.
    fn pass(&mut self, millis: u64) -> Vec<u64> {
        let (end, mut beats) = (self.millis + millis, Vec::new());
        while self.millis < end {
            if self.millis.is_multiple_of(1000) {
                self.heartbeat("ours");
                self.millis -= 1;
                let pings = u16::try_from(self.engine.pings.len()).unwrap();
                for ping in (0..pings).rev().take(usize::from(self.answers)).map(PingId) {
                    self.engine.handle(now(self.millis), Input::Ping { ping });
                }
            }
            self.engine.handle(now(self.millis), Input::Wake);
            let sent = self.drain().into_iter();
            let is_beat =
                |output: &Output| matches!(output, Output::Send(message) if message.kind() == Some("status"));
            beats.extend(sent.filter(is_beat).map(|_| self.millis));
            self.millis += 1;
        }
        beats
    }
}

fn failed() -> Outcome {
    Outcome::Failed { reason: "it hangs".to_string(), residue: true }
}

#[test]
fn the_same_configuration_changes_nothing() {
    let mut bench = Bench::new();
    bench.reconfigure(|_| {});
    assert!(bench.drain().is_empty());
    assert_eq!(bench.states(), [(0, GroupState::Up), (1, GroupState::Down)]);
}

#[test]
fn from_legacy_to_another_failback_is_a_change_like_any_other() {
    for failback in LEGACY_TO {
        let mut bench = Bench::new();
        bench.reconfigure(|plan| plan.failback = failback);
        assert!(bench.drain().is_empty());
        assert!(bench.engine.failover.is_stable());
    }
}

/// As ipfail says it, with the count of ping members that the other node reaches.
fn reaches(bench: &mut Bench, count: &str) {
    let mut message = Message::new("num_ping_nodes");
    for (name, value) in [("to_id", "ipfail"), ("from_id", "ipfail"), ("num_ping", count)] {
        message.push_text(name, value);
    }
    bench.say(message);
}

#[test]
fn the_rule_of_ipfail_begins_with_the_mode_that_allows_it() {
    let mut bench = Bench::new();
    let joins = |bench: &mut Bench| {
        let sent = bench.drain();
        let is_join = |output: &&Output| matches!(output, Output::Send(message) if message.text("t") == Some("hbapi-clstat"));
        sent.iter().filter(is_join).count()
    };
    bench.reconfigure(|plan| plan.ipfail = true);
    assert_eq!(joins(&mut bench), 0, "not with the groups of `legacy`");
    bench.reconfigure(|plan| plan.failback = Failback::On);
    assert_eq!(joins(&mut bench), 1);
    bench.reconfigure(|plan| plan.failback = Failback::Off);
    assert_eq!(joins(&mut bench), 0, "it was in force");
}

#[test]
fn a_move_that_waits_is_not_made_when_the_rule_is_no_longer_in_force() {
    for off in [
        (|plan| plan.ipfail = false) as fn(&mut Reconfiguration),
        |plan| plan.failback = Failback::Legacy,
        |_| {},
    ] {
        let mut bench = Bench::new();
        bench.reconfigure(|plan| (plan.ipfail, plan.failback) = (true, Failback::Off));
        reaches(&mut bench, "1");
        bench.drain();
        bench.reconfigure(off);
        let still_on = bench.engine.ipfail_is_on();
        bench.pass(4000);
        let begun = bench.engine.failover.standby != crate::failover::Standby::Not;
        assert_eq!(begun, still_on);
        assert_eq!(bench.engine.failover.ipfail.next_deadline().is_some(), still_on);
    }
}

#[test]
fn groups_come_and_go_and_the_others_are_not_touched() {
    let mut bench = Bench::new();
    bench.reconfigure(|plan| {
        plan.groups.push(GroupPlan { id: GroupId(2), config: group("L2", 0) });
        plan.groups.insert(0, GroupPlan { id: GroupId(3), config: group("F2", 1) });
    });
    // Ours is taken, the other's is its business.
    let jobs = bench.jobs();
    assert!(matches!(jobs[..], [(_, Action::Start(GroupId(2)))]), "{jobs:?}");
    bench.finish(jobs[0].0, Outcome::Ok);
    assert_eq!(
        bench.states(),
        [(3, GroupState::Down), (0, GroupState::Up), (1, GroupState::Down), (2, GroupState::Up)]
    );
    bench.drain();
    bench.reconfigure(|plan| plan.groups.retain(|group| group.id != GroupId(0) && group.id != GroupId(1)));
    let jobs = bench.jobs();
    assert!(matches!(jobs[..], [(_, Action::Stop(GroupId(0)))]), "{jobs:?}");
    assert_eq!(bench.states(), [(3, GroupState::Down), (2, GroupState::Up), (0, GroupState::Stopping)]);
    bench.finish(jobs[0].0, Outcome::Ok);
    assert_eq!(bench.states(), [(3, GroupState::Down), (2, GroupState::Up)]);
    assert!(bench.engine.failover.is_stable());
}

#[test]
fn a_changed_group_starts_when_nothing_of_the_old_one_is_left() {
    let mut bench = Bench::new();
    bench.reconfigure(|plan| plan.groups[0] = GroupPlan { id: GroupId(2), config: group("L", 0) });
    let jobs = bench.jobs();
    assert!(matches!(jobs[..], [(_, Action::Stop(GroupId(0)))]), "{jobs:?}");
    bench.finish(jobs[0].0, failed());
    assert!(bench.jobs().is_empty());
    // It is tried again, and the node is not stuck meanwhile.
    assert!(bench.engine.failover.goals.is_empty());
    bench.pass(31_000);
    let id = JobId(bench.engine.failover.groups_last_job());
    bench.finish(id, Outcome::Ok);
    let jobs = bench.jobs();
    assert!(matches!(jobs[..], [(_, Action::Start(GroupId(2)))]), "{jobs:?}");
    assert_eq!(bench.states(), [(2, GroupState::Starting), (1, GroupState::Down)]);
}

#[test]
fn a_group_that_is_being_started_is_stopped_when_it_leaves() {
    let mut bench = Bench::new();
    bench.reconfigure(|plan| plan.groups.push(GroupPlan { id: GroupId(2), config: group("L2", 0) }));
    let start = bench.jobs();
    bench.reconfigure(|plan| plan.groups.truncate(2));
    assert!(bench.jobs().is_empty());
    bench.finish(start[0].0, Outcome::Ok);
    let stop = bench.jobs();
    assert!(matches!(stop[..], [(_, Action::Stop(GroupId(2)))]), "{stop:?}");
    bench.finish(stop[0].0, Outcome::Ok);
    assert_eq!(bench.states(), [(0, GroupState::Up), (1, GroupState::Down)]);
}

#[test]
fn a_new_group_of_a_set_that_is_being_released_stays_down() {
    let mut bench = Bench::new();
    bench.engine.handle(now(bench.millis), Input::Command(Command::Stop));
    let stop = bench.jobs();
    bench.reconfigure(|plan| plan.groups.push(GroupPlan { id: GroupId(2), config: group("L2", 0) }));
    assert!(bench.jobs().is_empty());
    bench.finish(stop[0].0, Outcome::Ok);
    assert_eq!(bench.engine.failover.hold, HoldSet::NONE);
    assert!(bench.events().iter().all(|event| !matches!(event, Event::GroupUp { .. })));
}

#[test]
fn what_leaves_counts_as_held_until_it_is_gone() {
    let mut bench = Bench::new();
    bench.reconfigure(|plan| plan.groups.truncate(0));
    let stop = bench.jobs();
    bench.engine.handle(now(bench.millis), Input::Command(Command::Stop));
    assert_eq!(bench.engine.failover.hold, HoldSet::LOCAL);
    bench.finish(stop[0].0, Outcome::Ok);
    assert_eq!(bench.engine.failover.hold, HoldSet::NONE);
}

#[test]
fn what_cannot_be_stopped_does_not_hold_up_a_takeover() {
    let mut bench = Bench::new();
    bench.reconfigure(|plan| plan.groups[0] = GroupPlan { id: GroupId(2), config: group("L2", 0) });
    let stop = bench.jobs();
    bench.finish(stop[0].0, failed());
    bench.say({
        let mut message = Message::new("shutdone");
        message.push_text("st", "dead");
        message
    });
    let jobs = bench.jobs();
    let begun = [Action::Start(GroupId(1)), Action::Stop(GroupId(0))];
    assert_eq!(jobs.iter().map(|(_, action)| *action).collect::<Vec<_>>(), begun);
    bench.finish(jobs[0].0, Outcome::Ok);
    bench.finish(jobs[1].0, failed());
    assert!(bench.engine.failover.goals.is_empty());
    assert_eq!(bench.engine.failover.hold, HoldSet::ALL);
}

#[test]
fn a_shorter_interval_begins_at_once_and_a_longer_one_when_peers_know() {
    let mut bench = Bench::new();
    bench.reconfigure(|plan| (plan.keepalive, plan.deadtime) = (SECOND / 10, SECOND));
    let beats = bench.pass(1000);
    let gaps = beats.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.clone().all(|gap| gap == 100) && gaps.count() >= 8, "{beats:?}");
    bench.reconfigure(|plan| (plan.keepalive, plan.deadtime) = (2 * SECOND, 10 * SECOND));
    let announced = bench.drain();
    assert!(
        matches!(&announced[..], [Output::Send(status)] if status.text("dt") == Some("2710")),
        "{announced:?}"
    );
    let beats = bench.pass(6000);
    let (quick, slow): (Vec<u64>, Vec<u64>) =
        beats.windows(2).map(|pair| pair[1] - pair[0]).partition(|gap| *gap < 200);
    assert!((9..=11).contains(&quick.len()) && slow.iter().all(|gap| *gap == 2000), "{beats:?}");
}

#[test]
fn a_reload_more_often_than_a_heartbeat_does_not_keep_it_back() {
    let mut bench = Bench::new();
    let mut beats = Vec::new();
    for round in 0..100_u64 {
        bench.reconfigure(|plan| plan.warntime = SECOND * if round.is_multiple_of(2) { 4 } else { 5 });
        beats.extend(bench.pass(100));
    }
    assert!(beats.windows(2).all(|pair| pair[1] - pair[0] <= 1001) && beats.len() >= 9, "{beats:?}");
}

#[test]
fn media_that_stay_keep_what_was_heard_on_them() {
    let mut bench = Bench::new();
    let link = |name: &str, before: Option<u16>| LinkPlan {
        config: LinkConfig { name: name.to_string() },
        before: before.map(LinkId),
    };
    bench.reconfigure(|plan| plan.links = vec![link("eth1", None), link("eth0", Some(0))]);
    assert!(bench.drain().is_empty());
    let up = |bench: &Bench| -> Vec<bool> {
        let snapshot = bench.engine.snapshot(now(bench.millis));
        snapshot.nodes[1].links.iter().map(|link| link.up).collect()
    };
    assert_eq!(up(&bench), [false, true]);
    bench.heartbeat("ours");
    let events = bench.events();
    assert_eq!(events, [Event::LinkUp { node: NodeId(1), link: LinkId(0) }]);
    bench.reconfigure(|plan| plan.links = vec![link("eth0", Some(1))]);
    assert_eq!(up(&bench), [true]);
    assert!(bench.drain().is_empty());
}

#[test]
fn other_files_are_told_once_for_each_change() {
    let mut bench = Bench::new();
    let differ = |theirs: &str| Event::FilesDiffer { node: NodeId(1), theirs: theirs.to_string() };
    for (files, expected) in [
        ("ours", vec![]),
        ("theirs", vec![differ("theirs")]),
        ("theirs", vec![]),
        ("others", vec![differ("others")]),
        ("ours", vec![Event::FilesAgree { node: NodeId(1) }]),
        ("ours", vec![]),
    ] {
        bench.heartbeat(files);
        assert_eq!(bench.events(), expected, "{files}");
    }
    bench.reconfigure(|plan| plan.files_digest = "new".to_string());
    let outputs = bench.drain();
    assert!(
        matches!(&outputs[..], [Output::Report(event), Output::Send(status)]
        if *event == differ("ours") && status.text("hb-files") == Some("new")),
        "{outputs:?}"
    );
    bench.heartbeat("new");
    assert_eq!(bench.events(), [Event::FilesAgree { node: NodeId(1) }]);
    let long = "x".repeat(FILES_LIMIT + 1);
    bench.heartbeat(&long);
    assert_eq!(bench.engine.snapshot(now(bench.millis)).nodes[1].files, None);
}

/// What the world knows of the groups: which number runs, and which job is unfinished.
#[derive(Default)]
struct World {
    running: Vec<GroupId>,
    /// Every group that was ever started.
    started: Vec<GroupId>,
    jobs: Vec<(JobId, Action)>,
}

impl World {
    /// Begins what the engine wants; never two jobs of a group at a time, and never a start beside anything that has left
    /// the configuration.
    fn begin(&mut self, bench: &mut Bench, file: &[GroupId]) {
        for (job, action) in bench.jobs() {
            let of = |action: Action| match action {
                Action::Start(group) | Action::Stop(group) | Action::Announce(group) => group,
            };
            assert!(self.jobs.iter().all(|(_, other)| of(*other) != of(action)), "two jobs: {action:?}");
            if let Action::Start(group) = action
                && !self.running.contains(&group)
            {
                assert!(file.contains(&group), "{group:?} is not in the file");
                let first = !self.started.contains(&group);
                let gone = self.running.iter().all(|running| file.contains(running));
                assert!(gone || !first, "{group:?} starts beside what has left the file");
                self.started.push(group);
            }
            self.jobs.push((job, action));
        }
    }

    fn finish(&mut self, bench: &mut Bench, index: usize, good: bool) {
        let (job, action) = self.jobs.swap_remove(index);
        match action {
            Action::Start(group) if good => self.running.push(group),
            Action::Stop(group) if good => self.running.retain(|other| *other != group),
            Action::Start(_) | Action::Stop(_) | Action::Announce(_) => {}
        }
        let nothing_left = Outcome::Failed { reason: "it failed".to_string(), residue: false };
        let bad = if matches!(action, Action::Start(_)) { nothing_left } else { failed() };
        bench.finish(job, if good { Outcome::Ok } else { bad });
    }
}

#[test]
fn whatever_is_reloaded_in_between_the_groups_of_the_last_file_run_in_the_end() {
    for seed in 0..400 {
        let mut random = crate::random::Random::new(seed);
        let mut bench = Bench::new();
        let mut world = World { running: vec![GroupId(0)], started: vec![GroupId(0)], jobs: Vec::new() };
        let mut file = vec![(GroupId(0), 0), (GroupId(1), 1)];
        let mut next = 2;
        for _ in 0..40 {
            match random.below(5) {
                0 | 1 => {
                    file.retain(|_| random.below(3) > 0);
                    if random.below(2) == 0 {
                        file.push((GroupId(next), next % 3 % 2));
                        next += 1;
                    }
                    bench.reconfigure(|plan| plan.groups = plan_of(&file));
                }
                2 | 3 if !world.jobs.is_empty() => {
                    let index = usize::try_from(random.below(world.jobs.len() as u64)).unwrap();
                    world.finish(&mut bench, index, random.below(4) > 0);
                }
                _ => {
                    bench.millis += random.below(20_000);
                    bench.heartbeat("ours");
                    bench.engine.handle(now(bench.millis), Input::Wake);
                }
            }
            world.begin(&mut bench, &numbers_of(&file));
        }
        // Everything succeeds from now on, and what failed is tried again.
        for _ in 0..20 {
            while !world.jobs.is_empty() {
                world.finish(&mut bench, 0, true);
                world.begin(&mut bench, &numbers_of(&file));
            }
            bench.millis += 9000;
            bench.heartbeat("ours");
            bench.engine.handle(now(bench.millis), Input::Wake);
            world.begin(&mut bench, &numbers_of(&file));
        }
        let mut ours: Vec<GroupId> = file.iter().filter(|(_, home)| *home == 0).map(|(id, _)| *id).collect();
        ours.sort();
        world.running.sort();
        assert_eq!(world.running, ours, "seed {seed}");
        assert_eq!(bench.engine.config.groups.len(), file.len(), "seed {seed}: what is gone is forgotten");
        assert!(bench.engine.failover.is_quiet(), "seed {seed}");
        assert_eq!(bench.engine.failover.hold, HoldSet::LOCAL, "seed {seed}");
    }
}

fn plan_of(file: &[(GroupId, u16)]) -> Vec<GroupPlan> {
    file.iter()
        .map(|(id, home)| GroupPlan { id: *id, config: group(&alloc::format!("G{}", id.0), *home) })
        .collect()
}

fn numbers_of(file: &[(GroupId, u16)]) -> Vec<GroupId> {
    file.iter().map(|(id, _)| *id).collect()
}
