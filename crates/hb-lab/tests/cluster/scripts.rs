//! The scripts of Debian's package beside our daemon: what they write into the FIFO is done (`client-api.md` 12).

use std::time::Duration;

use crate::pair::{Case, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene};

stories_off![scripts_of_306];

/// `hb_standby` and `hb_takeover` as installed, on a node of ours.
async fn scripts_of_306(case: Case) {
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    let who = case.ours();
    scene.script(who, "hb_standby", "all").await;
    scene.reaches_for("hb_standby all", who, Holds::Nothing, Holds::All).await;
    scene.script(who, "hb_takeover", "failback").await;
    if case.pair != Pair::Both306 {
        scene.reaches("hb_takeover failback", Holds::Local, Holds::Local).await;
        scene.script(who, "hb_takeover", "foreign").await;
    }
    // Among its own kind 3.0.6 takes everything at the first one already.
    scene.reaches_for("hb_takeover foreign", who, Holds::All, Holds::Nothing).await;
    scene.script(who, "hb_standby", "failback").await;
    scene.reaches("hb_standby failback", Holds::Local, Holds::Local).await;
    nothing_else_moves(&scene, who).await;
    scene.ends().await;
}

/// What only nodes say themselves is refused, and so is half a message.
async fn nothing_else_moves(scene: &Scene, who: Who) {
    if scene.case.runs_306(who) {
        return;
    }
    for message in [
        "t=shutdone\nst=dead\n<<<",
        "t=status\nst=dead\n<<<",
        "t=resource\nrsc_hold=foreign\ninfo=mach_down\n<<<",
        "t=ask_resources\nrsc_hold=all\ninfo=done\n<<<",
        "t=ip-request\nipaddr=10.77.0.101\n<<<",
        "t=ask_resources\nrsc_hold=all\ninfo=me",
    ] {
        let write = format!("printf '>>>\\n%s\\n' '{message}' >>/var/lib/heartbeat/fifo");
        assert!(scene.host(who).run(&["/bin/sh", "-c", &write], LIMIT).await.unwrap().succeeded());
    }
    scene
        .until("all of it is refused", LIMIT, async |scene| {
            let refused = scene.status(who).await.scripts.refused;
            let count = |cause: &str| refused.get(cause).copied().unwrap_or(0);
            count("for nodes alone") == 5 && count("without end") == 1
        })
        .await;
    scene.stays(Duration::from_millis(500), Holds::Local, Holds::Local).await;
}
