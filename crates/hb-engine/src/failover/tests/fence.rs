//! What may be kept and what has to wait while a peer is reset, where only messages of the past say what it may run.

use super::*;
use crate::failover::Goal;

fn dies(mut engine: Engine) -> Engine {
    drain(&mut engine);
    engine.set_fencing(Some(Duration::ZERO));
    happen(&mut engine, "dead");
    engine
}

#[test]
fn of_a_peer_in_legacy_mode_only_a_farewell_says_that_it_runs_nothing() {
    let mut engine = given_legacy(false);
    engine.claim(HoldSet::ALL);
    engine.want(HoldSet::ALL, true);
    finish(&mut engine);
    engine.assume_legacy_holdings();
    assert_eq!(engine.failover.partner.hold, Some(HoldSet::NONE), "assumed");
    let mut gone = engine.clone();
    assert_eq!(result(&mut dies(engine)), "reset");
    happen(&mut gone, "shutdone");
    assert!(!dies(gone).failover.fencing.is_pending());
}

#[test]
fn our_own_groups_for_which_a_legacy_peer_has_not_answered_wait_for_its_reset() {
    let mut engine = given_legacy(true);
    // As if another one of them had been answered.
    engine.claim(HoldSet::LOCAL);
    engine.assume_legacy_holdings();
    let mut engine = dies(engine);
    assert_eq!(result(&mut engine), "reset");
    let mut reset = engine.clone();
    happen(&mut reset, "reset good");
    assert_eq!(result(&mut reset), "stonith OK, start L, start F");
    // It is back and well before: it is asked again.
    "active".clone_into(&mut engine.node_mut(NodeId(1)).status);
    engine.peer_returned(NodeId(1));
    assert_eq!(result(&mut engine), "ip-request L");
    give(&mut engine, 5, 30, {
        let mut answer = Message::new("ip-request-resp");
        answer.push_text("ipaddr", "L");
        answer.push_text("ok", "OK");
        answer
    });
    assert_eq!(result(&mut engine), "start L");
}

#[test]
fn what_the_peer_rightly_has_is_released_on_while_it_is_reset() {
    let mut engine = given(Phase::Stable, Standby::Not);
    engine.claim(HoldSet::ALL);
    engine.want(HoldSet::ALL, true);
    finish(&mut engine);
    engine.yield_set(HoldSet::FOREIGN, "it is the other node's");
    assert_eq!(result(&mut engine), "stop F");
    let mut engine = dies(engine);
    assert_eq!(result(&mut engine), "reset, say all 0");
    assert!(engine.failover.goals.contains(&(Goal::Yield, HoldSet::FOREIGN)));
}
