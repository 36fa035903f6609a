//! With the real 3.0.6 as the node that takes over: ours is dark before its dead time ends.
//!
//! When our node goes on, 3.0.6 gives everything up and starts anew (`docs/differences.md`, F03 and F04), so the service moves
//! once more before it rests.

use std::time::Duration;

use hb_lab::{Cluster, ClusterFiles, Fault, NodeProgram, Peers, Sight};
use tokio::time::sleep;

use crate::programs::{DEADTIME, KEEPALIVE, agent, program, runs, series};

#[tokio::test]
async fn killed() {
    for one in series(Fault::Kill9Both, Peers::HeartbeatTakesOver, runs()).await {
        assert!(one.both_answer_ms <= 0.0 && one.settled, "{one:?}");
    }
}

#[tokio::test]
async fn hung() {
    for run in 1..=runs() {
        let files = ClusterFiles::two_node().with_timing(KEEPALIVE, DEADTIME).with("auto_failback", "on");
        let ours = NodeProgram::Ours { hb_node: program() };
        let classic = NodeProgram::heartbeat().unwrap_or_else(|error| panic!("{error}"));
        let cluster = Cluster::build(agent(), [ours, classic], files).await.unwrap();
        cluster.start(LIMIT).await.unwrap();
        // Younger nodes are judged by other rules (failover.md 3.5).
        sleep(YOUTH).await;
        cluster.probe.begin().await.unwrap();
        let served = |sight: &Sight| sight.answered >= 100;
        cluster.probe.until("service before the fault", LIMIT, served).await.unwrap();
        sleep(KEEPALIVE / 10 * (run % 10)).await;
        cluster.alpha().hang().await.unwrap();
        cluster.served_by("beta", LIMIT).await.unwrap();
        let sight = cluster.probe.look().await.unwrap();
        println!("measured, run {run}: outage {} ms", sight.outage_ns() / 1_000_000);
        assert_eq!(sight.both_ns, 0, "while ours stands still");
        cluster.alpha().go_on().await.unwrap();
        sleep(RESTART).await;
        let rests = |sight: &Sight| sight.last_node().is_some_and(|node| sight.is_quiet(node));
        let sight = cluster.probe.until("rest at last", LIMIT, rests).await.unwrap();
        println!("measured, run {run}: both answered for {} ms after it went on", sight.both_ns / 1_000_000);
        assert_eq!(sight.both_ns, 0, "after ours went on");
        let log = cluster.alpha().log();
        assert!(log.contains("so it was stopped, frozen, or held up in the kernel"), "{log}");
    }
}

/// 3.0.6 waits for ten seconds here and there.
const LIMIT: Duration = Duration::from_secs(90);
const YOUTH: Duration = Duration::from_secs(6);
/// Until 3.0.6 has given everything up, started anew, and taken what is its own.
const RESTART: Duration = Duration::from_secs(25);
