//! Ping members that come and go by reload, on one node after the other: counts of different lists move nothing.

use std::time::Duration;

use hb_engine::{Event, Failback, PingConfig};

use crate::ipfail::{both_up, moves, nothing_moves};
use crate::lab::{A, B, Lab};
use crate::{SECOND, millis};

/// A file with these members. Its number is made of them.
fn file(names: &[&str]) -> PingConfig {
    let text = names.join(" ");
    let list = text.bytes().fold(1, |sum: u32, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let list = list << 8 | u32::try_from(names.len()).unwrap();
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    PingConfig { names, list, deadtime: SECOND, ipfail: true }
}

fn statuses(lab: &Lab, x: usize) -> Vec<(String, &'static str)> {
    lab.snapshot(x).unwrap().pings.into_iter().map(|ping| (ping.name, ping.status)).collect()
}

/// Both have the file, and reach all of it.
fn both_with(lab: &mut Lab, names: &[&str]) {
    for x in [A, B] {
        lab.reload_pings(x, file(names), vec![true; names.len()]);
        lab.pass(SECOND);
    }
}

#[test]
fn a_member_that_one_node_has_alone_moves_nothing() {
    for (failback, first) in [(Failback::On, A), (Failback::Off, A), (Failback::On, B), (Failback::Off, B)] {
        let mut lab = both_up(failback);
        let second = 1 - first;
        both_with(&mut lab, &["router"]);
        lab.reload_pings(first, file(&["router", "gate"]), vec![true, false]);
        assert_eq!(statuses(&lab, first), [("router".into(), "ping"), ("gate".into(), "init")]);
        nothing_moves(&mut lab, 60 * SECOND, &[0], &[1]);
        assert_eq!(statuses(&lab, first), [("router".into(), "ping"), ("gate".into(), "dead")]);
        for x in [A, B] {
            assert!(lab.saw(x, |event| *event == Event::PingListsDiffer { told: true }), "{}", lab.story());
            assert!(!lab.saw(x, |event| matches!(event, Event::PingsDiffer { .. })), "{}", lab.story());
        }
        // The second reaches it: from now on the counts are of the same members.
        lab.reload_pings(second, file(&["router", "gate"]), vec![true, true]);
        let all: fn(&Lab, usize) -> bool = |lab, x| lab.holds(x, &[0, 1]) && lab.settled();
        let took = lab.until(3 * SECOND, |lab| all(lab, second));
        assert!(took > millis(400) && took < SECOND, "{took:?}");
        assert!(lab.saw(first, |event| *event == Event::PingListsAgree));
    }
}

#[test]
fn a_member_that_both_reach_or_both_do_not_moves_nothing() {
    for reached in [true, false] {
        for pause in [millis(0), millis(100), millis(700), 30 * SECOND] {
            let mut lab = both_up(Failback::On);
            let names = ["router", "gate", "switch"];
            for x in [A, B] {
                lab.reload_pings(x, file(&names), vec![true, reached, true]);
                nothing_moves_and_tells_nothing(&mut lab, pause);
            }
            nothing_moves_and_tells_nothing(&mut lab, 60 * SECOND);
            // The members that stayed have other numbers now.
            lab.hosts[A].reaches = vec![true, reached, false];
            lab.until(3 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
        }
    }
}

fn nothing_moves_and_tells_nothing(lab: &mut Lab, time: Duration) {
    nothing_moves(lab, time, &[0], &[1]);
    for x in [A, B] {
        assert!(!lab.saw(x, |event| matches!(event, Event::PingsDiffer { .. })), "{}", lab.story());
    }
}

#[test]
fn a_member_that_goes_is_not_watched_any_more() {
    for (first, second) in [(A, B), (B, A)] {
        let mut lab = both_up(Failback::On);
        for x in [first, second] {
            lab.reload_pings(x, file(&["switch"]), vec![true]);
            assert_eq!(statuses(&lab, x), [("switch".into(), "ping")], "it stays, under another number");
            nothing_moves_and_tells_nothing(&mut lab, 30 * SECOND);
        }
        let deaths = |lab: &Lab| lab.saw(A, |event| matches!(event, Event::PingDead { .. }));
        assert!(!deaths(&lab));
    }
}

/// What was lost for one node moves everything when the files agree again, not before.
#[test]
fn a_loss_while_lists_differ_counts_when_they_agree() {
    for loser in [A, B] {
        let mut lab = both_up(Failback::Off);
        let names = ["router", "switch", "gate"];
        lab.reload_pings(A, file(&names), vec![true; 3]);
        lab.pass(SECOND);
        lab.hosts[loser].reaches[0] = false;
        nothing_moves(&mut lab, 30 * SECOND, &[0], &[1]);
        let reaches = vec![loser != B, true, true];
        lab.reload_pings(B, file(&names), reaches);
        lab.until(3 * SECOND, |lab| lab.holds(1 - loser, &[0, 1]) && lab.settled());
    }
}

/// Whatever waited for its time.
#[test]
fn a_move_that_is_due_is_not_made_when_the_list_changes() {
    for reloaded in [A, B] {
        let mut lab = both_up(Failback::Off);
        lab.hosts[A].reaches[0] = false;
        lab.until(3 * SECOND, |lab| lab.saw(A, |event| matches!(event, Event::PingsDiffer { .. })));
        let reaches = vec![reloaded != A, true, true];
        lab.reload_pings(reloaded, file(&["router", "switch", "gate"]), reaches);
        nothing_moves(&mut lab, 60 * SECOND, &[0], &[1]);
    }
}

#[test]
fn the_rule_comes_with_the_first_member_and_goes_with_the_last() {
    let mut lab = Lab::both_up(Failback::Off);
    let none = PingConfig { ipfail: false, ..file(&[]) };
    for _ in 0..2 {
        for x in [A, B] {
            lab.reload_pings(x, file(&["router"]), vec![true]);
            nothing_moves_and_tells_nothing(&mut lab, 5 * SECOND);
        }
        lab.hosts[A].reaches[0] = false;
        lab.until(3 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
        for x in [A, B] {
            lab.reload_pings(x, none.clone(), vec![]);
            nothing_moves(&mut lab, 5 * SECOND, &[], &[0, 1]);
        }
        lab.command(B, hb_engine::Command::Standby(hb_engine::HoldSet::FOREIGN));
        lab.until(3 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
        for host in &mut lab.hosts {
            host.events.clear();
        }
    }
}

#[test]
fn a_restart_with_another_list_moves_nothing_either() {
    let mut lab = both_up(Failback::On);
    lab.crash(B);
    lab.until(3 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.hosts[B].config.pings = file(&["gate"]);
    lab.hosts[B].reaches = vec![true];
    lab.start(B);
    lab.until(10 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
    nothing_moves(&mut lab, 60 * SECOND, &[0], &[1]);
}

/// As 3.0.6 compares them: each node asks a router of its own, and it is meant so.
#[test]
fn lists_that_differ_for_long_are_compared_if_they_are_as_long() {
    for (names, are_as_many) in [(["gate"].as_slice(), true), (&["gate", "switch"], false)] {
        let mut lab = both_up(Failback::Off);
        both_with(&mut lab, &["router"]);
        lab.reload_pings(B, file(names), vec![true; names.len()]);
        lab.pass(SECOND);
        lab.hosts[A].reaches[0] = false;
        nothing_moves(&mut lab, 590 * SECOND, &[0], &[1]);
        if are_as_many {
            lab.until(15 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
            // Another one again: nothing more happens by that.
            lab.reload_pings(B, file(&["switch"]), vec![false]);
            lab.hosts[A].reaches[0] = true;
            nothing_moves(&mut lab, 590 * SECOND, &[], &[0, 1]);
        } else {
            nothing_moves(&mut lab, 1000 * SECOND, &[0], &[1]);
        }
    }
}

/// Any lists and any losses: while the lists differ nothing begins to move, and in the end the counts decide.
#[test]
fn no_move_begins_while_lists_differ() {
    let files: [&[&str]; 5] =
        [&["router"], &["router", "gate"], &["gate"], &["gate", "router", "switch"], &["switch", "gate"]];
    let mut held = 0;
    for seed in 1..200_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut die = |sides: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 20) % sides
        };
        let mut lab = both_up(if die(2) == 0 { Failback::On } else { Failback::Off });
        lab.loss_percent = die(2) * 10;
        for _ in 0..12 {
            let x = usize::try_from(die(2)).unwrap();
            if die(3) == 0 {
                for reached in &mut lab.hosts[x].reaches {
                    *reached = die(3) != 0;
                }
            } else {
                let names = files[usize::try_from(die(5)).unwrap()];
                let reaches = names.iter().map(|_| die(3) != 0).collect();
                lab.reload_pings(x, file(names), reaches);
            }
            let before = moves(&lab);
            lab.pass(millis(die(4) * 700));
            if lab.hosts[A].config.pings.list != lab.hosts[B].config.pings.list {
                held += 1;
                assert_eq!(moves(&lab), before, "seed {seed}: {}", lab.story());
            }
        }
        lab.loss_percent = 0;
        both_with(&mut lab, &["router", "gate"]);
        lab.hosts[A].reaches[0] = false;
        lab.until(1300 * SECOND, |lab| lab.holds(B, &[0, 1]) && lab.settled());
    }
    assert!(held > 500, "{held}");
}
