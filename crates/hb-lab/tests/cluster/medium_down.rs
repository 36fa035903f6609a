//! An administrator sets the medium of an idle node down (F49 of `docs/differences.md`): that node hears nobody, and must not set its
//! medium up for the addresses of the other one, who is well.

use std::time::Duration;

use crate::pair::{Case, Failback, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene, files};

#[tokio::test]
async fn a_medium_that_is_set_down_stays_down() {
    let case = Case::new("a_medium_that_is_set_down_stays_down", Pair::BothOurs, Failback::Off);
    let mut scene = Scene::build_with(case, &files(case), |spec| spec).await;
    scene.start_both().await;
    scene.standby(Who::Alpha, "all").await;
    scene.reaches("beta has everything", Holds::Nothing, Holds::All).await;
    let changes = scene.holdings.changes().len();
    scene.befalls("partition");
    set(&scene, "down").await;
    let told = "eth0 is down, and heartbeats go over it: it is not switched on for an address";
    scene.until("it cannot", LIMIT, async |scene| scene.node(Who::Alpha).log().contains(told)).await;
    // Groups that failed are tried again, and fail again.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let link = scene.host(Who::Alpha).run(&["ip", "-o", "link", "show", "eth0"], LIMIT).await.unwrap();
    assert!(link.stdout.contains("state DOWN"), "{case}: {}", link.stdout);
    set(&scene, "up").await;
    scene.reaches("it is idle again", Holds::Nothing, Holds::All).await;
    scene.stays(Duration::from_secs(2), Holds::Nothing, Holds::All).await;
    // The owner was well all the time.
    assert_eq!(scene.holdings.changes().len(), changes, "{case}: {}", scene.holdings.story());
    scene.ends().await;
}

async fn set(scene: &Scene, state: &str) {
    scene.holdings.act(format!("{state} eth0 of alpha"));
    let output = scene.host(Who::Alpha).run(&["ip", "link", "set", "eth0", state], LIMIT).await.unwrap();
    assert!(output.succeeded(), "{output:?}");
}
