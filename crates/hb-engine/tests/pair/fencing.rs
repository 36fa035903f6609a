//! Nothing of a dead node is taken before its reset succeeded, and a node that is back and well is not reset.

use hb_engine::{Command, Event, Failback, GroupId, HoldSet, MonitorPolicy, NodeId};

use crate::lab::{A, B, Lab, RESET};
use crate::monitor::policy;
use crate::{SECOND, millis};

fn settled(lab: &Lab) -> bool {
    lab.settled()
}

#[test]
fn a_dead_node_is_reset_before_its_groups_are_taken() {
    for failback in [Failback::On, Failback::Off, Failback::Legacy] {
        let mut lab = Lab::both_up_fencing(failback, SECOND);
        lab.hosts[A].resets = [true].into();
        lab.crash(B);
        let took = lab.until(4 * SECOND, |lab| lab.holds(A, &[0, 1]));
        assert!(took > RESET + millis(790) && took < RESET + millis(1020), "{took:?}");
        lab.until(SECOND, settled);
        lab.start(B);
        lab.pass(10 * SECOND);
        assert!(lab.settled() && lab.hosts[A].fenced.len() == 1, "{}", lab.story());
        assert!(lab.hosts[B].fenced.is_empty(), "{}", lab.story());
        assert_eq!(lab.holds(B, &[1]), failback != Failback::Off, "{}", lab.story());
    }
}

#[test]
fn a_reset_that_fails_is_tried_again_after_five_seconds() {
    let mut lab = Lab::both_up_fencing(Failback::On, SECOND);
    lab.hosts[A].resets = [false, false, true].into();
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.hosts[A].fenced.len() == 1);
    assert!(!lab.settled(), "it waits for the reset");
    let took = lab.until(20 * SECOND, |lab| lab.holds(A, &[0, 1]));
    assert!(took > 12 * SECOND && took < millis(13_100), "{took:?}");
    let pauses: Vec<_> = lab.hosts[A].fenced.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert_eq!(pauses, [6 * SECOND; 2], "five seconds after the end of each");
}

#[test]
fn in_a_partition_the_shorter_delay_wins() {
    for failback in [Failback::On, Failback::Off] {
        let mut lab = Lab::both_up_fencing(failback, 3 * SECOND);
        lab.hosts[A].resets = [true].into();
        lab.hosts[B].resets = [true].into();
        lab.cut = [true; 2];
        lab.until(4 * SECOND, |lab| lab.holds(A, &[0, 1]));
        lab.pass(10 * SECOND);
        assert!(lab.hosts[B].engine.is_none() && lab.hosts[B].fenced.is_empty(), "{}", lab.story());
        // It boots, hears nobody, and shoots in turn; the delay was of no use to it.
        lab.cut = [false; 2];
        lab.start(B);
        lab.pass(10 * SECOND);
        assert!(lab.settled() && lab.hosts[B].fenced.is_empty(), "{}", lab.story());
    }
}

#[test]
fn a_node_that_is_back_and_well_is_not_reset() {
    for failback in [Failback::On, Failback::Off, Failback::Legacy] {
        for restarted in [false, true] {
            let mut lab = Lab::both_up_fencing(failback, 60 * SECOND);
            if restarted {
                lab.crash(B);
            } else {
                lab.cut = [true; 2];
            }
            lab.pass(10 * SECOND);
            assert!(lab.holds(A, &[0]), "its resets fail: {}", lab.story());
            if restarted {
                lab.start(B);
            } else {
                lab.cut = [false; 2];
            }
            // Would succeed by now.
            lab.hosts[A].resets = [true; 9].into();
            let running =
                usize::from(lab.hosts[A].fenced.last().is_some_and(|at| lab.now.since(*at) < RESET));
            assert_eq!(running, 0, "none runs at that time");
            lab.until(15 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
            let resets = lab.hosts[A].fenced.len();
            lab.pass(60 * SECOND);
            assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]), "{}", lab.story());
            assert_eq!(lab.hosts[A].fenced.len(), resets, "{}", lab.story());
            assert!(lab.saw(A, |event| matches!(event, Event::FencingEnded { .. })), "{}", lab.story());
        }
    }
}

#[test]
fn who_said_farewell_is_not_reset() {
    let mut lab = Lab::both_up_fencing(Failback::Off, SECOND);
    lab.command(B, Command::Stop);
    lab.until(SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.pass(10 * SECOND);
    assert!(lab.hosts[A].fenced.is_empty() && lab.settled(), "{}", lab.story());
}

#[test]
fn a_lone_boot_looks_before_it_shoots_and_takes_nothing_before() {
    let mut lab = Lab::new(Failback::On);
    lab.hosts[A].fencing = Some(SECOND);
    lab.start(A);
    lab.pass(millis(3900));
    assert!(lab.hosts[A].fenced.is_empty(), "initdead and the delay are not over");
    lab.pass(20 * SECOND);
    assert!(lab.hosts[A].fenced.len() > 1 && lab.holds(A, &[]), "{}", lab.story());
    // Somebody has looked: the other node is off.
    lab.command(A, Command::ConfirmFenced(NodeId(0)));
    assert!(lab.holds(A, &[]), "that is not the one");
    lab.command(A, Command::ConfirmFenced(NodeId(1)));
    lab.until(SECOND, |lab| lab.holds(A, &[0, 1]) && lab.settled());
    lab.command(A, Command::ConfirmFenced(NodeId(1)));
    lab.pass(10 * SECOND);
    assert!(lab.holds(A, &[0, 1]), "{}", lab.story());
}

#[test]
fn a_node_that_comes_while_another_wants_to_shoot_is_heard() {
    let mut lab = Lab::new(Failback::On);
    lab.hosts[A].fencing = Some(SECOND);
    lab.start(A);
    lab.pass(millis(3500));
    lab.start(B);
    lab.until(15 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    assert!(lab.hosts[A].fenced.is_empty(), "{}", lab.story());
}

#[test]
fn a_stop_does_not_wait_for_a_reset() {
    let mut lab = Lab::both_up_fencing(Failback::On, SECOND);
    lab.crash(B);
    lab.pass(3 * SECOND);
    lab.command(A, Command::Stop);
    lab.until(SECOND, |lab| lab.hosts[A].engine.is_none());
    assert!(lab.holds(A, &[]));
}

#[test]
fn what_was_lent_or_given_comes_back_after_the_reset() {
    let mut lab = Lab::both_up_fencing(Failback::Off, SECOND);
    lab.command(A, Command::Move { group: GroupId(0), here: false });
    lab.until(5 * SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled());
    lab.crash(B);
    lab.pass(6 * SECOND);
    assert!(lab.holds(A, &[]) && lab.hosts[A].fenced.len() == 1, "{}", lab.story());
    lab.hosts[A].resets = [true].into();
    lab.until(8 * SECOND, |lab| lab.holds(A, &[0, 1]));

    // B has announced nothing of it, and is starting it.
    let mut lab = Lab::both_up_fencing(Failback::Off, SECOND);
    lab.command(B, Command::Standby(HoldSet::ALL));
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.settled());
    lab.job_time = SECOND;
    lab.command(A, Command::Standby(HoldSet::ALL));
    lab.until(5 * SECOND, |lab| lab.holds(A, &[]));
    lab.pass(millis(100));
    lab.crash(B);
    lab.pass(4 * SECOND);
    assert!(lab.holds(A, &[]) && !lab.hosts[A].fenced.is_empty(), "{}", lab.story());
    lab.hosts[A].resets = [true].into();
    lab.until(10 * SECOND, |lab| lab.holds(A, &[0, 1]));
}

#[test]
fn what_dies_meanwhile_is_started_again_where_it_was_and_nothing_is_offered_or_taken() {
    let mut lab = Lab::new(Failback::Off);
    for host in &mut lab.hosts {
        host.fencing = Some(SECOND);
        host.config.agents.monitor = Some(MonitorPolicy { restarts: 1, only: Vec::new(), ..policy() });
    }
    lab.start(A);
    lab.start(B);
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    lab.command(B, Command::Move { group: GroupId(1), here: false });
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.settled());
    lab.crash(B);
    lab.until(4 * SECOND, |lab| !lab.hosts[A].fenced.is_empty());
    // One is its own, the other one the dead node had lent to it.
    lab.hosts[A].running.clear();
    lab.until(4 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.hosts[A].running.clear();
    lab.pass(20 * SECOND);
    assert!(lab.holds(A, &[]), "it was started again often enough: {}", lab.story());
    lab.until(20 * SECOND, |lab| lab.holds(A, &[0, 1]));
    assert_eq!(lab.snapshot(A).unwrap().hold, HoldSet::LOCAL, "{}", lab.story());
    assert!(!lab.saw(A, |event| matches!(event, Event::Offering { .. })), "{}", lab.story());
    lab.hosts[A].resets = [true].into();
    lab.until(8 * SECOND, |lab| lab.snapshot(A).unwrap().hold == HoldSet::ALL && lab.settled());
    assert!(lab.holds(A, &[0, 1]), "{}", lab.story());
}

#[test]
fn who_came_back_and_whose_last_word_is_lost_is_reset() {
    let mut lab = Lab::new(Failback::On);
    for host in &mut lab.hosts {
        host.fencing = Some(SECOND);
    }
    lab.start(A);
    // It is to be reset, and comes in time.
    lab.until(5 * SECOND, |lab| lab.saw(A, |event| matches!(event, Event::Fencing { .. })));
    lab.pass(millis(300));
    lab.start(B);
    lab.until(SECOND, |lab| lab.saw(A, |event| matches!(event, Event::Acquiring { .. })));
    // Nothing that it says of what it has arrives.
    lab.cut[B] = true;
    lab.until(2 * SECOND, |lab| lab.holds(B, &[1]));
    lab.pass(3 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]), "{}", lab.story());
    assert!(!lab.hosts[A].fenced.is_empty(), "{}", lab.story());
    lab.hosts[A].resets = [true].into();
    lab.until(8 * SECOND, |lab| lab.holds(A, &[0, 1]));
}

#[test]
fn there_is_never_a_second_reset_beside_one_that_runs_and_an_old_one_proves_nothing() {
    let mut lab = Lab::both_up_fencing(Failback::Off, 90 * SECOND);
    lab.reset_time = 20 * SECOND;
    lab.hosts[A].resets = [false, true].into();
    lab.cut = [true; 2];
    lab.until(2 * SECOND, |lab| lab.hosts[A].fenced.len() == 1);
    lab.cut = [false; 2];
    lab.until(2 * SECOND, |lab| lab.saw(A, |event| matches!(event, Event::FencingEnded { .. })));
    lab.pass(SECOND);
    lab.cut = [true; 2];
    lab.pass(10 * SECOND);
    assert_eq!(lab.hosts[A].fenced.len(), 1, "the first one still runs");
    // It begins when the old one has ended, whose outcome no longer matters: here that it failed costs no pause.
    lab.until(10 * SECOND, |lab| lab.hosts[A].fenced.len() == 2);
    assert_eq!(lab.hosts[A].fenced[1].since(lab.hosts[A].fenced[0]), lab.reset_time);
    assert!(lab.holds(A, &[0]), "{}", lab.story());
    lab.until(21 * SECOND, |lab| lab.holds(A, &[0, 1]));
    assert!(!lab.saw(A, |event| matches!(event, Event::FencingFailed { .. })), "{}", lab.story());
}

#[test]
fn after_a_word_of_the_operator_the_end_of_a_reset_says_nothing() {
    let mut lab = Lab::both_up_fencing(Failback::Off, SECOND);
    lab.reset_time = 20 * SECOND;
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.hosts[A].fenced.len() == 1);
    lab.command(A, Command::ConfirmFenced(NodeId(1)));
    lab.until(SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.pass(40 * SECOND);
    assert!(lab.settled() && lab.hosts[A].fenced.len() == 1, "{}", lab.story());
    assert!(!lab.saw(A, |event| matches!(event, Event::FencingFailed { .. })), "{}", lab.story());
}

#[test]
fn what_was_about_to_be_lent_is_started_again_at_once() {
    let mut lab = Lab::both_up_fencing(Failback::Off, SECOND);
    // Longer than it takes to find out about the death.
    lab.job_time = 2 * SECOND;
    lab.command(A, Command::Move { group: GroupId(0), here: false });
    lab.pass(millis(50));
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[]));
    lab.until(3 * SECOND, |lab| lab.holds(A, &[0]));
    assert!(!lab.hosts[A].fenced.is_empty(), "{}", lab.story());
}

#[test]
fn who_has_slept_listens_before_it_shoots() {
    let mut lab = Lab::both_up_fencing(Failback::Off, 90 * SECOND);
    lab.cut = [true; 2];
    lab.until(5 * SECOND, |lab| lab.hosts[A].fenced.len() == 1);
    lab.pass(2 * SECOND);
    // It is paused between two attempts, and the other node is well meanwhile.
    lab.hosts[A].frozen = true;
    lab.cut = [false; 2];
    lab.pass(20 * SECOND);
    lab.hosts[A].resets = [true; 9].into();
    lab.hosts[A].waiting.clear();
    lab.thaw(A);
    lab.pass(10 * SECOND);
    assert_eq!(lab.hosts[A].fenced.len(), 1, "{}", lab.story());
    assert!(lab.settled(), "{}", lab.story());
}
