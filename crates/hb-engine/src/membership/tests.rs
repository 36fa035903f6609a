//! Joining, adding, deleting, lists, as other nodes see it.

use super::*;
use crate::config::{Config, Failback, LinkConfig, NodeConfig};
use crate::id::LinkId;
use crate::io::{Input, Output};
use crate::reconfigure::{LinkPlan, Reconfiguration};
use crate::time::{Tick, WallSeconds};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use core::time::Duration;

const INITDEAD: u64 = 3;

pub(crate) fn at(millis: u64) -> Now {
    Now { tick: Tick::from_nanos(millis * 1_000_000), wall: WallSeconds(1000) }
}

pub(crate) fn engine(autojoin: bool, deleted: &[&str]) -> Engine {
    let membership = Membership {
        autojoin,
        members: vec![MemberRecord {
            uuid: [7; 16],
            weight: 5,
            site: "x".to_string(),
            ..MemberRecord::new("b")
        }],
        deleted: deleted.iter().map(|name| MemberRecord::new(name)).collect(),
    };
    let config = Config {
        nodes: ["a", "b"].map(|name| NodeConfig { name: name.to_string() }).into(),
        local: NodeId(0),
        uuid: [1; 16],
        generation: 1,
        links: vec![LinkConfig { name: "eth0".to_string() }],
        keepalive: Duration::from_millis(200),
        deadtime: Duration::from_secs(1),
        warntime: Duration::from_millis(500),
        initdead: Duration::from_secs(INITDEAD),
        max_rexmit_delay: Duration::from_millis(250),
        ttl: 3,
        failback: Failback::On,
        groups: vec![],
        files_digest: String::new(),
        first_epoch: None,
        membership,
        agents: crate::AgentPolicy::default(),
        pings: crate::PingConfig::default(),
    };
    let mut engine = Engine::new(config, 1, at(0));
    drain(&mut engine);
    engine
}

/// What it says and reports.
pub(crate) fn drain(engine: &mut Engine) -> (Vec<Message>, Vec<Event>) {
    let (mut messages, mut events) = (vec![], vec![]);
    while let Some(output) = engine.poll() {
        match output {
            Output::Send(message) => messages.push(message),
            Output::Report(event) => events.push(event),
            Output::Do { .. } | Output::Check { .. } | Output::Fence { .. } => panic!("there are no groups"),
        }
    }
    (messages, events)
}

fn from(src: &str, kind: &str, seq: u64, fields: &[(&str, &str)]) -> Message {
    let mut message = Message::new(kind);
    for (name, value) in [("src", src), ("ts", "1"), ("hg", "5"), ("protocol", "1")].iter().chain(fields) {
        message.push_text(name, value);
    }
    message.push_text("seq", &format!("{seq:x}"));
    message
}

fn give(engine: &mut Engine, millis: u64, message: Message) -> (Vec<Message>, Vec<Event>) {
    engine.handle(at(millis), Input::Message { link: LinkId(0), message });
    drain(engine)
}

fn names(engine: &Engine) -> Vec<String> {
    engine.membership().members.into_iter().map(|member| member.name).collect()
}

fn deleted(engine: &Engine) -> Vec<String> {
    engine.membership().deleted.into_iter().map(|member| member.name).collect()
}

#[test]
fn a_stranger_joins_with_its_first_message_and_counts_from_the_second() {
    let mut engine = engine(true, &[]);
    let status = |seq| from("c", "status", seq, &[("st", "up")]);
    let (_, events) = give(&mut engine, 100, status(1));
    assert_eq!(events, [Event::NodeAdded { node: NodeId(2), name: "c".to_string() }, Event::MembersChanged]);
    let snapshot = engine.snapshot(at(100));
    assert_eq!(snapshot.nodes[2].status, "init");
    give(&mut engine, 200, status(2));
    assert_eq!(engine.snapshot(at(200)).nodes[2].status, "up");
    assert_eq!(names(&engine), ["a", "b", "c"]);
}

#[test]
fn a_reload_counts_those_who_joined_in_ttl() {
    let mut engine = engine(true, &[]);
    give(&mut engine, 100, from("c", "status", 1, &[("st", "up")]));
    assert_eq!(engine.config.ttl, 4);
    let again = |engine: &mut Engine, hops| {
        let new = Reconfiguration {
            fencing: None,
            keepalive: engine.config.keepalive,
            deadtime: engine.config.deadtime,
            warntime: engine.config.warntime,
            initdead: engine.config.initdead,
            max_rexmit_delay: engine.config.max_rexmit_delay,
            nodes: NodesPlan::default(),
            hops,
            pings: Vec::new(),
            ping_list: 0,
            deadping: engine.config.pings.deadtime,
            ipfail: false,
            failback: Failback::On,
            links: vec![LinkPlan { config: engine.config.links[0].clone(), before: Some(LinkId(0)) }],
            groups: vec![],
            agents: crate::AgentPolicy::default(),
            files_digest: String::new(),
        };
        engine.reconfigure(at(150), new);
        engine.config.ttl
    };
    assert_eq!(again(&mut engine, 1), 4);
    assert_eq!(again(&mut engine, 3), 6, "hopfudge has grown by two");
    give(&mut engine, 100_000, from("b", "delnode", 1, &[("nodelist", "c")]));
    assert_eq!(again(&mut engine, 1), u32::try_from(engine.node_ids().count()).unwrap() + 1);
}

#[test]
fn nobody_joins_without_autojoin_nor_by_an_impossible_name_nor_when_deleted() {
    for (mut engine, name) in [
        (engine(false, &[]), "c"),
        (engine(true, &[]), "C"),
        (engine(true, &[]), "c d"),
        (engine(true, &["c"]), "c"),
    ] {
        let (_, events) = give(&mut engine, 100, from(name, "status", 1, &[("st", "up")]));
        assert_eq!(events, [Event::UnknownNode { name: name.to_string() }]);
    }
}

#[test]
fn with_autojoin_it_waits_for_strangers_until_initdead() {
    let mut engine = engine(true, &[]);
    give(&mut engine, 100, from("b", "status", 1, &[("st", "up")]));
    for millis in (200..3000).step_by(200) {
        let status = from("b", "status", millis / 100, &[("st", "up")]);
        let (messages, _) = give(&mut engine, millis, status);
        engine.handle(at(millis), Input::Wake);
        drain(&mut engine);
        assert!(messages.iter().all(|message| message.kind() != Some("reqnodes")), "{millis}");
        assert!(engine.next_deadline().unwrap() <= at(3000).tick);
    }
    engine.handle(at(3000), Input::Wake);
    let (messages, _) = drain(&mut engine);
    assert!(messages.iter().any(|message| message.kind() == Some("reqnodes")));
}

#[test]
fn more_than_a_hundred_do_not_fit() {
    let mut engine = engine(true, &[]);
    for number in 0..200 {
        give(&mut engine, 100, from(&format!("n{number}"), "status", 1, &[("st", "up")]));
    }
    assert_eq!(names(&engine).len(), MAX_NODES);
}

#[test]
fn added_nodes_die_if_they_do_not_appear_and_dead_ones_can_be_deleted() {
    let mut engine = engine(false, &[]);
    give(&mut engine, 100, from("b", "status", 1, &[("st", "up")]));
    engine.add_nodes(at(200), &["c".to_string(), "d".to_string()]).unwrap();
    let (messages, _) = drain(&mut engine);
    assert_eq!(messages[0].text("nodelist"), Some("c d"));
    assert_eq!(engine.add_nodes(at(200), &["c".to_string()]), Err(MembershipError::Known));
    assert_eq!(engine.delete_nodes(at(200), &["c".to_string()]), Err(MembershipError::NotDead));
    for millis in (300..4000).step_by(100) {
        give(&mut engine, millis, from("b", "status", millis / 100, &[("st", "up")]));
        engine.handle(at(millis), Input::Wake);
        drain(&mut engine);
    }
    let status = |engine: &Engine, name: &str| {
        let nodes = engine.snapshot(at(4000)).nodes;
        nodes.into_iter().find(|node| node.name == name).map(|node| node.status)
    };
    assert_eq!(status(&engine, "c").as_deref(), Some("dead"));
    assert_eq!(
        engine.delete_nodes(at(4000), &["c".to_string()]),
        Err(MembershipError::NotAllUp),
        "d is dead and not listed"
    );
    engine.delete_nodes(at(4000), &["c".to_string(), "d".to_string()]).unwrap();
    assert_eq!((names(&engine).len(), deleted(&engine)), (2, vec!["c".to_string(), "d".to_string()]));
    assert_eq!(engine.delete_nodes(at(4000), &["a".to_string()]), Err(MembershipError::Own));
    // Its number goes to the next that comes.
    engine.add_nodes(at(4000), &["d".to_string()]).unwrap();
    assert_eq!(deleted(&engine), ["c"]);
    assert_eq!(engine.nodes.len(), 4);
}

#[test]
fn a_node_whose_partner_was_deleted_waits_for_nobody() {
    let mut engine = engine(false, &[]);
    for millis in (100..=3000).step_by(100) {
        engine.handle(at(millis), Input::Wake);
        drain(&mut engine);
    }
    engine.delete_nodes(at(3100), &["b".to_string()]).unwrap();
    for millis in (3200..=20_000).step_by(100) {
        engine.handle(at(millis), Input::Wake);
        drain(&mut engine);
    }
    assert!(engine.snapshot(at(20_000)).stable);
}

#[test]
fn who_is_deleted_stops() {
    let mut engine = engine(false, &[]);
    give(&mut engine, 100, from("b", "status", 1, &[("st", "up")]));
    let (_, events) = give(&mut engine, 200, from("b", "delnode", 2, &[("nodelist", "a")]));
    assert!(events.contains(&Event::Deleted), "{events:?}");
}

#[test]
fn lists_add_and_remove_and_are_answered_with_what_was_deleted() {
    let mut engine = engine(false, &[]);
    give(&mut engine, 100, from("b", "status", 1, &[("st", "up")]));
    engine.add_nodes(at(200), &["c".to_string(), "d".to_string()]).unwrap();
    drain(&mut engine);
    let lists = [("nodelist", "a b e "), ("delnodelist", "c ")];
    give(&mut engine, 300, from("b", "repnodes", 2, &lists));
    assert_eq!(names(&engine), ["a", "b", "e"], "both neighbours are removed");
    assert_eq!(deleted(&engine), ["c"]);
    let (messages, _) = give(&mut engine, 400, from("b", "reqnodes", 3, &[]));
    let answer = messages.iter().find(|message| message.kind() == Some("repnodes")).unwrap();
    assert_eq!((answer.text("nodelist"), answer.text("delnodelist")), (Some("a b e "), Some("c ")));
}

#[test]
fn a_list_that_nobody_asked_for_brings_back_nobody() {
    let mut engine = engine(false, &["c"]);
    give(&mut engine, 100, from("b", "status", 1, &[("st", "up")]));
    give(&mut engine, 200, from("b", "repnodes", 2, &[("nodelist", "a b "), ("delnodelist", "c ")]));
    give(&mut engine, 300, from("b", "repnodes", 3, &[("nodelist", "a b c d ")]));
    assert_eq!(
        (names(&engine), deleted(&engine)),
        (vec!["a".into(), "b".into(), "d".into()], vec!["c".into()])
    );
    give(&mut engine, 400, from("b", "addnode", 4, &[("nodelist", "c")]));
    assert_eq!(names(&engine), ["a", "b", "d", "c"]);
}

#[test]
fn weight_site_and_uuid_are_kept() {
    let mut engine = engine(false, &[]);
    let member = |engine: &Engine| engine.membership().members[1].clone();
    assert_eq!((member(&engine).uuid, member(&engine).weight), ([7; 16], 5));
    give(&mut engine, 100, from("b", "status", 1, &[("st", "up")]));
    give(&mut engine, 100, from("b", "setweight", 2, &[("node", "b"), ("weight", "250")]));
    let (_, events) = give(&mut engine, 100, from("b", "setsite", 3, &[("node", "b"), ("site", "y")]));
    assert_eq!(events, [Event::MembersChanged]);
    assert_eq!((member(&engine).weight, member(&engine).site), (250, "y".to_string()));
    let (_, events) = give(&mut engine, 100, from("b", "setsite", 4, &[("node", "b"), ("site", "y")]));
    assert_eq!(events, []);
}

#[test]
fn the_card_of_a_node_is_changed_here_and_told() {
    let mut engine = engine(false, &[]);
    engine.set_weight(at(1), "b", 55).unwrap();
    let (sent, events) = drain(&mut engine);
    assert_eq!(
        (sent[0].kind(), sent[0].text("node"), sent[0].text("weight")),
        (Some("setweight"), Some("b"), Some("55"))
    );
    assert_eq!(events, [Event::MembersChanged]);
    engine.set_site(at(2), "b", "north").unwrap();
    let (sent, events) = drain(&mut engine);
    assert_eq!((sent[0].kind(), sent[0].text("site")), (Some("setsite"), Some("north")));
    assert_eq!(events, [Event::MembersChanged]);
    let record = engine.membership().members.into_iter().find(|record| record.name == "b").unwrap();
    assert_eq!((record.weight, record.site.as_str()), (55, "north"));
    assert_eq!(engine.set_weight(at(3), "z", 1), Err(MembershipError::Unknown));
    let too_long = "x".repeat(MAX_SITE + 1);
    for site in ["a\nb", &too_long] {
        assert_eq!(engine.set_site(at(3), "b", site), Err(MembershipError::BadSite));
    }
    assert!(drain(&mut engine).0.is_empty());
}
