//! Every fault that leaves an address behind on a node that nobody drives any more.

use hb_lab::{Fault, Measurement, Peers};

use crate::programs::{DEADTIME, is_with_heartbeat, runs, series};

/// What the machine may add to an outage while the tests of others run beside this one; the promise for a quiet one is 10 ms.
pub(crate) const BUSY_MS: f64 = 40.0;

pub(crate) fn deadtime_ms() -> f64 {
    DEADTIME.as_secs_f64() * 1000.0
}

/// No probe was answered twice, and one node served in the end.
pub(crate) fn judge(all: &[Measurement], longest_ms: f64) {
    for one in all {
        assert!(one.both_answer_ms <= 0.0, "{one:?}");
        assert!(one.settled, "{one:?}");
        // What the prober itself missed is no outage, and 3.0.6 takes its time.
        assert!(is_with_heartbeat() || one.outage_ms <= longest_ms + one.stall_ms, "{one:?}");
    }
}

/// One test for each fault after which the other node acts at the dead time.
macro_rules! within_the_dead_time {
    ($($test:ident: $fault:expr;)+) => { $(
        #[tokio::test]
        async fn $test() {
            judge(&series($fault, Peers::Ours, runs()).await, deadtime_ms() + BUSY_MS);
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

#[tokio::test]
async fn heart_killed() {
    judge(&series(Fault::Kill9, Peers::Ours, runs()).await, BUSY_MS);
}

/// The second time ends an outage that the first one began.
#[tokio::test]
async fn hung_twice() {
    judge(&series(Fault::HangTwice, Peers::Ours, runs()).await, deadtime_ms() * 2.0);
}

#[tokio::test]
async fn stopped_at_each_point_of_a_takeover() {
    for fault in Fault::ALL.into_iter().filter(|fault| matches!(fault, Fault::StopPoint(_))) {
        // As long as both stand still nobody can serve.
        judge(&series(fault, Peers::Ours, runs()).await, deadtime_ms() * 4.0);
    }
}
