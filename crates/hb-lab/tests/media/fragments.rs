//! Datagrams that are longer than what the network carries in one piece, both ways: each node becomes active by the other's
//! list of nodes, which is so long here. What is not compressed by threshold goes as it is up to 64 KiB.

use std::fmt::Write as _;

use hb_lab::{ClusterFiles, Node};

use crate::scene::{DEADTIME, KEEPALIVE, LIMIT, Pair, Scene};

#[tokio::test]
async fn both_ours() {
    long_lists(Pair::Ours).await;
}

#[tokio::test]
async fn with_306() {
    long_lists(Pair::With306).await;
}

async fn long_lists(pair: Pair) {
    let mut files = ClusterFiles::two_node().with_timing(KEEPALIVE, DEADTIME).with("initdead", "2");
    let long = "with-a-name-so-long-that-the-list-of-all-of-them-is-longer-than-what-an-ethernet-carries";
    for absent in 0..30 {
        writeln!(files.ha_cf, "node absent{absent}-{long}").unwrap();
    }
    files.haresources = String::new();
    let scene = Scene::build_of(pair, &[files.clone(), files]).await;
    scene.start(&["eth0"]).await;
    for node in [scene.alpha(), scene.beta()] {
        let what = format!("{} has sent and taken datagrams in pieces", node.host().name());
        scene
            .until(&what, async |_| count(node, "FragCreates").await > 1 && count(node, "ReasmOKs").await > 0)
            .await;
    }
    let status = scene.status().await;
    assert!(status.media[0].refused.is_empty(), "{:?}", status.media[0].refused);
    assert_eq!(status.nodes.iter().map(|node| node.missing).sum::<u32>(), 0);
    scene.ends_but_for_the_absent();
}

/// A counter of the IPv4 of this host's network.
async fn count(node: &Node, name: &str) -> u64 {
    let output = node.host().run(&["cat", "/proc/net/snmp"], LIMIT).await.unwrap();
    let mut lines = output.stdout.lines().filter(|line| line.starts_with("Ip: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let mut pairs = names.split(' ').zip(values.split(' '));
    pairs.find(|(known, _)| *known == name).unwrap().1.parse().unwrap()
}
