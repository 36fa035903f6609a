//! When packets wake the heart and when they wait: a medium with a doorbell that the test rings.

use super::*;
use crate::heart::waiter::Ready;

/// A heart that has become so quiet that heartbeats wait, and its doorbell.
fn relaxed<L: Fn() -> Vec<(Level, String)>>(bench: &mut Bench<L>) -> UnixDatagram {
    let (bell, ringer) = UnixDatagram::pair().unwrap();
    bench.heart.waiter.watch(&bell, Ready::Doorbell).unwrap();
    bench.heart.wires[0].port.bell = Some(bell);
    bench.network.set_nonblocking(true).unwrap();
    let limit = clock::tick().plus(Duration::from_secs(20));
    while !bench.heart.attention.relaxed {
        assert!(clock::tick() < limit);
        beat(bench);
    }
    ringer
}

/// Waits as the heart does, and turns.
fn beat<L>(bench: &mut Bench<L>) {
    let deadline = bench.heart.next_deadline();
    bench.heart.waiter.wait(deadline).unwrap();
    bench.heart.turn();
    // Nobody listens; a full network would make every send an error.
    while bench.network.recv(&mut [0; 2048]).is_ok() {}
}

#[test]
fn heartbeats_wait_for_the_own_one() {
    let mut bench = bench();
    let _ringer = relaxed(&mut bench);
    for seq in 1..=3 {
        bench.network.send(&heartbeat(seq, &keys("secret"))).unwrap();
        bench.heart.waiter.wait(bench.heart.next_deadline()).unwrap();
        assert!(!bench.heart.waiter.is_wire_ready(0), "only the own beat is due");
        bench.heart.turn();
        while bench.network.recv(&mut [0; 2048]).is_ok() {}
        assert_eq!(bench.heart.wires[0].counts.received, seq);
        assert!(bench.heart.attention.relaxed);
    }
}

#[test]
fn what_rings_is_read_at_once_and_so_is_what_follows() {
    let mut bench = bench();
    let ringer = relaxed(&mut bench);
    bench.network.send(&heartbeat(1, &keys("secret"))).unwrap();
    ringer.send(b"x").unwrap();
    bench.heart.waiter.wait(None).unwrap();
    assert!(bench.heart.waiter.has_rung());
    bench.heart.turn();
    assert_eq!(bench.heart.wires[0].counts.received, 1);
    // The packet may be there only after its ring.
    bench.network.send(&heartbeat(2, &keys("secret"))).unwrap();
    bench.heart.waiter.wait(None).unwrap();
    assert!(bench.heart.waiter.is_wire_ready(0) && !bench.heart.waiter.has_rung());
    bench.heart.turn();
    assert_eq!(bench.heart.wires[0].counts.received, 2);
}

#[test]
fn more_packets_than_a_cluster_has_wake_the_heart_again() {
    let mut bench = bench();
    let _ringer = relaxed(&mut bench);
    bench.heart.notice_flood(100);
    assert!(bench.heart.attention.relaxed);
    bench.heart.notice_flood(101);
    let begun = clock::tick();
    while clock::tick().since(begun) < KEEPALIVE * 5 {
        assert!(!bench.heart.attention.relaxed);
        beat(&mut bench);
    }
}

#[test]
fn with_long_keepalives_every_packet_wakes_the_heart() {
    let mut bench = bench();
    let _ringer = relaxed(&mut bench);
    bench.change(|change| change.engine.keepalive = LONGEST_KEEPALIVE + Duration::from_millis(1));
    bench.heart.waiter.wait(None).unwrap();
    bench.heart.turn();
    for _ in 0..3 {
        beat(&mut bench);
    }
    assert!(!bench.heart.attention.relaxed);
}

#[test]
fn what_waited_came_when_the_kernel_says_but_not_before_the_last_beat() {
    let mut bench = bench();
    let age = |bench: &Bench<_>, age: Duration| {
        let (before, stamp) = (clock::tick(), clock::wall().checked_sub(age).unwrap());
        let arrival = bench.heart.arrival(Some(stamp)).tick;
        (before.since(arrival), clock::tick().since(before))
    };
    assert_eq!(age(&bench, KEEPALIVE / 2).0, Duration::ZERO, "read as it comes");
    let _ringer = relaxed(&mut bench);
    for (waited, expected) in
        [(KEEPALIVE / 2, KEEPALIVE / 2), (KEEPALIVE * 100, KEEPALIVE), (Duration::ZERO, Duration::ZERO)]
    {
        let (found, slack) = age(&bench, waited);
        assert!(found <= expected + slack && found + slack >= expected, "{waited:?}: {found:?}");
    }
    // The wall clock was set back meanwhile.
    let future = clock::wall() + Duration::from_secs(3600);
    let before = clock::tick();
    assert!(bench.heart.arrival(Some(future)).tick >= before);
}
