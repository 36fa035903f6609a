//! Orderly stops (`failover.md` 3.5, 3.6), and the return afterwards.

use std::time::Duration;

use tokio::time::Instant;

use crate::pair::{Case, Who};
use crate::scene::{Holds, LIMIT, Scene};

stories![alpha_stops_and_returns, beta_stops_and_returns];
stories_off![both_stop];

async fn alpha_stops_and_returns(case: Case) {
    stop_and_return(case, Who::Alpha).await;
}

async fn beta_stops_and_returns(case: Case) {
    stop_and_return(case, Who::Beta).await;
}

async fn stop_and_return(case: Case, who: Who) {
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    let begun = Instant::now();
    scene.stop(who).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{case}: the stop took {took:?}");
    scene.reaches_for("the hand-over", who, Holds::Off, Holds::All).await;
    // Nobody waited for a dead time: what the survivor took, it took at the notice, before any verdict.
    let log = scene.node(who.other()).log();
    let since_notice = log.rfind("Received shutdown notice").and_then(|at| log.get(at..)).unwrap_or_default();
    let (taken, dead) = (since_notice.find("Acquiring"), since_notice.find(": is dead"));
    assert!(taken.is_some() && dead.is_none_or(|dead| taken < Some(dead)), "{case}: {since_notice}");
    scene.start(who).await;
    scene.returns(who).await;
    scene.ends().await;
}

async fn both_stop(case: Case) {
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    for who in Who::BOTH {
        scene.stop_begins(who).await;
    }
    for who in Who::BOTH {
        scene.node(who).stopped(LIMIT).await.unwrap();
    }
    scene.reaches("the stop of both", Holds::Off, Holds::Off).await;
    scene.ends().await;
}
