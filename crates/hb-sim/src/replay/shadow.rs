//! The real engine in the place of a node of 3.0.6, for one life of it.
//!
//! Its jobs end when the real node says that the like of them ended (`done`, `shutdone`, a take-over script's report); where
//! nothing tells, after a fixed time.

use std::time::Duration;

use hb_engine::{
    Config, Engine, GroupConfig, Input, JobId, LinkConfig, LinkId, Membership, NodeConfig, NodeId, Now,
    Outcome, Output, PingConfig, Tick, WallSeconds,
};
use hb_wire::Message;

use super::recording::{Heard, Life, Recording};

/// A job of which nothing tells takes so long.
const JOB_TIME: Duration = Duration::from_millis(300);
/// A sign of an end that comes later than this belongs to another job.
const SIGN_WITHIN: Duration = Duration::from_secs(4);
/// Seed of the engine; its randomness only moves requests for lost messages.
const SEED: u64 = 1;

/// What the shadow of a life would have sent, and when.
pub(super) fn follow(recording: &Recording, node: usize, life: &Life) -> Vec<(Duration, Message)> {
    let is_own = |heard: &&Heard| recording.is_of(heard, node, life);
    let own = recording.heard.iter().filter(is_own);
    let signs = own.filter(|heard| is_sign(&heard.message)).map(|heard| heard.at).collect();
    let mut shadow = Shadow {
        engine: Engine::new(config(recording, node, life), SEED, now(life.from)),
        signs,
        jobs: Vec::new(),
        sent: Vec::new(),
    };
    shadow.drain(life.from);
    let peer = recording.nodes[1 - node].as_str();
    let mut inputs: Vec<(Duration, Input)> = recording
        .heard
        .iter()
        .filter(|heard| heard.message.text("src") == Some(peer) && recording.is_connected(heard.at))
        .map(|heard| (heard.at, Input::Message { link: LinkId(0), message: heard.message.clone() }))
        .collect();
    let orders = recording.orders.iter().filter(|(_, whose, _)| *whose == node);
    inputs.extend(orders.map(|(at, _, command)| (*at, Input::Command(*command))));
    inputs.retain(|(at, _)| (life.from..=life.to).contains(at));
    inputs.sort_by_key(|(at, _)| *at);
    for (at, input) in inputs {
        shadow.pass(at);
        shadow.handle(at, input);
    }
    shadow.pass(life.to);
    shadow.sent
}

struct Shadow {
    engine: Engine,
    /// When the real node said that something ended.
    signs: Vec<Duration>,
    /// Unfinished jobs and their ends.
    jobs: Vec<(Duration, JobId)>,
    sent: Vec<(Duration, Message)>,
}

impl Shadow {
    /// Lets jobs end and wakes the engine until then.
    fn pass(&mut self, until: Duration) {
        loop {
            let job = self.jobs.iter().min().copied();
            let wake = self.engine.next_deadline().map(|tick| Duration::from_nanos(tick.as_nanos()));
            match (job, wake) {
                (Some((at, id)), wake) if at <= until && wake.is_none_or(|wake| at <= wake) => {
                    self.jobs.retain(|(_, other)| *other != id);
                    self.handle(at, Input::Done { job: id, outcome: Outcome::Ok });
                }
                (_, Some(at)) if at < until => self.handle(at, Input::Wake),
                _ => return,
            }
        }
    }

    fn handle(&mut self, at: Duration, input: Input) {
        self.engine.handle(now(at), input);
        self.drain(at);
    }

    fn drain(&mut self, at: Duration) {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Send(message) => self.sent.push((at, message)),
                Output::Do { job, .. } => {
                    let sign = self.signs.iter().find(|sign| **sign >= at).copied();
                    let end = sign.filter(|sign| *sign <= at + SIGN_WITHIN).unwrap_or(at + JOB_TIME);
                    self.jobs.push((end, job));
                }
                Output::Check { .. } | Output::Fence { .. } | Output::Report(_) => {}
            }
        }
    }
}

/// Whether a node that says this has ended a job.
fn is_sign(message: &Message) -> bool {
    match message.kind() {
        Some("ask_resources") => message.text("info") == Some("done"),
        Some("resource") => message.text("info") == Some("mach_down"),
        Some(kind) => kind == "shutdone",
        None => false,
    }
}

fn now(at: Duration) -> Now {
    let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    Now { tick: Tick::from_nanos(nanos), wall: WallSeconds(at.as_secs()) }
}

fn config(recording: &Recording, node: usize, life: &Life) -> Config {
    let group = |home: u16| GroupConfig { key: format!("group {home}"), home: Some(NodeId(home)) };
    Config {
        nodes: recording.nodes.iter().map(|name| NodeConfig { name: name.clone() }).collect(),
        local: NodeId(u16::from(node == 1)),
        uuid: life.uuid,
        generation: u64::from_str_radix(&life.generation, 16).unwrap_or(1),
        links: vec![LinkConfig { name: "eth0".to_owned() }],
        keepalive: recording.keepalive,
        deadtime: recording.deadtime,
        warntime: recording.warntime,
        initdead: recording.initdead,
        max_rexmit_delay: Duration::from_millis(250),
        ttl: 3,
        failback: recording.failback,
        groups: vec![group(0), group(1)],
        files_digest: String::new(),
        first_epoch: None,
        pings: PingConfig::default(),
        membership: Membership::default(),
        agents: hb_engine::AgentPolicy::default(),
    }
}
