//! Starts (`failover.md` 3.4): both together, and one alone that the other joins later.

use std::time::Duration;

use tokio::time::Instant;

use crate::pair::{Case, Pair, Who};
use crate::scene::{Holds, Scene};

stories![together, alpha_alone, beta_alone];

async fn together(case: Case) {
    let mut scene = Scene::build(case).await;
    let begun = Instant::now();
    scene.start_both().await;
    let took = begun.elapsed();
    // 3.0.6 waits for ten seconds among its own.
    if case.pair != Pair::Both306 {
        assert!(took < Duration::from_secs(9), "{case}: {took:?}");
    }
    scene.stays(Duration::from_secs(3), Holds::Local, Holds::Local).await;
    scene.ends().await;
}

async fn alpha_alone(case: Case) {
    alone(case, Who::Alpha).await;
}

async fn beta_alone(case: Case) {
    alone(case, Who::Beta).await;
}

async fn alone(case: Case, who: Who) {
    let mut scene = Scene::build(case).await;
    scene.befalls("death");
    let begun = Instant::now();
    scene.start(who).await;
    scene.reaches_for("a start alone", who, Holds::All, Holds::Off).await;
    let first = scene.holdings.changes().first().map(|change| change.at.duration_since(begun));
    // The other one had `initdead` to be heard.
    assert!(first.is_some_and(|first| first >= Duration::from_millis(2900)), "{case}: {first:?}");
    scene.start(who.other()).await;
    scene.returns(who.other()).await;
    scene.ends().await;
}
