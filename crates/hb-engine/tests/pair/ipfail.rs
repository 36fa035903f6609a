//! The rule of `ipfail`: who reaches fewer ping members hands over to who reaches more, damped.

use std::time::Duration;

use hb_engine::{Command, Event, Failback, GroupId, HoldSet, PingConfig};

use crate::lab::{A, B, Lab};
use crate::{SECOND, millis};

/// Both ask the same members.
pub(crate) const LIST: u32 = 0xabc;

/// Both nodes hold their own and reach both members; the dead time of members is as long as that of nodes.
pub(crate) fn both_up(failback: Failback) -> Lab {
    both_up_with(failback, SECOND)
}

fn both_up_with(failback: Failback, deadping: Duration) -> Lab {
    let mut lab = Lab::new(failback);
    for host in &mut lab.hosts {
        let names = vec!["router".to_owned(), "switch".to_owned()];
        host.config.pings = PingConfig { names, list: LIST, deadtime: deadping, ipfail: true };
        host.reaches = vec![true, true];
    }
    lab.start(A);
    lab.start(B);
    lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    lab.pass(SECOND);
    lab
}

/// How often a hand-over began on this node.
pub(crate) fn moves(lab: &Lab) -> usize {
    let count = |x: usize| {
        let events = lab.hosts[x].events.iter();
        events
            .filter(
                |(_, event)| matches!(event, Event::StandbyBegins { giver, .. } if usize::from(giver.0) == x),
            )
            .count()
    };
    count(A) + count(B)
}

pub(crate) fn nothing_moves(lab: &mut Lab, time: Duration, a: &[u16], b: &[u16]) {
    let before = moves(lab);
    lab.pass(time);
    assert!(lab.holds(A, a) && lab.holds(B, b) && lab.settled(), "{}", lab.story());
    assert_eq!(moves(lab), before, "{}", lab.story());
}

#[test]
fn who_loses_a_member_gives_everything_away() {
    for failback in [Failback::On, Failback::Off] {
        let mut lab = both_up(failback);
        lab.hosts[A].reaches[0] = false;
        let took = lab.until(3 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
        assert!(took > SECOND && took < millis(1900), "{took:?}");
        assert!(lab.saw(A, |event| *event == Event::PingsDiffer { ours: 1, theirs: 2 }));
        assert!(lab.saw(B, |event| *event == Event::PingsDiffer { ours: 2, theirs: 1 }));
        nothing_moves(&mut lab, 60 * SECOND, &[], &[0, 1]);
    }
}

/// Also when nothing of its own is there.
#[test]
fn who_loses_a_member_gives_back_what_it_has_borrowed() {
    for own in [true, false] {
        let mut lab = both_up(Failback::Off);
        if !own {
            lab.command(B, Command::Standby(HoldSet::ALL));
            lab.until(SECOND, |lab| lab.holds(A, &[0, 1]) && lab.settled());
        }
        lab.command(A, Command::Move { group: GroupId(0), here: false });
        let there: &[u16] = if own { &[0, 1] } else { &[0] };
        lab.until(SECOND, |lab| lab.holds(B, there) && lab.settled());
        lab.hosts[B].reaches[0] = false;
        let took = lab.until(3 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.settled());
        assert!(took > SECOND && took < millis(1900), "{took:?}");
        nothing_moves(&mut lab, 60 * SECOND, &[0, 1], &[]);
    }
}

/// It can run there again as soon as that node reaches as much as the other one.
#[test]
fn what_starts_on_one_node_only_goes_back_there_when_that_reaches_everything_again() {
    let mut lab = both_up(Failback::Off);
    lab.hosts[A].broken.insert(0);
    lab.command(A, Command::Move { group: GroupId(0), here: false });
    lab.until(SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
    lab.hosts[B].reaches[0] = false;
    lab.until(3 * SECOND, |lab| lab.holds(A, &[1]) && lab.holds(B, &[]));
    lab.pass(30 * SECOND);
    assert!(lab.holds(A, &[1]) && lab.holds(B, &[]), "{}", lab.story());
    lab.hosts[B].reaches[0] = true;
    lab.until(40 * SECOND, |lab| lab.holds(B, &[0]) && lab.settled());
}

/// The original does nothing then (`failover.md` 7).
#[test]
fn dead_times_need_not_be_equal() {
    for deadping in [millis(500), 3 * SECOND] {
        let mut lab = both_up_with(Failback::Off, deadping);
        lab.hosts[B].reaches = vec![false, false];
        let took = lab.until(5 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.settled());
        assert!(took > deadping && took < deadping + millis(900), "{took:?}");
    }
}

#[test]
fn with_failback_what_the_rule_moved_goes_back_after_a_while_of_balance() {
    let mut lab = both_up(Failback::On);
    lab.hosts[A].reaches[0] = false;
    lab.until(3 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
    lab.hosts[A].reaches[0] = true;
    let took = lab.until(30 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    assert!(took > 10 * SECOND && took < 11 * SECOND, "{took:?}");
    assert!(lab.saw(B, |event| *event == Event::PingsBalanced));
    nothing_moves(&mut lab, 60 * SECOND, &[0], &[1]);
}

#[test]
fn without_failback_it_stays() {
    let mut lab = both_up(Failback::Off);
    lab.hosts[A].reaches[0] = false;
    lab.until(3 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
    lab.hosts[A].reaches[0] = true;
    nothing_moves(&mut lab, 60 * SECOND, &[], &[0, 1]);
}

#[test]
fn what_both_lose_moves_nothing() {
    for later in [0, 150] {
        let mut lab = both_up(Failback::On);
        lab.hosts[A].reaches[1] = false;
        lab.pass(millis(later));
        lab.hosts[B].reaches[1] = false;
        nothing_moves(&mut lab, 60 * SECOND, &[0], &[1]);
        for reaches in [vec![true, true], vec![false, true]] {
            lab.hosts[A].reaches.clone_from(&reaches);
            // Another member for each: the counts are equal.
            lab.hosts[B].reaches = reaches.into_iter().rev().collect();
            nothing_moves(&mut lab, 60 * SECOND, &[0], &[1]);
        }
        lab.hosts[A].reaches = vec![true, true];
        lab.hosts[B].reaches = vec![true, true];
        lab.pass(SECOND);
        let left = lab.snapshot(A).unwrap();
        assert!(left.pings.iter().all(|ping| ping.status == "ping"));
    }
}

#[test]
fn what_an_operator_moved_stays_where_it_is() {
    let mut lab = both_up(Failback::On);
    lab.command(A, Command::Standby(HoldSet::ALL));
    lab.until(3 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
    for reaches in [false, true] {
        lab.hosts[A].reaches[0] = reaches;
        lab.hosts[B].reaches[0] = reaches;
        nothing_moves(&mut lab, 60 * SECOND, &[], &[0, 1]);
    }
    // Who has nothing asks for nothing.
    lab.hosts[A].reaches[0] = false;
    nothing_moves(&mut lab, 60 * SECOND, &[], &[0, 1]);
}

#[test]
fn a_member_that_flaps_for_ten_minutes_moves_things_a_few_times() {
    for (period, limit) in [(4, 3), (10, 3), (24, 3), (30, 3), (60, 5)] {
        let mut lab = both_up(Failback::On);
        for _ in 0..600 / (2 * period) {
            lab.hosts[A].reaches[0] = false;
            lab.pass(period * SECOND);
            lab.hosts[A].reaches[0] = true;
            lab.pass(period * SECOND);
        }
        assert!(moves(&lab) <= limit, "{period}: {}", moves(&lab));
    }
}

#[test]
fn a_node_alone_keeps_everything_and_gives_when_the_other_reaches_more() {
    let mut lab = both_up(Failback::Off);
    lab.crash(B);
    lab.until(3 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.hosts[A].reaches = vec![false, false];
    lab.pass(30 * SECOND);
    assert!(lab.holds(A, &[0, 1]));
    lab.start(B);
    lab.until(10 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
    nothing_moves(&mut lab, 60 * SECOND, &[], &[0, 1]);
}

#[test]
fn the_rule_is_off_unless_both_have_it() {
    for (a, b) in [(false, true), (true, false), (false, false)] {
        let mut lab = Lab::new(Failback::On);
        for (host, on) in lab.hosts.iter_mut().zip([a, b]) {
            host.config.pings =
                PingConfig { names: vec!["router".to_owned()], list: LIST, deadtime: SECOND, ipfail: on };
            host.reaches = vec![true];
        }
        lab.start(A);
        lab.start(B);
        lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
        lab.hosts[A].reaches[0] = false;
        nothing_moves(&mut lab, 60 * SECOND, &[0], &[1]);
    }
}

#[test]
fn lost_messages_delay_a_move_and_no_more() {
    let mut lab = both_up(Failback::On);
    lab.loss_percent = 20;
    lab.hosts[B].reaches = vec![false, false];
    lab.until(60 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.loss_percent = 0;
    lab.pass(5 * SECOND);
    assert!(lab.holds(A, &[0, 1]) && lab.settled(), "{}", lab.story());
}

/// Nobody starts anew after a partition, so each has to ask the other for its count.
#[test]
fn what_was_lost_in_a_partition_moves_everything_when_it_heals() {
    for cut in [[true; 2], [true, false], [false, true]] {
        let mut lab = both_up(Failback::Off);
        lab.overlap_allowed = true;
        lab.cut = cut;
        lab.pass(2 * SECOND);
        lab.hosts[A].reaches[0] = false;
        lab.pass(5 * SECOND);
        lab.cut = [false; 2];
        lab.pass(5 * SECOND);
        lab.overlap_allowed = false;
        nothing_moves(&mut lab, 60 * SECOND, &[], &[0, 1]);
    }
}

#[test]
fn a_group_that_cannot_be_stopped_is_not_tried_again_and_again() {
    let mut lab = both_up(Failback::Off);
    lab.hosts[A].stuck.insert(0);
    lab.hosts[A].reaches[0] = false;
    lab.until(5 * SECOND, |lab| moves(lab) == 1);
    lab.until(SECOND, |lab| lab.holds(A, &[0]) && lab.settled());
    nothing_moves(&mut lab, 3000 * SECOND, &[0], &[1]);
    lab.hosts[A].stuck.clear();
    lab.until(700 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
}
