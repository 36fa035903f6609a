//! Verdicts and generations at their edges: each test kills mutants of `liveness` that nothing else noticed.

use std::time::Duration;

use hb_engine::{Event, Input, LinkId, NodeId};
use hb_wire::Message;

use crate::{DEADTIME, Node, events, from_peer, sent, stamp, status};

const PEER: NodeId = NodeId(1);

fn of_generation(generation: &str, mut message: Message) -> Message {
    message.set_text("hg", generation);
    message
}

fn without_generation(message: &Message) -> Message {
    Message::from_fields(message.fields().iter().filter(|field| field.name != b"hg").cloned().collect())
}

fn of_hb(mut message: Message) -> Message {
    message.push_text("hb-v", "1");
    message
}

fn status_of_peer(node: &Node) -> String {
    let nodes = node.engine.snapshot(stamp(node.now)).nodes;
    nodes.into_iter().find(|peer| peer.node == PEER).map(|peer| peer.status).unwrap_or_default()
}

/// Not heard for `initdead`.
fn never_heard() -> Node {
    let mut node = Node::new();
    node.pass(Duration::from_secs(21));
    assert_eq!(status_of_peer(&node), "dead");
    node
}

/// Heard, active, and silent for its dead time.
fn silent() -> Node {
    let mut node = Node::new();
    node.give(status(1, "active"));
    node.give(from_peer("repnodes", 2));
    node.pass(Duration::from_secs(11));
    assert_eq!(status_of_peer(&node), "dead");
    node
}

#[test]
fn whom_we_hear_for_the_first_time_did_not_start_anew_and_owes_nothing() {
    let mut node = Node::new();
    let outputs = node.give(status(7, "up"));
    assert!(!events(&outputs).contains(&&Event::NodeRestarted { node: PEER }));
    assert_eq!(node.engine.snapshot(stamp(node.now)).nodes[1].missing, 0);
}

#[test]
fn a_word_of_a_living_node_opens_its_first_generation() {
    let mut node = Node::new();
    node.give(from_peer("test", 1));
    let outputs = node.give(of_generation("4", status(2, "up")));
    assert_eq!(events(&outputs), [&Event::Replay { node: PEER, generation: 4, known: 5 }]);
}

#[test]
fn only_a_heartbeat_opens_the_first_generation_of_a_dead_node() {
    let mut node = never_heard();
    node.give(from_peer("test", 1));
    assert_eq!(status_of_peer(&node), "dead");
    node.give(status(2, "active"));
    assert_eq!(status_of_peer(&node), "active");
    let outputs = node.give(of_generation("4", status(3, "up")));
    assert_eq!(events(&outputs), [&Event::Replay { node: PEER, generation: 4, known: 5 }]);
}

#[test]
fn any_word_of_a_new_run_brings_a_dead_node_back() {
    let mut node = silent();
    node.give(of_generation("5", from_peer("test", 3)));
    assert_eq!(status_of_peer(&node), "dead", "that may be an old message played again");
    let outputs = node.give(of_generation("6", from_peer("test", 1)));
    assert!(events(&outputs).contains(&&Event::NodeRestarted { node: PEER }));
    assert_eq!(status_of_peer(&node), "up");
}

#[test]
fn a_node_without_generations_is_believed_by_its_numbers() {
    let mut node = Node::new();
    node.give(without_generation(&status(1, "active")));
    node.give(without_generation(&from_peer("repnodes", 2)));
    node.pass(Duration::from_secs(11));
    assert_eq!(status_of_peer(&node), "dead");
    let outputs = node.give(without_generation(&status(1, "active")));
    assert!(
        events(&outputs).contains(&&Event::NodeReturned { node: PEER }),
        "nothing tells this from a restart"
    );
}

#[test]
fn a_heartbeat_that_was_lost_and_sent_again_is_old() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    node.give(status(3, "active"));
    let outputs = node.give(status(2, "up"));
    assert!(events(&outputs).contains(&&Event::GapClosed { node: PEER }));
    assert_eq!(status_of_peer(&node), "active");
}

/// Who was alive all the time is told what we took; who begins a new run has lost it in any case.
#[test]
fn what_was_taken_from_a_node_that_was_never_heard() {
    for (first, taken) in [("active", Some("foreign")), ("up", None)] {
        let mut node = never_heard();
        let mut outputs = node.give(of_hb(status(5, first)));
        outputs.extend(node.give(of_hb(status(6, "active"))));
        outputs.extend(node.give(from_peer("starting", 7)));
        let said = sent(&outputs, "resource");
        assert_eq!(said[said.len() - 1].text("hb-taken"), taken, "{first}");
    }
}

#[test]
fn a_heartbeat_is_late_beyond_a_limit_not_at_it() {
    for (seconds, late) in [(5, None), (6, Some(false)), (10, Some(false)), (11, Some(true))] {
        let mut node = Node::new();
        let mut slow = status(1, "active");
        slow.set_text("dt", "4e20");
        node.give(slow);
        node.give(from_peer("repnodes", 2));
        node.pass(Duration::from_secs(seconds));
        let outputs = node.give(status(3, "active"));
        let told = events(&outputs).into_iter().find_map(|event| {
            if let Event::LateHeartbeat { beyond_deadtime, .. } = event {
                Some(*beyond_deadtime)
            } else {
                None
            }
        });
        assert_eq!(told, late, "after {seconds} s");
    }
}

#[test]
fn less_than_a_keepalive_is_not_late() {
    for (millis, late) in [(1, false), (999, false), (1000, true)] {
        let mut node = Node::new();
        node.give(status(1, "active"));
        node.give(from_peer("repnodes", 2));
        let due = node.engine.next_deadline().unwrap();
        node.now = due.plus(Duration::from_millis(millis));
        node.engine.handle(stamp(node.now), Input::Wake);
        let told = events(&node.outputs()).iter().any(|event| matches!(event, Event::WokeLate { .. }));
        assert_eq!(told, late, "{millis} ms");
    }
}

#[test]
fn doubt_lasts_two_keepalives_after_a_short_sleep() {
    let mut node = Node::new();
    node.give(status(1, "active"));
    node.give(from_peer("repnodes", 2));
    node.pass(Duration::from_secs(8));
    node.now = node.now.plus(Duration::from_secs(4));
    node.engine.handle(stamp(node.now), Input::Wake);
    let mut outputs = node.outputs();
    assert!(events(&outputs).iter().any(|event| matches!(event, Event::WokeLate { .. })));
    outputs.extend(node.pass(Duration::from_millis(1900)));
    assert!(!events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })));
    let outputs = node.pass(Duration::from_millis(200));
    assert!(events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })));
}

#[test]
fn doubt_lasts_a_dead_time_after_the_last_long_sleep() {
    let mut node = Node::new();
    node.give(status(1, "active"));
    node.give(from_peer("repnodes", 2));
    let mut told = 0;
    for _ in 0..2 {
        node.now = node.now.plus(Duration::from_secs(60));
        node.engine.handle(stamp(node.now), Input::Wake);
        let outputs = node.outputs();
        told += events(&outputs).iter().filter(|event| matches!(event, Event::WokeLate { .. })).count();
        let outputs = node.pass(DEADTIME.saturating_sub(Duration::from_millis(100)));
        assert!(!events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })));
    }
    assert_eq!(told, 2, "each of two long sleeps begins the doubt anew");
    let outputs = node.pass(Duration::from_millis(200));
    assert!(events(&outputs).iter().any(|event| matches!(event, Event::NodeDead { .. })));
}

/// Everything that waited comes before the clock is looked at.
#[test]
fn a_sleep_is_told_once_whatever_waited() {
    let mut node = Node::new();
    node.give(status(1, "active"));
    node.give(from_peer("repnodes", 2));
    node.now = node.now.plus(Duration::from_secs(60));
    let mut outputs: Vec<_> = (3..40).flat_map(|seq| node.give(status(seq, "active"))).collect();
    node.engine.handle(stamp(node.now), Input::Wake);
    outputs.extend(node.outputs());
    let told = events(&outputs).iter().filter(|event| matches!(event, Event::WokeLate { .. })).count();
    assert_eq!(told, 1);
}

/// Not only at the next heartbeat of our own.
#[test]
fn nodes_and_links_are_judged_to_the_millisecond() {
    let mut node = Node::new();
    node.give(status(1, "active"));
    node.give(from_peer("repnodes", 2));
    node.pass(Duration::from_millis(300));
    node.give_on(1, status(3, "active"));
    node.pass(Duration::from_millis(400));
    node.give_on(0, status(4, "active"));
    let down = |outputs: &[hb_engine::Output], link| {
        events(outputs).contains(&&Event::LinkDown { node: PEER, link: LinkId(link) })
    };
    let outputs = node.pass(Duration::from_millis(9_599));
    assert!(!down(&outputs, 1) && !down(&outputs, 0));
    let outputs = node.pass(Duration::from_millis(2));
    assert!(down(&outputs, 1) && !down(&outputs, 0));
    let outputs = node.pass(Duration::from_millis(398));
    assert_eq!(status_of_peer(&node), "active", "{outputs:?}");
    let outputs = node.pass(Duration::from_millis(2));
    assert!(down(&outputs, 0));
    assert_eq!(status_of_peer(&node), "dead");
}

#[test]
fn a_status_text_is_kept_to_31_bytes_without_control_characters() {
    let a = "a".repeat(31);
    let texts = [
        ("x\u{1b}[1my\n", "x[1my"),
        (a.as_str(), a.as_str()),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", a.as_str()),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u{e4}b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u{e4}b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u{e4}"),
    ];
    for (said, kept) in texts {
        let mut node = Node::new();
        node.give(status(1, said));
        assert_eq!(status_of_peer(&node), kept);
    }
}

#[test]
fn heartbeats_keep_their_rhythm_and_never_come_in_bursts() {
    let mut node = Node::new();
    node.give(status(1, "up"));
    node.now = node.now.plus(Duration::from_millis(1300));
    node.engine.handle(stamp(node.now), Input::Wake);
    assert_eq!(sent(&node.outputs(), "status").len(), 1);
    assert!(sent(&node.pass(Duration::from_millis(699)), "status").is_empty());
    assert_eq!(sent(&node.pass(Duration::from_millis(1)), "status").len(), 1, "at 2 s, not at 2.3 s");
    node.now = node.now.plus(Duration::from_millis(5500));
    node.engine.handle(stamp(node.now), Input::Wake);
    assert_eq!(sent(&node.outputs(), "status").len(), 1);
    assert!(sent(&node.pass(Duration::from_millis(999)), "status").is_empty());
    assert_eq!(sent(&node.pass(Duration::from_millis(1)), "status").len(), 1);
    node.engine.handle(stamp(node.now), Input::Wake);
    assert!(sent(&node.outputs(), "status").is_empty(), "woken for no reason");
}

#[test]
fn node_lists_are_asked_for_each_second_until_they_come() {
    let mut node = Node::new();
    let outputs = node.give(status(1, "up"));
    assert_eq!(sent(&outputs, "reqnodes").len(), 1);
    assert_eq!(sent(&outputs, "reqnodes")[0].text("dest"), Some("wa2"));
    assert!(sent(&node.give(status(2, "up")), "reqnodes").is_empty(), "one question is under way");
    assert!(sent(&node.pass(Duration::from_millis(999)), "reqnodes").is_empty());
    assert_eq!(sent(&node.pass(Duration::from_millis(2)), "reqnodes").len(), 1);
    assert_eq!(sent(&node.pass(Duration::from_secs(1)), "reqnodes").len(), 1);
    node.give(from_peer("repnodes", 3));
    assert_eq!(node.engine.snapshot(stamp(node.now)).nodes[0].status, "active");
    assert!(sent(&node.pass(Duration::from_secs(3)), "reqnodes").is_empty());
}

#[test]
fn who_acknowledges_nothing_is_not_asked_for_node_lists() {
    let mut node = Node::new();
    let old = status(1, "up");
    let fields = old.fields().iter().filter(|field| field.name != b"protocol").cloned().collect();
    let outputs = node.give(Message::from_fields(fields));
    assert!(sent(&outputs, "reqnodes").is_empty());
    assert!(events(&outputs).contains(&&Event::CommunicationUp));
}
