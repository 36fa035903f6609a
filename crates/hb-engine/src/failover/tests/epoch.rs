//! The number of a start is larger than that of every start before it, here or elsewhere.

use super::*;

fn status(fields: &[(&str, &str)]) -> Message {
    let mut message = Message::new("status");
    for (name, value) in [("st", "active"), ("dt", "2710"), ("protocol", "1"), ("hb-v", "1")] {
        message.push_text(name, value);
    }
    for (name, value) in fields {
        message.push_text(name, value);
    }
    message
}

fn told(engine: &mut Engine, millis: u64) -> Option<String> {
    drain(engine);
    engine.handle(now(millis), Input::Wake);
    drain(engine).into_iter().find_map(|output| match output {
        Output::Send(message) => message.text("hb-epoch").map(ToOwned::to_owned),
        Output::Do { .. } | Output::Check { .. } | Output::Fence { .. } | Output::Report(_) => None,
    })
}

#[test]
fn without_a_first_number_there_is_none() {
    let mut engine = given(Phase::Stable, Standby::Not);
    give(&mut engine, 100, 50, status(&[("hb-epoch", "10")]));
    assert_eq!((engine.epoch(), told(&mut engine, 1500)), (None, None));
}

#[test]
fn the_largest_number_that_was_heard_counts() {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.count_epochs_from(100);
    assert_eq!(told(&mut engine, 1500).as_deref(), Some("64"));
    give(&mut engine, 1600, 50, status(&[("hb-epoch", "1000")]));
    assert_eq!(engine.epoch(), Some(0x1000));
    for (seq, value) in
        (51..).zip(["20", "x", "ffffffffffffffff", "20000000000001", "1fffffffffffff", "100001001"])
    {
        give(&mut engine, 1700, seq, status(&[("hb-epoch", value)]));
        assert_eq!(engine.epoch(), Some(0x1000), "{value}");
    }
    // The other node dies: taking its half has the next number, the start of its group the one after that.
    for millis in (2000..20_000).step_by(500) {
        engine.handle(now(millis), Input::Wake);
        drain(&mut engine);
    }
    let groups = engine.snapshot(now(20_000)).groups;
    let epochs: Vec<_> = groups.iter().filter_map(|group| group.epoch).collect();
    assert_eq!(epochs, [0x1003]);
    assert_eq!(engine.epoch(), Some(0x1003));
}

#[test]
fn starts_on_two_nodes_never_have_the_same_number() {
    let numbers = |names: [&str; 2]| {
        let mut engine = given(Phase::Stable, Standby::Not);
        engine.count_epochs_from(100);
        for (node, name) in engine.nodes.iter_mut().zip(names) {
            name.clone_into(&mut node.name);
        }
        [engine.next_epoch(), engine.next_epoch()].map(Option::unwrap)
    };
    assert_eq!((numbers(["a", "b"]), numbers(["b", "a"])), ([102, 104], [101, 103]));
}

#[test]
fn a_node_alone_numbers_its_first_starts() {
    let mut config = config();
    config.nodes.truncate(1);
    config.first_epoch = Some(100);
    let engine = Engine::new(config, 1, now(0));
    let groups = engine.snapshot(now(0)).groups;
    let epochs: Vec<_> =
        groups.iter().filter(|group| group.home == Some(NodeId(0))).map(|group| group.epoch).collect();
    assert!(!epochs.is_empty() && epochs.iter().all(Option::is_some), "{epochs:?}");
}

/// Both hold our groups, and neither declared the other dead: does this node, stable, with that epoch, keep them?
fn keeps(epochs: Option<&str>, taken: Option<&str>) -> bool {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.count_epochs_from(0x100);
    engine.failover.hold = HoldSet::NONE;
    engine.claim(HoldSet::LOCAL);
    give(&mut engine, 100, 50, status(&[("hb-epoch", "200")]));
    let mut message = Message::new("resource");
    for (name, value) in [("rsc_hold", "all"), ("rtype", "full"), ("isstable", "1")] {
        message.push_text(name, value);
    }
    for (name, value) in [("hb-epochs", epochs), ("hb-taken", taken)] {
        if let Some(value) = value {
            message.push_text(name, value);
        }
    }
    give(&mut engine, 200, 51, message);
    engine.yielding().is_empty()
}

#[test]
fn of_two_holders_the_one_with_the_older_epoch_releases() {
    assert!(!keeps(Some("5,200"), None), "it took them later");
    assert!(keeps(Some("5,50"), None), "long before us");
    assert!(keeps(None, None), "an older release: the preferred node keeps");
    assert!(keeps(Some("200,0"), None), "it says nothing about this half");
    // Who declared the other one dead knows better.
    assert!(!keeps(Some("5,50"), Some("foreign")), "it took them from us, who were asleep");
}

#[test]
fn a_half_has_a_number_as_long_as_it_is_held() {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.count_epochs_from(0x100);
    let said = |engine: &mut Engine| {
        drain(engine);
        engine.announce_state();
        let sent = drain(engine).into_iter().find_map(|output| match output {
            Output::Send(message) => Some(message.text("hb-epochs").map(ToOwned::to_owned)),
            Output::Do { .. } | Output::Check { .. } | Output::Fence { .. } | Output::Report(_) => None,
        });
        sent.unwrap()
    };
    assert_eq!(said(&mut engine), None, "held since before there were epochs");
    engine.failover.hold = HoldSet::NONE;
    engine.claim(HoldSet::LOCAL);
    let first = said(&mut engine);
    assert_eq!(first.as_deref(), Some("101,0"));
    engine.claim(HoldSet::ALL);
    assert_eq!(said(&mut engine).as_deref(), Some("101,103"), "only what is new gets a new one");
    engine.failover.claims.forget(HoldSet::LOCAL);
    assert_eq!(said(&mut engine).as_deref(), Some("0,103"));
}
