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
        Output::Do { .. } | Output::Report(_) => None,
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
    // The other node dies: its groups get the next number.
    for millis in (2000..20_000).step_by(500) {
        engine.handle(now(millis), Input::Wake);
        drain(&mut engine);
    }
    let groups = engine.snapshot(now(20_000)).groups;
    let epochs: Vec<_> = groups.iter().filter_map(|group| group.epoch).collect();
    assert_eq!(epochs, [0x1001]);
    assert_eq!(engine.epoch(), Some(0x1001));
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
