//! Power cuts (`failover.md` 3.5), and the return afterwards.

use crate::pair::{Case, Who};
use crate::scene::{Holds, Scene};

stories![alpha_crashes_and_returns, beta_crashes_and_returns];

async fn alpha_crashes_and_returns(case: Case) {
    crash_and_return(case, Who::Alpha).await;
}

async fn beta_crashes_and_returns(case: Case) {
    crash_and_return(case, Who::Beta).await;
}

async fn crash_and_return(case: Case, who: Who) {
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    scene.crash(who).await;
    scene.reaches_for("the take-over", who, Holds::Off, Holds::All).await;
    scene.host(who).boot().await.unwrap();
    scene.start(who).await;
    scene.returns(who).await;
    scene.ends().await;
}
