//! What follows when the driver's lease ran out: nobody serves on what was said before.

use super::*;

fn status(deadtime: &str) -> Message {
    let mut message = Message::new("status");
    for (name, value) in [("st", "active"), ("dt", deadtime), ("protocol", "1"), ("hb-v", "1")] {
        message.push_text(name, value);
    }
    message
}

fn announcement(hold: &str) -> Message {
    let mut message = Message::new("resource");
    for (name, value) in [("rsc_hold", hold), ("rtype", "full"), ("isstable", "1")] {
        message.push_text(name, value);
    }
    message
}

/// Holds its own groups, and has just lost its lease. What it says then is in the outputs.
fn lost() -> Engine {
    let mut engine = given(Phase::Stable, Standby::Not);
    give(&mut engine, 100, 50, status("2710"));
    drain(&mut engine);
    assert!(engine.is_undisputed(now(100).tick));
    engine.lease_lost(now(100));
    engine
}

#[test]
fn the_other_node_is_asked_and_only_its_answer_settles_it() {
    let mut engine = lost();
    let asks = |output: &Output| matches!(output, Output::Send(message) if message.has("hb-ask"));
    assert!(drain(&mut engine).iter().any(asks));
    assert!(!engine.is_undisputed(now(100).tick));
    give(&mut engine, 200, 51, status("2710"));
    assert!(!engine.is_undisputed(now(200).tick), "that it lives says nothing");
    give(&mut engine, 300, 52, announcement("local"));
    assert!(engine.is_undisputed(now(300).tick));
}

#[test]
fn what_the_other_node_took_is_its_own() {
    let mut engine = lost();
    give(&mut engine, 300, 52, announcement("all"));
    assert!(!engine.is_undisputed(now(300).tick));
}

#[test]
fn a_dead_node_disputes_nothing() {
    let mut engine = lost();
    for millis in (1000..20_000).step_by(500) {
        engine.handle(now(millis), Input::Wake);
        drain(&mut engine);
    }
    assert!(engine.is_undisputed(now(20_000).tick));
}

#[test]
fn whoever_woke_late_listens_first() {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.handle(now(100), Input::Wake);
    drain(&mut engine);
    engine.handle(now(4000), Input::Wake);
    assert!(!engine.is_undisputed(now(4000).tick));
}

#[test]
fn the_shortest_dead_time_counts_and_the_length_is_told() {
    let mut engine = given(Phase::Stable, Standby::Not);
    let second = Duration::from_secs(1);
    assert_eq!(engine.judged_by(), (second, second * 10));
    give(&mut engine, 100, 50, status("fa0"));
    assert_eq!(engine.judged_by(), (second, second * 4));
    engine.set_lease(Some(Duration::from_millis(1970)));
    drain(&mut engine);
    engine.handle(now(1500), Input::Wake);
    let told = drain(&mut engine).into_iter().find_map(|output| match output {
        Output::Send(message) => message.text("hb-lease").map(ToOwned::to_owned),
        Output::Do { .. } | Output::Check { .. } | Output::Fence { .. } | Output::Report(_) => None,
    });
    assert_eq!(told.as_deref(), Some("7b2"));
}
