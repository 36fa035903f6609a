//! What runs is looked at: a group that dies is started again, one that keeps dying goes to the other node, and nothing that a check
//! says counts after the begin of a job.

use std::time::Duration;

use hb_engine::{Command, Event, Failback, GroupId, HoldSet, MonitorPolicy};

use super::lab::{A, B, Lab};
use super::{SECOND, millis};

pub(super) fn policy() -> MonitorPolicy {
    MonitorPolicy {
        interval: SECOND,
        failures: 1,
        restarts: 2,
        within: 600 * SECOND,
        moves: true,
        only: vec!["10.0.0.1".into()],
    }
}

fn monitored(policy: &MonitorPolicy) -> Lab {
    let mut lab = Lab::new(Failback::On);
    for host in &mut lab.hosts {
        host.config.agents.monitor = Some(policy.clone());
    }
    lab.start(A);
    lab.start(B);
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    lab
}

fn dies(lab: &mut Lab, x: usize) {
    assert!(lab.hosts[x].running.remove(&0), "{}", lab.story());
}

fn restarts(lab: &Lab, x: usize) -> usize {
    lab.hosts[x].events.iter().filter(|(_, event)| matches!(event, Event::Restarting { .. })).count()
}

#[test]
fn what_dies_is_started_again_and_what_is_not_asked_for_is_not_looked_at() {
    let mut lab = monitored(&policy());
    lab.pass(30 * SECOND);
    assert_eq!(restarts(&lab, A), 0);
    dies(&mut lab, A);
    let took = lab.until(2 * SECOND, |lab| lab.holds(A, &[0]) && lab.settled());
    assert!(took <= millis(1100), "{took:?}");
    let monitor = lab.snapshot(A).unwrap().groups[0].monitor.clone().unwrap();
    assert_eq!((monitor.failures, monitor.restarts, monitor.problem.as_deref()), (1, 1, Some("it is gone")));
    assert_eq!(lab.snapshot(B).unwrap().groups[1].monitor, None);
    lab.hosts[B].running.remove(&1);
    lab.pass(30 * SECOND);
    assert!(lab.holds(B, &[]) && lab.holds(A, &[0]));
}

#[test]
fn some_failures_in_a_row_may_be_needed() {
    let mut lab = monitored(&MonitorPolicy { failures: 3, ..policy() });
    dies(&mut lab, A);
    let took = lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.settled());
    assert!(took > 2 * SECOND, "{took:?}");
    assert_eq!(lab.snapshot(A).unwrap().groups[0].monitor.as_ref().unwrap().failures, 3);
    // The count begins anew with the restart.
    dies(&mut lab, A);
    let took = lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.settled());
    assert!(took > 2 * SECOND, "{took:?}");
}

/// Lets the first group die wherever it runs, for so long.
fn keeps_dying(lab: &mut Lab, time: Duration) {
    let end = lab.now.plus(time);
    while lab.now < end {
        lab.pass(millis(500));
        for host in &mut lab.hosts {
            host.running.remove(&0);
        }
    }
}

#[test]
fn what_keeps_dying_moves_and_comes_back_only_when_it_keeps_dying_there() {
    let mut lab = monitored(&policy());
    for _ in 0..3 {
        dies(&mut lab, A);
        lab.until(5 * SECOND, |lab| (lab.holds(A, &[0]) || lab.holds(B, &[0, 1])) && lab.settled());
    }
    assert!(lab.holds(B, &[0, 1]), "{}", lab.story());
    assert_eq!((restarts(&lab, A), lab.snapshot(A).unwrap().hold), (2, HoldSet::LOCAL));
    lab.pass(60 * SECOND);
    assert!(lab.holds(B, &[0, 1]), "it stays there: {}", lab.story());
    // It dies on both, again and again: once there and back, then it stays at home and is tried each 30 s.
    keeps_dying(&mut lab, 300 * SECOND);
    let offers = |lab: &Lab| {
        lab.hosts[A].events.iter().filter(|(_, event)| matches!(event, Event::Offering { .. })).count()
    };
    assert_eq!(offers(&lab), 1, "{}", lab.story());
    assert_eq!(restarts(&lab, A) + restarts(&lab, B), 4, "{}", lab.story());
    lab.until(40 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    // After a quiet time what was before is forgotten.
    lab.pass(700 * SECOND);
    assert_eq!(lab.snapshot(A).unwrap().groups[0].monitor.as_ref().unwrap().restarts, 0);
}

#[test]
fn what_shall_not_move_rests() {
    let mut lab = monitored(&MonitorPolicy { moves: false, ..policy() });
    keeps_dying(&mut lab, 100 * SECOND);
    assert!(lab.hosts[B].actions.iter().all(|action| *action != hb_engine::Action::Start(GroupId(0))));
    lab.until(40 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
}

#[test]
fn a_check_that_began_before_a_stop_counts_for_nothing() {
    let mut lab = monitored(&policy());
    lab.job_time = 300 * millis(1);
    for round in 0..40 {
        lab.pass(millis(50 * round));
        lab.command(A, Command::Standby(HoldSet::ALL));
        lab.until(5 * SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled());
        lab.command(A, Command::Takeover(HoldSet::LOCAL));
        lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    }
    for x in [A, B] {
        assert!(!lab.saw(x, |event| matches!(event, Event::CheckFailed { .. })), "{}", lab.story());
    }
}
