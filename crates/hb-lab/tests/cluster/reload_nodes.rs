//! Another node takes the place of a dead one while the first runs on: one reload there, then the new one starts.

use std::net::Ipv4Addr;
use std::time::Duration;

use hb_lab::{Account, ClusterFiles, HostSpec, Node};
use tokio::time::{Instant, sleep};

use crate::pair::{Case, Failback, Pair, Who};
use crate::scene::{Holds, LIMIT, NETWORK, Scene, files};

#[tokio::test]
async fn the_dead_node_is_replaced_on() {
    replace(Case::new("the_dead_node_is_replaced", Pair::BothOurs, Failback::On)).await;
}

#[tokio::test]
async fn the_dead_node_is_replaced_off() {
    replace(Case::new("the_dead_node_is_replaced", Pair::BothOurs, Failback::Off)).await;
}

#[tokio::test]
async fn the_dead_node_is_replaced_by_306_on() {
    replace(Case::new("the_dead_node_is_replaced", Pair::BetaIs306, Failback::On)).await;
}

async fn replace(case: Case) {
    let base = files(case);
    let mut scene = Scene::build_with(case, &base, |spec| spec).await;
    let spec = HostSpec::new("gamma").plug(NETWORK, Ipv4Addr::new(10, 77, 0, 3));
    let host = scene.lab.add_host(spec).await.unwrap();
    let [_, program] = case.programs();
    scene.start_both().await;
    let place = |text: &str| text.replace("beta", "gamma");
    let new = ClusterFiles { ha_cf: place(&base.ha_cf), haresources: place(&base.haresources), ..base };
    new.install(scene.host(Who::Alpha)).unwrap();
    let answer = scene.ctl(Who::Alpha, &["reload"], 0).await;
    assert!(answer.starts_with("node beta is not deleted: it is not dead. Stop it"), "{answer}");
    scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;

    scene.crash(Who::Beta).await;
    scene.reaches("the death of beta", Holds::All, Holds::Off).await;
    let since = Instant::now();
    let answer = scene.ctl(Who::Alpha, &["reload"], 0).await;
    let told = "node beta deleted\nnode gamma added\ngroup 10.77.0.101/24/eth0: preferred node is gamma from now on, was beta";
    assert_eq!(answer.trim_end(), told);
    let status = scene.status(Who::Alpha).await;
    assert!(!status.not_in_force.iter().any(|line| line.contains("beta")), "{:?}", status.not_in_force);
    assert_eq!(status.groups[1].home.as_deref(), Some("gamma"));
    assert_eq!(status.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["alpha", "gamma"]);

    let gamma = Node::new(host, program, &new).unwrap();
    gamma.start().await.unwrap();
    let theirs = scene.address(Who::Beta);
    let begun = Instant::now();
    let mut moved = None;
    loop {
        assert!(begun.elapsed() < LIMIT, "{case}: {}\n{}", gamma.log(), scene.node(Who::Alpha).log());
        let here = scene.host(Who::Alpha).holds(theirs.octets()).await;
        let there = gamma.host().holds(theirs.octets()).await;
        // Looked at one after the other: if it was here first and is there then, it may have moved in between.
        let still_here = there && scene.host(Who::Alpha).holds(theirs.octets()).await;
        assert!(!(there && still_here), "{case}: both have {theirs} ({here})");
        let active = |node: &hb_client::NodeStatus| node.name == "gamma" && node.status == "active";
        let status = scene.status(Who::Alpha).await;
        let is_settled = status.stable && status.nodes.iter().any(active);
        moved = moved.or(there.then(|| begun.elapsed()));
        let is_there = case.failback == Failback::Off || moved.is_some();
        if is_settled && is_there && !matches!(gamma.account().await, Account::Mute) {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(gamma.host().holds(theirs.octets()).await, case.failback == Failback::On);
    assert!(scene.host(Who::Alpha).holds(scene.address(Who::Alpha).octets()).await);
    // The watch may be a moment behind.
    let is_seen =
        async |scene: &Scene| scene.holdings.held(Who::Alpha, theirs) == (case.failback == Failback::Off);
    scene.until("the move is seen", LIMIT, is_seen).await;
    assert!(scene.holdings.always_held(scene.address(Who::Alpha), since), "{case}");
    let lost = scene.holdings.changes().into_iter().filter(|change| change.at >= since && !change.held);
    assert_eq!(lost.count(), usize::from(case.failback == Failback::On), "{case}");
    gamma.stop().await.unwrap();
    gamma.stopped(LIMIT).await.unwrap();
    let back = async |scene: &Scene| scene.host(Who::Alpha).holds(theirs.octets()).await;
    scene.until("alpha has all again", LIMIT, back).await;
}
