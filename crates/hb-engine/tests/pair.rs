//! What a pair of nodes ends in, as the charts of `failover.md` 3.4-3.8 say, or better where its section 11 lists a
//! defect.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test harness")]

#[path = "pair/fencing.rs"]
mod fencing;
#[path = "pair/found.rs"]
mod found;
#[path = "pair/homes.rs"]
mod homes;
#[path = "pair/ipfail.rs"]
mod ipfail;
#[path = "pair/lab.rs"]
mod lab;
#[path = "pair/loans.rs"]
mod loans;
#[path = "pair/monitor.rs"]
mod monitor;
#[path = "pair/offers.rs"]
mod offers;
#[path = "pair/ping_lists.rs"]
mod ping_lists;
#[path = "pair/stuck.rs"]
mod stuck;
#[path = "pair/unheard.rs"]
mod unheard;

use std::time::Duration;

use hb_engine::{Command, Event, Failback, HoldSet};
use hb_wire::Message;
use lab::{A, B, Lab};

const SECOND: Duration = Duration::from_secs(1);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[test]
fn start_together_without_the_ten_seconds() {
    for failback in [Failback::On, Failback::Off] {
        let mut lab = Lab::new(failback);
        lab.start(A);
        lab.pass(millis(40));
        lab.start(B);
        let took = lab.until(2 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
        assert!(took < millis(300), "{took:?}");
        lab.pass(20 * SECOND);
        assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled(), "{}", lab.story());
    }
}

#[test]
fn start_alone_takes_all_after_initdead() {
    let mut lab = Lab::new(Failback::On);
    lab.start(A);
    let took = lab.until(4 * SECOND, |lab| lab.holds(A, &[0, 1]));
    assert!(took >= 3 * SECOND && took < millis(3050), "{took:?}");
    assert!(lab.settled());
}

#[test]
fn crash_is_taken_over_at_the_dead_time() {
    for failback in [Failback::On, Failback::Off] {
        let mut lab = Lab::both_up(failback);
        lab.crash(B);
        let took = lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
        assert!(took > millis(790) && took < millis(1010), "{took:?}");
        lab.until(SECOND, Lab::settled);
    }
}

#[test]
fn orderly_stop_hands_over_at_once() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.command(B, Command::Stop);
    let took = lab.until(SECOND, |lab| lab.holds(A, &[0, 1]));
    assert!(took < millis(20), "{took:?}");
    lab.until(3 * SECOND, |lab| lab.hosts[B].engine.is_none());
    lab.pass(5 * SECOND);
    assert!(lab.holds(A, &[0, 1]) && lab.settled());
    assert!(!lab.saw(A, |event| matches!(event, Event::NotFenced { .. })), "it gave everything up");
    assert!(lab.saw(A, |event| matches!(event, Event::FencingUnneeded { .. })), "and that is told");
}

#[test]
fn both_stop_at_once() {
    let mut lab = Lab::both_up(Failback::On);
    lab.command(A, Command::Stop);
    lab.command(B, Command::Stop);
    lab.until(5 * SECOND, |lab| lab.hosts.iter().all(|host| host.engine.is_none()));
    assert!(lab.holds(A, &[]) && lab.holds(B, &[]));
}

#[test]
fn stop_before_communication_is_up() {
    let mut lab = Lab::new(Failback::On);
    lab.start(A);
    lab.command(A, Command::Stop);
    lab.until(3 * SECOND, |lab| lab.hosts[A].engine.is_none());
}

#[test]
fn return_with_failback_on() {
    let mut lab = Lab::both_up(Failback::On);
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.pass(SECOND);
    lab.start(B);
    let took = lab.until(3 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    assert!(took < millis(500), "{took:?}");
    lab.pass(20 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
}

#[test]
fn return_with_failback_off() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.start(B);
    lab.until(3 * SECOND, |lab| lab.snapshot(B).is_some_and(|b| b.stable) && lab.settled());
    lab.pass(20 * SECOND);
    assert!(lab.holds(A, &[0, 1]) && lab.holds(B, &[]), "{}", lab.story());
}

#[test]
fn return_during_a_slow_take_over_never_doubles() {
    let mut lab = Lab::both_up(Failback::On);
    lab.job_time = 4 * SECOND;
    lab.crash(B);
    lab.pass(millis(1500));
    lab.start(B);
    lab.until(30 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
}

#[test]
fn quick_restart_within_the_dead_time() {
    for failback in [Failback::On, Failback::Off] {
        let mut lab = Lab::both_up(failback);
        lab.crash(B);
        lab.pass(millis(100));
        lab.start(B);
        lab.until(3 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
        assert!(lab.saw(A, |event| matches!(event, Event::NodeRestarted { .. })));
    }
}

#[test]
fn quick_restart_of_the_holder_of_everything_leaves_no_orphans() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.crash(A);
    lab.until(2 * SECOND, |lab| lab.holds(B, &[0, 1]));
    lab.start(A);
    lab.pass(3 * SECOND);
    lab.crash(B);
    lab.pass(millis(100));
    lab.start(B);
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
}

#[test]
fn cut_and_healed_costs_one_move_and_no_restart() {
    for failback in [Failback::On, Failback::Off] {
        let mut lab = Lab::both_up(failback);
        lab.overlap_allowed = true;
        lab.cut = [true; 2];
        lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.holds(B, &[0, 1]));
        lab.pass(5 * SECOND);
        lab.cut = [false; 2];
        let took = lab.until(SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
        assert!(took < millis(400), "two keepalives, but {took:?}");
        lab.overlap_allowed = false;
        lab.pass(20 * SECOND);
        assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled(), "{}", lab.story());
    }
}

#[test]
fn after_a_partition_whoever_held_before_keeps() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.crash(A);
    lab.until(2 * SECOND, |lab| lab.holds(B, &[0, 1]));
    lab.start(A);
    lab.pass(3 * SECOND);
    lab.overlap_allowed = true;
    lab.cut = [true; 2];
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.cut = [false; 2];
    lab.until(SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled());
    lab.overlap_allowed = false;
    lab.pass(20 * SECOND);
    assert!(lab.holds(A, &[]) && lab.holds(B, &[0, 1]), "{}", lab.story());
}

#[test]
fn one_way_cut_ends_with_one_owner() {
    let mut lab = Lab::both_up(Failback::On);
    lab.cut[B] = true;
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
    assert!(lab.holds(B, &[]), "{}", lab.story());
    lab.pass(3 * SECOND);
    lab.cut[B] = false;
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
}

#[test]
fn frozen_node_yields_when_it_wakes() {
    for frozen in [A, B] {
        let mut lab = Lab::both_up(Failback::Off);
        lab.overlap_allowed = true;
        lab.hosts[frozen].frozen = true;
        lab.until(2 * SECOND, |lab| lab.holds(1 - frozen, &[0, 1]));
        lab.pass(2 * SECOND);
        lab.overlap = Duration::ZERO;
        lab.thaw(frozen);
        lab.until(SECOND, |lab| lab.holds(frozen, &[]));
        assert!(lab.overlap < millis(20), "{:?}", lab.overlap);
        lab.overlap_allowed = false;
        lab.pass(20 * SECOND);
        assert!(lab.holds(1 - frozen, &[0, 1]) && lab.holds(frozen, &[]), "{}", lab.story());
        assert!(
            !lab.saw(frozen, |event| matches!(event, Event::NodeDead { .. })),
            "it judged the healthy node"
        );
    }
}

#[test]
fn partition_at_start_heals() {
    let mut lab = Lab::new(Failback::On);
    lab.overlap_allowed = true;
    lab.cut = [true; 2];
    lab.start(A);
    lab.start(B);
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.holds(B, &[0, 1]));
    lab.cut = [false; 2];
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
}

#[test]
fn loss_causes_no_move() {
    let mut lab = Lab::both_up_with(Failback::On, 3 * SECOND);
    lab.loss_percent = 20;
    lab.pass(120 * SECOND);
    lab.loss_percent = 0;
    lab.pass(5 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled(), "{}", lab.story());
    assert!(lab.saw(A, |event| matches!(event, Event::GapClosed { .. })));
    assert_eq!(lab.snapshot(A).unwrap().nodes[B].missing, 0);
}

#[test]
fn moves_under_loss_end_well() {
    for seed in 0..20 {
        let mut lab = Lab::both_up_with(Failback::On, 5 * SECOND);
        lab.loss_percent = 30;
        lab.pass(millis(seed * 37));
        lab.command(B, Command::Stop);
        lab.until(20 * SECOND, |lab| lab.holds(A, &[0, 1]));
        lab.until(20 * SECOND, |lab| lab.hosts[B].engine.is_none());
        lab.start(B);
        lab.until(40 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    }
}

#[test]
fn standby_hands_over_and_back() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.command(A, Command::Standby(HoldSet::ALL));
    let took = lab.until(SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled());
    assert!(took < millis(50), "{took:?}");
    lab.command(A, Command::Takeover(HoldSet::LOCAL));
    lab.until(SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    lab.pass(20 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]));
}

#[test]
fn standby_without_a_peer_is_refused_at_once() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.command(A, Command::Standby(HoldSet::ALL));
    assert!(lab.saw(A, |event| matches!(event, Event::StandbyRefused { .. })));
    assert!(lab.holds(A, &[0, 1]));
}

#[test]
fn taker_dies_while_acquiring() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.command(A, Command::Standby(HoldSet::ALL));
    lab.until(SECOND, |lab| lab.holds(A, &[]));
    lab.crash(B);
    lab.until(3 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.settled());
}

#[test]
fn giver_dies_while_releasing() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.job_time = 2 * SECOND;
    lab.command(A, Command::Standby(HoldSet::ALL));
    lab.pass(millis(500));
    lab.crash(A);
    lab.until(8 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
}

#[test]
fn failed_start_is_tried_again() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.hosts[A].broken.insert(1);
    lab.crash(B);
    lab.pass(5 * SECOND);
    assert!(lab.saw(A, |event| matches!(event, Event::GroupFailed { .. })));
    lab.hosts[A].broken.clear();
    lab.until(40 * SECOND, |lab| lab.holds(A, &[0, 1]));
}

#[test]
fn same_inputs_give_the_same_outputs() {
    let run = || {
        let mut lab = Lab::both_up(Failback::On);
        lab.loss_percent = 25;
        lab.crash(B);
        lab.pass(3 * SECOND);
        lab.start(B);
        lab.pass(10 * SECOND);
        (lab.story(), lab.hosts[A].sent.clone())
    };
    assert_eq!(run(), run());
}

/// What a 3.0.6 node beta says; its fields end as its transport ends them.
fn classic(kind: &str, seq: u64, fields: &[(&str, &str)]) -> Message {
    let mut message = Message::new(kind);
    for (name, value) in fields {
        message.push_text(name, value);
    }
    message.push_text("src", "beta");
    message.push_text("seq", &format!("{seq:x}"));
    message.push_text("hg", "65");
    message.push_text("ts", "6b49d200");
    message
}

#[test]
fn after_a_partition_a_classic_node_may_give_back_what_it_took() {
    let status = |seq, st| classic("status", seq, &[("st", st), ("dt", "3e8"), ("protocol", "1")]);
    let resource = |seq, hold, stable| {
        classic("resource", seq, &[("rsc_hold", hold), ("rtype", "full"), ("isstable", stable)])
    };
    let mut lab = Lab::new(Failback::On);
    lab.start(A);
    lab.inject(A, status(1, "up"));
    lab.inject(
        A,
        classic("repnodes", 2, &[("dest", "alpha"), ("nodelist", "alpha beta "), ("delnodelist", " ")]),
    );
    lab.inject(A, status(3, "active"));
    lab.inject(A, classic("starting", 4, &[]));
    lab.inject(A, resource(5, "none", "0"));
    lab.pass(millis(100));
    lab.inject(A, resource(6, "local", "1"));
    lab.until(SECOND, |lab| lab.holds(A, &[0]) && lab.settled());
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.settled());
    // It declared us dead too. What we took from it goes at once, what it took from us it offers.
    let before = lab.hosts[A].sent.len();
    lab.inject(A, status(20, "active"));
    assert_eq!(lab.hosts[A].sent[before].text("t"), Some("status"), "it must hear first that we live");
    lab.until(SECOND, |lab| lab.holds(A, &[0]));
    lab.inject(A, resource(21, "all", "1"));
    lab.inject(A, classic("ask_resources", 22, &[("rsc_hold", "foreign"), ("info", "me")]));
    let answers = |lab: &Lab, info| {
        let answer =
            |sent: &&Message| sent.text("t") == Some("ask_resources") && sent.text("info") == Some(info);
        lab.hosts[A].sent.iter().filter(answer).count()
    };
    assert_eq!(answers(&lab, "other"), 1, "{}", lab.story());
    lab.inject(A, resource(23, "local", "0"));
    lab.inject(A, classic("ask_resources", 24, &[("rsc_hold", "foreign"), ("info", "done")]));
    lab.pass(millis(50));
    assert_eq!(answers(&lab, "done"), 1, "{}", lab.story());
    lab.inject(A, resource(25, "local", "1"));
    assert!(lab.holds(A, &[0]) && lab.settled(), "{}", lab.story());
}

/// More than a node does for another in that time, so steps are lost: each hand-over ends all the same, done or refused.
#[test]
fn hand_overs_in_quick_succession_come_to_their_end() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.command(A, Command::Standby(HoldSet::ALL));
    lab.until(SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
    for _ in 0..300 {
        let giver = if lab.holds(A, &[0, 1]) { A } else { B };
        lab.command(giver, Command::Standby(HoldSet::ALL));
        lab.pass(millis(1));
        lab.until(20 * SECOND, |lab| (lab.holds(A, &[0, 1]) || lab.holds(B, &[0, 1])) && lab.settled());
    }
    assert!(lab.saw(A, |event| matches!(event, Event::TooMuch { .. })), "{}", lab.story());
}
