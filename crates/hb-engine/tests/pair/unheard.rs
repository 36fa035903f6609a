//! A cut in one direction: who is not heard releases before the other node takes. The lab asserts at each step that no group
//! runs on both.

use std::time::Duration;

use hb_engine::{Event, Failback};

use super::lab::{A, B, Lab};
use super::{SECOND, millis};

/// Nothing of `x` arrives.
fn cut(failback: Failback, x: usize) -> Lab {
    let mut lab = Lab::both_up(failback);
    lab.cut[x] = true;
    lab
}

fn not_heard(lab: &Lab, x: usize) -> usize {
    lab.hosts[x].events.iter().filter(|(_, event)| matches!(event, Event::NotHeard { .. })).count()
}

#[test]
fn who_is_not_heard_releases_before_the_other_one_takes() {
    for (unheard, failback) in [(A, Failback::On), (B, Failback::On), (A, Failback::Off), (B, Failback::Off)]
    {
        let deaf = 1 - unheard;
        let own = |x: usize| [u16::from(x == B)];
        let mut lab = cut(failback, unheard);
        let gone = lab.until(2 * SECOND, |lab| lab.holds(unheard, &[]));
        let took = gone + lab.until(2 * SECOND, |lab| lab.holds(deaf, &[0, 1]));
        assert!(gone > millis(460) && took < millis(1010), "{gone:?} {took:?}");
        lab.pass(10 * SECOND);
        assert!(lab.holds(unheard, &[]) && lab.holds(deaf, &[0, 1]), "{}", lab.story());
        assert_eq!((not_heard(&lab, unheard), not_heard(&lab, deaf)), (1, 0));
        let before = lab.hosts[deaf].actions.len();
        lab.cut[unheard] = false;
        lab.pass(10 * SECOND);
        let rest = if failback == Failback::On { vec![own(deaf)[0]] } else { vec![0, 1] };
        assert!(lab.holds(deaf, &rest) && lab.settled(), "{}", lab.story());
        let moves = usize::from(failback == Failback::On);
        assert_eq!(lab.hosts[deaf].actions.len() - before, moves, "at most one planned move");
    }
}

#[test]
fn an_owner_of_everything_that_is_not_heard_gives_all_to_the_deaf_one() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.start(B);
    lab.until(3 * SECOND, |lab| lab.snapshot(B).is_some_and(|b| b.stable) && lab.settled());
    lab.cut[A] = true;
    lab.until(2 * SECOND, |lab| lab.holds(B, &[0, 1]));
    assert!(lab.holds(A, &[]));
    lab.cut[A] = false;
    lab.pass(10 * SECOND);
    assert!(lab.holds(B, &[0, 1]) && lab.holds(A, &[]) && lab.settled(), "{}", lab.story());
}

#[test]
fn a_deaf_owner_keeps_everything() {
    let mut lab = Lab::both_up(Failback::Off);
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.start(B);
    lab.until(3 * SECOND, |lab| lab.snapshot(B).is_some_and(|b| b.stable) && lab.settled());
    let before = lab.hosts[A].actions.len();
    lab.cut[B] = true;
    lab.pass(5 * SECOND);
    lab.cut[B] = false;
    lab.pass(5 * SECOND);
    assert!(lab.holds(A, &[0, 1]) && lab.settled(), "{}", lab.story());
    assert_eq!(lab.hosts[A].actions.len(), before);
}

#[test]
fn who_is_heard_again_in_time_serves_again() {
    let mut lab = cut(Failback::On, A);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[]));
    lab.cut[A] = false;
    let back = lab.until(2 * SECOND, |lab| lab.holds(A, &[0]) && lab.settled());
    assert!(back < millis(500), "{back:?}");
    assert!(lab.saw(A, |event| matches!(event, Event::HeardAgain { .. })));
    lab.pass(5 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]), "{}", lab.story());
    assert!(!lab.saw(B, |event| matches!(event, Event::NodeDead { .. })));
}

#[test]
fn a_deaf_node_that_starts_is_believed_before_its_initdead_ends() {
    let mut lab = Lab::both_up(Failback::On);
    lab.crash(B);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]));
    lab.pass(SECOND);
    lab.cut[A] = true;
    lab.start(B);
    lab.pass(millis(1500));
    assert!(lab.holds(A, &[0, 1]), "nothing was to be heard yet\n{}", lab.story());
    lab.until(3 * SECOND, |lab| lab.holds(B, &[0, 1]));
    assert!(lab.holds(A, &[]));
    lab.cut[A] = false;
    lab.pass(10 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled(), "{}", lab.story());
}

#[test]
fn a_deaf_node_that_stops_or_dies_leaves_everything_to_the_other_one() {
    for stops in [true, false] {
        let mut lab = cut(Failback::On, A);
        lab.until(2 * SECOND, |lab| lab.holds(B, &[0, 1]));
        if stops {
            lab.command(B, hb_engine::Command::Stop);
        } else {
            lab.crash(B);
        }
        lab.until(3 * SECOND, |lab| lab.holds(A, &[0, 1]));
        lab.pass(5 * SECOND);
        assert!(lab.holds(A, &[0, 1]), "{}", lab.story());
    }
}

#[test]
fn a_full_cut_and_a_stall_are_none() {
    let mut lab = Lab::both_up(Failback::On);
    lab.overlap_allowed = true;
    lab.cut = [true, true];
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.holds(B, &[0, 1]));
    lab.pass(3 * SECOND);
    lab.cut = [false, false];
    lab.pass(10 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled(), "{}", lab.story());
    assert_eq!((not_heard(&lab, A), not_heard(&lab, B)), (0, 0), "{}", lab.story());
    lab.hosts[A].frozen = true;
    lab.pass(millis(850));
    lab.thaw(A);
    lab.pass(5 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled(), "{}", lab.story());
    assert_eq!((not_heard(&lab, A), not_heard(&lab, B)), (0, 0), "{}", lab.story());
}

#[test]
fn an_old_word_of_it_says_nothing() {
    let mut lab = cut(Failback::On, A);
    lab.until(2 * SECOND, |lab| lab.holds(A, &[]));
    lab.cut[A] = false;
    let last = lab.hosts[B].sent.iter().rev().find(|message| message.kind() == Some("status"));
    let last = last.cloned().unwrap();
    assert!(last.has("hb-hears"));
    lab.until(2 * SECOND, |lab| lab.holds(A, &[0]) && lab.settled());
    lab.pass(SECOND);
    for _ in 0..3 {
        lab.inject(A, last.clone());
    }
    lab.pass(SECOND);
    assert!(lab.holds(A, &[0]) && not_heard(&lab, A) == 1, "{}", lab.story());
}

#[test]
fn loss_alone_moves_nothing() {
    for (percent, deadtime) in [(30, 3), (50, 5)] {
        let mut lab = Lab::both_up_with(Failback::On, deadtime * SECOND);
        lab.loss_percent = percent;
        lab.pass(Duration::from_secs(120));
        assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]), "{}", lab.story());
        assert_eq!((not_heard(&lab, A), not_heard(&lab, B)), (0, 0), "{percent}");
    }
}

#[test]
fn a_lease_is_not_renewed_beyond_the_verdict_of_a_deaf_node() {
    let mut lab = Lab::both_up(Failback::On);
    let may = |lab: &Lab| lab.hosts[A].engine.as_ref().unwrap().may_renew_lease(lab.now);
    assert!(may(&lab));
    lab.cut[A] = true;
    let cut = lab.now;
    // Two keepalives after the last heartbeat that it heard, by what it says at its next one.
    let refused = lab.until(2 * SECOND, |lab| !may(lab));
    assert!(refused > millis(200) && refused < millis(610), "{refused:?}");
    lab.pass(cut.plus(2 * SECOND).since(lab.now));
    assert!(!may(&lab), "it has taken everything");
    lab.cut[B] = true;
    lab.overlap_allowed = true;
    lab.pass(millis(700));
    assert!(may(&lab), "what it said last is too old");
}

#[test]
fn a_deaf_node_that_resets_first_takes_nothing_from_who_lives() {
    let mut lab = Lab::both_up_fencing(Failback::Off, 90 * SECOND);
    lab.cut[A] = true;
    lab.pass(5 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]), "its reset fails\n{}", lab.story());
    assert_eq!(not_heard(&lab, A), 0);
}

#[test]
fn who_becomes_active_gives_the_other_one_a_whole_dead_time() {
    let mut lab = Lab::new(Failback::On);
    lab.start(A);
    lab.until(4 * SECOND, |lab| lab.holds(A, &[0, 1]));
    // It hears one heartbeat, then nothing for longer than the dead time, and then the answer before any heartbeat.
    lab.late = |_, message| if message.kind() == Some("repnodes") { millis(2500) } else { Duration::ZERO };
    lab.start(B);
    lab.pass(millis(10));
    lab.cut[A] = true;
    lab.pass(millis(2400));
    lab.cut[A] = false;
    lab.pass(5 * SECOND);
    let wrong = |event: &Event| matches!(event, Event::NodeDead { .. } | Event::WokeLate { .. });
    assert!(!lab.saw(B, wrong), "{}", lab.story());
}

#[test]
fn a_node_that_falls_silent_takes_no_lease_away() {
    for phase in 0..20 {
        let mut lab = Lab::both_up(Failback::On);
        // The heartbeats of the two are not at the same time.
        lab.crash(B);
        lab.pass(millis(500 + 10 * phase));
        lab.start(B);
        lab.until(5 * SECOND, |lab| lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled());
        lab.pass(SECOND + millis(7 * phase));
        lab.overlap_allowed = true;
        lab.hosts[B].frozen = true;
        for _ in 0..250 {
            let engine = lab.hosts[A].engine.as_ref().unwrap();
            assert!(engine.may_renew_lease(lab.now), "{phase}: {}", lab.story());
            lab.pass(millis(5));
        }
    }
}
