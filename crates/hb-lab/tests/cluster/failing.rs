//! A group whose script fails or hangs: the other groups go on, nobody is stuck, and no group runs twice.

use std::time::Duration;

use hb_client::GroupState;
use tokio::time::Instant;

mod of_306;

use crate::pair::{Case, Failback, Pair, Who, play};
use crate::scene::{Holds, LIMIT, Scene, files};

/// Alone and as one of two groups of its node; `odd` is the script that fails.
async fn build(case: Case, odd_alone: bool, hb_toml: &str) -> Scene {
    let mut files = files(case);
    let ours = case.ours();
    let address = |who: Who| if who == Who::Alpha { "10.77.0.100/24/eth0" } else { "10.77.0.101/24/eth0" };
    let [own, other] = [ours, ours.other()].map(|who| format!("{} {}", who.name(), address(who)));
    files.haresources = if odd_alone {
        format!("{own} odd\n{other}\n")
    } else {
        format!("{own}\n{} odd\n{other}\n", ours.name())
    };
    let scene = Scene::build_with(case, &files, |spec| spec).await;
    for who in Who::BOTH {
        scene.host(who).write("/etc/ha.d/resource.d/odd", SCRIPT, 0o755).unwrap();
        if !case.runs_306(who) {
            scene.host(who).write("/etc/ha.d/hb.toml", &format!("{LIMITS}{hb_toml}"), 0o644).unwrap();
        }
    }
    scene
}

/// From now on the script does this on a host when it is asked to do that; with "works" it works.
fn shall(scene: &Scene, who: Who, operation: &str, manner: &str) {
    scene.host(who).write(&format!("/run/odd.{operation}"), manner, 0o644).unwrap();
}

fn calls(scene: &Scene, who: Who, operation: &str) -> usize {
    let calls = scene.host(who).read("/var/log/odd").unwrap_or_default();
    calls.lines().filter(|call| *call == operation).count()
}

/// Whether what the script starts runs on this host. It never runs on both.
fn runs(scene: &Scene, who: Who) -> bool {
    let there = |who: Who| scene.host(who).read("/run/odd.runs").is_ok();
    let [alpha, beta] = [there(Who::Alpha), there(Who::Beta)];
    // One is read after the other: it may have moved to beta in between.
    let alpha = alpha && (!beta || there(Who::Alpha));
    assert!(!(alpha && beta), "{}: it runs on both", scene.case);
    if who == Who::Alpha { alpha } else { beta }
}

/// Does the status of this node, one of ours, say that the group has failed there?
async fn has_failed(scene: &Scene, who: Who) -> bool {
    let groups = scene.status(who).await.groups;
    groups.iter().any(|group| group.key == "odd" && group.state == GroupState::Failed)
}

async fn until_it_runs(scene: &Scene, what: &str, who: Who, limit: Duration) -> Duration {
    let begun = Instant::now();
    scene.until(what, limit, async |scene: &Scene| runs(scene, who)).await;
    begun.elapsed()
}

async fn until_stable(scene: &Scene, limit: Duration) {
    for who in Who::BOTH.into_iter().filter(|who| !scene.case.runs_306(*who)) {
        scene.until("stable", limit, async |scene: &Scene| scene.status(who).await.stable).await;
    }
}

/// `manner` is "fails" or "hangs".
async fn start_goes_to_the_other_node(case: Case, manner: &str) {
    let mut scene = build(case, case.pair != Pair::BothOurs, "").await;
    let ours = case.ours();
    shall(&scene, ours, "start", manner);
    for who in Who::BOTH {
        scene.start(who).await;
    }
    until_it_runs(&scene, "the other node has it", ours.other(), LIMIT).await;
    until_stable(&scene, LIMIT).await;
    if case.pair != Pair::BothOurs {
        // The set goes with it: nothing of it could be started.
        scene.reaches_for("the set moved", ours, Holds::Nothing, Holds::All).await;
        return scene.ends().await;
    }
    // Only this group has moved, and comes back when it can.
    scene.reaches("the others are at home", Holds::Local, Holds::Local).await;
    let lent = async |scene: &Scene| {
        scene.status(ours).await.groups.iter().any(|group| group.key == "odd" && group.lent)
    };
    scene.until("the status says where it is", LIMIT, lent).await;
    assert_eq!(scene.node(ours).log().matches("odd cannot be started here").count(), 1, "{case}");
    // The other node fails as well: it is given back, tried here, and stays at home.
    shall(&scene, ours.other(), "start", manner);
    scene.stop(ours.other()).await;
    let failed = async |scene: &Scene| has_failed(scene, ours).await;
    scene.until("it fails at home", LIMIT, failed).await;
    scene.start(ours.other()).await;
    let told = async |scene: &Scene| scene.node(ours).log().contains("cannot serve resource group odd");
    scene.until("the refusal", LIMIT, told).await;
    scene.until("it fails at home again", LIMIT, failed).await;
    until_stable(&scene, LIMIT).await;
    let tried = calls(&scene, ours.other(), "start");
    scene.stays(Duration::from_secs(2), Holds::All, Holds::Nothing).await;
    assert_eq!(calls(&scene, ours.other(), "start"), tried, "{case}: to and fro");
    assert_eq!(scene.node(ours).log().matches("cannot serve resource group").count(), 1, "{case}");
    // What is repaired is served again: where an operator wants it.
    shall(&scene, ours.other(), "start", "works");
    scene.ctl(ours, &["move", "odd", ours.other().name(), "--wait", "20"], 0).await;
    until_it_runs(&scene, "repaired", ours.other(), LIMIT).await;
    scene.ends().await;
}

/// Monitored: what dies is started again, what keeps dying moves, alone.
async fn what_dies(case: Case) {
    let monitor = "[monitor]\ninterval = \"200ms\"\ntimeout = \"3s\"\nrestarts = 1\ngroups = [\"odd\"]\n";
    let mut scene = build(case, false, monitor).await;
    let ours = case.ours();
    scene.start_both().await;
    until_it_runs(&scene, "it runs", ours, LIMIT).await;
    let dies = |scene: &Scene| {
        scene.holdings.act(format!("dies on {}", ours.name()));
        std::fs::remove_file(scene.host(ours).outside("/run").unwrap().join("odd.runs")).unwrap();
    };
    dies(&scene);
    let took = until_it_runs(&scene, "it is started again", ours, LIMIT).await;
    // What fails without being monitored is tried again each 30 s.
    assert!(took < Duration::from_secs(15), "{case}: {took:?}");
    let monitor = async |scene: &Scene| {
        let groups = scene.status(ours).await.groups;
        groups.into_iter().find(|group| group.key == "odd").and_then(|group| group.monitor)
    };
    let known = monitor(&scene).await.unwrap();
    // After another failure it would not be here any more.
    assert!(known.failures >= 1 && known.restarts >= 1, "{case}: {known:?}");
    assert_eq!(known.problem.as_deref(), Some("odd status: it does not run"), "{case}");
    until_stable(&scene, LIMIT).await;
    dies(&scene);
    if case.pair == Pair::BothOurs {
        until_it_runs(&scene, "it moves", ours.other(), LIMIT).await;
        scene.reaches("the others are at home", Holds::Local, Holds::Local).await;
        // A look that hangs is a failure as well; it is given up when the group is wanted elsewhere.
        shall(&scene, ours.other(), "status", "hangs");
        scene.ctl(ours, &["takeover", "odd", "--wait", "20"], 0).await;
        until_it_runs(&scene, "it is fetched", ours, LIMIT).await;
    } else {
        // It does not know single groups, and another one of the set runs: it stays down here, and the log says so.
        let told = async |scene: &Scene| {
            scene.node(ours).log().contains("odd failed: it has failed again and again")
        };
        scene.until("it is given up", LIMIT, told).await;
        scene.stays(Duration::from_secs(2), Holds::Local, Holds::Local).await;
        assert!(!runs(&scene, ours.other()), "{case}");
    }
    until_stable(&scene, LIMIT).await;
    scene.ends().await;
}

/// Both run, and from now on the script cannot be stopped on the node of ours that is told beside the scene.
async fn build_stuck(case: Case, hb_toml: &str, manner: &str) -> (Scene, Who) {
    let mut scene = build(case, false, hb_toml).await;
    let ours = case.ours();
    scene.start_both().await;
    until_it_runs(&scene, "it runs", ours, LIMIT).await;
    shall(&scene, ours, "stop", manner);
    (scene, ours)
}

/// A stop that fails or hangs at a hand-over: the other node never gets the group before it is gone.
async fn stop_keeps_the_group(case: Case, manner: &str) {
    let (mut scene, ours) = build_stuck(case, "stop-failed = \"keep\"\nstop-failed-command = [\"/bin/sh\", \"-c\", \"echo $HB_GROUP > /run/told\"]\n", manner).await;
    if case.pair == Pair::BothOurs {
        scene.ctl(ours, &["move", "odd", ours.other().name()], 0).await;
    } else {
        scene.stop_begins(ours).await;
    }
    let told = async |scene: &Scene| scene.host(ours).read("/run/told").is_ok_and(|text| text == "odd\n");
    scene.until("the command", LIMIT, told).await;
    if case.pair != Pair::BothOurs {
        let failed = async |scene: &Scene| has_failed(scene, ours).await;
        scene.until("the status says so", LIMIT, failed).await;
    }
    let before = calls(&scene, ours, "stop");
    for _ in 0..20 {
        assert!(runs(&scene, ours) && !runs(&scene, ours.other()), "{case}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(calls(&scene, ours, "stop"), before, "{case}: it is left alone");
    // Repaired, and asked again.
    shall(&scene, ours, "stop", "works");
    if case.pair == Pair::BothOurs {
        scene.ctl(ours, &["move", "odd", ours.other().name(), "--wait", "20"], 0).await;
        until_it_runs(&scene, "it moves", ours.other(), LIMIT).await;
        scene.reaches("the others are at home", Holds::Local, Holds::Local).await;
        until_stable(&scene, LIMIT).await;
    } else {
        scene.stop(ours).await;
        until_it_runs(&scene, "the other node has it", ours.other(), LIMIT).await;
        scene.reaches_for("the end", ours, Holds::Off, Holds::All).await;
    }
    scene.ends().await;
}

/// A stop that fails or hangs when everything shall move: nothing moves, and what was stopped for it runs again.
async fn stop_keeps_everything(case: Case, manner: &str) {
    let (scene, ours) = build_stuck(case, "", manner).await;
    scene.ctl(ours, &["standby", "local"], 0).await;
    let refused = "Standby request refused: a group could not be stopped";
    let told = async |scene: &Scene| scene.node(ours).log().contains(refused);
    scene.until("the refusal", LIMIT, told).await;
    // A 3.0.6 that waits calls itself in transition.
    let back = async |scene: &Scene| {
        let groups = scene.status(ours).await.groups;
        let mut own = groups.iter().filter(|group| group.home.as_deref() == Some(ours.name()));
        own.all(|group| group.state == GroupState::Up)
    };
    scene.until("everything is back", LIMIT, back).await;
    assert!(runs(&scene, ours), "{case}");
    shall(&scene, ours, "stop", "works");
    // The same again: a 3.0.6, which has waited for the end of that hand-over, and would for an hour, waits no longer.
    until_stable(&scene, LIMIT).await;
    scene.ctl(ours, &["standby", "local"], 0).await;
    until_it_runs(&scene, "it moved", ours.other(), LIMIT).await;
    scene.reaches_for("the end", ours, Holds::Nothing, Holds::All).await;
    until_stable(&scene, LIMIT).await;
    scene.ends().await;
}

/// A stop that fails or hangs when the node shall stop: the other groups are served by the other node at once.
async fn stop_keeps_one_group(case: Case, manner: &str) {
    let (mut scene, ours) = build_stuck(case, "", manner).await;
    scene.stop_begins(ours).await;
    let moved = async |scene: &Scene| {
        let groups = scene.status(ours.other()).await.groups;
        groups.iter().filter(|group| group.key != "odd").all(|group| group.state == GroupState::Up)
    };
    scene.until("the others have moved", LIMIT, moved).await;
    assert!(runs(&scene, ours) && !runs(&scene, ours.other()), "{case}");
    shall(&scene, ours, "stop", "works");
    // Asked again, it is stopped again at once.
    scene.stop(ours).await;
    until_it_runs(&scene, "the other node has it", ours.other(), LIMIT).await;
    scene.ends().await;
}

/// A status that tells nothing keeps nothing from being started, and hinders no move.
async fn status_hinders_nothing(case: Case, manner: &str) {
    let mut scene = build(case, false, "").await;
    let ours = case.ours();
    shall(&scene, ours, "status", manner);
    scene.start_both().await;
    until_it_runs(&scene, "it runs", ours, LIMIT).await;
    scene.hands_over("the move", (ours, "all"), holds(case, Who::Alpha), holds(case, Who::Beta)).await;
    until_it_runs(&scene, "it moved", ours.other(), LIMIT).await;
    until_stable(&scene, LIMIT).await;
    scene.ends().await;
}

/// After everything of ours was given away.
fn holds(case: Case, who: Who) -> Holds {
    if who == case.ours() { Holds::Nothing } else { Holds::All }
}

stories_of_ours_off![what_dies];

macro_rules! failing {
    ($($test:ident: $story:ident $pair:ident $manner:literal,)+) => { $(
        #[tokio::test]
        async fn $test() {
            play(Case::new(concat!(stringify!($story), "_", $manner), Pair::$pair, Failback::Off), async |case| $story(case, $manner).await).await;
        }
    )+ };
}

failing! {
    a_failed_start_moves: start_goes_to_the_other_node BothOurs "fails",
    a_failed_start_moves_to_306: start_goes_to_the_other_node BetaIs306 "fails",
    a_hanging_start_moves: start_goes_to_the_other_node BothOurs "hangs",
    a_hanging_start_moves_to_306: start_goes_to_the_other_node AlphaIs306 "hangs",
    a_failed_stop_keeps: stop_keeps_the_group BothOurs "fails",
    a_hanging_stop_keeps: stop_keeps_the_group BothOurs "hangs",
    a_failed_stop_keeps_from_306: stop_keeps_the_group BetaIs306 "fails",
    a_hanging_stop_keeps_from_306: stop_keeps_the_group AlphaIs306 "hangs",
    a_failed_stop_keeps_everything: stop_keeps_everything BothOurs "fails",
    a_hanging_stop_keeps_everything: stop_keeps_everything BothOurs "hangs",
    a_failed_stop_keeps_everything_from_306: stop_keeps_everything AlphaIs306 "fails",
    a_hanging_stop_keeps_everything_from_306: stop_keeps_everything BetaIs306 "hangs",
    a_failed_stop_of_a_node_keeps_one_group: stop_keeps_one_group BothOurs "fails",
    a_failed_status_hinders_nothing: status_hinders_nothing BothOurs "fails",
    a_hanging_status_hinders_nothing: status_hinders_nothing BothOurs "hangs",
    a_failed_status_hinders_nothing_with_306: status_hinders_nothing AlphaIs306 "fails",
    a_hanging_status_hinders_nothing_with_306: status_hinders_nothing BetaIs306 "hangs",
    // The same in the other places.
    a_failed_start_moves_slow: start_goes_to_the_other_node AlphaIs306 "fails",
    a_hanging_start_moves_slow: start_goes_to_the_other_node BetaIs306 "hangs",
    a_failed_stop_keeps_slow: stop_keeps_the_group AlphaIs306 "fails",
    a_hanging_stop_keeps_slow: stop_keeps_the_group BetaIs306 "hangs",
    a_failed_stop_keeps_everything_slow: stop_keeps_everything BetaIs306 "fails",
    a_hanging_stop_keeps_everything_slow: stop_keeps_everything AlphaIs306 "hangs",
    a_failed_status_hinders_nothing_slow: status_hinders_nothing BetaIs306 "fails",
    a_hanging_status_hinders_nothing_slow: status_hinders_nothing AlphaIs306 "hangs",
}

/// A shell that starts some programs takes longer than one would think on a machine with other tests: what works must not fail.
const LIMITS: &str = "[agents]\nstart-timeout = \"3s\"\nstop-timeout = \"3s\"\nstatus-timeout = \"2s\"\nkill-grace = \"100ms\"\n\
                      stop-retries = 1\nstop-pause = \"100ms\"\n";

/// Does, or does not, what `/run/odd.OPERATION` says.
const SCRIPT: &str = r#"#!/bin/sh
echo "$1" >> /var/log/odd
manner=$(cat "/run/odd.$1" 2>/dev/null)
case $manner in
fails) exit 4 ;;
hangs) sleep 1000 ;;
esac
case $1 in
start) touch /run/odd.runs ;;
stop) rm -f /run/odd.runs ;;
status) if [ -e /run/odd.runs ]; then echo running; else echo stopped; exit 3; fi ;;
esac
"#;
