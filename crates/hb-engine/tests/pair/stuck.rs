//! A group that cannot be stopped keeps nothing else down.

use std::time::Duration;

use hb_engine::{Command, Event, Failback, FailedStop, GroupConfig, GroupId, HoldSet, NodeId};

use super::SECOND;
use super::lab::{A, B, Lab};

/// Two groups of A, the first of which cannot be stopped there, and one of B.
fn lab(failback: Failback, failed_stop: FailedStop) -> Lab {
    let mut lab = Lab::new(failback);
    for host in &mut lab.hosts {
        host.config.groups.push(GroupConfig { key: "10.0.0.3".into(), home: Some(NodeId(0)) });
        host.config.agents.failed_stop = failed_stop;
    }
    lab.start(A);
    lab.start(B);
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0, 2]) && lab.holds(B, &[1]) && lab.settled());
    lab.hosts[A].stuck.insert(0);
    lab
}

fn refusals(lab: &Lab, host: usize) -> Vec<&'static str> {
    let events = lab.hosts[host].events.iter();
    events
        .filter_map(|(_, event)| if let Event::StandbyRefused { why } = event { Some(*why) } else { None })
        .collect()
}

#[test]
fn a_hand_over_is_taken_back_with_everything_that_was_stopped_for_it() {
    for failed_stop in [FailedStop::Retry, FailedStop::Keep] {
        for by_taker in [false, true] {
            let mut lab = lab(Failback::Off, failed_stop);
            let command = Command::Standby(HoldSet::LOCAL);
            lab.command(
                if by_taker { B } else { A },
                if by_taker { Command::Takeover(HoldSet::FOREIGN) } else { command },
            );
            lab.pass(Duration::from_millis(5));
            lab.until(SECOND, |lab| lab.holds(A, &[0, 2]) && lab.holds(B, &[1]) && lab.settled());
            assert_eq!(
                refusals(&lab, A),
                ["a group could not be stopped, so what was to go stays here"],
                "{}",
                lab.story()
            );
            assert_eq!(refusals(&lab, B), ["the other node took it back"], "{}", lab.story());
            // Nothing of it is left behind: as soon as the group can be stopped, the move is as any other.
            lab.hosts[A].stuck.clear();
            lab.command(A, command);
            lab.until(SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1, 2]) && lab.settled());
        }
    }
}

#[test]
fn a_failback_that_fails_so_is_not_tried_again_and_again() {
    let mut lab = lab(Failback::On, FailedStop::Retry);
    lab.hosts[A].stuck.clear();
    lab.crash(B);
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0, 1, 2]));
    lab.hosts[A].stuck.insert(1);
    let before = lab.hosts[A].actions.len();
    lab.start(B);
    lab.pass(300 * SECOND);
    assert!(lab.holds(A, &[0, 1, 2]) && lab.settled(), "{}", lab.story());
    let since = &lab.hosts[A].actions[before..];
    assert_eq!(since.iter().filter(|action| format!("{action:?}").starts_with("Stop")).count(), 1);
}

/// It runs there on loan, so the set is no longer the giver's to take back; the taker waits for nothing all the same.
#[test]
fn a_loan_that_cannot_be_stopped_ends_the_hand_over_of_its_set() {
    let mut lab = lab(Failback::Off, FailedStop::Retry);
    lab.hosts[A].stuck.clear();
    lab.command(A, Command::Move { group: GroupId(0), here: false });
    lab.until(5 * SECOND, |lab| lab.holds(A, &[2]) && lab.holds(B, &[0, 1]) && lab.settled());
    lab.hosts[B].stuck.insert(0);
    lab.command(B, Command::Standby(HoldSet::FOREIGN));
    lab.until(20 * SECOND, |lab| lab.holds(A, &[2]) && lab.holds(B, &[0, 1]) && lab.settled());
    assert_eq!(refusals(&lab, A), ["the other node took it back"], "{}", lab.story());
}

#[test]
fn a_single_group_that_cannot_be_stopped_stays() {
    let mut lab = lab(Failback::Off, FailedStop::Retry);
    lab.command(A, Command::Move { group: GroupId(0), here: false });
    lab.pass(60 * SECOND);
    assert!(lab.holds(A, &[0, 2]) && lab.holds(B, &[1]) && lab.settled(), "{}", lab.story());
    lab.hosts[A].stuck.clear();
    lab.command(A, Command::Move { group: GroupId(0), here: false });
    lab.until(SECOND, |lab| lab.holds(A, &[2]) && lab.holds(B, &[0, 1]) && lab.settled());
}

#[test]
fn nothing_comes_back_to_a_machine_that_is_being_reset() {
    let mut lab = lab(Failback::Off, FailedStop::Reset);
    lab.command(A, Command::Standby(HoldSet::LOCAL));
    lab.pass(5 * SECOND);
    assert!(
        lab.hosts[A].actions.iter().filter(|action| format!("{action:?}").starts_with("Start")).count() == 2
    );
    lab.crash(A);
    lab.until(5 * SECOND, |lab| lab.holds(B, &[0, 1, 2]) && lab.settled());
}

#[test]
fn a_node_that_stops_leaves_what_is_gone_to_the_other_one() {
    let mut lab = lab(Failback::Off, FailedStop::Retry);
    lab.command(A, Command::Stop);
    lab.until(SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1, 2]));
    lab.pass(60 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1, 2]), "{}", lab.story());
    lab.hosts[A].stuck.clear();
    lab.until(35 * SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1, 2]));
    lab.until(5 * SECOND, Lab::settled);
}

#[test]
fn what_is_left_so_stays_where_it_is_when_the_stopping_node_dies() {
    let mut lab = lab(Failback::Off, FailedStop::Retry);
    lab.command(A, Command::Stop);
    lab.until(SECOND, |lab| lab.holds(B, &[1, 2]));
    let before = lab.hosts[B].actions.len();
    lab.crash(A);
    lab.until(5 * SECOND, |lab| lab.holds(B, &[0, 1, 2]) && lab.settled());
    assert_eq!(lab.hosts[B].actions.len(), before + 1, "only the third is started: {}", lab.story());
}

#[test]
fn a_node_that_is_told_to_stop_while_it_gives_leaves_what_is_gone() {
    let mut lab = lab(Failback::Off, FailedStop::Retry);
    lab.job_time = Duration::from_millis(500);
    lab.command(A, Command::Standby(HoldSet::LOCAL));
    lab.pass(Duration::from_millis(100));
    lab.command(A, Command::Stop);
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1, 2]));
    lab.hosts[A].stuck.clear();
    lab.until(35 * SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1, 2]));
}

#[test]
fn a_node_that_starts_beside_one_that_cannot_stop_takes_its_own() {
    let mut lab = lab(Failback::Off, FailedStop::Retry);
    lab.command(A, Command::Stop);
    lab.until(SECOND, |lab| lab.holds(B, &[1, 2]));
    lab.crash(B);
    lab.start(B);
    lab.until(15 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1, 2]));
    lab.hosts[A].stuck.clear();
    lab.until(35 * SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1, 2]));
}
