//! Every fault that leaves an address behind on a node that nobody drives any more.

use hb_lab::{Fault, Measurement, Peers};

use crate::programs::{DEADTIME, peers_for, runs, series, series_of_hung_hearts};

/// What the machine may add to an outage while the tests of others run beside this one; the promise for a quiet one is 10 ms.
pub(crate) const BUSY_MS: f64 = 40.0;

pub(crate) fn deadtime_ms() -> f64 {
    DEADTIME.as_secs_f64() * 1000.0
}

/// No probe was answered twice, and one node served in the end; between these peers, which were played.
pub(crate) fn judge(all: &[Measurement], peers: Peers, longest_ms: f64) {
    for one in all {
        assert!(one.both_answer_ms <= 0.0, "{one:?}");
        assert!(one.settled, "{one:?}");
        // What the prober itself missed is no outage, and 3.0.6 takes its time.
        assert!(peers != Peers::Ours || one.outage_ms <= longest_ms + one.stall_ms, "{one:?}");
    }
}

async fn play(fault: Fault, longest_ms: f64) {
    let peers = peers_for(Peers::Ours);
    judge(&series(fault, peers, runs()).await, peers, longest_ms);
}

/// One test for each fault after which the other node acts at the dead time.
macro_rules! within_the_dead_time {
    ($($test:ident: $fault:expr;)+) => { $(
        #[tokio::test]
        async fn $test() {
            play($fault, deadtime_ms() + BUSY_MS).await;
        }
    )+ };
}

within_the_dead_time! {
    heart_and_guard_killed: Fault::Kill9Both;
    guard_killed_then_heart: Fault::Kill9Guard;
    hung: Fault::Hang;
    heart_hung: Fault::HangHeart;
    thread_hung: Fault::HangThread;
    frozen: Fault::Freeze;
    hung_and_deaf: Fault::HangDeaf;
    hung_after_a_flush: Fault::FlushHang;
}

/// What the lease does without the guard.
#[tokio::test]
async fn heart_or_thread_hung_and_nobody_ends_it() {
    for fault in [Fault::HangHeart, Fault::HangThread] {
        judge(&series_of_hung_hearts(fault, runs()).await, Peers::Ours, deadtime_ms() + BUSY_MS);
    }
}

#[tokio::test]
async fn heart_killed() {
    play(Fault::Kill9, BUSY_MS).await;
}

/// The second time ends an outage that the first one began.
#[tokio::test]
async fn hung_twice() {
    play(Fault::HangTwice, deadtime_ms() * 2.0).await;
}

#[tokio::test]
async fn stopped_at_each_point_of_a_takeover() {
    for fault in Fault::ALL.into_iter().filter(|fault| matches!(fault, Fault::StopPoint(_))) {
        // As long as both stand still nobody can serve. A guard would end the heart that has stopped itself.
        judge(&series_of_hung_hearts(fault, runs()).await, Peers::Ours, deadtime_ms() * 4.0);
    }
}
