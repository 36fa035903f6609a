//! Moves on request (`failover.md` 3.7): `hb-ctl standby` and `takeover`, `hb_standby` and `hb_takeover` of 3.0.6.

use std::time::Duration;

use crate::pair::{Case, Who};
use crate::scene::{Holds, Scene};

stories_off![on_request];

async fn on_request(case: Case) {
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    for who in Who::BOTH {
        let other = who.other();
        scene.standby(who, "all").await;
        scene.reaches_for("standby all", who, Holds::Nothing, Holds::All).await;
        scene.takeover(who, "local").await;
        scene.reaches("takeover local", Holds::Local, Holds::Local).await;
        scene.standby(who, "local").await;
        scene.reaches_for("standby local", who, Holds::Nothing, Holds::All).await;
        scene.standby(other, "foreign").await;
        scene.reaches("standby foreign", Holds::Local, Holds::Local).await;
        scene.takeover(who, "foreign").await;
        scene.reaches_for("takeover foreign", who, Holds::All, Holds::Nothing).await;
        scene.takeover(other, "all").await;
        scene.reaches_for("takeover all", who, Holds::Nothing, Holds::All).await;
        scene.standby(other, "failback").await;
        scene.reaches("standby failback", Holds::Local, Holds::Local).await;
    }
    let who = case.ours();
    if !case.runs_306(who) {
        for (what, alone) in [("standby", Holds::Nothing), ("takeover", Holds::All)] {
            scene.ctl(who, &[what, "--wait", "40"], 0).await;
            let other = if alone == Holds::All { Holds::Nothing } else { Holds::All };
            scene.reaches_for(what, who, alone, other).await;
        }
        scene.standby(who, "foreign").await;
        scene.reaches("standby foreign", Holds::Local, Holds::Local).await;
        // Nothing comes of it while the other one is away.
        scene.stop(who.other()).await;
        scene.ctl(who, &["standby", "--wait", "1"], 1).await;
        scene.start(who.other()).await;
        scene.reaches_for("the return", who, Holds::All, Holds::Nothing).await;
        scene.standby(who, "foreign").await;
        scene.reaches("standby foreign", Holds::Local, Holds::Local).await;
    }
    scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
    scene.ends().await;
}
