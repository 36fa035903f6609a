//! The heart of a node dies that reaches the other one by a serial line only: the guard says so over that line.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::Instant;

use crate::scene::{Pair, Scene};
use crate::serial::{Cable, DEVICE, LINE};

const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 101)];
const KEEPALIVE: Duration = Duration::from_millis(500);
const DEADTIME: Duration = Duration::from_secs(4);

/// Within this time beta has everything.
async fn told_over(pair: Pair, lines: [&str; 2], limit: Duration) {
    let scene = Scene::build_with(pair, lines, KEEPALIVE, DEADTIME).await;
    let _cable = Cable::plug(&scene).await;
    scene.start(&[DEVICE]).await;
    let [alpha, beta] = [scene.alpha(), scene.beta()].map(|node| node.host().clone());
    scene
        .until("each holds its own", async |_| {
            alpha.holds(ADDRESSES[0]).await && beta.holds(ADDRESSES[1]).await
        })
        .await;
    let begun = Instant::now();
    scene.alpha().kill_heart().await.unwrap();
    scene.until("beta takes what was alpha's", async |_| beta.holds(ADDRESSES[0]).await).await;
    let time = begun.elapsed();
    println!("{pair:?}: {:?}: taken after {time:?}", lines[0]);
    assert!(time < limit, "{pair:?}: {:?}: after {time:?}", lines[0]);
    assert!(!alpha.holds(ADDRESSES[0]).await);
    let (said, heard) = (scene.alpha().log(), scene.beta().log());
    assert!(said.contains("The heart has died: what it held is released now"), "{said}");
    assert!(!said.contains("No farewell"), "{said}");
    assert!(heard.contains("Received shutdown notice"), "{heard}");
    scene.alpha().stopped(Duration::from_secs(10)).await.unwrap();
    scene.ends();
}

#[tokio::test]
async fn told_over_a_line_both_ours() {
    told_over(Pair::Ours, [LINE; 2], Duration::from_secs(1)).await;
}

/// The scripts of 3.0.6 take a second or two; silence would have to last three and a half before they begin.
#[tokio::test]
async fn told_over_a_line_with_306() {
    told_over(Pair::With306, [LINE; 2], Duration::from_secs(3)).await;
}

#[tokio::test]
async fn told_by_ppp() {
    let [one, two] = [1, 2].map(|last| format!("baud 19200\nppp-udp {DEVICE} 10.99.0.{last}\n"));
    told_over(Pair::Ours, [&one, &two], Duration::from_secs(1)).await;
}
