//! Compressed messages (`wire.md` 10.1), both ways: a node becomes active by the other's list of nodes, which is so long
//! here that it is compressed. Then 3.0.6 sends one of a program's messages compressed.

use std::fmt::Write as _;
use std::time::Duration;

use hb_lab::{ClusterFiles, Signal};

use crate::scene::{LIMIT, Pair, Scene};

#[tokio::test]
async fn both_ours() {
    node_lists(Pair::Ours, "zlib").await.ends_but_for_the_absent();
}

#[tokio::test]
async fn with_306_by_zlib() {
    with_306("zlib").await;
}

#[tokio::test]
async fn with_306_by_bz2() {
    with_306("bz2").await;
}

async fn with_306(method: &str) {
    let scene = node_lists(Pair::With306, method).await;
    let before = scene.status().await.media[0].received;
    let lines = "field=all work and no play makes a long message\n".repeat(60);
    scene.beta().host().write("/etc/ha.d/message", &format!(">>>\nt=long\n{lines}<<<\n"), 0o600).unwrap();
    let tell = ["/bin/sh", "-c", "cat /etc/ha.d/message >> /var/lib/heartbeat/fifo"];
    assert!(scene.beta().host().run(&tell, LIMIT).await.unwrap().succeeded());
    // Were it not understood, its number would be missing for ever.
    scene
        .until("alpha hears on and misses nothing", async |scene| {
            let status = scene.status().await;
            let missing: u32 = status.nodes.iter().map(|node| node.missing).sum();
            status.media[0].received > before + 20 && missing == 0
        })
        .await;
    let status = scene.status().await;
    assert_eq!(status.media[0].refused.len(), 0, "{:?}", status.media[0].refused);
    scene.ends_but_for_the_absent();
}

/// A cluster of twelve, of which two run.
async fn node_lists(pair: Pair, method: &str) -> Scene {
    let (keepalive, deadtime) = (Duration::from_millis(200), Duration::from_secs(1));
    let mut files = ClusterFiles::two_node().with_timing(keepalive, deadtime).with("initdead", "2");
    let long = "with-a-name-so-long-that-the-list-of-all-of-them-is-compressed-when-it-is-sent-to-the-other";
    for absent in 0..10 {
        writeln!(files.ha_cf, "node absent{absent}-{long}").unwrap();
    }
    write!(files.ha_cf, "compression {method}\ncompression_threshold 1\ntraditional_compression yes\n")
        .unwrap();
    files.haresources = String::new();
    let scene = Scene::build_of(pair, &[files.clone(), files]).await;
    let of_alpha = "udp and src host 10.77.0.1";
    let mut recording = scene.beta().host().record(of_alpha, WIRE).await.unwrap();
    scene.start(&["eth0"]).await;
    // What is too short is not packed, and is understood as well.
    scene
        .until("alpha has sent something packed", async |scene| {
            let found =
                scene.beta().host().run(&["grep", "-a", "-c", "_compressed_payload", WIRE], LIMIT).await;
            found.unwrap().succeeded()
        })
        .await;
    recording.signal(Signal::INT).await.unwrap();
    recording.ended(LIMIT).await.unwrap();
    let status = scene.status().await;
    assert_eq!(status.media[0].refused.len(), 0, "{:?}", status.media[0].refused);
    scene
}

const WIRE: &str = "/var/log/packed.pcap";
