//! `auto_failback legacy` (`failover.md` 3.9): groups always return to their preferred node; alone, and beside `on` and
//! `off`, where two 3.0.6 start nothing (`failover.md` 3.10).

use std::time::Duration;

use crate::pair::{Case, Failback, Pair, Who};
use crate::partition;
use crate::scene::{Holds, Scene};

stories_legacy![comes_home, cut_and_healed];
stories_of_ours![beside_a_legacy_node, another_mode_by_reload];

async fn cut_and_healed(case: Case) {
    partition::cut_and_healed(case).await;
}

/// A crash, a stop, and a return after each.
async fn comes_home(case: Case) {
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    scene.crash(Who::Alpha).await;
    scene.reaches("the take-over", Holds::Off, Holds::All).await;
    scene.host(Who::Alpha).boot().await.unwrap();
    scene.start(Who::Alpha).await;
    scene.returns(Who::Alpha).await;
    scene.stop(Who::Beta).await;
    scene.reaches("the hand-over", Holds::All, Holds::Off).await;
    scene.start(Who::Beta).await;
    scene.returns(Who::Beta).await;
    // Nobody hands anything over on request; two of ours do.
    if case.pair != Pair::BothOurs {
        for who in Who::BOTH {
            scene.standby(who, "all").await;
        }
        scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
    }
    scene.ends().await;
}

/// The 3.0.6 of a pair (alpha of ours) has `legacy`, the other one `on` or `off`.
async fn beside_a_legacy_node(case: Case) {
    let story = if case.failback == Failback::On { "on_beside_legacy" } else { "off_beside_legacy" };
    let legacy = Case { failback: Failback::Legacy, story, ..case };
    let mut scene = Scene::build(legacy).await;
    let odd = case.ours();
    let text = scene.host(odd).read("/etc/ha.d/ha.cf").unwrap();
    let other = text.replace("auto_failback legacy", &format!("auto_failback {}", case.failback.word()));
    scene.host(odd).write("/etc/ha.d/ha.cf", &other, 0o600).unwrap();
    scene.start_both().await;
    let who = odd.other();
    scene.stop(who).await;
    scene.reaches_for("the hand-over", who, Holds::Off, Holds::All).await;
    scene.start(who).await;
    if case.pair == Pair::BothOurs && case.failback == Failback::Off {
        // The holder's own setting decides.
        scene.reaches_for("no return", who, Holds::Nothing, Holds::All).await;
    } else {
        scene.returns(who).await;
        scene.stop(odd).await;
        scene.reaches_for("the hand-over", odd, Holds::Off, Holds::All).await;
        scene.start(odd).await;
        scene.returns(odd).await;
    }
    scene.ends().await;
}

/// From `legacy` to `on` or `off` while running, and back: nothing moves by it, nobody hangs, and the next return follows
/// the new mode. A 3.0.6 in the pair keeps `legacy`.
async fn another_mode_by_reload(case: Case) {
    let story =
        if case.failback == Failback::On { "legacy_to_on_by_reload" } else { "legacy_to_off_by_reload" };
    let legacy = Case { failback: Failback::Legacy, story, ..case };
    let mut scene = Scene::build(legacy).await;
    scene.start_both().await;
    let ours = Who::BOTH.into_iter().filter(|who| !case.runs_306(*who));
    for (from, to) in [("legacy", case.failback.word()), (case.failback.word(), "legacy")] {
        for who in ours.clone() {
            let text = scene.host(who).read("/etc/ha.d/ha.cf").unwrap();
            let changed = text.replace(&format!("auto_failback {from}"), &format!("auto_failback {to}"));
            assert_ne!(changed, text);
            scene.host(who).write("/etc/ha.d/ha.cf", &changed, 0o600).unwrap();
            scene.ctl(who, &["reload"], 0).await;
            scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
        }
        let away = case.ours().other();
        scene.stop(away).await;
        scene.reaches_for("the hand-over", away, Holds::Off, Holds::All).await;
        scene.start(away).await;
        if to == "off" && case.pair == Pair::BothOurs {
            scene.reaches_for("no return", away, Holds::Nothing, Holds::All).await;
            scene.standby(case.ours(), "foreign").await;
            scene.reaches("the way home", Holds::Local, Holds::Local).await;
        } else {
            scene.returns(away).await;
        }
    }
    scene.ends().await;
}
