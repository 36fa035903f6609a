//! The measure of all other cases: how regular the heartbeats are when nobody attacks.

use std::time::Duration;

use tokio::time::sleep;

use crate::scene::Scene;

#[tokio::test]
async fn an_idle_node_beats_like_a_clock() {
    let scene = Scene::pair().await;
    let before = scene.begin().await;
    sleep(Duration::from_secs(3)).await;
    let after = scene.unmoved("idle", before).await;
    assert!((29..=31).contains(&after.sent.beats), "{} heartbeats in {:?}", after.sent.beats, after.time);
}
