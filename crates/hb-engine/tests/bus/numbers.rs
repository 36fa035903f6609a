//! Who is answered, and with what number, at the edges: each test kills mutants of `bus` that nothing else noticed.

use std::time::Duration;

use hb_engine::{Event, Input, LinkId, NodeId};
use hb_wire::{Message, Value};

use crate::{Node, PEER_UUID, events, from_peer, sent, stamp, status};

fn question(seq: u64, fields: &[(&str, &str)]) -> Message {
    let mut message = from_peer("reqnodes", seq);
    for (name, value) in fields {
        message.push_text(name, value);
    }
    message
}

fn answers(node: &mut Node, question: Message) -> usize {
    sent(&node.give(question), "repnodes").len()
}

fn request(first: &str, last: &str) -> Message {
    let mut message = from_peer("NS_rexmit", 0);
    message.push_text("firstseq", first);
    message.push_text("lastseq", last);
    message
}

#[test]
fn the_receiver_is_named_by_its_uuid_or_else_by_its_name() {
    /// `destuuid`, `dest`, answers.
    type Case = (Option<&'static [u8]>, Option<&'static str>, usize);
    let cases: [Case; 8] = [
        (None, None, 1),
        (Some(&[1; 16]), None, 1),
        (Some(&[1; 16]), Some("wa3"), 1),
        (Some(&[9; 16]), Some("wa1"), 0),
        (Some(&[0; 16]), Some("wa1"), 1),
        (Some(&[0; 16]), Some("wa3"), 0),
        (Some(&[9; 3]), Some("wa1"), 1),
        (Some(&[9; 3]), None, 1),
    ];
    for (uuid, name, expected) in cases {
        let mut node = Node::new();
        node.give(status(1, "up"));
        let mut message = question(2, &[]);
        if let Some(uuid) = uuid {
            message.push("destuuid", Value::Binary(uuid.into()));
        }
        if let Some(name) = name {
            message.push_text("dest", name);
        }
        assert_eq!(answers(&mut node, message), expected, "{uuid:?} {name:?}");
    }
}

#[test]
fn what_comes_on_two_links_is_answered_once() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    assert_eq!(answers(&mut node, question(2, &[])), 1);
    assert_eq!(sent(&node.give_on(1, question(2, &[])), "repnodes").len(), 0);
}

#[test]
fn of_a_dead_node_only_a_heartbeat_counts() {
    let mut node = Node::new();
    node.give(status(1, "active"));
    node.give(from_peer("repnodes", 2));
    node.pass(Duration::from_secs(11));
    assert_eq!(answers(&mut node, question(3, &[])), 0);
    node.give(status(4, "active"));
    assert_eq!(answers(&mut node, question(5, &[])), 1);
}

#[test]
fn what_a_dead_node_said_meanwhile_is_not_asked_for() {
    let mut node = Node::new();
    node.give(status(1, "active"));
    node.give(from_peer("repnodes", 2));
    node.pass(Duration::from_secs(11));
    let outputs = node.give(status(40, "active"));
    assert!(!events(&outputs).iter().any(|event| matches!(event, Event::Gap { .. })));
}

#[test]
fn a_time_stamp_of_nought_or_nonsense_is_passed_over() {
    for stamp in ["0", "zz", ""] {
        let mut node = Node::new();
        let mut message = status(1, "up");
        message.set_text("ts", stamp);
        assert!(node.give(message).is_empty(), "{stamp:?}");
    }
}

#[test]
fn our_own_echo_keeps_the_link_up() {
    let mut node = Node::new();
    let outputs = node.pass(Duration::from_secs(1));
    let own = sent(&outputs, "status")[0].clone();
    let outputs = node.give(own);
    assert_eq!(events(&outputs), [&Event::LinkUp { node: NodeId(0), link: LinkId(0) }]);
    node.engine.handle(stamp(node.now), Input::Echo { link: LinkId(1) });
    assert_eq!(events(&node.outputs()), [&Event::LinkUp { node: NodeId(0), link: LinkId(1) }]);
}

#[test]
fn requests_are_served_up_to_fifty_numbers_and_to_whom_they_are_sent() {
    let mut node = Node::new();
    for seq in 1..=60 {
        node.give(status(seq, "up"));
        node.pass(Duration::from_secs(1));
    }
    let served = |node: &mut Node, request| {
        let outputs = node.give(request);
        outputs.iter().filter(|output| matches!(output, hb_engine::Output::Send(_))).count()
    };
    let mut other = request("1", "2");
    other.push_text("dest", "wa3");
    assert_eq!(served(&mut node, other), 0);
    assert_eq!(served(&mut node, request("1", "1")), 1);
    assert_eq!(served(&mut node, request("2", "60")), 50);
    assert_eq!(served(&mut node, request("52", "52")), 1, "it was not sent again just now");
    for bad in [("0", "0"), ("0", "3"), ("3", "2")] {
        let outputs = node.give(request(bad.0, bad.1));
        assert!(matches!(events(&outputs)[..], [Event::BadMessage { .. }]), "{bad:?}");
    }
}

#[test]
fn who_expects_no_acknowledgements_gets_none() {
    let mut node = Node::new();
    let mut acks = 0;
    for seq in 1..=40 {
        let message = status(seq, "up");
        let fields = message.fields().iter().filter(|field| field.name != b"protocol").cloned().collect();
        acks += sent(&node.give(Message::from_fields(fields)), "NS_ackmsg").len();
    }
    assert_eq!(acks, 0);
}

#[test]
fn a_farewell_is_the_last_word_of_this_run_and_counts_ahead() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    node.pass(Duration::from_secs(3));
    let seq = node.engine.seq();
    assert_eq!(seq, node.engine.snapshot(stamp(node.now)).seq);
    assert!(seq > 3);
    let farewell = node.engine.farewell(1000);
    assert_eq!((farewell.kind(), farewell.text("st")), (Some("shutdone"), Some("dead")));
    assert_eq!(farewell.text("seq"), Some(format!("{:x}", seq + 1000).as_str()));
    assert_eq!((farewell.text("src"), farewell.text("hg")), (Some("wa1"), Some("9")));
    assert_eq!(node.engine.seq(), seq, "it takes no number");
    assert_ne!(farewell.binary("srcuuid"), Some(PEER_UUID.as_slice()));
}
