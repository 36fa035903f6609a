//! A PPP link over a serial line: as the serial line, cut, pulled out and noisy, beside a broadcast and alone.

use std::time::Duration;

use crate::scene::{FRONT, Pair, Scene};
use crate::serial::{Cable, DEVICE};

/// The lines of one node.
fn lines(last: u8) -> String {
    format!("baud 19200\nppp-udp {DEVICE} 10.99.0.{last}\n")
}

/// How often alpha's log tells of its link.
fn told(scene: &Scene, what: &str) -> usize {
    let log = scene.alpha().log();
    log.lines().filter(|line| line.contains(DEVICE) && line.contains(what)).count()
}

#[tokio::test]
async fn cut_and_pulled_out() {
    let [one, two] = [1, 2].map(|last| format!("bcast eth0\n{}", lines(last)));
    let scene = Scene::build(Pair::Ours, [&one, &two]).await;
    let cable = Cable::plug(&scene).await;
    scene.start(&["eth0", DEVICE]).await;

    cable.cut_is_told(&scene).await;
    // So short a cut was not noticed by PPP.
    assert_eq!(told(&scene, "by PPP"), 0);

    cable.cut(true);
    scene.until("PPP has noticed", async |scene| told(scene, "by PPP") == 1).await;
    cable.cut(false);
    scene.link_is(DEVICE, true).await;
    scene.until("it is told", async |scene| told(scene, "open again") == 1).await;

    cable.pull(&scene).await;
    scene.link_is(DEVICE, false).await;
    scene.until("the device is missed", async |scene| told(scene, "it is used again as soon as") == 2).await;
    let _cable = Cable::plug(&scene).await;
    scene.link_is(DEVICE, true).await;
    assert_eq!(told(&scene, "by PPP"), 1);
    assert_eq!(told(&scene, "open again"), 2);

    // The line does not mind that the network goes.
    scene.alpha().host().cut(FRONT).await.unwrap();
    scene.link_is("eth0", false).await;
    scene.alpha().host().heal(FRONT).await.unwrap();
    scene.see_each_other(&["eth0", DEVICE]).await;
    scene.ends();
}

/// As the only link, from nothing: both ends agree on PPP meanwhile.
#[tokio::test]
async fn found_in_time() {
    let [one, two] = [1, 2].map(lines);
    let scene = Scene::build_to_meet(Pair::Ours, [&one, &two]).await;
    let _cable = Cable::plug(&scene).await;
    scene.start(&[DEVICE]).await.is_in_time(&scene);
    scene.ends();
}

/// One byte of a hundred is damaged, and the link is the only one.
#[tokio::test]
async fn noise_kills_nobody() {
    let [one, two] = [1, 2].map(lines);
    let (keepalive, deadtime) = (Duration::from_millis(500), Duration::from_secs(10));
    let scene = Scene::build_with(Pair::Ours, [&one, &two], keepalive, deadtime).await;
    let cable = Cable::plug(&scene).await;
    scene.start(&[DEVICE]).await;
    cable.make_noisy(true);
    tokio::time::sleep(crate::serial::noisy_time()).await;
    cable.make_noisy(false);
    scene
        .until("nothing is missing any more", async |scene| {
            scene.status().await.nodes.iter().all(|node| node.missing == 0)
        })
        .await;
    // What was damaged never came as far as the keys.
    let refused: u64 = scene.status().await.media[0].refused.values().sum();
    assert_eq!(refused, 0);
    scene.ends();
}
