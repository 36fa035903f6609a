//! The heart with a real engine and a socket pair as its medium: order of work, counters, commands.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;

use hb_auth::{InnerAuth, Method};
use hb_engine::{
    Command, Config, Failback, GroupConfig, GroupId, GroupPlan, LinkConfig, LinkId, LinkPlan, NodeConfig,
    NodeId, Outcome, PingConfig, Reconfiguration,
};
use hb_resource::{Farewell, Route};
use hb_wire::{Message, Value};

use super::*;
use crate::log::{self, Level};

mod attention;
mod lease;
mod media;
mod repeats;
mod scripts;
mod stack;
mod watchdog;

const KEEPALIVE: Duration = Duration::from_millis(20);
const PACKING: Packing = Packing { inner: InnerAuth::No, method: hb_compress::Method::Zlib, threshold: None };

#[derive(Debug)]
struct TestPort {
    socket: UnixDatagram,
    /// To be used from the next beat on.
    next: Option<UnixDatagram>,
    /// Its doorbell.
    bell: Option<UnixDatagram>,
    name: String,
}

impl AsFd for TestPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Port for TestPort {
    fn kind(&self) -> &'static str {
        "test"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.socket.send(packet).map(drop)
    }

    fn carries_text(&self) -> bool {
        self.name.starts_with("tty")
    }

    fn is_renewable(&self) -> bool {
        self.next.is_some()
    }

    fn renew(&mut self) {
        self.socket = self.next.take().unwrap();
    }

    fn hears_itself(&self) -> bool {
        true
    }

    fn route(&self) -> Route {
        Route::Datagram { interface: None, destination: ([127, 0, 0, 1], 9).into() }
    }

    fn doorbell(&self) -> Option<BorrowedFd<'_>> {
        self.bell.as_ref().map(AsFd::as_fd)
    }

    fn answer_doorbell(&self) {
        self.bell.as_ref().unwrap().recv(&mut [0]).unwrap();
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<Duration>)> {
        let (length, _) = rustix::net::recv(&self.socket, buffer, rustix::net::RecvFlags::DONTWAIT)?;
        Ok((length, None))
    }
}

/// A heart, and everything around it as a test sees it.
struct Bench<L> {
    heart: Heart<TestPort>,
    /// The network: what the heart sends comes out here, what is sent here it receives.
    network: UnixDatagram,
    inbox: Arc<Mailbox<ToHeart<TestPort>>>,
    outbox: Arc<Mailbox<FromHeart>>,
    job_ends: Arc<Mailbox<JobEnd>>,
    jobs: mpsc::Receiver<(JobId, Action)>,
    left: mpsc::Receiver<Farewell>,
    lines: L,
}

fn keys(secret: &str) -> KeyRing {
    KeyRing::new(1, [(1, Method::Sha1, secret.as_bytes().to_vec())]).unwrap()
}

fn config() -> Config {
    let node = |name: &str| NodeConfig { name: name.to_owned() };
    Config {
        nodes: vec![node("cc1"), node("cc2")],
        local: NodeId(0),
        uuid: [1; 16],
        generation: 7,
        links: vec![LinkConfig { name: "eth0".to_owned() }],
        keepalive: KEEPALIVE,
        deadtime: KEEPALIVE * 10,
        warntime: KEEPALIVE * 5,
        initdead: KEEPALIVE * 20,
        max_rexmit_delay: Duration::from_millis(250),
        ttl: 3,
        failback: Failback::On,
        files_digest: String::new(),
        first_epoch: Some(1000),
        pings: PingConfig::default(),
        membership: hb_engine::Membership::default(),
        agents: hb_engine::AgentPolicy::default(),
        groups: vec![GroupConfig { key: "www".to_owned(), home: Some(NodeId(0)) }],
    }
}

fn names() -> Names {
    Names {
        local: "cc1".to_owned(),
        nodes: vec!["cc1".to_owned(), "cc2".to_owned()],
        links: vec!["eth0".to_owned()],
        pings: vec!["10.0.0.254".to_owned()],
        groups: vec!["www".to_owned()],
        files: String::new(),
    }
}

fn bench() -> Bench<impl Fn() -> Vec<(Level, String)>> {
    bench_of(config())
}

fn bench_of(config: Config) -> Bench<impl Fn() -> Vec<(Level, String)>> {
    let (ours, network) = UnixDatagram::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let (log, lines) = log::for_tests();
    let (submit, jobs) = mpsc::channel();
    let (farewells, left) = mpsc::channel();
    let inbox = Arc::new(Mailbox::new(8).unwrap());
    let outbox = Arc::new(Mailbox::new(8).unwrap());
    let job_ends = Arc::new(Mailbox::new(8).unwrap());
    let heart = Heart::new(Parts {
        engine: Engine::new(config, 1, clock::now()),
        epochs: Epochs { first: 1000, written: 1256 },
        ports: vec![TestPort { socket: ours, next: None, bell: None, name: "eth0".to_owned() }],
        pingers: Vec::new(),
        keys: keys("secret"),
        packing: PACKING,
        names: names(),
        log_refused: true,
        log,
        leave: Box::new(move |farewell| farewells.send(farewell).unwrap_or_default()),
        lease: None,
        beating: None,
        reset: Box::new(|_, _| Err("no device".to_owned())),
        submit: Box::new(move |job, order| match order {
            Order::Do(action, _) => submit.send((job, action)).map_err(|error| error.to_string()),
            Order::Check(group) => panic!("{group:?} is not monitored"),
        }),
        job_ends: Arc::clone(&job_ends),
        inbox: Arc::clone(&inbox),
        outbox: Arc::clone(&outbox),
        machine: Machine::open().unwrap().0,
        notify: Notify::default(),
        watchdog: None,
    })
    .unwrap();
    Bench { heart, network, inbox, outbox, job_ends, jobs, left, lines }
}

/// A heartbeat of the other node.
fn heartbeat(seq: u64, keys: &KeyRing) -> Vec<u8> {
    let mut message = Message::new("status");
    let fields = [("st", "up"), ("dt", "c8"), ("protocol", "1"), ("src", "cc2")];
    for (name, value) in fields {
        message.push_text(name, value);
    }
    message.push("srcuuid", Value::Binary((&[2; 16]).into()));
    for (name, value) in [("seq", seq), ("hg", 9), ("ts", clock::wall_seconds())] {
        message.push_text(name, &format!("{value:x}"));
    }
    message.push_text("ld", "0.00 0.00 0.00 1/1 1");
    message.push_text("ttl", "3");
    keys.seal(&message, InnerAuth::No)
}

impl<L: Fn() -> Vec<(Level, String)>> Bench<L> {
    fn turn(&mut self) {
        self.heart.waiter.wait(Some(clock::tick())).unwrap();
        self.heart.turn();
    }

    /// Asks for another configuration than that of [`bench`].
    fn change(&self, with: impl FnOnce(&mut Change<TestPort>)) {
        let Config { keepalive, deadtime, warntime, initdead, max_rexmit_delay, failback, .. } = config();
        let links = config().links.into_iter().map(|config| LinkPlan { config, before: Some(LinkId(0)) });
        let groups = config().groups.into_iter().map(|config| GroupPlan { id: GroupId(0), config });
        let engine = Reconfiguration {
            fencing: None,
            keepalive,
            deadtime,
            warntime,
            initdead,
            max_rexmit_delay,
            nodes: hb_engine::NodesPlan::default(),
            hops: 1,
            pings: Vec::new(),
            ping_list: 1,
            deadping: deadtime,
            ipfail: false,
            failback,
            links: links.collect(),
            groups: groups.collect(),
            agents: hb_engine::AgentPolicy::default(),
            files_digest: String::new(),
        };
        let mut change = Change {
            lease: LeaseChange::Stays,
            engine,
            ports: Vec::new(),
            pingers: Vec::new(),
            keys: keys("secret"),
            packing: PACKING,
            names: names(),
            log_refused: true,
            watchdog: super::WatchdogChange::Stays,
        };
        with(&mut change);
        self.inbox.post(ToHeart::Change(Box::new(change))).unwrap();
    }

    fn counts(&self) -> Counts {
        self.heart.wires[0].counts.clone()
    }

    fn texts(&self) -> Vec<String> {
        (self.lines)().into_iter().map(|(_, text)| text).collect()
    }
}

#[test]
fn an_authentic_message_reaches_the_engine() {
    let mut bench = bench();
    bench.network.send(&heartbeat(1, &keys("secret"))).unwrap();
    bench.turn();
    assert_eq!(bench.counts().received, 1);
    let report = bench.heart.report(clock::now());
    assert_eq!(report.snapshot.nodes[1].status, "up");
    assert!(bench.texts().contains(&"Status update for node cc2: status up".to_owned()));
}

#[test]
fn its_own_broadcast_is_known_by_its_bytes_and_anything_else_is_verified() {
    let mut bench = bench();
    bench.heart.perform_outputs(clock::now());
    let mut packet = bench.heart.outgoing.clone();
    bench.network.send(&packet).unwrap();
    bench.turn();
    assert_eq!(bench.counts().received, 1);
    assert!(bench.texts().contains(&"Link cc1:eth0 up.".to_owned()));
    packet[20] ^= 1;
    bench.network.send(&packet).unwrap();
    bench.network.send(b"").unwrap();
    bench.turn();
    bench.turn();
    assert_eq!(bench.counts().received, 1);
    assert_eq!(bench.counts().refused.values().sum::<u64>(), 2);
}

#[test]
fn a_farewell_is_left_that_stays_ahead_of_what_is_sent() {
    let mut bench = bench();
    let mut newest = None;
    for _ in 0..200 {
        bench.heart.handle(Input::Echo { link: LinkId(0) });
        if let Some(farewell) = bench.left.try_iter().last() {
            newest = Some(keys("secret").open(&farewell.packet).unwrap());
        }
        let farewell = newest.as_ref().expect("one is left with the first input");
        assert_eq!((farewell.kind(), farewell.text("src")), (Some("shutdone"), Some("cc1")));
        let seq = u64::from_str_radix(farewell.text("seq").unwrap(), 16).unwrap();
        let sent = bench.heart.engine.seq();
        assert!((sent + 32..=sent + 64).contains(&seq), "{seq} after {sent}");
        // A stranger's status makes the node ask and answer: numbers are used up.
        bench.heart.engine.handle(clock::now(), Input::Command(Command::Standby(hb_engine::HoldSet::ALL)));
        bench.heart.perform_outputs(clock::now());
    }
}

/// While keys are changed on one node after the other a 3.0.6 peer takes nothing that is signed with another key than its own.
#[test]
fn a_farewell_is_signed_with_the_key_that_the_other_node_uses() {
    let ring = |active| {
        let keys = [1, 2].map(|index| (index, Method::Sha1, vec![b'k', index]));
        KeyRing::new(active, keys).unwrap()
    };
    let signed_with = |bench: &Bench<_>| {
        let farewell = bench.left.try_iter().last().expect("another one is left");
        hb_auth::claimed_index(&farewell.packet).unwrap()
    };
    let mut bench = bench();
    bench.change(|change| change.keys = ring(2));
    bench.turn();
    assert_eq!(signed_with(&bench), 2);
    bench.network.send(&heartbeat(1, &ring(1))).unwrap();
    bench.turn();
    assert_eq!(signed_with(&bench), 1, "it signs with the other one");
    bench.network.send(&heartbeat(2, &ring(2))).unwrap();
    bench.turn();
    assert_eq!(signed_with(&bench), 2, "and now it has been changed there");
}

#[test]
fn refused_packets_are_counted_by_cause_and_logged_once() {
    let mut bench = bench();
    for _ in 0..20 {
        bench.network.send(&heartbeat(1, &keys("wrong"))).unwrap();
        bench.network.send(b"no packet at all").unwrap();
    }
    // A busy machine needs more turns: each ends after a millisecond.
    for _ in 0..40 {
        bench.turn();
        if bench.counts().refused.values().sum::<u64>() == 40 {
            break;
        }
    }
    let refused = bench.counts().refused;
    assert_eq!(refused.values().sum::<u64>(), 40, "{refused:?}");
    assert_eq!(refused["digest-mismatch"], 20);
    assert_eq!(refused["unrecognised"], 20);
    let refusals = bench.texts().into_iter().filter(|text| text.starts_with("packet refused on eth0"));
    assert_eq!(refusals.count(), 2);
    assert_eq!(bench.heart.voice.suppressed(), 38);
}

#[test]
fn packed_messages_above_the_budget_are_refused_until_the_engine_was_woken() {
    let mut bench = bench();
    let mut message = Message::new("long");
    message.push_text("text", &"all work and no play ".repeat(70_000));
    let mut packet = Vec::new();
    PACKING.seal_into(&keys("secret"), &message, &mut packet).unwrap();
    assert!(packet.len() < 20_000);
    for _ in 0..4 {
        bench.network.send(&packet).unwrap();
    }
    bench.network.send(&heartbeat(1, &keys("secret"))).unwrap();
    bench.heart.receive(true);
    let counts = bench.counts();
    assert_eq!(
        (counts.received, counts.refused["compression-budget"]),
        (3, 2),
        "two of them, and the heartbeat"
    );
    for _ in 0..100 {
        if bench.heart.unpacking == Budget::default() {
            break;
        }
        let deadline = bench.heart.next_deadline();
        bench.heart.waiter.wait(deadline).unwrap();
        bench.heart.turn();
    }
    bench.network.send(&packet).unwrap();
    bench.heart.receive(true);
    assert_eq!((bench.counts().received, bench.counts().refused["compression-budget"]), (4, 2));
}

#[test]
fn a_flood_does_not_keep_the_turn_going() {
    let mut bench = bench();
    bench.network.set_nonblocking(true).unwrap();
    let mut waiting = 0;
    while bench.network.send(b"flood").is_ok() {
        waiting += 1;
    }
    assert!(waiting > 200, "{waiting}");
    let mut before = 0;
    for most in [1, 2, 4, 8, 16, 32, 64, 64] {
        bench.heart.waiter.wait(None).unwrap();
        let began = clock::tick();
        bench.heart.receive(false);
        let now = clock::tick();
        let all = bench.counts().refused["unrecognised"];
        let read = all - std::mem::replace(&mut before, all);
        // Fewer only when its time was over: a busy machine takes the processor away.
        let late = now.since(began) >= receive::TURN || bench.heart.is_due(now);
        assert!(read == most || (late && (1..most).contains(&read)), "{read} of {most}");
    }
}

#[test]
fn everything_that_waits_is_read_before_a_verdict() {
    let mut bench = bench();
    bench.network.set_nonblocking(true).unwrap();
    let mut waiting = 0;
    while bench.network.send(b"flood").is_ok() {
        waiting += 1;
    }
    let deadline = bench.heart.engine.next_deadline().unwrap();
    while clock::tick() < deadline {
        bench.heart.waiter.wait(Some(deadline)).unwrap();
    }
    bench.heart.turn();
    assert_eq!(bench.counts().refused["unrecognised"], waiting);
}

#[test]
fn questions_are_answered() {
    let mut bench = bench();
    bench.inbox.post(ToHeart::Status { ticket: 17 }).unwrap();
    bench.turn();
    let answers = bench.outbox.take();
    let [FromHeart::Status { ticket: 17, report }] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(report.snapshot.generation, 7);
    assert_eq!(report.media[0].kind, "test");
}

#[test]
fn new_keys_are_in_force_at_once() {
    let mut bench = bench();
    bench.network.send(&heartbeat(1, &keys("new"))).unwrap();
    bench.turn();
    assert_eq!(bench.counts().received, 0);
    bench.change(|change| change.keys = keys("new"));
    bench.turn();
    bench.network.send(&heartbeat(1, &keys("new"))).unwrap();
    bench.turn();
    assert_eq!(bench.counts().received, 1);
    let mut packet = [0; 2048];
    let sent = loop {
        let length = bench.network.recv(&mut packet).unwrap();
        if keys("new").open(&packet[..length]).is_ok() {
            break length;
        }
        bench.turn();
    };
    assert!(sent > 0);
}

#[test]
fn it_beats_takes_over_and_stops_in_order() {
    let bench = bench();
    let Bench { heart, network, inbox, outbox, job_ends, jobs, left: _, lines } = bench;
    let beating = std::thread::spawn(move || heart.run());
    // What it sends must be taken away; its own messages come back to it, as broadcasts do.
    let echo = network.try_clone().unwrap();
    echo.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    std::thread::spawn(move || {
        let mut packet = [0; 2048];
        while let Ok(length) = echo.recv(&mut packet) {
            if echo.send(&packet[..length]).is_err() {
                break;
            }
        }
    });
    // Nobody else is there: after the initial dead time it takes its group.
    let limit = Duration::from_secs(20);
    let (job, action) = jobs.recv_timeout(limit).unwrap();
    assert!(matches!(action, Action::Start(_)), "{action:?}");
    job_ends.post(JobEnd { job, outcome: Outcome::Ok }).unwrap();
    inbox.post(ToHeart::Command(Command::Stop)).unwrap();
    let (job, action) = loop {
        let next = jobs.recv_timeout(limit).unwrap();
        if let (job, Action::Announce(_)) = next {
            job_ends.post(JobEnd { job, outcome: Outcome::Ok }).unwrap();
        } else {
            break next;
        }
    };
    assert!(matches!(action, Action::Stop(_)), "{action:?}");
    job_ends.post(JobEnd { job, outcome: Outcome::Ok }).unwrap();
    beating.join().unwrap().unwrap();
    let told = outbox.take();
    let told: Vec<_> = told.into_iter().filter(|told| !matches!(told, FromHeart::Hook(_))).collect();
    assert!(matches!(told.as_slice(), [FromHeart::CommunicationUp]), "{told:?}");
    let texts: Vec<_> = lines().into_iter().map(|(_, text)| text).collect();
    let position = |start: &str| {
        texts.iter().position(|text| text.starts_with(start)).unwrap_or_else(|| panic!("{start}: {texts:#?}"))
    };
    let order = [
        "Local status now set to: 'up'",
        "node cc2: is dead",
        "Local status now set to: 'active'",
        "Resource group www up mono_ns=",
        "Heartbeat shutdown in progress.",
        "Resource group www down mono_ns=",
        "cc1 Heartbeat shutdown complete.",
    ];
    assert!(order.map(position).is_sorted(), "{texts:#?}");
}

#[test]
fn a_job_that_cannot_be_begun_counts_as_failed() {
    let mut bench = bench();
    bench.heart.submit = Box::new(|_, _| Err("no room".to_owned()));
    bench.network.set_nonblocking(true).unwrap();
    let failed = |line: &(Level, String)| line.1.starts_with("Resource group www failed: no room");
    let mut lines = Vec::new();
    let end = clock::tick().plus(Duration::from_secs(20));
    while !lines.iter().any(failed) && clock::tick() < end {
        bench.heart.waiter.wait(bench.heart.next_deadline()).unwrap();
        bench.heart.turn();
        // Nobody listens; a full network would make every send an error.
        while bench.network.recv(&mut [0; 2048]).is_ok() {}
        lines.extend((bench.lines)());
    }
    assert!(lines.iter().any(failed), "{lines:#?}");
}
