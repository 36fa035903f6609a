//! What cannot be started on one node is served by the other one, and what can be started nowhere stays where it is at home.

use hb_engine::{Command, Event, Failback, FailedStop, GroupConfig, GroupId, HoldSet, NodeId};

use super::SECOND;
use super::lab::{A, B, Lab};

fn count(lab: &Lab, is_it: impl Fn(&Event) -> bool) -> usize {
    lab.hosts.iter().flat_map(|host| &host.events).filter(|(_, event)| is_it(event)).count()
}

fn offers(lab: &Lab) -> usize {
    count(lab, |event| matches!(event, Event::Offering { .. }))
}

fn refusals(lab: &Lab) -> usize {
    count(lab, |event| matches!(event, Event::OfferRefused { .. }))
}

#[test]
fn a_group_that_cannot_start_goes_to_the_other_node() {
    for failback in [Failback::On, Failback::Off] {
        let mut lab = Lab::new(failback);
        lab.hosts[A].broken.insert(0);
        lab.start(A);
        lab.start(B);
        lab.until(5 * SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled());
        lab.pass(300 * SECOND);
        assert!(lab.holds(B, &[0, 1]) && offers(&lab) == 1, "it stays there: {}", lab.story());
        assert_eq!(lab.snapshot(A).unwrap().hold, HoldSet::LOCAL, "the set stays at home");
    }
}

#[test]
fn what_was_taken_over_and_cannot_start_goes_back_when_its_node_is_there_again() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.hosts[A].broken.insert(1);
    lab.crash(B);
    lab.pass(5 * SECOND);
    assert!(lab.holds(A, &[0]), "{}", lab.story());
    lab.start(B);
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
}

#[test]
fn what_starts_nowhere_stays_at_home_and_is_said_once() {
    let mut lab = Lab::new(Failback::On);
    for host in &mut lab.hosts {
        host.broken.insert(0);
    }
    lab.start(A);
    lab.start(B);
    lab.pass(300 * SECOND);
    assert_eq!((offers(&lab), refusals(&lab)), (1, 1), "{}", lab.story());
    lab.pass(3600 * SECOND);
    assert_eq!((offers(&lab), refusals(&lab)), (2, 2), "{}", lab.story());
    assert!(lab.holds(B, &[1]) && lab.settled(), "the other set is not touched");
    lab.hosts[A].broken.clear();
    lab.until(35 * SECOND, |lab| lab.holds(A, &[0]) && lab.settled());
    // What has run since then and fails again is offered again.
    lab.hosts[A].broken.insert(0);
    lab.hosts[B].broken.clear();
    lab.command(A, Command::Standby(HoldSet::LOCAL));
    lab.until(SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
    lab.command(B, Command::Standby(HoldSet::FOREIGN));
    lab.until(5 * SECOND, |lab| lab.snapshot(A).unwrap().hold == HoldSet::LOCAL);
    lab.until(5 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
}

#[test]
fn an_operator_or_a_new_run_ends_a_refusal() {
    for by_operator in [true, false] {
        let mut lab = Lab::new(Failback::On);
        for host in &mut lab.hosts {
            host.broken.insert(0);
        }
        lab.start(A);
        lab.start(B);
        lab.pass(60 * SECOND);
        lab.hosts[B].broken.clear();
        if by_operator {
            lab.command(A, Command::Move { group: GroupId(0), here: false });
        } else {
            lab.crash(B);
            lab.pass(3 * SECOND);
            lab.start(B);
        }
        lab.until(10 * SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled());
    }
}

/// One request is enough, as a service manager makes no second one, also when a hand-over waits for it.
#[test]
fn what_could_not_be_stopped_and_was_left_alone_is_stopped_with_the_node() {
    for by_hand_over in [false, true] {
        let mut lab = Lab::new(Failback::Off);
        for host in &mut lab.hosts {
            host.config.agents.failed_stop = FailedStop::Keep;
        }
        lab.start(A);
        lab.start(B);
        lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
        lab.hosts[A].stuck.insert(0);
        lab.command(
            A,
            if by_hand_over {
                Command::Standby(HoldSet::ALL)
            } else {
                Command::Move { group: GroupId(0), here: false }
            },
        );
        lab.pass(120 * SECOND);
        assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]), "{}", lab.story());
        lab.hosts[A].stuck.clear();
        lab.command(A, Command::Stop);
        lab.until(5 * SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]));
    }
}

#[test]
fn nothing_that_runs_is_stopped_for_what_failed() {
    let mut lab = Lab::new(Failback::Off);
    for host in &mut lab.hosts {
        host.config.groups.push(GroupConfig { key: "10.0.0.3".into(), home: Some(NodeId(0)) });
    }
    lab.hosts[A].broken.insert(0);
    lab.start(A);
    lab.start(B);
    lab.until(5 * SECOND, |lab| lab.holds(A, &[2]) && lab.holds(B, &[0, 1]) && lab.settled());
    assert_eq!(
        lab.hosts[A].actions.iter().filter(|action| format!("{action:?}").starts_with("Stop")).count(),
        0
    );
    lab.crash(B);
    lab.hosts[A].broken.clear();
    lab.until(35 * SECOND, |lab| lab.holds(A, &[0, 1, 2]) && lab.settled());
}
