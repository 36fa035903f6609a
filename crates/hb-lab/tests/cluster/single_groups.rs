//! One group moves by itself: `hb-ctl move`, `standby` and `takeover` with the name of a group.

use std::time::Duration;

use crate::pair::{Case, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene, files};

stories_of_ours_off![one_group_moves];

const SECOND: [u8; 4] = [10, 77, 0, 110];
const KEY: &str = "10.77.0.110/24/eth0";

async fn one_group_moves(case: Case) {
    let mut files = files(case);
    files.haresources = format!("{}alpha {KEY}\n", files.haresources);
    let mut scene = Scene::build_with(case, &files, |spec| spec).await;
    scene.start_both().await;
    let who = case.ours();
    if case.pair != Pair::BothOurs {
        scene.ctl(who, &["move", KEY, "beta"], 0).await;
        let told = async |scene: &Scene| scene.node(who).log().contains("moves groups of one home together");
        scene.until("the refusal", LIMIT, told).await;
        scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
        return scene.ends().await;
    }
    let is_on = async |scene: &Scene, who: Who| {
        let here = scene.host(who).holds(SECOND).await;
        let there = scene.host(who.other()).holds(SECOND).await;
        // It may have moved between the two looks.
        let here = here && (!there || scene.host(who).holds(SECOND).await);
        assert!(!(here && there), "{case}: it is on both");
        here
    };
    scene.ctl(Who::Alpha, &["move", KEY, "gamma"], 1).await;
    scene.ctl(Who::Alpha, &["move", "none", "beta"], 1).await;
    // From either side, by each of the commands; nothing else moves.
    for (asked, words, to) in [
        (Who::Alpha, ["move", KEY, "beta"].as_slice(), Who::Beta),
        (Who::Alpha, &["takeover", KEY], Who::Alpha),
        (Who::Beta, &["takeover", KEY], Who::Beta),
        (Who::Beta, &["standby", KEY], Who::Alpha),
        (Who::Beta, &["move", KEY, "beta"], Who::Beta),
    ] {
        scene.ctl(asked, &[words, &["--wait", "20"]].concat(), 0).await;
        scene.until(&words.join(" "), LIMIT, async |scene: &Scene| is_on(scene, to).await).await;
        scene.reaches("everything else stays", Holds::Local, Holds::Local).await;
    }
    let lent = async |scene: &Scene| {
        let group = scene.status(Who::Alpha).await.groups.into_iter().find(|group| group.key == KEY);
        group.is_some_and(|group| group.lent)
    };
    scene.until("the status tells that it is lent", LIMIT, lent).await;
    // The node that has it stops: it comes back with the rest. That node returns: it stays at home.
    scene.stop(Who::Beta).await;
    scene.reaches("the stop of beta", Holds::All, Holds::Off).await;
    scene.until("the lent group is back", LIMIT, async |scene: &Scene| is_on(scene, Who::Alpha).await).await;
    scene.start(Who::Beta).await;
    scene.reaches("the return of beta", Holds::All, Holds::Nothing).await;
    assert!(is_on(&scene, Who::Alpha).await, "{case}");
    scene.ends().await;
}
