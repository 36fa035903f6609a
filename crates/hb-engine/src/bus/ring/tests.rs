//! Engines in a ring of lines, and single messages.

use std::collections::BTreeSet;
use std::string::ToString as _;
use std::time::Duration;
use std::vec::Vec;

use hb_wire::{Message, Value};

use crate::id::{LinkId, NodeId};
use crate::io::{Input, Output};
use crate::{
    Config, Engine, Failback, Forward, LinkConfig, Membership, NodeConfig, Now, PingConfig, Tick, WallSeconds,
};

extern crate std;

const NAMES: [&str; 4] = ["wa0", "wa1", "wa2", "wa3"];

fn stamp(now: Tick) -> Now {
    Now { tick: now, wall: WallSeconds(0x6b01_ed44) }
}

fn engine(count: u16, local: u16) -> Engine {
    let config = Config {
        nodes: NAMES[..count.into()].iter().map(|name| NodeConfig { name: (*name).into() }).collect(),
        local: NodeId(local),
        uuid: [u8::try_from(local).unwrap() + 1; 16],
        generation: 5,
        links: ["left", "right"].map(|name| LinkConfig { name: name.to_string() }).into(),
        keepalive: Duration::from_secs(1),
        deadtime: Duration::from_secs(5),
        warntime: Duration::from_secs(3),
        initdead: Duration::from_secs(10),
        max_rexmit_delay: Duration::from_millis(250),
        ttl: u32::from(count) + 1,
        failback: Failback::On,
        files_digest: std::string::String::new(),
        first_epoch: None,
        pings: PingConfig::default(),
        membership: Membership::default(),
        agents: crate::config::AgentPolicy::default(),
        groups: Vec::new(),
    };
    let mut engine = Engine::new(config, u64::from(local) + 1, stamp(Tick::from_nanos(0)));
    engine.form_ring([LinkId(0), LinkId(1)].into());
    engine
}

/// Lines between neighbours, the last of them between the last node and the first.
struct Circle {
    engines: Vec<Engine>,
    now: Tick,
    /// Lines that pass nothing, by the node to the left of them.
    cut: BTreeSet<usize>,
    /// Nodes that pass nothing on, as 3.0.6.
    selfish: BTreeSet<usize>,
    /// Every message that went over a line: who wrote it to which of his links.
    written: Vec<(usize, LinkId, Message)>,
    /// Numbers of messages that are lost on all lines once: of whom, which.
    lose: BTreeSet<(usize, u64)>,
}

impl Circle {
    fn new(count: u16) -> Self {
        let engines = (0..count).map(|local| engine(count, local)).collect();
        let now = Tick::from_nanos(0);
        Self {
            engines,
            now,
            cut: BTreeSet::new(),
            selfish: BTreeSet::new(),
            written: Vec::new(),
            lose: BTreeSet::new(),
        }
    }

    /// Everybody says what he has to say, until nobody has.
    fn settle(&mut self) {
        loop {
            let mut lines = Vec::new();
            for (index, engine) in self.engines.iter_mut().enumerate() {
                while let Some(output) = engine.poll() {
                    if let Output::Send(message) = output {
                        lines.extend([LinkId(0), LinkId(1)].map(|link| (index, link, message.clone())));
                    }
                }
                while let Some(Forward { from, message }) = engine.poll_forward() {
                    if !self.selfish.contains(&index) {
                        lines.push((index, LinkId(1 - from.0), message));
                    }
                }
            }
            if lines.is_empty() {
                return;
            }
            for (index, link, message) in lines {
                self.deliver(index, link, message);
            }
        }
    }

    fn deliver(&mut self, index: usize, link: LinkId, message: Message) {
        let count = self.engines.len();
        let cable = if link == LinkId(1) { index } else { (index + count - 1) % count };
        self.written.push((index, link, message.clone()));
        let src = NAMES.iter().position(|name| message.text("src") == Some(name)).unwrap();
        let seq = message.text("seq").map_or(0, |seq| u64::from_str_radix(seq, 16).unwrap());
        if self.cut.contains(&cable) || self.lose.contains(&(src, seq)) {
            return;
        }
        let to = if link == LinkId(1) { (index + 1) % count } else { cable };
        let input = Input::Message { link: LinkId(1 - link.0), message };
        self.engines[to].handle(stamp(self.now), input);
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.plus(time);
        self.settle();
        while self.now < end {
            self.now = self.now.plus(Duration::from_millis(50));
            for engine in &mut self.engines {
                engine.handle(stamp(self.now), Input::Wake);
            }
            self.settle();
        }
    }

    fn all_active(&self) -> bool {
        let snapshots = self.engines.iter().map(|engine| engine.snapshot(stamp(self.now)));
        snapshots.into_iter().all(|snapshot| snapshot.nodes.iter().all(|node| node.status == "active"))
    }
}

#[test]
fn with_one_line_cut_all_stay_active() {
    let mut circle = Circle::new(3);
    circle.pass(Duration::from_secs(5));
    assert!(circle.all_active());
    for line in 0..3 {
        circle.cut = [line].into();
        circle.pass(Duration::from_secs(20));
        assert!(circle.all_active(), "line {line}");
    }
    circle.selfish = [0, 1, 2].into();
    circle.pass(Duration::from_secs(20));
    assert!(!circle.all_active(), "without passing on they do not see each other");
}

#[test]
fn four_with_a_neighbour_that_passes_nothing_on() {
    let mut circle = Circle::new(4);
    circle.selfish = [2].into();
    circle.pass(Duration::from_secs(20));
    assert!(circle.all_active(), "the other way round is open");
}

#[test]
fn nothing_goes_in_a_circle() {
    let mut circle = Circle::new(3);
    circle.pass(Duration::from_secs(10));
    circle.written.clear();
    circle.pass(Duration::from_secs(10));
    for (writer, link, message) in &circle.written {
        let (Some(src), Some(seq)) = (message.text("src"), message.text("seq")) else { continue };
        let same = |other: &&(usize, LinkId, Message)| {
            (other.0, other.1, other.2.text("src"), other.2.text("seq"))
                == (*writer, *link, Some(src), Some(seq))
        };
        assert_eq!(circle.written.iter().filter(same).count(), 1, "{writer} {link:?} {src} {seq}");
        let ttl = if NAMES[*writer] == src { "4" } else { "3" };
        assert_eq!(message.text("ttl"), Some(ttl));
    }
    // Each heartbeat is written four times: twice by who says it, once by each of the others.
    let statuses = circle.written.iter().filter(|(_, _, message)| message.kind() == Some("status"));
    let own = statuses.clone().filter(|(writer, _, message)| message.text("src") == Some(NAMES[*writer]));
    assert_eq!(statuses.clone().count(), own.count() * 2);
}

#[test]
fn what_is_lost_behind_a_neighbour_comes_when_it_is_asked_for() {
    let mut circle = Circle::new(3);
    circle.pass(Duration::from_secs(5));
    // Nodes 0 and 2 hear each other only by node 1.
    circle.cut = [2].into();
    circle.pass(Duration::from_secs(1));
    let next = circle.engines[0].snapshot(stamp(circle.now)).seq + 1;
    circle.lose = [(0, next)].into();
    circle.pass(Duration::from_millis(1100));
    circle.lose.clear();
    circle.pass(Duration::from_secs(3));
    for engine in &circle.engines {
        let snapshot = engine.snapshot(stamp(circle.now));
        assert!(snapshot.nodes.iter().all(|node| node.missing == 0), "{snapshot:?}");
    }
    assert!(circle.all_active());
}

fn from(name: &str, kind: &str, seq: u64, ttl: &str) -> Message {
    let mut message = Message::new(kind);
    message.push_text("src", name);
    message.push("srcuuid", Value::Binary((&[7; 16]).into()));
    if seq > 0 {
        message.push_hex("seq", seq);
    }
    message.push_text("hg", "5");
    message.push_text("ts", "6b01ed44");
    message.push_text("ttl", ttl);
    message
}

/// The hops left of what is passed on.
fn passed(engine: &mut Engine, link: u16, message: Message) -> Vec<std::string::String> {
    engine.handle(stamp(Tick::from_nanos(0)), Input::Message { link: LinkId(link), message });
    let forwards = std::iter::from_fn(|| engine.poll_forward());
    forwards
        .map(|forward| {
            assert_eq!(forward.from, LinkId(link));
            forward.message.text("ttl").unwrap().to_string()
        })
        .collect()
}

#[test]
fn what_goes_on_and_what_does_not() {
    let mut engine = engine(3, 0);
    let none: [&str; 0] = [];
    assert_eq!(passed(&mut engine, 0, from("wa1", "status", 1, "4")), ["3"]);
    assert_eq!(passed(&mut engine, 1, from("wa1", "status", 1, "4")), none, "the other way round");
    assert_eq!(passed(&mut engine, 0, from("wa1", "status", 2, "0")), none);
    assert_eq!(passed(&mut engine, 1, from("wa1", "status", 2, "1")), ["0"], "it came with more hops left");
    assert_eq!(passed(&mut engine, 1, from("wa1", "status", 3, "-1")), none);
    assert_eq!(passed(&mut engine, 1, from("wa1", "status", 3, "99999999999")), ["255"]);
    assert_eq!(passed(&mut engine, 1, from("wa0", "status", 77, "4")), none, "our own");
    assert_eq!(passed(&mut engine, 1, from("wa9", "status", 1, "4")), none, "a stranger's");
    let mut old = from("wa1", "status", 9, "4");
    old.set_text("hg", "4");
    assert_eq!(passed(&mut engine, 1, old), none, "of an earlier run");

    let mut request = from("wa2", "NS_rexmit", 0, "4");
    request.push_text("dest", "wa1");
    request.push_text("firstseq", "1");
    request.push_text("lastseq", "2");
    assert_eq!(passed(&mut engine, 0, request.clone()), ["3"]);
    request.set_text("ttl", "3");
    assert_eq!(passed(&mut engine, 1, request.clone()), none, "the other way round");
    assert_eq!(passed(&mut engine, 0, from("wa1", "status", 1, "4")), ["3"], "it was asked for");
    assert_eq!(passed(&mut engine, 0, from("wa1", "status", 1, "4")), none, "once");
    assert_eq!(passed(&mut engine, 0, from("wa1", "status", 3, "4")), none, "it was not asked for");
    request.set_text("dest", "wa0");
    assert_eq!(passed(&mut engine, 0, request), none, "it is for us");

    engine.form_ring([LinkId(1)].into());
    assert_eq!(passed(&mut engine, 1, from("wa1", "status", 8, "4")), none, "one line is no ring");
    engine.form_ring(Vec::new());
    assert_eq!(passed(&mut engine, 0, from("wa1", "status", 9, "4")), none);
}

#[test]
fn memory_is_bounded() {
    let mut engine = engine(3, 0);
    for seq in 1..3000 {
        passed(&mut engine, 0, from("wa1", "news", seq, "4"));
    }
    let known = &engine.ring.passed[&NodeId(1)];
    assert_eq!((known.numbers.len(), known.floor), (500, 2499));
    assert!(passed(&mut engine, 1, from("wa1", "news", 3, "4")).is_empty());
    for number in 0..2000 {
        let mut request = from("wa2", "NS_rexmit", 0, "4");
        request.push_text("dest", "wa1");
        request.push_written("firstseq", format_args!("{number}"));
        request.push_text("lastseq", "18446744073709551615");
        engine.handle(stamp(Tick::from_nanos(0)), Input::Message { link: LinkId(0), message: request });
    }
    assert_eq!(engine.ring.passed[&NodeId(1)].wanted.len(), 500);
    assert!(engine.ring.waiting.len() <= 64 && engine.ring.plain.len() <= 64);
}
