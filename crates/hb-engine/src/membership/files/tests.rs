//! Nodes by reload: who comes, who goes, who may not.

use super::*;
use crate::config::{Config, GroupConfig};
use crate::io::{Input, Output};
use crate::membership::MemberRecord;
use crate::membership::tests::{at, drain, engine};
use crate::snapshot::NodeSnapshot;
use alloc::borrow::ToOwned;
use alloc::vec;
use core::time::Duration;

fn plan(added: &[&str], removed: &[&str], autojoin: bool) -> NodesPlan {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let membership = Membership { autojoin, ..Membership::default() };
    NodesPlan { added: names(added), removed: names(removed), membership }
}

fn exchange(engine: &mut Engine, plan: NodesPlan, groups: bool) -> Vec<Event> {
    engine.exchange_nodes(plan, groups);
    let (messages, events) = drain(engine);
    assert!(messages.iter().all(|message| !matches!(message.kind(), Some("addnode" | "delnode"))));
    events
}

fn node(engine: &Engine, millis: u64, name: &str) -> Option<NodeSnapshot> {
    engine.snapshot(at(millis)).nodes.into_iter().find(|node| node.name == name)
}

fn pass(engine: &mut Engine, millis: impl Iterator<Item = u64>) {
    for millis in millis {
        engine.handle(at(millis), Input::Wake);
        while engine.poll().is_some() {}
    }
}

/// A pair of which the other node was never heard: it is dead, and all is here. No group has a job that ends.
fn alone_with_groups(fencing: Option<Duration>) -> Engine {
    let groups = vec![
        GroupConfig { key: "one".to_owned(), home: Some(NodeId(0)) },
        GroupConfig { key: "two".to_owned(), home: Some(NodeId(1)) },
    ];
    let config = Config { groups, ..engine(false, &[]).config };
    let mut engine = Engine::new(config, 1, at(0));
    pass(&mut engine, (0..=4000).step_by(100));
    assert_eq!(node(&engine, 4000, "b").unwrap().status, "dead");
    for job in 1..=2 {
        engine.handle(at(4000), Input::Done { job: crate::JobId(job), outcome: crate::Outcome::Ok });
        while engine.poll().is_some() {}
    }
    assert!(engine.snapshot(at(4000)).stable);
    engine.set_fencing(fencing);
    engine
}

#[test]
fn a_node_of_the_files_comes_and_goes_without_a_word_to_others() {
    let mut engine = engine(false, &[]);
    let added = Event::NodeAdded { node: NodeId(2), name: "c".to_owned() };
    assert_eq!(exchange(&mut engine, plan(&["c"], &[], false), false), [added, Event::MembersChanged]);
    assert_eq!(engine.config.ttl, 4);
    assert_eq!(exchange(&mut engine, plan(&["c"], &[], false), false), [], "it is one already");
    let removed = Event::NodeDeleted { node: NodeId(2), name: "c".to_owned() };
    assert_eq!(exchange(&mut engine, plan(&[], &["c"], false), false), [removed, Event::MembersChanged]);
    assert_eq!((engine.config.ttl, engine.deleted_names().count()), (3, 0), "nobody can join");
    assert_eq!(exchange(&mut engine, plan(&[], &["c"], false), false), []);
    let own = Event::NotChanged { why: MembershipError::Own };
    assert_eq!(exchange(&mut engine, plan(&[], &["a"], false), false), [own]);
}

#[test]
fn who_lives_stays() {
    let mut engine = engine(false, &[]);
    let mut status = hb_wire::Message::new("status");
    for (name, value) in [("src", "b"), ("ts", "1"), ("hg", "5"), ("seq", "1"), ("st", "active")] {
        status.push_text(name, value);
    }
    engine.handle(at(100), Input::Message { link: crate::LinkId(0), message: status });
    drain(&mut engine);
    let lives = Event::NotChanged { why: MembershipError::NotDead };
    assert_eq!(exchange(&mut engine, plan(&[], &["b"], false), false), [lives]);
    pass(&mut engine, (200..=9000).step_by(100));
    assert_eq!(exchange(&mut engine, plan(&[], &["b"], false), false).len(), 2);
}

#[test]
fn autojoin_opens_and_closes() {
    let mut engine = engine(false, &[]);
    let known = Membership {
        autojoin: true,
        members: ["c", "d"].map(MemberRecord::new).into(),
        deleted: ["d", "e"].map(MemberRecord::new).into(),
    };
    exchange(&mut engine, NodesPlan { membership: known.clone(), ..NodesPlan::default() }, false);
    let names = |engine: &Engine| {
        engine.membership().members.into_iter().map(|record| record.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&engine), ["a", "b", "c"]);
    assert_eq!(engine.deleted_names().collect::<Vec<_>>(), ["d", "e"]);
    engine.receive_stranger("e");
    engine.receive_stranger("f");
    assert_eq!(names(&engine), ["a", "b", "c", "f"]);
    // What a file removes stays out, what a file names comes back.
    exchange(&mut engine, plan(&["e"], &["f"], true), false);
    engine.receive_stranger("f");
    assert_eq!(names(&engine), ["a", "b", "c", "e"]);
    exchange(&mut engine, NodesPlan::default(), false);
    engine.receive_stranger("g");
    assert_eq!(names(&engine), ["a", "b", "c", "e"], "who has joined stays");
}

#[test]
fn where_there_are_groups_two_nodes_are_enough_and_the_dead_one_can_be_replaced() {
    let mut engine = alone_with_groups(None);
    let third = Event::NotChanged { why: MembershipError::HasGroups };
    assert_eq!(exchange(&mut engine, plan(&["c"], &[], false), true), [third]);
    engine.exchange_nodes(plan(&["c"], &["b"], false), true);
    let outputs: Vec<_> = core::iter::from_fn(|| engine.poll()).collect();
    let moves = |output: &&Output| matches!(output, Output::Do { .. });
    assert!(outputs.iter().find(moves).is_none());
    assert_eq!(node(&engine, 4000, "c").unwrap().node, NodeId(1));
    assert_eq!(engine.failover.partner_id, Some(NodeId(1)));
    assert!(engine.failover.needs_failback);
    assert_eq!(engine.config.ttl, 3);
}

/// What the one before had sent is no measure for it.
#[test]
fn a_new_partner_is_obeyed_from_its_first_message_on() {
    let mut engine = alone_with_groups(None);
    engine.failover.floor = 700;
    engine.exchange_nodes(plan(&["c"], &["b"], false), true);
    assert_eq!(engine.failover.floor, 0);
}

#[test]
fn a_new_partner_that_was_never_there_is_not_reset() {
    let mut engine = alone_with_groups(Some(Duration::ZERO));
    engine.exchange_nodes(plan(&["c"], &["b"], false), true);
    let mut outputs = Vec::new();
    for millis in (4000..=9000).step_by(100) {
        engine.handle(at(millis), Input::Wake);
        outputs.extend(core::iter::from_fn(|| engine.poll()));
    }
    assert_eq!(node(&engine, 9000, "c").unwrap().status, "dead");
    assert!(
        !outputs.iter().any(|output| matches!(output, Output::Fence { .. } | Output::Do { .. })),
        "{outputs:?}"
    );
    assert!(engine.snapshot(at(9000)).stable);
    // Gone altogether: this node is alone, and waits for nobody.
    engine.exchange_nodes(plan(&[], &["c"], false), true);
    pass(&mut engine, (9100..=12_000).step_by(100));
    assert!(engine.snapshot(at(12_000)).stable);
    assert_eq!(engine.failover.hold, HoldSet::ALL);
}

#[test]
fn who_waits_for_its_reset_stays() {
    let mut engine = alone_with_groups(Some(Duration::ZERO));
    engine.begin_fencing(NodeId(1), HoldSet::FOREIGN);
    let waits = Event::NotChanged { why: MembershipError::Fencing };
    while engine.poll().is_some() {}
    engine.exchange_nodes(plan(&[], &["b"], false), true);
    assert_eq!(drain(&mut engine).1, [waits]);
}
