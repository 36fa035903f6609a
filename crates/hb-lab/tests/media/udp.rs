//! The media that use UDP, one by one beside a broadcast on the other network, and all of them together.

use std::time::Duration;

use crate::scene::{BACK, DEADTIME, FRONT, KEEPALIVE, Pair, SLACK, Scene};

/// One test for each pair.
macro_rules! stories {
    ($($story:ident),+ $(,)?) => { $(
        mod $story {
            use crate::scene::Pair;

            #[tokio::test]
            async fn both_ours() {
                super::$story(Pair::Ours).await;
            }

            #[tokio::test]
            async fn with_306() {
                super::$story(Pair::With306).await;
            }
        }
    )+ };
}

stories![bcast, mcast, mcast6, ucast, ucast6, ucast6_link_local, all_at_once];

async fn bcast(pair: Pair) {
    let scene = Scene::build_to_meet(pair, ["bcast eth0\n"; 2]).await;
    scene.start(&["eth0"]).await.is_in_time(&scene);
    scene.ends();
}

async fn mcast(pair: Pair) {
    alone_and_cut(pair, ["mcast eth0 225.0.0.1 694 1 0\n"; 2]).await;
}

async fn mcast6(pair: Pair) {
    // Another port than the broadcast's: a 3.0.6 node takes that for multicast on the same port.
    alone_and_cut(pair, ["mcast6 eth0 ff12::1:2:3 695 1 0\n"; 2]).await;
}

async fn ucast(pair: Pair) {
    alone_and_cut(pair, ["ucast eth0 10.77.0.2\n", "ucast eth0 10.77.0.1\n"]).await;
}

async fn ucast6(pair: Pair) {
    alone_and_cut(pair, ["ucast6 eth0 fd77::2\n", "ucast6 eth0 fd77::1\n"]).await;
}

/// Link-local addresses follow from the MAC addresses, which the lab keeps to itself: two more are added.
async fn ucast6_link_local(pair: Pair) {
    let scene = Scene::build_to_meet(pair, ["ucast6 eth0 fe80::77:2\n", "ucast6 eth0 fe80::77:1\n"]).await;
    for (node, address) in [(scene.alpha(), "fe80::77:1/64"), (scene.beta(), "fe80::77:2/64")] {
        crate::scene::ip(node.host(), &["-6", "address", "add", address, "dev", "eth0", "nodad"]).await;
    }
    scene.start(&["eth0"]).await.is_in_time(&scene);
    scene.ends();
}

/// The medium on `eth0` as the only one, then beside a broadcast on `eth1`: each is cut while the other carries on.
async fn alone_and_cut(pair: Pair, media: [&str; 2]) {
    let scene = Scene::build_to_meet(pair, media).await;
    scene.start(&["eth0"]).await.is_in_time(&scene);
    scene.ends();

    let both = media.map(|line| format!("{line}bcast eth1\n"));
    let scene = Scene::build(pair, both.each_ref().map(String::as_str)).await;
    scene.start(&["eth0", "eth1"]).await;
    for (network, link, other) in [(FRONT, "eth0", "eth1"), (BACK, "eth1", "eth0")] {
        cut_and_heal(&scene, network, link, other).await;
    }
    scene.ends();
}

/// The link is told dead within its dead time and back within two keepalives; the other one stays up.
async fn cut_and_heal(scene: &Scene, network: &str, link: &str, other: &str) {
    scene.alpha().host().cut(network).await.unwrap();
    let time = scene.link_is(link, false).await;
    // 3.0.6 announces a longer dead time for its first five seconds.
    let longer = if scene.pair == Pair::With306 { Duration::from_secs(2) } else { Duration::ZERO };
    assert!(time < DEADTIME + longer + SLACK, "{:?}: {link} was told dead after {time:?}", scene.pair);
    assert!(crate::scene::is_up(scene.alpha(), "beta", other).await, "{:?}: {other}", scene.pair);
    scene.alpha().host().heal(network).await.unwrap();
    let time = scene.link_is(link, true).await;
    assert!(time < KEEPALIVE * 2 + SLACK, "{:?}: {link} was told up after {time:?}", scene.pair);
}

/// Six media on two networks: every message comes six times and is taken once, and each link is told by itself.
async fn all_at_once(pair: Pair) {
    let media = |peer: &str| {
        format!(
            "bcast eth0\nmcast eth0 225.0.0.1 695 1 0\nmcast6 eth0 ff12::1:2:3 696 1 0\n\
             bcast eth1\nudpport 697\nucast eth1 10.78.0.{peer}\nudpport 698\nucast6 eth1 fd78::{peer}\n"
        )
    };
    let (alpha, beta) = (media("2"), media("1"));
    let scene = Scene::build_to_meet(pair, [&alpha, &beta]).await;
    scene.start(&["eth0", "eth1"]).await.is_in_time(&scene);
    scene.ends();

    let scene = Scene::build(pair, [&alpha, &beta]).await;
    scene.start(&["eth0", "eth1"]).await;
    let status = scene.status().await;
    let kinds: Vec<_> = status.media.iter().map(|medium| medium.kind.as_str()).collect();
    assert_eq!(kinds, ["bcast", "mcast", "mcast6", "bcast", "ucast", "ucast6"]);
    scene
        .until("all media carry", async |scene| {
            let status = scene.status().await;
            status.media.iter().all(|medium| medium.received > 10 && medium.refused.is_empty())
        })
        .await;
    scene.alpha().host().cut(FRONT).await.unwrap();
    scene
        .until("the links on eth0 are dead for us, those on eth1 are not", async |scene| {
            let status = scene.status().await;
            let beta = status.nodes.iter().find(|node| node.name == "beta").unwrap();
            beta.links.iter().all(|link| link.up == (link.name == "eth1"))
        })
        .await;
    scene.alpha().host().heal(FRONT).await.unwrap();
    scene.see_each_other(&["eth0", "eth1"]).await;
    let status = scene.status().await;
    assert_eq!(status.nodes.iter().map(|node| node.missing).sum::<u32>(), 0);
    scene.ends();
}
