//! A dead node is reset before anything of it is taken (`failover.md` 6): by cluster-glue's `stonith`, by a fence agent, or by
//! hand. The programs are fakes that record what they are asked.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::pair::{Case, Failback, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene, files};

#[tokio::test]
async fn a_reset_that_fails_is_tried_again_before_anything_is_taken() {
    fails_then_works(Pair::BothOurs).await;
}

#[tokio::test]
async fn a_reset_that_fails_is_tried_again_with_306() {
    fails_then_works(Pair::BetaIs306).await;
}

async fn fails_then_works(pair: Pair) {
    let case = Case::new("fencing_fails_then_works", pair, Failback::Off);
    let mut files = files(case);
    // 3.0.6 takes no notice of what is for another host.
    files.ha_cf.push_str("stonith_host alpha null beta\n");
    let mut scene = Scene::build_with(case, &files, |spec| spec.private("/usr/local/sbin")).await;
    let write = |scene: &Scene, path: &str, text: &str| {
        scene.host(Who::Alpha).write(path, text, 0o755).unwrap();
    };
    write(&scene, "/usr/local/sbin/stonith", STONITH);
    write(&scene, "/var/log/code", "1\n");
    scene.start_both().await;
    scene.crash(Who::Beta).await;
    let asked = |scene: &Scene| scene.host(Who::Alpha).read("/var/log/fence").unwrap_or_default();
    let once = "-t null -F /dev/stdin -T reset beta: beta\n";
    scene.until("a reset fails", LIMIT, async |scene| asked(scene) == once).await;
    takes_nothing(&scene, Duration::from_secs(2)).await;
    let status = scene.ctl(Who::Alpha, &["status"], 0).await;
    assert!(status.contains("beta is dead and not yet reset ("), "{status}");
    write(&scene, "/var/log/code", "0\n");
    scene.reaches("the next one succeeds", Holds::All, Holds::Off).await;
    let resets = asked(&scene);
    assert!(resets.len() >= 2 * once.len() && resets.replace(once, "").is_empty(), "{resets}");
    scene.ctl(Who::Alpha, &["fence", "confirm", "beta"], 1).await;
    // It is back and well, and not reset again.
    scene.host(Who::Beta).boot().await.unwrap();
    scene.start(Who::Beta).await;
    scene.returns(Who::Beta).await;
    assert_eq!(asked(&scene), resets);
}

#[tokio::test]
async fn without_its_agent_a_node_waits_for_a_human() {
    let mut scene = agent_is_absent("without_its_agent_a_node_waits_for_a_human").await;
    scene.crash(Who::Beta).await;
    let told = "there is no program fence_absent in the path";
    scene.until("the reset fails", LIMIT, async |scene| scene.node(Who::Alpha).log().contains(told)).await;
    takes_nothing(&scene, Duration::from_secs(1)).await;
    scene.ctl(Who::Alpha, &["fence", "confirm", "beta"], 0).await;
    scene.reaches("a human has seen to it", Holds::All, Holds::Off).await;
}

#[tokio::test]
async fn who_stops_in_order_is_not_reset() {
    let mut scene = agent_is_absent("who_stops_in_order_is_not_reset").await;
    scene.stop(Who::Beta).await;
    scene.reaches("the hand-over", Holds::All, Holds::Off).await;
    scene.stays(Duration::from_secs(2), Holds::All, Holds::Off).await;
    assert!(!scene.node(Who::Alpha).log().contains("Resetting node"));
}

/// Both are up, and alpha is to reset beta by a program that is not there.
async fn agent_is_absent(story: &'static str) -> Scene {
    let mut scene = Scene::build(Case::new(story, Pair::BothOurs, Failback::Off)).await;
    let settings = "[fencing]\nagent = \"fence_absent\"\noptions = [\"plug={node}\"]\n";
    scene.host(Who::Alpha).write("/etc/ha.d/hb.toml", settings, 0o600).unwrap();
    scene.start_both().await;
    scene
}

/// For this time alpha has its own address, and not that of beta.
async fn takes_nothing(scene: &Scene, time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        assert!(scene.host(Who::Alpha).holds(scene.address(Who::Alpha)).await);
        assert!(!scene.host(Who::Alpha).holds(scene.address(Who::Beta)).await);
        sleep(Duration::from_millis(50)).await;
    }
}

const STONITH: &str = "#!/bin/sh
echo \"$*: $(cat)\" >>/var/log/fence
exit $(cat /var/log/code)
";
