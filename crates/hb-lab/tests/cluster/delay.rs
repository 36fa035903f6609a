//! A slow network that changes the order of packets: nobody dies, every kind of hand-over comes to its end.

use std::time::Duration;

use crate::pair::{Case, Who};
use crate::scene::{Holds, Scene, files};

stories![slow_and_out_of_order];

async fn slow_and_out_of_order(case: Case) {
    // So patient that a slow packet is no death.
    let files = files(case).with("deadtime", "5").with("warntime", "4").with("initdead", "6");
    let mut scene = Scene::build_with(case, &files, |spec| spec).await;
    scene.start_both().await;
    scene.delay(Who::Alpha, MOST).await;
    for who in Who::BOTH {
        let (alpha, beta) =
            if who == Who::Alpha { (Holds::Nothing, Holds::All) } else { (Holds::All, Holds::Nothing) };
        scene.hands_over("a move over a slow network", (who, "all"), alpha, beta).await;
        let back = (who.other(), "foreign");
        scene.hands_over("the way back over a slow network", back, Holds::Local, Holds::Local).await;
    }
    let who = case.ours();
    scene.stop(who).await;
    scene.reaches_for("a farewell over a slow network", who, Holds::Off, Holds::All).await;
    scene.start(who).await;
    scene.returns(who).await;
    scene.delay(Who::Alpha, Duration::ZERO).await;
    scene.ends().await;
}

/// More than a heartbeat's distance: packets come in any order.
const MOST: Duration = Duration::from_millis(600);
