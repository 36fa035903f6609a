//! Walks the table state × event -> action: every phase with every event, every step of a hand-over with every message.

mod epoch;
mod fence;
mod found;
mod lease;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use hb_wire::Message;

use super::{Phase, Rules, Standby, Stop};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{GroupId, HoldSet, JobId, LinkId, NodeId};
use crate::io::{Action, Command, Input, Outcome, Output};
use crate::time::{Now, Tick, WallSeconds};
use crate::{Config, Failback, GroupConfig, LinkConfig, Membership, NodeConfig, PingConfig};

const TABLE: &str = include_str!("table.txt");

const PHASES: [(&str, Phase); 6] = [
    ("INIT", Phase::Init),
    ("STARTING", Phase::Starting),
    ("BOTHSTARTING", Phase::BothStarting),
    ("RSCRCVD", Phase::ResourcesReceived),
    ("STABLE", Phase::Stable),
    ("SHUTDOWN", Phase::Shutdown),
];
const STANDBYS: [(&str, Standby); 5] = [
    ("NOT", Standby::Not),
    ("ME", Standby::Giving),
    ("OTHER", Standby::Waiting),
    ("GIVEN", Standby::Given),
    ("TAKING", Standby::Taking),
];
const EVENTS: [&str; 18] = [
    "starting",
    "resource none 0",
    "resource none 1",
    "resource local 1",
    "resource all 1",
    "resource mach_down",
    "shutdone",
    "dead",
    "ask me",
    "ask other",
    "ask done",
    "ip-request F",
    "ip-request L",
    "ip-answer L",
    "silence",
    "own standby",
    "own stop",
    "wait over",
];

/// What else can happen while a dead node is to be reset.
const FENCE_EVENTS: [&str; 3] = ["reset good", "reset bad", "confirmed off"];

fn now(millis: u64) -> Now {
    Now { tick: Tick::from_nanos(millis * 1_000_000), wall: WallSeconds(1_800_000_000) }
}

/// A pair with a group each; [`now`] is its time.
pub(crate) fn config() -> Config {
    let group = |key: &str, home| GroupConfig { key: key.to_string(), home: Some(NodeId(home)) };
    Config {
        nodes: ["us", "peer"].map(|name| NodeConfig { name: name.to_string() }).into(),
        local: NodeId(0),
        uuid: [1; 16],
        generation: 5,
        links: [LinkConfig { name: "eth0".to_string() }].into(),
        keepalive: Duration::from_secs(1),
        deadtime: Duration::from_secs(10),
        warntime: Duration::from_secs(5),
        initdead: Duration::from_secs(20),
        max_rexmit_delay: Duration::from_millis(250),
        ttl: 3,
        failback: Failback::On,
        files_digest: String::new(),
        first_epoch: None,
        pings: PingConfig::default(),
        membership: Membership::default(),
        agents: crate::config::AgentPolicy::default(),
        groups: [group("L", 0), group("F", 1)].into(),
    }
}

/// A node in that state, its peer alive and quiet; both hold their own groups once they are stable.
fn given(phase: Phase, standby: Standby) -> Engine {
    let mut engine = Engine::new(config(), 1, now(0));
    let mut status = Message::new("status");
    status.push_text("st", "up");
    status.push_text("dt", "2710");
    status.push_text("protocol", "1");
    give(&mut engine, 1, 1, status);
    if phase != Phase::Init {
        give(&mut engine, 2, 2, Message::new("repnodes"));
    }
    drain(&mut engine);
    let failover = &mut engine.failover;
    failover.phase = phase;
    if matches!(phase, Phase::Stable | Phase::Shutdown) {
        failover.hold = HoldSet::LOCAL;
        failover.partner.hold = Some(HoldSet::LOCAL);
        failover.partner.said = Some(HoldSet::LOCAL);
        failover.partner.stable = true;
        engine.want(HoldSet::LOCAL, true);
        finish(&mut engine);
    }
    if phase == Phase::Shutdown {
        engine.handle(now(3), Input::Command(Command::Stop));
    }
    if phase == Phase::ResourcesReceived {
        engine.failover.local_deadline = Some(Tick::from_nanos(10_000_000_000));
    }
    if standby == Standby::Given {
        engine.want(HoldSet::LOCAL, false);
        finish(&mut engine);
        engine.failover.hold = HoldSet::NONE;
    }
    let failover = &mut engine.failover;
    failover.standby = standby;
    failover.standby_set = HoldSet::LOCAL;
    if standby != Standby::Not {
        failover.standby_deadline = Some(Tick::from_nanos(10_000_000_000));
        failover.partner.stable = false;
    }
    drain(&mut engine);
    engine
}

/// A stable node whose peer is in legacy mode; with its own groups, or asking for them.
fn given_legacy(asks: bool) -> Engine {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.failover.partner.rules = Rules::Legacy;
    if asks {
        engine.want(HoldSet::LOCAL, false);
        finish(&mut engine);
        engine.failover.hold = HoldSet::NONE;
        engine.failover.partner.hold = Some(HoldSet::ALL);
        engine.failover.requests.asked = [GroupId(0)].into();
    }
    engine
}

/// A stable node whose peer died with its groups and is being reset.
fn given_fencing() -> Engine {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.set_fencing(Some(Duration::ZERO));
    happen(&mut engine, "dead");
    drain(&mut engine);
    engine
}

fn give(engine: &mut Engine, millis: u64, seq: u64, mut message: Message) {
    message.push_text("src", "peer");
    message.push_text("seq", &format!("{seq:x}"));
    message.push_text("hg", "7");
    message.push_text("ts", "6b01ed44");
    engine.handle(now(millis), Input::Message { link: LinkId(0), message });
}

/// Lets every job end well.
fn finish(engine: &mut Engine) {
    loop {
        let jobs: Vec<JobId> = core::iter::from_fn(|| engine.poll())
            .filter_map(|output| match output {
                Output::Do { job, .. } => Some(job),
                Output::Send(_) | Output::Check { .. } | Output::Fence { .. } | Output::Report(_) => None,
            })
            .collect();
        if jobs.is_empty() {
            return;
        }
        for job in jobs {
            engine.handle(now(3), Input::Done { job, outcome: Outcome::Ok });
        }
    }
}

fn drain(engine: &mut Engine) -> Vec<Output> {
    core::iter::from_fn(|| engine.poll()).collect()
}

fn happen(engine: &mut Engine, event: &str) {
    let mut words = event.split(' ');
    let message = match (words.next(), words.next(), words.next()) {
        (Some("resource"), Some("mach_down"), _) => {
            let mut message = Message::new("resource");
            message.push_text("rsc_hold", "foreign");
            message.push_text("info", "mach_down");
            message
        }
        (Some("resource"), Some(hold), Some(stable)) => {
            let mut message = Message::new("resource");
            message.push_text("rsc_hold", hold);
            message.push_text("rtype", "full");
            message.push_text("isstable", stable);
            message
        }
        (Some("ask"), Some(info), _) => {
            let mut message = Message::new("ask_resources");
            message.push_text("rsc_hold", "local");
            message.push_text("info", info);
            message
        }
        (Some(kind @ ("ip-request" | "ip-answer")), Some(key), _) => {
            let kind = if kind == "ip-answer" { "ip-request-resp" } else { kind };
            let mut message = Message::new(kind);
            message.push_text("ipaddr", key);
            message.push_text("weown", "no");
            message.push_text("ok", "OK");
            message
        }
        (Some("silence"), ..) => {
            "active".clone_into(&mut engine.node_mut(NodeId(1)).status);
            engine.watch_rules();
            engine.now = now(10_010);
            return engine.watch_rules();
        }
        (Some("own"), Some("standby"), _) => {
            return engine.handle(now(4), Input::Command(Command::Standby(HoldSet::LOCAL)));
        }
        (Some("own"), Some("stop"), _) => return engine.handle(now(4), Input::Command(Command::Stop)),
        (Some("dead"), ..) => {
            "dead".clone_into(&mut engine.node_mut(NodeId(1)).status);
            return if engine.is_active() {
                engine.peer_died(NodeId(1));
            } else {
                engine.check_communication();
            };
        }
        (Some("reset"), how, _) => {
            let bad = Outcome::Failed { reason: "no answer".to_string(), residue: false };
            let outcome = if how == Some("good") { Outcome::Ok } else { bad };
            let job = JobId(engine.failover.groups_last_job());
            return engine.handle(now(4), Input::Done { job, outcome });
        }
        (Some("confirmed"), ..) => {
            return engine.handle(now(4), Input::Command(Command::ConfirmFenced(NodeId(1))));
        }
        (Some("wait"), ..) => {
            engine.now = now(10_001);
            engine.standby_wait_over();
            return engine.local_wait_over();
        }
        (Some(kind), ..) => Message::new(kind),
        (None, ..) => unreachable!("no event is empty"),
    };
    give(engine, 4, 9, message);
}

/// What came out, without what the bus and liveness do.
fn result(engine: &mut Engine) -> String {
    let mut parts = Vec::new();
    for output in drain(engine) {
        match output {
            Output::Send(message) => {
                let field = |name| message.text(name).map(|value| format!(" {value}")).unwrap_or_default();
                match message.kind() {
                    Some("resource") => {
                        parts.push(format!("say{}{}{}", field("rsc_hold"), field("isstable"), field("info")));
                    }
                    Some("ask_resources") => parts.push(format!("ask{}{}", field("rsc_hold"), field("info"))),
                    Some("hb_takeover") => parts.push(format!("takeover{}", field("rsc_hold"))),
                    Some("ip-request") => parts.push(format!("ip-request{}", field("ipaddr"))),
                    Some("ip-request-resp") => {
                        parts.push(format!("ip-answer{}{}", field("ipaddr"), field("weown")));
                    }
                    Some("stonith") => parts.push(format!("stonith{}", field("result"))),
                    Some(kind @ ("starting" | "shutdone")) => parts.push(kind.to_string()),
                    Some(_) | None => {}
                }
            }
            Output::Do { action: Action::Start(group), .. } => {
                parts.push(format!("start {}", key(engine, group.0)));
            }
            Output::Do { action: Action::Stop(group), .. } => {
                parts.push(format!("stop {}", key(engine, group.0)));
            }
            Output::Fence { .. } => parts.push("reset".to_string()),
            Output::Do { action: Action::Announce(_), .. } | Output::Check { .. } | Output::Report(_) => {}
        }
    }
    if parts.is_empty() { "-".to_string() } else { parts.join(", ") }
}

fn key(engine: &Engine, group: u16) -> &str {
    &engine.config.groups[usize::from(group)].key
}

fn name<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    names.iter().find(|(_, other)| other == value).map_or("?", |(name, _)| name)
}

/// The step of a hand-over, or how it stands with a peer in legacy mode.
fn step(engine: &Engine) -> &'static str {
    let failover = &engine.failover;
    if failover.fencing.is_pending() {
        return "FENCE";
    }
    match (failover.standby, failover.partner.rules) {
        (Standby::Not, Rules::Legacy) if failover.requests.are_open() => "ASKING",
        (Standby::Not, Rules::Legacy) => "LEGACY",
        (standby, _) => name(&STANDBYS, &standby),
    }
}

fn walk() -> Vec<String> {
    let mut states: Vec<Engine> = PHASES.iter().map(|(_, phase)| given(*phase, Standby::Not)).collect();
    states.extend(STANDBYS.iter().skip(1).map(|(_, standby)| given(Phase::Stable, *standby)));
    states.extend([true, false].map(given_legacy));
    let states = states.into_iter().map(|state| (state, [].as_slice()));
    let mut lines = Vec::new();
    for (state, more) in states.chain([(given_fencing(), FENCE_EVENTS.as_slice())]) {
        for event in EVENTS.iter().chain(more) {
            let mut engine = state.clone();
            happen(&mut engine, event);
            let out = result(&mut engine);
            let failover = &engine.failover;
            let ended = failover.stop != Stop::No;
            lines.push(format!(
                "{:<12} {:<6} | {:<18} | {:<12} {:<6} {:<7} {:<4} | {}",
                name(&PHASES, &state.failover.phase),
                step(&state),
                event,
                name(&PHASES, &failover.phase),
                step(&engine),
                failover.hold.as_str(),
                if ended { "stop" } else { "" },
                out,
            ));
        }
    }
    lines
}

#[test]
fn every_cell_is_as_the_table_says() {
    let actual = walk();
    let expected: Vec<&str> =
        TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
    let actual_text = actual.join("\n");
    assert_eq!(expected.len(), actual.len(), "cells are missing:\n{actual_text}");
    for (expected, actual) in expected.iter().zip(&actual) {
        assert_eq!(expected.trim_end(), actual.trim_end());
    }
}

#[test]
fn release_comes_before_the_word() {
    let mut engine = given(Phase::Stable, Standby::Giving);
    happen(&mut engine, "ask other");
    assert_eq!(result(&mut engine), "say local 0 standby, stop L");
    let job = JobId(engine.failover.groups_last_job());
    engine.handle(now(5), Input::Done { job, outcome: Outcome::Ok });
    assert_eq!(result(&mut engine), "say none 0 standby, ask local done");
}

#[test]
fn a_stop_that_fails_is_never_announced() {
    let mut engine = given(Phase::Stable, Standby::Giving);
    happen(&mut engine, "ask other");
    drain(&mut engine);
    let job = JobId(engine.failover.groups_last_job());
    engine.handle(
        now(5),
        Input::Done { job, outcome: Outcome::Failed { reason: "busy".to_string(), residue: true } },
    );
    assert_eq!(result(&mut engine), "start L, say local 1", "and the hand-over is taken back");
    assert_eq!(engine.failover.hold, HoldSet::LOCAL);
}

#[test]
fn a_start_that_could_not_be_undone_counts_as_running_until_a_stop_succeeds() {
    for residue in [true, false] {
        let mut engine = given(Phase::Stable, Standby::Not);
        happen(&mut engine, "dead");
        drain(&mut engine);
        let job = JobId(engine.failover.groups_last_job());
        let reason = "busy".to_string();
        engine.handle(now(5), Input::Done { job, outcome: Outcome::Failed { reason, residue } });
        let reports: Vec<Event> = core::iter::from_fn(|| engine.poll())
            .filter_map(|output| match output {
                Output::Report(event) => Some(event),
                Output::Send(_) | Output::Do { .. } | Output::Check { .. } | Output::Fence { .. } => None,
            })
            .collect();
        assert!(reports.contains(&Event::Acquired { set: HoldSet::LOCAL }), "what failed is not acquired");
        happen(&mut engine, "own stop");
        if residue {
            assert_eq!(result(&mut engine), "stop L, stop F");
            let failed = JobId(engine.failover.groups_last_job());
            let outcome = Outcome::Failed { reason: "busy".to_string(), residue: false };
            engine.handle(now(6), Input::Done { job: failed, outcome });
            engine.handle(now(6), Input::Done { job: JobId(failed.0 - 1), outcome: Outcome::Ok });
            assert_eq!(result(&mut engine), "-", "a stop that failed is not a stop");
            engine.handle(now(31_000), Input::Wake);
            assert_eq!(result(&mut engine), "stop F");
        } else {
            assert_eq!(result(&mut engine), "stop L");
        }
        let last = JobId(engine.failover.groups_last_job());
        engine.handle(now(31_010), Input::Done { job: last, outcome: Outcome::Ok });
        assert_eq!(result(&mut engine), "say none 0 shutdown, shutdone");
    }
}

#[test]
fn a_stop_names_what_is_really_given_up() {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.handle(now(5), Input::Command(Command::Stop));
    let releasing = |output: Output| matches!(output, Output::Report(Event::Releasing { set, .. }) if set == HoldSet::LOCAL);
    assert!(core::iter::from_fn(|| engine.poll()).any(releasing));
}

#[test]
fn an_unanswered_starting_is_sent_again() {
    let mut engine = given(Phase::Starting, Standby::Not);
    engine.handle(now(1_900), Input::Wake);
    assert_eq!(result(&mut engine), "-");
    engine.handle(now(2_100), Input::Wake);
    assert_eq!(result(&mut engine), "starting");
}

#[test]
fn a_classic_peer_is_told_again_what_we_hold_until_it_surely_knows() {
    let mut engine = given(Phase::Stable, Standby::Not);
    happen(&mut engine, "starting");
    assert_eq!(result(&mut engine), "say local 1");
    let mut again = [0; 2];
    for second in 1..60 {
        let message = if second == 30 {
            let mut answer = Message::new("resource");
            answer.push_text("rsc_hold", "local");
            answer.push_text("rtype", "full");
            answer.push_text("isstable", "1");
            answer
        } else {
            let mut status = Message::new("status");
            status.push_text("st", "active");
            status.push_text("protocol", "1");
            status
        };
        give(&mut engine, second * 1_000, 20 + second, message);
        if second == 30 {
            drain(&mut engine);
        }
        engine.handle(now(second * 1_000 + 10), Input::Wake);
        let said = result(&mut engine);
        assert!(said == "-" || said.ends_with("say local 1"), "{said}");
        if said.starts_with("say local 0") {
            assert_eq!(said, "say local 0, say local 1", "3.0.6 answers only what ends a transition");
            again[0] += 1;
        } else {
            again[1] += usize::from(said != "-");
        }
    }
    assert_eq!(
        again,
        [5, 4],
        "after 1, 3, 7, 15 and 23 seconds without an answer; then 1, 3, 7 and 15 after it"
    );
}

#[test]
fn a_step_of_an_earlier_hand_over_is_void() {
    let step = |info| {
        let mut message = Message::new("ask_resources");
        message.push_text("rsc_hold", "local");
        message.push_text("info", info);
        message
    };
    let mut engine = given(Phase::Stable, Standby::Not);
    give(&mut engine, 4, 20, Message::new("test"));
    happen(&mut engine, "own standby");
    assert_eq!(result(&mut engine), "ask local me");
    give(&mut engine, 5, 15, step("other"));
    assert_eq!(result(&mut engine), "-", "it was said before we asked, lost, and sent again");
    give(&mut engine, 6, 21, step("other"));
    assert_eq!(result(&mut engine), "say local 0 standby, stop L");
}
