//! Defects that the simulator found, as the few inputs that show each: most with a 3.0.6 peer.

use super::*;
use crate::failover::Goal;

fn resource(hold: &str, stable: &str, info: Option<&str>) -> Message {
    let mut message = Message::new("resource");
    message.push_text("rsc_hold", hold);
    message.push_text("rtype", "full");
    message.push_text("isstable", stable);
    if let Some(info) = info {
        message.push_text("info", info);
    }
    message
}

fn status(extension: bool) -> Message {
    let mut message = Message::new("status");
    for (name, value) in [("st", "active"), ("dt", "2710"), ("protocol", "1")] {
        message.push_text(name, value);
    }
    if extension {
        message.push_text("hb-v", "1");
    }
    message
}

/// Wakes it at each of its deadlines, the peer's heartbeats coming all the while; what came out, step by step.
fn pass(engine: &mut Engine, from: u64, until: u64, extension: bool) -> Vec<String> {
    let mut all = Vec::new();
    for millis in (from..until).step_by(500) {
        give(engine, millis, 100 + millis, status(extension));
        drain(engine);
        engine.handle(now(millis), Input::Wake);
        let out = result(engine);
        if out != "-" {
            all.push(out);
        }
    }
    all
}

fn job_done(engine: &mut Engine, millis: u64) {
    let job = JobId(engine.failover.groups_last_job());
    engine.handle(now(millis), Input::Done { job, outcome: Outcome::Ok });
}

#[test]
fn a_joiner_does_not_decide_on_what_was_said_before_its_start() {
    let mut engine = Engine::new(config(), 1, now(0));
    give(&mut engine, 1, 1, status(true));
    give(&mut engine, 2, 5, Message::new("repnodes"));
    assert_eq!(result(&mut engine), "starting");
    give(&mut engine, 3, 3, resource("local", "1", None));
    assert_eq!(result(&mut engine), "-", "it was lost and is sent again; since then much may have changed");
    assert_eq!(engine.failover.phase, Phase::Starting);
    give(&mut engine, 4, 6, resource("all", "1", None));
    assert_eq!(result(&mut engine), "say none 1");
}

#[test]
fn what_nobody_owns_is_adopted_when_the_running_job_has_ended() {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.node_mut(NodeId(1)).speaks_hb = true;
    engine.want(HoldSet::LOCAL, false);
    finish(&mut engine);
    engine.failover.hold = HoldSet::FOREIGN;
    engine.want(HoldSet::FOREIGN, true);
    finish(&mut engine);
    engine.release(HoldSet::FOREIGN, Goal::Yield, "the other node holds it");
    assert_eq!(result(&mut engine), "stop F");
    give(&mut engine, 4, 9, resource("local", "1", None));
    assert_eq!(result(&mut engine), "-", "a job is running");
    job_done(&mut engine, 5);
    assert_eq!(result(&mut engine), "say none 1, start L");
}

#[test]
fn a_classic_peer_that_took_over_is_made_to_say_so() {
    let mut engine = given(Phase::Stable, Standby::Not);
    happen(&mut engine, "dead");
    finish(&mut engine);
    // It slept; its own take-over makes us stable in its eyes, so that it answers nothing that is stable.
    give(&mut engine, 10, 20, status(false));
    assert_eq!(result(&mut engine), "stop F, say all 0, say all 0");
    give(&mut engine, 11, 21, {
        let mut report = Message::new("resource");
        report.push_text("rsc_hold", "foreign");
        report.push_text("info", "mach_down");
        report
    });
    job_done(&mut engine, 12);
    assert_eq!(result(&mut engine), "say local 0, say local 1", "rows 11 and 10 make it answer");
    give(&mut engine, 13, 22, resource("all", "1", None));
    finish(&mut engine);
    let said = pass(&mut engine, 500, 8_000, false);
    assert_eq!(
        said.last().map(String::as_str),
        Some("stop L"),
        "it keeps what it will not give back: {said:?}"
    );
}

#[test]
fn a_classic_peer_that_is_releasing_still_runs_what_it_calls_free() {
    let mut engine = given(Phase::ResourcesReceived, Standby::Not);
    give(&mut engine, 5, 9, resource("none", "0", Some("shutdown")));
    let said = pass(&mut engine, 9_000, 15_000, false);
    assert!(!said.iter().any(|out| out.contains("start")), "{said:?}");
    give(&mut engine, 15_000, 20_000, Message::new("shutdone"));
    assert_eq!(result(&mut engine), "start L, start F");
}

#[test]
fn a_classic_peer_is_told_again_that_a_stopped_node_has_nothing() {
    for (extension, expected) in [(false, &["say none shutdown"][..]), (true, &[])] {
        let mut engine = given(Phase::Stable, Standby::Not);
        give(&mut engine, 4, 9, status(extension));
        engine.handle(now(5), Input::Command(Command::Stop));
        finish(&mut engine);
        // An announcement from before that is late would have it fence us.
        assert_eq!(pass(&mut engine, 500, 2_500, extension), expected);
    }
}

#[test]
fn what_nobody_owns_beside_a_classic_peer_is_handed_over() {
    // Our groups, lost with an earlier run of it: it must stop them before we start them.
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.want(HoldSet::LOCAL, false);
    finish(&mut engine);
    engine.failover.hold = HoldSet::NONE;
    give(&mut engine, 5, 9, resource("local", "1", None));
    assert_eq!(result(&mut engine), "-", "the next announcement may name an owner");
    assert_eq!(pass(&mut engine, 500, 3_000, false), ["takeover local"]);
    // Its groups, lost with an earlier run of ours: it starts them itself.
    let mut engine = given(Phase::Stable, Standby::Not);
    give(&mut engine, 5, 9, resource("none", "1", None));
    assert_eq!(pass(&mut engine, 500, 3_000, false), ["ask foreign me"]);
}

#[test]
fn a_classic_peer_that_begins_late_gets_its_answer_while_we_yield() {
    let mut engine = given(Phase::Stable, Standby::Giving);
    happen(&mut engine, "resource all 1");
    assert_eq!(result(&mut engine), "stop L, say local 0", "it has declared us dead since");
    give(&mut engine, 5, 10, {
        let mut answer = Message::new("ask_resources");
        answer.push_text("rsc_hold", "local");
        answer.push_text("info", "other");
        answer
    });
    assert_eq!(result(&mut engine), "say local 0 standby", "it would wait an hour for the end of that");
    job_done(&mut engine, 6);
    assert!(result(&mut engine).ends_with("ask local done"));
}

#[test]
fn a_claim_that_came_during_a_hand_over_is_not_forgotten_after_it() {
    let mut engine = given(Phase::Stable, Standby::Waiting);
    engine.failover.standby_set = HoldSet::FOREIGN;
    engine.want(HoldSet::LOCAL, false);
    finish(&mut engine);
    engine.failover.hold = HoldSet::NONE;
    give(&mut engine, 5, 9, {
        let mut done = Message::new("ask_resources");
        done.push_text("rsc_hold", "foreign");
        done.push_text("info", "done");
        done
    });
    assert_eq!(result(&mut engine), "start L");
    give(&mut engine, 6, 10, resource("all", "1", None));
    drain(&mut engine);
    job_done(&mut engine, 7);
    let out = result(&mut engine);
    assert!(out.contains("ask foreign done") && out.ends_with("stop L"), "{out}");
}

fn step(set: &str, info: &str) -> Message {
    let mut message = Message::new("ask_resources");
    message.push_text("rsc_hold", set);
    message.push_text("info", info);
    message
}

fn with(mut message: Message, name: &str, value: &str) -> Message {
    message.push_text(name, value);
    message
}

#[test]
fn what_was_said_to_an_earlier_run_decides_nothing() {
    let joiner = || {
        let mut engine = Engine::new(config(), 1, now(0));
        give(&mut engine, 1, 1, status(true));
        give(&mut engine, 2, 2, Message::new("repnodes"));
        assert_eq!(result(&mut engine), "starting");
        engine
    };
    let mut engine = joiner();
    give(&mut engine, 3, 6, with(resource("local", "1", None), "hb-run", "4"));
    assert_eq!(result(&mut engine), "-", "the peer may have taken over from that run since then");
    assert_eq!((engine.failover.phase, engine.failover.partner.hold), (Phase::Starting, None));
    give(&mut engine, 4, 7, with(resource("all", "1", None), "hb-run", "5"));
    assert_eq!(result(&mut engine), "say none 1");
    // Who has never heard of us has declared us dead, and hears us only now.
    let mut engine = joiner();
    give(&mut engine, 3, 6, with(resource("all", "1", None), "hb-run", "0"));
    assert_eq!(result(&mut engine), "say none 1");
    // Once we have decided, it tells us what the peer claims, whomever it meant.
    give(&mut engine, 4, 7, with(resource("local", "1", None), "hb-run", "4"));
    assert_eq!(engine.failover.partner.hold, Some(HoldSet::LOCAL));
}

#[test]
fn an_announcement_names_the_run_to_which_it_is_said() {
    let mut engine = given(Phase::Stable, Standby::Not);
    happen(&mut engine, "starting");
    let said = drain(&mut engine).into_iter().find_map(|output| match output {
        Output::Send(message) => message.text("hb-run").map(ToOwned::to_owned),
        Output::Do { .. } | Output::Check { .. } | Output::Fence { .. } | Output::Report(_) => None,
    });
    assert_eq!(said.as_deref(), Some("7"));
}

#[test]
fn a_done_that_a_stop_has_overtaken_is_void() {
    let mut engine = given(Phase::Stable, Standby::Given);
    give(&mut engine, 4, 9, resource("all", "1", None));
    assert_eq!(engine.failover.standby, Standby::Not, "it has what we gave");
    drain(&mut engine);
    give(&mut engine, 5, 12, resource("none", "0", Some("shutdown")));
    give(&mut engine, 6, 10, step("local", "done"));
    assert_eq!(result(&mut engine), "-", "it said that as the taker");
    give(&mut engine, 7, 13, Message::new("shutdone"));
    assert_eq!(result(&mut engine), "start L, start F");
}

#[test]
fn an_answer_for_another_set_is_to_an_earlier_question() {
    let mut engine = given(Phase::Stable, Standby::Giving);
    engine.node_mut(NodeId(1)).speaks_hb = true;
    give(&mut engine, 4, 9, step("all", "other"));
    assert_eq!(result(&mut engine), "-");
    give(&mut engine, 5, 10, step("local", "other"));
    assert_eq!(result(&mut engine), "say local 0 standby, stop L");
}

#[test]
fn a_done_says_what_was_taken_and_what_was_not_is_adopted() {
    let mut engine = given(Phase::Stable, Standby::Given);
    engine.node_mut(NodeId(1)).speaks_hb = true;
    engine.failover.standby_set = HoldSet::ALL;
    engine.failover.partner.hold = Some(HoldSet::NONE);
    give(&mut engine, 4, 10, step("foreign", "done"));
    assert_eq!(engine.failover.partner.hold, Some(HoldSet::LOCAL));
    assert_eq!(result(&mut engine), "say none 1, start L");
}

#[test]
fn a_request_that_a_verdict_was_before_is_given_up() {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.node_mut(NodeId(1)).speaks_hb = true;
    give(&mut engine, 4, 20, Message::new("test"));
    happen(&mut engine, "own standby");
    assert_eq!(result(&mut engine), "ask local me");
    give(&mut engine, 5, 15, with(resource("all", "1", None), "hb-taken", "foreign"));
    assert_eq!(engine.failover.standby, Standby::Not, "it will not answer before this is sorted out");
    assert!(result(&mut engine).contains("stop L"));
}

#[test]
fn what_was_asked_before_a_verdict_is_no_longer_asked() {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.node_mut(NodeId(1)).speaks_hb = true;
    give(&mut engine, 4, 15, with(resource("local", "1", None), "hb-taken", "none"));
    drain(&mut engine);
    give(&mut engine, 5, 12, step("local", "me"));
    assert_eq!(result(&mut engine), "-");
    give(&mut engine, 6, 16, step("local", "me"));
    assert_eq!(result(&mut engine), "ask local other");
}

#[test]
fn a_question_that_an_overtaken_word_ends_leaves_nothing_open() {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.node_mut(NodeId(1)).speaks_hb = true;
    give(&mut engine, 4, 20, resource("local", "1", None));
    happen(&mut engine, "own standby");
    drain(&mut engine);
    let earlier = with(resource("all", "1", None), "hb-taken", "foreign");
    give(&mut engine, 5, 15, with(earlier, "hb-ask", "1"));
    assert_eq!(result(&mut engine), "say local 1");
    assert_eq!(engine.failover.standby, Standby::Not, "it refuses to answer");
    assert!(engine.failover.is_stable(), "it said so before it was asked");
}

/// Took our group by a verdict, and says so; its scripts run.
fn taken_by_a_classic_peer() -> Engine {
    let mut engine = given(Phase::Stable, Standby::Not);
    give(&mut engine, 100, 50, resource("all", "1", None));
    assert_eq!(result(&mut engine), "stop L");
    job_done(&mut engine, 110);
    drain(&mut engine);
    assert_eq!(engine.failover.hold, HoldSet::NONE);
    engine
}

fn asks(set: &str, step: &str) -> Message {
    let mut message = Message::new("ask_resources");
    message.push_text("rsc_hold", set);
    message.push_text("info", step);
    message
}

fn report() -> Message {
    let mut message = Message::new("resource");
    message.push_text("rsc_hold", "foreign");
    message.push_text("info", "mach_down");
    message
}

/// Gives it back as 3.0.6 does; what we make of its last step.
fn given_back(engine: &mut Engine, millis: u64, seq: u64) -> String {
    give(engine, millis, seq, asks("foreign", "me"));
    assert_eq!(result(engine), "ask foreign other");
    give(engine, millis + 10, seq + 1, resource("local", "0", Some("standby")));
    drain(engine);
    give(engine, millis + 20, seq + 2, asks("foreign", "done"));
    result(engine)
}

#[test]
fn what_a_classic_peer_gives_while_its_scripts_take_it_is_not_taken() {
    let mut engine = taken_by_a_classic_peer();
    assert_eq!(given_back(&mut engine, 200, 51), "say none 1, ask foreign done", "it waits for our word");
    // Nor is it without an owner, for as long as the scripts run.
    give(&mut engine, 300, 60, resource("local", "1", None));
    assert_eq!(pass(&mut engine, 1000, 20_000, false).join(", ").find("takeover"), None);
    assert_eq!(engine.failover.hold, HoldSet::NONE);
    // It has it now, and gives it again if it is asked.
    give(&mut engine, 20_000, 30_000, report());
    assert_eq!(result(&mut engine), "say none 0, say none 1");
    give(&mut engine, 20_010, 30_001, resource("all", "1", None));
    drain(&mut engine);
    assert_eq!(given_back(&mut engine, 20_020, 30_002), "start L");
}

#[test]
fn what_a_classic_peer_gives_after_its_scripts_reported_is_taken() {
    let mut engine = taken_by_a_classic_peer();
    give(&mut engine, 150, 51, report());
    drain(&mut engine);
    assert_eq!(given_back(&mut engine, 200, 52), "start L");

    // Their report comes before its word of it.
    let mut engine = given(Phase::Stable, Standby::Not);
    give(&mut engine, 100, 50, report());
    assert_eq!(result(&mut engine), "stop L");
    job_done(&mut engine, 110);
    give(&mut engine, 120, 51, resource("all", "1", None));
    drain(&mut engine);
    assert_eq!(given_back(&mut engine, 200, 52), "start L");
}

#[test]
fn a_stop_of_a_classic_peer_is_the_end_of_its_scripts() {
    let mut engine = taken_by_a_classic_peer();
    given_back(&mut engine, 200, 51);
    give(&mut engine, 300, 60, resource("none", "0", Some("shutdown")));
    drain(&mut engine);
    give(&mut engine, 310, 61, Message::new("shutdone"));
    assert!(result(&mut engine).contains("start L"));
}

#[test]
fn scripts_that_never_report_are_not_waited_for_without_end() {
    let mut engine = taken_by_a_classic_peer();
    given_back(&mut engine, 200, 51);
    give(&mut engine, 300, 60, resource("local", "1", None));
    let steps = pass(&mut engine, 1000, 90_000, false);
    assert!(steps.iter().any(|step| step.contains("takeover")), "{steps:?}");
}

/// It froze, we asked it to take our group, and when it goes on it declares us dead, agrees, and claims everything.
#[test]
fn a_classic_peer_that_agreed_for_nothing_is_told_so() {
    let mut engine = given(Phase::Stable, Standby::Not);
    happen(&mut engine, "own standby");
    give(&mut engine, 100, 50, asks("local", "other"));
    give(&mut engine, 101, 51, resource("all", "1", None));
    drain(&mut engine);
    assert_eq!(engine.failover.hold, HoldSet::LOCAL, "it is being released");
    let waiting = pass(&mut engine, 500, 3000, false).join(", ");
    assert!(!waiting.contains("done"), "{waiting}");
    job_done(&mut engine, 3100);
    let released = pass(&mut engine, 3500, 6000, false).join(", ");
    assert_eq!(engine.failover.hold, HoldSet::NONE);
    assert_eq!(released.matches("ask local done").count(), 1, "{released}");
}

#[test]
fn a_peer_that_is_dead_and_agrees_is_told_when_it_is_back() {
    let mut engine = given(Phase::Stable, Standby::Not);
    happen(&mut engine, "own standby");
    happen(&mut engine, "dead");
    drain(&mut engine);
    give(&mut engine, 4000, 50, asks("local", "other"));
    assert_eq!(result(&mut engine), "-");
    assert_eq!(engine.failover.partner.unended.takes.map(|(set, ..)| set), Some(HoldSet::LOCAL));
}

#[test]
fn what_a_classic_peer_claimed_again_and_gives_is_taken_when_its_scripts_have_reported() {
    for has_reported in [true, false] {
        let mut engine = taken_by_a_classic_peer();
        give(&mut engine, 120, 51, report());
        give(&mut engine, 130, 52, resource("local", "1", None));
        drain(&mut engine);
        give(&mut engine, 150, 53, asks("foreign", "me"));
        assert_eq!(result(&mut engine), "ask foreign other");
        give(&mut engine, 170, 54, resource("all", "1", None));
        drain(&mut engine);
        assert_eq!(engine.failover.standby, Standby::Not, "it claims it again");
        if has_reported {
            give(&mut engine, 180, 55, resource("local", "1", None));
            give(&mut engine, 190, 56, report());
            drain(&mut engine);
        }
        give(&mut engine, 200, 57, asks("foreign", "done"));
        assert_eq!(result(&mut engine).contains("start L"), has_reported);
    }
}

/// A word that a newer one has overtaken ends the hand-over that we wait for; what nobody has then is our own.
#[test]
fn what_nobody_owns_is_adopted_when_a_late_word_has_ended_the_wait() {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.node_mut(NodeId(1)).speaks_hb = true;
    engine.failover.hold = HoldSet::NONE;
    give(&mut engine, 4, 12, resource("all", "1", None));
    give(&mut engine, 5, 13, step("foreign", "me"));
    assert_eq!(engine.failover.standby, Standby::Waiting);
    give(&mut engine, 6, 20, resource("local", "1", None));
    drain(&mut engine);
    give(&mut engine, 7, 18, with(resource("local", "0", None), "hb-ask", "1"));
    assert_eq!(engine.failover.standby, Standby::Not);
    drain(&mut engine);
    pass(&mut engine, 500, 4000, true);
    assert_eq!(engine.failover.hold, HoldSet::LOCAL);
}
