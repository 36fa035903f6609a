//! Defects that the simulator found (`hb-sim`), each as the shortest story that shows it.

use std::time::Duration;

use hb_engine::{Command, Event, Failback, HoldSet, Input};
use hb_wire::Message;

use crate::lab::{A, B, Lab};
use crate::{SECOND, millis};

/// Both know what the other holds, and nothing is under way.
fn agree(lab: &Lab) -> bool {
    let views = [A, B].map(|x| lab.snapshot(x));
    let [Some(a), Some(b)] = &views else { return false };
    lab.settled() && a.nodes[B].hold == Some(b.hold) && b.nodes[A].hold == Some(a.hold)
}

fn is(message: &Message, kind: &str, info: &str) -> bool {
    message.kind() == Some(kind) && message.text("info").unwrap_or_default() == info
}

#[test]
fn an_announcement_that_comes_late_is_not_the_newest() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.late = |from, message| {
        if from == A && is(message, "resource", "standby") { millis(400) } else { Duration::ZERO }
    };
    lab.command(A, Command::Standby(HoldSet::ALL));
    lab.until(SECOND, |lab| lab.holds(B, &[0, 1]));
    lab.pass(SECOND);
    assert!(agree(&lab), "{}", lab.story());
}

#[test]
fn a_heartbeat_that_comes_after_the_first_words_of_a_run_forgets_nothing() {
    let mut lab = Lab::both_up(Failback::On);
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.late = |from, message| {
        if from == A && message.kind() == Some("status") { millis(150) } else { Duration::ZERO }
    };
    lab.start(B);
    lab.until(3 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]));
    lab.pass(SECOND);
    assert!(agree(&lab), "{}", lab.story());
}

#[test]
fn a_stop_before_communication_is_up_is_the_last_word() {
    let mut lab = Lab::new(Failback::On);
    lab.late = |from, message| {
        let late = if from == A { "repnodes" } else { "shutdone" };
        if message.kind() == Some(late) { millis(500) } else { Duration::ZERO }
    };
    lab.start(A);
    lab.start(B);
    lab.pass(millis(100));
    lab.command(B, Command::Stop);
    assert!(lab.hosts[B].engine.is_some(), "it knows of a peer that may need its last word again");
    lab.pass(5 * SECOND);
    assert!(lab.hosts[B].actions.is_empty(), "{}", lab.story());
    assert!(lab.holds(A, &[0, 1]), "{}", lab.story());
}

#[test]
fn a_giver_whose_taker_dies_takes_back_what_it_was_releasing() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.command(B, Command::Standby(HoldSet::ALL));
    lab.until(SECOND, |lab| lab.holds(A, &[0, 1]) && lab.settled());
    lab.job_time = 3 * SECOND;
    lab.command(A, Command::Standby(HoldSet::LOCAL));
    lab.pass(millis(100));
    lab.crash(B);
    lab.until(10 * SECOND, |lab| lab.settled() && lab.holds(A, &[0, 1]));
    lab.pass(10 * SECOND);
    assert!(lab.holds(A, &[0, 1]), "{}", lab.story());
}

#[test]
fn a_second_sleep_right_after_the_first_is_doubted_as_well() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.overlap_allowed = true;
    lab.hosts[B].deaf = true;
    for _ in 0..2 {
        lab.hosts[B].frozen = true;
        lab.pass(3 * SECOND);
        lab.thaw(B);
        lab.pass(millis(100));
    }
    lab.hosts[B].deaf = false;
    assert!(!lab.saw(B, |event| matches!(event, Event::NodeDead { .. })), "{}", lab.story());
}

#[test]
fn a_taker_that_slept_through_the_hand_over_waits_for_nobody() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.job_time = 2 * SECOND;
    lab.overlap_allowed = true;
    lab.command(A, Command::Standby(HoldSet::LOCAL));
    lab.pass(millis(100));
    lab.hosts[B].deaf = true;
    lab.hosts[B].frozen = true;
    lab.pass(3 * SECOND);
    lab.thaw(B);
    lab.until(20 * SECOND, agree);
    lab.job_time = millis(5);
    lab.command(A, Command::Standby(HoldSet::ALL));
    lab.until(SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]));
}

#[test]
fn a_restart_during_a_partition_ends_with_one_owner() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.start(B);
    lab.pass(millis(10));
    lab.overlap_allowed = true;
    lab.cut = [true; 2];
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.holds(B, &[0, 1]));
    lab.pass(3 * SECOND);
    lab.cut = [false; 2];
    lab.until(2 * SECOND, agree);
    lab.overlap_allowed = false;
    lab.pass(5 * SECOND);
}

#[test]
fn steps_of_a_hand_over_before_our_start_are_void() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.command(A, Command::Standby(HoldSet::LOCAL));
    lab.until(SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
    let old: Vec<Message> = lab.hosts[A].sent.clone();
    lab.command(B, Command::Stop);
    lab.until(5 * SECOND, |lab| lab.hosts[B].engine.is_none() && lab.holds(A, &[0, 1]));
    lab.start(B);
    lab.until(3 * SECOND, agree);
    for message in old.into_iter().filter(|message| message.kind() == Some("ask_resources")) {
        lab.inject(B, message);
    }
    lab.pass(SECOND);
    assert!(lab.holds(A, &[0, 1]) && lab.holds(B, &[]), "{}", lab.story());
}

#[test]
fn failback_is_tried_again_when_nobody_answers() {
    let mut lab = Lab::both_up(Failback::On);
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.late = |from, message| {
        if from == B && is(message, "ask_resources", "other") { 60 * SECOND } else { Duration::ZERO }
    };
    lab.start(B);
    lab.pass(5 * SECOND);
    lab.late = |_, _| Duration::ZERO;
    lab.until(30 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && agree(lab));
}

#[test]
fn waking_never_leaves_a_deadline_in_the_past() {
    let mut lab = Lab::both_up_with(Failback::On, 5 * SECOND);
    lab.loss_percent = 40;
    for _ in 0..400 {
        lab.pass(millis(50));
        for x in [A, B] {
            let now = lab.stamp();
            let engine = lab.hosts[x].engine.as_mut().unwrap();
            engine.handle(now, Input::Wake);
            assert!(engine.next_deadline().is_none_or(|due| due > now.tick));
        }
    }
}

/// Found by the fuzz target `engine`: asked for all, it had half, and took all back when nobody came for it.
#[test]
fn a_giver_takes_back_only_what_it_gave() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.job_time = 4000 * SECOND;
    lab.command(B, Command::Standby(HoldSet::ALL));
    lab.pass(3700 * SECOND);
    let start = hb_engine::Action::Start(hb_engine::GroupId(0));
    assert!(!lab.hosts[B].actions.contains(&start), "{}", lab.story());
}

/// Found by the fuzz target `engine`: the taker had taken all long ago, and the giver slept over that and over the end
/// of its own wait.
#[test]
fn a_giver_that_slept_reads_before_it_takes_back() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.job_time = 5 * SECOND;
    lab.overlap_allowed = true;
    lab.command(A, Command::Standby(HoldSet::ALL));
    lab.pass(6 * SECOND);
    lab.hosts[A].actions.clear();
    lab.hosts[A].deaf = true;
    lab.hosts[A].frozen = true;
    lab.pass(4000 * SECOND);
    lab.thaw(A);
    lab.hosts[A].deaf = false;
    lab.pass(5 * SECOND);
    let start = hb_engine::Action::Start(hb_engine::GroupId(0));
    assert!(!lab.hosts[A].actions.contains(&start), "{}", lab.story());
}

#[test]
fn addresses_are_announced_again_after_a_long_sleep_only() {
    for (asleep, announced) in [(millis(350), false), (millis(850), true)] {
        let mut lab = Lab::both_up(Failback::Off);
        lab.hosts[A].actions.clear();
        lab.hosts[A].frozen = true;
        lab.pass(asleep);
        lab.thaw(A);
        let again =
            lab.hosts[A].actions.iter().any(|action| matches!(action, hb_engine::Action::Announce(_)));
        assert_eq!(again, announced, "after {asleep:?}");
    }
}
