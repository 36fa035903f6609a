//! The faults of `faults` for a floating IPv6 address: the gate is one, so these are those that differ most.

use hb_lab::{Fault, Peers};

use crate::faults::{BUSY_MS, deadtime_ms, judge};
use crate::programs::{Family, runs, series_of};

#[tokio::test]
async fn killed_hung_and_frozen() {
    // In one cluster one after the other: a new one takes longer than a fault.
    let each = [Fault::Kill9, Fault::Kill9Both, Fault::Hang, Fault::Freeze];
    let faults: Vec<_> = (0..runs().div_ceil(2)).flat_map(|_| each).collect();
    let all = series_of(Family::Ipv6, &faults, Peers::Ours).await;
    let (heart_killed, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| one.fault == Fault::Kill9.name());
    judge(&heart_killed, Peers::Ours, BUSY_MS);
    judge(&others, Peers::Ours, deadtime_ms() + BUSY_MS);
}

/// Its script looks whether somebody has the address, which ours, closed, does not say; and takes its time.
#[tokio::test]
async fn killed_with_the_real_one_as_peer() {
    for one in series_of(Family::Ipv6, &[Fault::Kill9Both], Peers::HeartbeatTakesOver).await {
        assert!(one.both_answer_ms <= 0.0 && one.settled, "{one:?}");
    }
}
