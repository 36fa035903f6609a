//! The rule of `ipfail` with real processes: ping lost by one node, by the other, by both; on 3.0.6 its own program runs.

use std::net::Ipv4Addr;
use std::time::Duration;

use hb_lab::{ClusterFiles, Host, Node};
use tokio::time::{Instant, sleep};

use crate::scene::{DEADTIME, FRONT, KEEPALIVE, Pair, SLACK, Scene};

/// What stands before the nodes in a file must not matter, as it does for the original.
const LINES: &str = "ping 10.77.0.254\nbcast eth1\nrespawn hacluster /usr/libexec/heartbeat/ipfail\n";
const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 101)];
/// The scripts of 3.0.6 take about a second for a hand-over, and it looks around four times a second.
const CLASSIC: Duration = Duration::from_millis(2500);

#[tokio::test]
async fn both_ours() {
    lost_and_back(Pair::Ours).await;
}

#[tokio::test]
async fn with_306() {
    lost_and_back(Pair::With306).await;
}

async fn lost_and_back(pair: Pair) {
    let mut files = ClusterFiles::two_node().with("auto_failback", "off");
    files.ha_cf = files.ha_cf.replace("bcast eth0\n", LINES);
    let mut scene = Scene::build_of(pair, &[files.clone(), files]).await;
    let gate = scene.add_host("gate", Ipv4Addr::new(10, 77, 0, 254)).await;
    scene.start(&["eth1"]).await;
    let reaches =
        |node: &Node, status: &str| node.log().matches(&format!("10.77.0.254: status {status}")).count();
    scene.until("each holds its own", async |scene| holds(scene, [0], [1]).await).await;
    scene
        .until("both reach the gate", async |scene| {
            [scene.alpha(), scene.beta()].into_iter().all(|node| reaches(node, "ping") > 0)
        })
        .await;

    // Alpha loses it: beta takes everything; it comes back, and nothing moves.
    let limit =
        DEADTIME + KEEPALIVE * 4 + SLACK + if pair == Pair::With306 { CLASSIC } else { Duration::ZERO };
    for (loser, [alpha, beta]) in [(scene.alpha(), [&[][..], &[0, 1]]), (scene.beta(), [&[0, 1], &[]])] {
        let before = reaches(loser, "ping");
        let host = loser.host();
        host.cut(FRONT).await.unwrap();
        let begun = Instant::now();
        let what = format!("{pair:?}: {} gives everything away", host.name());
        scene.until(&what, async |scene| holds(scene, alpha, beta).await).await;
        assert!(begun.elapsed() < limit, "{what}: after {:?}", begun.elapsed());
        host.heal(FRONT).await.unwrap();
        scene.until("it is reached again", async |_| reaches(loser, "ping") > before).await;
        stays(&scene, alpha, beta).await;
    }

    // Both lose it at once.
    both_lose(&scene, &gate).await;
}

async fn both_lose(scene: &Scene, gate: &Host) {
    // Each has lost it before.
    let deaths = |scene: &Scene| {
        [scene.alpha(), scene.beta()].map(|node| node.log().matches("10.77.0.254: is dead").count())
    };
    let before = deaths(scene);
    gate.cut(FRONT).await.unwrap();
    scene
        .until("the gate is dead for both", async |scene| {
            deaths(scene).into_iter().zip(before).all(|(now, before)| now > before)
        })
        .await;
    stays(scene, &[0, 1], &[]).await;
    gate.heal(FRONT).await.unwrap();
    stays(scene, &[0, 1], &[]).await;
}

/// Longer than any give-up timer.
async fn stays(scene: &Scene, alpha: &[usize], beta: &[usize]) {
    let begun = Instant::now();
    while begun.elapsed() < DEADTIME + KEEPALIVE * 5 {
        assert!(holds(scene, alpha, beta).await, "{:?}: something moved", scene.pair);
        sleep(Duration::from_millis(50)).await;
    }
}

/// Whether the addresses are where they should be.
async fn holds(scene: &Scene, alpha: impl AsRef<[usize]>, beta: impl AsRef<[usize]>) -> bool {
    for (index, address) in ADDRESSES.into_iter().enumerate() {
        for (node, held) in [(scene.alpha(), alpha.as_ref()), (scene.beta(), beta.as_ref())] {
            if node.host().holds(address).await != held.contains(&index) {
                return false;
            }
        }
    }
    true
}
