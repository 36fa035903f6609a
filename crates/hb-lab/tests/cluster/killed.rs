//! The heart of a node of ours is killed, or stands still, and nothing else: its guard releases everything, says so, and ends.

use hb_lab::{Account, Fault};

use crate::pair::{Case, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene};

stories_of_ours_off![heart_killed, heart_hung];

async fn heart_killed(case: Case) {
    loses_its_heart(case, Fault::Kill9).await;
}

/// Its addresses and its services are gone when the other node takes them.
async fn heart_hung(case: Case) {
    loses_its_heart(case, Fault::HangHeart).await;
}

async fn loses_its_heart(case: Case, fault: Fault) {
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    let epochs = async |scene: &Scene, who: Who| {
        let Account::Ours(status) = scene.node(who).account().await else { panic!("{case}: no status") };
        status.groups.iter().filter_map(|group| group.epoch).max()
    };
    let before = if case.pair == Pair::BothOurs { epochs(&scene, Who::Alpha).await } else { None };
    let who = if case.runs_306(Who::Alpha) { Who::Beta } else { Who::Alpha };
    // For a node of 3.0.6 it is a stop.
    for befalls in ["stop", "death", "farewell"] {
        scene.befalls(befalls);
    }
    if fault == Fault::HangHeart {
        scene.holdings.act(format!("stop the heart of {}", who.name()));
        scene.node(who).hang_heart().await.unwrap();
    } else {
        scene.holdings.act(format!("kill the heart of {}", who.name()));
        scene.node(who).kill_heart().await.unwrap();
    }
    scene.reaches_for("the take-over", who, Holds::Off, Holds::All).await;
    if case.pair == Pair::BothOurs {
        let after = epochs(&scene, who.other()).await;
        assert!(before.is_some() && after > before, "{case}: {after:?} after {before:?}");
    }
    // Not after a dead time: at the farewell. And nobody had an address twice (the story's end judges that).
    let log = scene.node(who.other()).log();
    let since_notice = log.rfind("Received shutdown notice").and_then(|at| log.get(at..)).unwrap_or_default();
    let (taken, dead) = (since_notice.find("Acquiring"), since_notice.find(": is dead"));
    assert!(taken.is_some() && dead.is_none_or(|dead| taken < Some(dead)), "{case}: {log}");
    let log = scene.node(who).log();
    assert!(log.contains("The heart has died: what it held is released now"), "{case}: {log}");
    assert_eq!(log.contains("The heart hangs: it was ended"), fault == Fault::HangHeart, "{case}: {log}");
    scene.node(who).stopped(LIMIT).await.unwrap();
    scene.start(who).await;
    scene.returns(who).await;
    scene.ends().await;
}
