//! Two nodes of ours both hold a group, and none of the two knows better: the one with the older epoch releases it when they
//! hear each other. Until then each names the other's MAC in its log.
//!
//! One node took everything during a cut. The other one, started anew meanwhile, took what is its own, without a verdict; its
//! epochs are older, because the file with them is lost. By any other rule it would keep it: it is its home.

use std::time::{Duration, Instant};

use hb_lab::{Cluster, ClusterFiles, Direction, Floating, NETWORK, Node, NodeProgram};
use tokio::time::sleep;

use crate::programs::{DEADTIME, Family, KEEPALIVE, agent, program};

#[tokio::test]
async fn the_older_epoch_releases() {
    for family in [Family::Ipv4, Family::Ipv6] {
        let files = ClusterFiles::two_node().with_timing(KEEPALIVE, DEADTIME).with("auto_failback", "off");
        let files = if family == Family::Ipv6 { files.with_ipv6() } else { files };
        let ours = || NodeProgram::Ours { hb_node: program() };
        let cluster = Cluster::build(agent(), [ours(), ours()], files).await.unwrap();
        let (alpha, beta) = (cluster.alpha(), cluster.beta());
        // An earlier run makes the epochs of beta those of later: they grow with each start.
        beta.start().await.unwrap();
        holds_all(&cluster, beta).await;
        beta.stop().await.unwrap();
        beta.stopped(LIMIT).await.unwrap();
        cluster.start(LIMIT).await.unwrap();
        deafen(&cluster, true).await;
        holds_all(&cluster, beta).await;
        alpha.stop().await.unwrap();
        alpha.stopped(LIMIT).await.unwrap();
        assert!(alpha.host().run(&["rm", EPOCHS], LIMIT).await.unwrap().succeeded());
        alpha.start().await.unwrap();
        holds_all(&cluster, alpha).await;
        for (node, other) in [(alpha, beta), (beta, alpha)] {
            let mac = other.host().links()[0].mac.map(|byte| format!("{byte:02x}")).join(":");
            let claims = |floating: &Floating| {
                format!("Another machine, {mac}, claims {}, which is here", floating.address)
            };
            let named =
                async || cluster.floating.iter().any(|floating| node.log().contains(&claims(floating)));
            until(&format!("{} names {mac}", node.host().name()), named).await;
        }
        cluster.probe.begin().await.unwrap();
        let both = cluster.probe.until("both answer", LIMIT, |sight| sight.both_ns > 0).await.unwrap();

        deafen(&cluster, false).await;
        let sight = cluster.served_by("beta", LIMIT).await.unwrap();
        let last = sight.both.last().unwrap().to_ns;
        let after_ms = last.saturating_sub(both.now_ns) / 1_000_000;
        println!("measured, {family:?}: both answered until {after_ms} ms after the cut was healed");
        // Alpha took the group of beta by its verdict, which beta, whose peer started anew, has not.
        let swapped = |node: &Node, floating: &Floating| floating.home != node.host().name();
        cluster.settled("the newer epoch keeps", LIMIT, swapped).await.unwrap();
        let log = alpha.log();
        assert!(log.contains("Both machines own"), "{log}");
        assert!(log.contains("HA resources relinquished [local]"), "{log}");
    }
}

async fn holds_all(cluster: &Cluster, node: &Node) {
    let holds_all = async || {
        let mut all = true;
        for floating in &cluster.floating {
            all &= node.host().holds(floating.address).await;
        }
        all
    };
    until(&format!("{} holds everything", node.host().name()), holds_all).await;
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < LIMIT, "not reached: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Whether the nodes hear each other's heartbeats; clients reach both all the time.
async fn deafen(cluster: &Cluster, is_deaf: bool) {
    let percent = if is_deaf { 100 } else { 0 };
    for node in &cluster.nodes {
        node.host().lose(NETWORK, Direction::Incoming, percent, "udp dport 694").await.unwrap();
    }
}

const EPOCHS: &str = "/var/lib/heartbeat/hb_epoch";
const LIMIT: Duration = Duration::from_secs(60);
