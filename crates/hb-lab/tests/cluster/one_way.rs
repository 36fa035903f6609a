//! A cut in one direction: one node hears nothing of the other, which hears it well (`failover.md` 3.8).
//!
//! Between two of ours the node that is not heard has given everything up before the deaf one takes it. A 3.0.6 node does not
//! say what it hears, and does not act on what ours says.

use std::time::Duration;

use hb_lab::{Cluster, ClusterFiles, Direction, NodeProgram};
use tokio::time::{Instant, sleep};

use crate::pair::{Case, Failback, Pair, Who, agent, program};
use crate::scene::{LIMIT, NETWORK, Scene};

stories![alpha_is_not_heard, beta_is_not_heard];

async fn alpha_is_not_heard(case: Case) {
    not_heard(case, Who::Alpha).await;
}

async fn beta_is_not_heard(case: Case) {
    not_heard(case, Who::Beta).await;
}

async fn not_heard(case: Case, who: Who) {
    let begun = Instant::now();
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    for befalls in ["death", "partition", "loss"] {
        scene.befalls(befalls);
    }
    let deaf = who.other();
    hears(&scene, deaf, false).await;
    let takes_all = async |scene: &Scene| {
        Who::BOTH.into_iter().all(|address| scene.holdings.held(deaf, scene.address(address)))
    };
    scene.until("the deaf node takes everything", LIMIT, takes_all).await;
    if case.pair == Pair::BothOurs {
        let said = format!("{} does not hear this node", deaf.name());
        assert!(scene.node(who).log().contains(&said), "{case}: it does not say why");
        let status = scene.ctl(who, &["status"], 0).await;
        assert!(status.contains("does not hear this node"), "{status}");
        sleep(Duration::from_secs(2)).await;
        assert!(takes_all(&scene).await, "{case}: it did not stay\n{}", scene.holdings.story());
    } else {
        sleep(Duration::from_secs(2)).await;
    }
    let healed = Instant::now();
    hears(&scene, deaf, true).await;
    if case.pair == Pair::BothOurs {
        scene.returns(who).await;
        let moved =
            scene.holdings.changes().iter().filter(|change| change.at > healed && change.held).count();
        assert!(moved <= usize::from(case.failback == Failback::On), "{case}: {moved} moves after healing");
    } else {
        // What a 3.0.6 gives up, starts anew or keeps is its own; somebody serves each group in the end.
        scene.until("one owner each", LIMIT, has_one_owner_each).await;
        scene.be_strict();
    }
    let last = scene.holdings.twice(begun).last().map(|(at, _)| at.duration_since(begun));
    println!("{case}: healed after {:?}, both held something until {last:?}", healed.duration_since(begun));
    // For two of ours that holds from the very start.
    scene.ends().await;
}

/// For three seconds on end.
async fn has_one_owner_each(scene: &Scene) -> bool {
    let once = |scene: &Scene| {
        let held = |address: &Who| Who::BOTH.map(|who| scene.holdings.held(who, scene.address(*address)));
        Who::BOTH.iter().all(|address| held(address).into_iter().filter(|held| *held).count() == 1)
    };
    for _ in 0..30 {
        if !once(scene) {
            return false;
        }
        sleep(Duration::from_millis(100)).await;
    }
    true
}

/// Whether the heartbeats of the other node reach this one.
async fn hears(scene: &Scene, deaf: Who, whole: bool) {
    scene.holdings.act(format!("{} one way to {}", if whole { "heal" } else { "cut" }, deaf.name()));
    let percent = if whole { 0 } else { 100 };
    let lost = scene.host(deaf).lose(NETWORK, Direction::Incoming, percent, "udp dport 694").await;
    lost.unwrap_or_else(|error| panic!("{error} (Debian: package nftables)"));
}

/// A client asks both, and the script of the group tells when it ran where.
#[tokio::test]
async fn a_client_and_a_script_never_see_two_owners() {
    let files = ClusterFiles::two_node().with("auto_failback", "off");
    let mut files = files.of_alpha();
    files.haresources = files.haresources.trim_end().to_owned() + " service\n";
    let ours = NodeProgram::Ours { hb_node: program("hb-node") };
    let cluster = Cluster::build(agent(), [ours.clone(), ours], files).await.unwrap();
    for node in &cluster.nodes {
        node.host().write("/etc/ha.d/resource.d/service", SCRIPT, 0o755).unwrap();
    }
    cluster.start(LIMIT).await.unwrap();
    cluster.probe.begin().await.unwrap();
    cluster.served_by("alpha", LIMIT).await.unwrap();
    let beta = cluster.beta().host();
    beta.lose(NETWORK, Direction::Incoming, 100, "udp dport 694").await.unwrap();
    cluster.served_by("beta", LIMIT).await.unwrap();
    beta.lose(NETWORK, Direction::Incoming, 0, "").await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let sight = cluster.served_by("beta", LIMIT).await.unwrap();
    let time = |who: usize, what: &str| {
        let calls = cluster.nodes[who].host().read("/var/log/service").unwrap_or_default();
        let times = calls.lines().filter_map(|call| call.strip_prefix(what)?.trim().parse().ok());
        times.collect::<Vec<u64>>()
    };
    let (stops, starts) = (time(0, "stop"), time(1, "start"));
    let before = i128::from(starts[0]) - i128::from(*stops.last().unwrap());
    println!(
        "measured: outage {} ms, both answered for {} ns, the script had ended {} ms before it began",
        sight.outage_ns() / 1_000_000,
        sight.both_ns,
        before / 1_000_000
    );
    assert_eq!(sight.both_ns, 0, "two owners");
    assert!(before > 0, "the script ran on both: {stops:?} {starts:?}");
    assert_eq!((starts.len(), time(0, "start").len()), (1, 1), "one move");
}

const SCRIPT: &str = r#"#!/bin/sh
case $1 in
start) [ -e /run/service ] || echo "start $(date +%s%N)" >> /var/log/service; touch /run/service ;;
stop) if [ -e /run/service ]; then rm /run/service; echo "stop $(date +%s%N)" >> /var/log/service; fi ;;
status) if [ -e /run/service ]; then echo running; else echo stopped; exit 3; fi ;;
esac
"#;
