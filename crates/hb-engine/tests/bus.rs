//! The reliable bus and liveness, message by message (`wire.md` 4.3, 6 and 7).

use std::time::Duration;

use hb_engine::{
    Config, Engine, Event, Failback, Input, LinkConfig, LinkId, Membership, NodeConfig, NodeId, Now, Output,
    PingConfig, Tick, WallSeconds,
};
use hb_wire::{Message, Value};

#[path = "bus/numbers.rs"]
mod numbers;
#[path = "bus/verdicts.rs"]
mod verdicts;

const DEADTIME: Duration = Duration::from_secs(10);

const PEER_UUID: [u8; 16] = [2; 16];

struct Node {
    engine: Engine,
    now: Tick,
}

impl Node {
    fn new() -> Self {
        let config = Config {
            nodes: ["wa1", "wa2"].map(|name| NodeConfig { name: name.into() }).into(),
            local: NodeId(0),
            uuid: [1; 16],
            generation: 9,
            links: vec![LinkConfig { name: "eth0".into() }, LinkConfig { name: "eth1".into() }],
            keepalive: Duration::from_secs(1),
            deadtime: DEADTIME,
            warntime: Duration::from_secs(5),
            initdead: Duration::from_secs(20),
            max_rexmit_delay: Duration::from_millis(250),
            ttl: 3,
            failback: Failback::On,
            files_digest: String::new(),
            first_epoch: None,
            pings: PingConfig::default(),
            membership: Membership::default(),
            agents: hb_engine::AgentPolicy::default(),
            groups: Vec::new(),
        };
        let now = Tick::from_nanos(0);
        let mut node = Self { engine: Engine::new(config, 3, stamp(now)), now };
        node.outputs();
        node
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.engine.poll()).collect()
    }

    fn give(&mut self, message: Message) -> Vec<Output> {
        self.give_on(0, message)
    }

    fn give_on(&mut self, link: u16, message: Message) -> Vec<Output> {
        self.engine.handle(stamp(self.now), Input::Message { link: LinkId(link), message });
        self.outputs()
    }

    /// Lets time pass, waking the engine at each of its deadlines.
    fn pass(&mut self, time: Duration) -> Vec<Output> {
        let end = self.now.plus(time);
        let mut all = Vec::new();
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.engine.handle(stamp(self.now), Input::Wake);
            all.extend(self.outputs());
        }
        self.now = end;
        all
    }
}

fn stamp(now: Tick) -> Now {
    Now { tick: now, wall: WallSeconds(0x6b01_ed44) }
}

fn from_peer(kind: &str, seq: u64) -> Message {
    let mut message = Message::new(kind);
    message.push_text("src", "wa2");
    message.push("srcuuid", Value::Binary((&PEER_UUID).into()));
    if seq > 0 {
        message.push_text("seq", &format!("{seq:x}"));
    }
    message.push_text("hg", "5");
    message.push_text("ts", "6b01ed44");
    message
}

fn status(seq: u64, text: &str) -> Message {
    let mut message = from_peer("status", seq);
    message.push_text("st", text);
    message.push_text("dt", "2710");
    message.push_text("protocol", "1");
    message
}

fn sent<'a>(outputs: &'a [Output], kind: &str) -> Vec<&'a Message> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Send(message) if message.kind() == Some(kind) => Some(message),
            Output::Send(_)
            | Output::Do { .. }
            | Output::Check { .. }
            | Output::Fence { .. }
            | Output::Report(_) => None,
        })
        .collect()
}

fn events(outputs: &[Output]) -> Vec<&Event> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Report(event) => Some(event),
            Output::Send(_) | Output::Do { .. } | Output::Check { .. } | Output::Fence { .. } => None,
        })
        .collect()
}

#[test]
fn first_messages_are_init_up_up_with_all_fields_in_order() {
    let mut node = Node::new();
    assert_eq!(node.engine.snapshot(stamp(node.now)).seq, 3);
    let outputs = node.pass(Duration::from_secs(1));
    let message = sent(&outputs, "status")[0];
    let names: Vec<_> =
        message.fields().iter().map(|field| std::str::from_utf8(&field.name).unwrap().to_owned()).collect();
    assert_eq!(
        names,
        ["t", "st", "dt", "protocol", "hb-v", "src", "srcuuid", "seq", "hg", "ts", "ld", "ttl"]
    );
    assert_eq!(message.text("st"), Some("up"));
    assert_eq!(message.text("dt"), Some("2710"));
    assert_eq!(message.text("seq"), Some("4"));
    assert_eq!(message.text("hg"), Some("9"));
}

#[test]
fn a_gap_is_asked_for_until_it_is_filled() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    let outputs = node.give(status(4, "up"));
    assert!(events(&outputs).contains(&&Event::Gap { node: NodeId(1), lost: 2, last: 1, seen: 4 }));
    let outputs = node.pass(Duration::from_millis(250));
    let request = sent(&outputs, "NS_rexmit")[0];
    assert_eq!((request.text("firstseq"), request.text("lastseq")), (Some("2"), Some("3")), "one for both");
    assert_eq!(request.text("dest"), Some("wa2"));
    assert_eq!(request.binary("destuuid"), Some(PEER_UUID.as_slice()));
    assert!(!request.has("seq") && !request.has("ld"), "NS_ types have no number");
    node.give(status(2, "up"));
    let outputs = node.pass(Duration::from_millis(260));
    assert!(sent(&outputs, "NS_rexmit").iter().all(|m| m.text("firstseq") == Some("3")));
    let outputs = node.give(status(3, "up"));
    assert!(events(&outputs).contains(&&Event::GapClosed { node: NodeId(1) }));
    assert!(sent(&node.pass(Duration::from_secs(2)), "NS_rexmit").is_empty());
}

#[test]
fn what_was_sent_is_sent_again_as_it_was() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    let outputs = node.pass(Duration::from_secs(3));
    let original = sent(&outputs, "status").last().copied().cloned().unwrap();
    let seq = u64::from_str_radix(original.text("seq").unwrap(), 16).unwrap();
    let mut request = from_peer("NS_rexmit", 0);
    request.push_text("dest", "wa1");
    request.push_text("firstseq", &seq.to_string());
    request.push_text("lastseq", &seq.to_string());
    let outputs = node.give(request.clone());
    assert_eq!(sent(&outputs, "status"), [&original]);
    assert!(sent(&node.give(request.clone()), "status").is_empty(), "not again at once");
    request.set_text("firstseq", "5000");
    request.set_text("lastseq", "5000");
    let outputs = node.give(request.clone());
    assert!(matches!(events(&outputs)[..], [Event::CannotRetransmit { seq: 5000, .. }]));
    request.set_text("firstseq", "3");
    request.set_text("lastseq", "2");
    let outputs = node.give(request);
    assert!(matches!(events(&outputs)[..], [Event::BadMessage { .. }]));
}

#[test]
fn who_asks_for_what_was_acknowledged_gets_it() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    let mut ack = from_peer("NS_ackmsg", 0);
    ack.push_text("dest", "wa1");
    ack.push_text("ackseq", "2");
    node.give(ack);
    let mut request = from_peer("NS_rexmit", 0);
    request.push_text("firstseq", "1");
    request.push_text("lastseq", "3");
    let outputs = node.give(request);
    let seqs: Vec<_> = sent(&outputs, "status").iter().map(|m| m.text("seq").unwrap()).collect();
    assert_eq!(seqs, ["1", "2", "3"], "the acknowledgement may have been meant for an earlier run");
}

#[test]
fn history_ends_after_500_and_says_so() {
    let mut node = Node::new();
    let mut seq = 0;
    for _ in 0..520 {
        seq += 1;
        node.give(status(seq, "up"));
        node.pass(Duration::from_secs(1));
    }
    let mut request = from_peer("NS_rexmit", 0);
    request.push_text("firstseq", "5");
    request.push_text("lastseq", "5");
    let outputs = node.give(request);
    let refusal = sent(&outputs, "NS_nak_rexmit")[0];
    assert_eq!(refusal.text("firstseq"), Some("5"));
    assert_eq!(refusal.text("info"), Some("seqno too low"));
}

#[test]
fn one_in_ten_is_acknowledged() {
    let mut node = Node::new();
    let mut acks = Vec::new();
    for seq in 1..=40 {
        let outputs = node.give(status(seq, "up"));
        acks.extend(sent(&outputs, "NS_ackmsg").iter().map(|m| m.text("ackseq").unwrap().to_owned()));
    }
    assert_eq!(acks.len(), 4, "{acks:?}");
}

#[test]
fn unfit_messages_are_reported_and_change_nothing() {
    let without = |name: &str| {
        let fields =
            status(5, "active").fields().iter().filter(|f| f.name != name.as_bytes()).cloned().collect();
        Message::from_fields(fields)
    };
    let mut bad_seq = status(5, "active");
    bad_seq.set_text("seq", "zz");
    let mut zero_seq = status(5, "active");
    zero_seq.set_text("seq", "0");
    let mut bad_generation = status(5, "active");
    bad_generation.set_text("hg", "zz");
    let mut stranger = status(5, "active");
    stranger.set_text("src", "wa9");
    let mut capital = status(5, "active");
    capital.set_text("src", "WA2");
    let all = [
        without("t"),
        without("src"),
        without("ts"),
        without("seq"),
        without("st"),
        bad_seq,
        zero_seq,
        bad_generation,
        stranger,
        capital,
    ];
    for message in all {
        let mut node = Node::new();
        node.give(status(1, "up"));
        let outputs = node.give(message.clone());
        assert!(
            matches!(events(&outputs)[..], [.., Event::BadMessage { .. } | Event::UnknownNode { .. }]),
            "{message:?} {outputs:?}"
        );
        assert_eq!(node.engine.snapshot(stamp(node.now)).nodes[1].status, "up");
    }
}

#[test]
fn an_older_generation_is_a_replay() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    let mut old = status(7, "active");
    old.set_text("hg", "4");
    let outputs = node.give(old);
    assert_eq!(events(&outputs), [&Event::Replay { node: NodeId(1), generation: 4, known: 5 }]);
    let mut without = status(7, "active");
    without.set_text("hg", "");
    node.give(without);
    assert_eq!(node.engine.snapshot(stamp(node.now)).nodes[1].status, "up");
}

#[test]
fn the_same_message_on_two_links_counts_once_and_keeps_both_up() {
    let mut node = Node::new();
    let first = node.give_on(0, status(1, "up"));
    let second = node.give_on(1, status(1, "up"));
    assert!(events(&first).contains(&&Event::LinkUp { node: NodeId(1), link: LinkId(0) }));
    assert_eq!(events(&second), [&Event::LinkUp { node: NodeId(1), link: LinkId(1) }]);
}

#[test]
fn messages_for_others_count_but_are_not_acted_on() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    let mut question = from_peer("reqnodes", 2);
    question.push_text("dest", "wa3");
    assert!(sent(&node.give(question), "repnodes").is_empty());
    let outputs = node.give(status(3, "up"));
    assert!(!events(&outputs).iter().any(|event| matches!(event, Event::Gap { .. })), "2 was counted");
    let mut question = from_peer("reqnodes", 4);
    question.push_text("dest", "wa1");
    let outputs = node.give(question);
    let answer = sent(&outputs, "repnodes")[0];
    assert_eq!(answer.text("nodelist"), Some("wa1 wa2 "));
    assert_eq!(answer.text("delnodelist"), Some(" "));
}

#[test]
fn the_peer_names_its_own_dead_time() {
    let mut node = Node::new();
    let mut up = status(1, "up");
    up.set_text("dt", "4e20"); // 20 s, ours is 10
    node.give(up);
    node.give(from_peer("repnodes", 2));
    let outputs = node.pass(Duration::from_millis(19_900));
    assert!(!events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })));
    let outputs = node.pass(Duration::from_millis(200));
    assert!(events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })));
}

#[test]
fn late_heartbeats_are_told() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    node.give(from_peer("repnodes", 2));
    node.pass(Duration::from_secs(6));
    let outputs = node.give(status(3, "up"));
    assert!(
        events(&outputs)
            .iter()
            .any(|event| matches!(event, Event::LateHeartbeat { beyond_deadtime: false, .. }))
    );
}

#[test]
fn whoever_woke_late_listens_before_it_judges() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    node.give(from_peer("repnodes", 2));
    node.pass(Duration::from_secs(1));
    node.now = node.now.plus(Duration::from_secs(60));
    node.engine.handle(stamp(node.now), Input::Wake);
    let outputs = node.outputs();
    assert!(events(&outputs).iter().any(|event| matches!(event, Event::WokeLate { .. })));
    assert!(!events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })));
    // Others may have judged it while it slept: silence counts from where it listens again.
    let outputs = node.pass(DEADTIME.saturating_sub(Duration::from_millis(100)));
    assert!(!events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })));
    assert!(!events(&outputs).iter().any(|event| matches!(event, Event::LinkDown { .. })));
    let outputs = node.pass(Duration::from_millis(200));
    assert!(events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })), "doubt ends");
}

#[test]
fn a_node_that_is_always_late_still_judges() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    node.give(from_peer("repnodes", 2));
    let mut dead = false;
    for _ in 0..30 {
        node.now = node.now.plus(Duration::from_millis(2500));
        node.engine.handle(stamp(node.now), Input::Wake);
        dead |= events(&node.outputs()).iter().any(|event| matches!(event, Event::NodeDead { .. }));
    }
    assert!(dead);
}

#[test]
fn doubt_is_not_over_because_the_node_slept_through_it() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    node.give(from_peer("repnodes", 2));
    node.pass(Duration::from_secs(1));
    for _ in 0..3 {
        node.now = node.now.plus(Duration::from_millis(4500));
        node.engine.handle(stamp(node.now), Input::Wake);
        let mut outputs = node.outputs();
        outputs.extend(node.pass(Duration::from_millis(1500)));
        assert!(!events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })));
    }
    let outputs = node.pass(DEADTIME);
    assert!(events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })), "doubt ends");
}

/// The last word of a peer may be among what was too much.
#[test]
fn whoever_says_too_much_is_asked_what_it_holds() {
    let mut node = Node::new();
    let mut ours = status(1, "active");
    ours.push_text("hb-v", "1");
    node.give(ours);
    node.give(from_peer("repnodes", 2));
    let mut too_much = false;
    for seq in 3..100 {
        let mut announcement = from_peer("resource", seq);
        for (name, value) in [("rsc_hold", "local"), ("rtype", "full"), ("isstable", "0")] {
            announcement.push_text(name, value);
        }
        let outputs = node.give(announcement);
        too_much |= events(&outputs).iter().any(|event| matches!(event, Event::TooMuch { .. }));
    }
    assert!(too_much);
    let asked = |outputs: &[Output]| sent(outputs, "resource").iter().filter(|m| m.has("hb-ask")).count();
    assert_eq!(asked(&node.pass(Duration::from_millis(1100))), 1);
    assert_eq!(asked(&node.pass(Duration::from_secs(3))), 0);
}

#[test]
fn an_old_heartbeat_sent_again_does_not_revive() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    node.give(status(9, "active"));
    node.give(from_peer("repnodes", 10));
    node.pass(Duration::from_secs(11));
    assert_eq!(node.engine.snapshot(stamp(node.now)).nodes[1].status, "dead");
    node.give(status(9, "active"));
    node.give(status(4, "active"));
    assert_eq!(node.engine.snapshot(stamp(node.now)).nodes[1].status, "dead");
    let outputs = node.give(status(11, "active"));
    assert!(events(&outputs).iter().any(|event| matches!(event, Event::NodeReturned { .. })));
}

#[test]
fn somebody_else_under_our_name_is_told() {
    let mut node = Node::new();
    let mut twin = status(1, "up");
    twin.set_text("src", "wa1");
    let outputs = node.give(twin);
    assert_eq!(events(&outputs), [&Event::NameClash { uuid: PEER_UUID }]);
}

#[test]
fn what_a_peer_can_make_us_do_is_bounded() {
    /// Kind, fields, kind of the answer.
    type Question = (&'static str, &'static [(&'static str, &'static str)], &'static str);
    let questions: [Question; 3] = [
        ("reqnodes", &[("dest", "wa1")], "repnodes"),
        ("starting", &[], "resource"),
        ("resource", &[("rsc_hold", "local"), ("isstable", "1"), ("hb-ask", "1")], "resource"),
    ];
    for (kind, fields, answer) in questions {
        let mut node = Node::new();
        node.give(status(1, "up"));
        node.give(from_peer("repnodes", 2));
        let mut answers = 0;
        let mut told = 0;
        for seq in 3..10_003 {
            let mut question = from_peer(kind, seq);
            for (name, value) in fields {
                question.push_text(name, value);
            }
            let outputs = node.give(question);
            answers += sent(&outputs, answer).len();
            told += events(&outputs).iter().filter(|e| matches!(e, Event::TooMuch { .. })).count();
        }
        assert!((10..=120).contains(&answers), "{kind}: {answers} answers");
        assert!(told > 9_000, "{kind}: {told}");
        // Its heartbeats count all the same, and in time it is answered again.
        node.give(status(10_003, "active"));
        assert_eq!(node.engine.snapshot(stamp(node.now)).nodes[1].status, "active");
        node.now = node.now.plus(Duration::from_millis(25));
        let mut question = from_peer("reqnodes", 10_004);
        question.push_text("dest", "wa1");
        assert_eq!(sent(&node.give(question), "repnodes").len(), 1);
    }
}

#[test]
fn requests_that_must_be_refused_are_refused_a_bounded_number_of_times() {
    let mut node = Node::new();
    let mut seq = 0;
    for _ in 0..600 {
        seq += 1;
        node.give(status(seq, "up"));
        node.pass(Duration::from_secs(1));
    }
    let mut request = from_peer("NS_rexmit", 0);
    request.push_text("firstseq", "1");
    request.push_text("lastseq", "9223372036854775807");
    let mut refusals = 0;
    let mut all = 0;
    for _ in 0..1000 {
        let outputs = node.give(request.clone());
        refusals += sent(&outputs, "NS_nak_rexmit").len();
        all += outputs.len();
    }
    assert_eq!(refusals, 50);
    assert!(all < 1200, "{all} outputs for 1000 requests");
    // One that can be served is not affected.
    let newest = node.engine.snapshot(stamp(node.now)).seq.to_string();
    request.set_text("firstseq", &newest);
    request.set_text("lastseq", &newest);
    assert!(matches!(node.give(request)[..], [Output::Send(_)]));
}

#[test]
fn a_refusal_from_an_earlier_run_is_no_refusal() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    node.give(status(3, "up"));
    let mut refusal = from_peer("NS_nak_rexmit", 0);
    refusal.push_text("firstseq", "2");
    let mut old = refusal.clone();
    old.set_text("hg", "4");
    assert!(events(&node.give(old)).is_empty());
    assert_eq!(node.engine.snapshot(stamp(node.now)).nodes[1].missing, 1);
    assert!(matches!(events(&node.give(refusal))[..], [Event::Irretrievable { seq: 2, .. }]));
    assert_eq!(node.engine.snapshot(stamp(node.now)).nodes[1].missing, 0);
}

#[test]
fn a_status_text_is_kept_short_and_printable() {
    let mut node = Node::new();
    let long = format!("\u{1b}[2J{}", "ä".repeat(30_000));
    node.give(status(1, &long));
    let snapshot = node.engine.snapshot(stamp(node.now));
    assert_eq!(snapshot.nodes[1].status, format!("[2J{}", "ä".repeat(14)));
}

#[test]
fn who_calls_itself_dead_is_judged_by_its_silence() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    node.give(from_peer("repnodes", 2));
    node.give(status(3, "active"));
    let outputs = node.give(status(4, "dead"));
    assert!(matches!(events(&outputs)[..], [Event::BadMessage { .. }]));
    assert_eq!(node.engine.snapshot(stamp(node.now)).nodes[1].status, "active");
    let outputs = node.pass(Duration::from_secs(11));
    assert!(events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })));
    assert_eq!(sent(&outputs, "stonith").len(), 1, "with all that follows from a verdict");
}

#[test]
fn no_peer_can_be_dead_between_two_heartbeats() {
    for dt in ["0", "1"] {
        let mut node = Node::new();
        let mut hasty = status(1, "up");
        hasty.set_text("dt", dt);
        node.give(hasty);
        node.give(from_peer("repnodes", 2));
        let outputs = node.pass(Duration::from_millis(990));
        assert!(!events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })), "{dt}");
    }
}

#[test]
fn many_gaps_leave_no_deadline_in_the_past() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    for seq in (3..200).step_by(2) {
        node.give(status(seq, "up"));
    }
    node.now = node.now.plus(Duration::from_millis(500));
    let mut asked = 0;
    for _ in 0..100 {
        node.engine.handle(stamp(node.now), Input::Wake);
        let requests = sent(&node.outputs(), "NS_rexmit").len();
        assert!(requests < 99, "{requests} at once");
        asked += requests;
        let due = node.engine.next_deadline().unwrap();
        assert!(due > node.now, "what was not asked for in this turn waits for the next");
        node.now = due;
    }
    assert!(asked >= 99, "{asked}");
}

#[test]
fn what_a_new_run_said_before_its_first_message_came_is_asked_for() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    let mut first = status(4, "up");
    first.set_text("hg", "6");
    let outputs = node.give(first);
    assert!(events(&outputs).contains(&&Event::Gap { node: NodeId(1), lost: 3, last: 0, seen: 4 }));
    let outputs = node.pass(Duration::from_millis(250));
    let request = sent(&outputs, "NS_rexmit")[0];
    assert_eq!((request.text("firstseq"), request.text("lastseq")), (Some("1"), Some("3")));
}

#[test]
fn only_the_newest_question_for_node_lists_is_answered() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    node.give(status(6, "up"));
    for seq in 2..6 {
        let outputs = node.give(from_peer("reqnodes", seq));
        assert_eq!(sent(&outputs, "repnodes").len(), 0, "it has asked again since");
    }
    assert_eq!(sent(&node.give(from_peer("reqnodes", 7)), "repnodes").len(), 1);
}
