//! Single groups on the other node: moved there and back, and what each fault in between ends in.

use hb_engine::{Command, Event, Failback, GroupId, HoldSet};

use super::lab::{A, B, Lab};
use super::{SECOND, millis};

const FIRST: GroupId = GroupId(0);

fn give(group: GroupId) -> Command {
    Command::Move { group, here: false }
}

fn fetch(group: GroupId) -> Command {
    Command::Move { group, here: true }
}

/// A's group runs on B, and A holds its set.
fn lent() -> Lab {
    let mut lab = Lab::both_up(Failback::On);
    lab.command(A, give(FIRST));
    let took = lab.until(SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled());
    assert!(took < millis(50), "{took:?}");
    lab
}

#[test]
fn a_group_moves_and_comes_back_from_either_side() {
    for asker in [A, B] {
        let mut lab = Lab::both_up(Failback::On);
        lab.command(asker, Command::Move { group: FIRST, here: asker == B });
        let took = lab.until(SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled());
        assert!(took < millis(60), "{took:?}");
        lab.pass(20 * SECOND);
        assert!(lab.holds(B, &[0, 1]), "it stays there: {}", lab.story());
        assert_eq!(lab.snapshot(A).unwrap().hold, HoldSet::LOCAL);
        lab.command(asker, Command::Move { group: FIRST, here: asker == A });
        let took = lab.until(SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
        assert!(took < millis(60), "{took:?}");
        lab.pass(20 * SECOND);
        assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]));
    }
}

#[test]
fn who_has_it_already_is_told_so() {
    for (node, command) in [(A, fetch(FIRST)), (B, give(FIRST))] {
        let mut lab = Lab::both_up(Failback::On);
        lab.command(node, command);
        assert!(
            lab.saw(node, |event| matches!(event, Event::StandbyRefused { why } if why.contains("here")))
        );
        lab.pass(SECOND);
        assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]));
    }
}

#[test]
fn a_loan_ends_with_the_life_of_either_node() {
    let mut lab = lent();
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.settled());
    lab.start(B);
    lab.until(3 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    let mut lab = lent();
    lab.crash(A);
    lab.until(2 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.snapshot(B).unwrap().hold == HoldSet::ALL);
    lab.start(A);
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
}

#[test]
fn a_loan_ends_with_the_run_of_either_node() {
    for node in [A, B] {
        let mut lab = lent();
        lab.crash(node);
        lab.pass(millis(100));
        lab.start(node);
        lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
        lab.pass(10 * SECOND);
        assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]));
    }
}

#[test]
fn a_node_that_starts_anew_waits_for_what_the_other_still_has() {
    let mut lab = lent();
    lab.job_time = 3 * SECOND;
    lab.crash(A);
    lab.pass(millis(100));
    lab.start(A);
    lab.pass(2 * SECOND);
    assert!(!lab.holds(A, &[0]), "it is being stopped on the other node");
    lab.until(20 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
}

#[test]
fn a_stop_of_either_node_brings_everything_to_the_other() {
    for (node, other) in [(A, B), (B, A)] {
        let mut lab = lent();
        lab.command(node, Command::Stop);
        lab.until(SECOND, |lab| lab.holds(other, &[0, 1]) && lab.settled());
        lab.until(5 * SECOND, |lab| lab.hosts[node].engine.is_none());
        lab.pass(5 * SECOND);
        assert!(lab.holds(other, &[0, 1]) && lab.settled());
    }
}

#[test]
fn the_set_of_a_lent_group_changes_hands_without_touching_it() {
    let mut lab = lent();
    let starts = lab.snapshot(B).unwrap().groups[0].epoch;
    lab.command(A, Command::Standby(HoldSet::ALL));
    lab.until(SECOND, |lab| lab.snapshot(B).unwrap().hold == HoldSet::ALL && lab.settled());
    lab.pass(5 * SECOND);
    assert_eq!(lab.snapshot(B).unwrap().groups[0].epoch, starts);
    lab.command(A, Command::Takeover(HoldSet::LOCAL));
    lab.until(SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
}

#[test]
fn a_group_that_does_not_start_there_comes_back() {
    let mut lab = Lab::both_up(Failback::On);
    lab.hosts[B].broken.insert(0);
    lab.command(A, give(FIRST));
    lab.until(2 * SECOND, |lab| lab.saw(B, |event| matches!(event, Event::GroupFailed { .. })));
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    lab.pass(40 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
}

#[test]
fn moves_under_loss_never_double() {
    for seed in 0..30 {
        let mut lab = Lab::both_up_with(Failback::On, 5 * SECOND);
        lab.loss_percent = 30;
        lab.pass(millis(seed * 37));
        for here in [false, true, false, true] {
            let there = !here;
            let deadline = 60;
            for _ in 0..deadline {
                lab.command(A, Command::Move { group: FIRST, here });
                lab.pass(SECOND);
                if lab.holds(A, if there { &[] } else { &[0] }) {
                    break;
                }
            }
            lab.until(20 * SECOND, |lab| {
                lab.holds(if here { A } else { B }, if here { &[0] } else { &[0, 1] })
            });
        }
    }
}

#[test]
fn quick_restarts_under_loss_never_double() {
    for seed in 0..60 {
        let mut lab = Lab::both_up_with(Failback::On, 5 * SECOND);
        lab.pass(millis(seed * 37));
        lab.command(A, give(FIRST));
        lab.until(SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
        lab.job_time = millis(700);
        lab.loss_percent = 50;
        let node = if seed % 3 == 0 { B } else { A };
        lab.crash(node);
        lab.pass(millis(60));
        lab.start(node);
        lab.until(60 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    }
}

#[test]
fn a_node_that_goes_standby_is_rid_of_what_it_borrowed_too() {
    for (node, command) in [(B, Command::Standby(HoldSet::ALL)), (A, Command::Takeover(HoldSet::ALL))] {
        let mut lab = lent();
        lab.command(node, command);
        lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.holds(B, &[]) && lab.settled());
        lab.pass(5 * SECOND);
        assert!(lab.holds(A, &[0, 1]) && lab.settled());
    }
}
