//! Events for scripts wait for the front; what finds no room is counted and told.

use super::*;

#[test]
fn events_without_room_are_counted_and_the_first_is_told() {
    let mut bench = bench();
    bench.network.send(&heartbeat(1, &keys("secret"))).unwrap();
    bench.heart.answers.extend((0..64).map(FromHeart::Epoch));
    bench.turn();
    let is_hook = |answer: &FromHeart| matches!(answer, FromHeart::Hook(_));
    assert!(!bench.heart.answers.iter().any(is_hook));
    let told: Vec<_> =
        bench.texts().into_iter().filter(|text| text.starts_with("no script hears of")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with(": too many wait (1 lost so far)"), "{told:?}");
    // The link came, and the node.
    assert!(bench.heart.hooks.lose() > 2);
}
