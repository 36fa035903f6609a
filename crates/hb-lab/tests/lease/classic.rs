//! With the real 3.0.6 as the node that takes over: ours is dark before its dead time ends.
//!
//! When our node goes on, 3.0.6 gives everything up and starts anew (`docs/differences.md`, F03 and F04), so the service moves
//! once more before it rests. With failback it gives back at once, also what its scripts are still taking: ours takes that only
//! when they have ended.

use std::time::Duration;

use hb_lab::{Cluster, ClusterFiles, Fault, Node, NodeProgram, Peers, Sight};
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
        let cluster = cluster(two_node(), Duration::ZERO).await;
        sleep(KEEPALIVE / 10 * (run % 10)).await;
        let sight = hang(&cluster, async || cluster.served_by("beta", LIMIT).await.unwrap()).await;
        println!("measured, run {run}: outage {} ms", sight.outage_ns() / 1_000_000);
        assert_eq!(sight.both_ns, 0, "while ours stands still: {}", cluster.overlap(&sight));
        let sight = rest_after_it_goes_on(&cluster).await;
        assert_eq!(sight.both_ns, 0, "run {run}, after ours went on: {}", cluster.overlap(&sight));
        let log = cluster.alpha().log();
        assert!(log.contains("so it was stopped, frozen, or held up in the kernel"), "{log}");
    }
}

/// How long the script of 3.0.6 takes before the address is there: from a takeover that ends before ours goes on to one that
/// would end after 3.0.6 had given everything up.
#[tokio::test]
async fn hung_with_slow_scripts() {
    for slow in [500, 2500, 5000].map(Duration::from_millis) {
        let cluster = cluster(two_node().of_alpha(), slow).await;
        let sight = hang(&cluster, async || {
            sleep(DEADTIME * 3).await;
            cluster.probe.look().await.unwrap()
        })
        .await;
        assert_eq!(sight.both_ns, 0, "while ours stands still: {}", cluster.overlap(&sight));
        let sight = rest_after_it_goes_on(&cluster).await;
        println!("measured, scripts of {slow:?}: outage {} ms", sight.outage_ns() / 1_000_000);
        assert_eq!(sight.both_ns, 0, "{slow:?}, after ours went on: {}", cluster.overlap(&sight));
        assert_eq!(sight.last_node(), Some("alpha"), "{slow:?}: with failback it comes home");
    }
}

fn two_node() -> ClusterFiles {
    ClusterFiles::two_node().with_timing(KEEPALIVE, DEADTIME).with("auto_failback", "on")
}

/// Ours serves, beside a 3.0.6 whose script takes this time more to put an address up.
async fn cluster(files: ClusterFiles, slow: Duration) -> Cluster {
    let ours = NodeProgram::Ours { hb_node: program() };
    let classic = NodeProgram::heartbeat().unwrap_or_else(|error| panic!("{error}"));
    let cluster = Cluster::build(agent(), [ours, classic], files).await.unwrap();
    slow_down(cluster.beta(), slow).await;
    cluster.start(LIMIT).await.unwrap();
    // Younger nodes are judged by other rules (failover.md 3.5).
    sleep(YOUTH).await;
    cluster
}

/// Stops ours until something is reached; by then it was dark before the other's dead time could end.
async fn hang(cluster: &Cluster, until: impl AsyncFnOnce() -> Sight) -> Sight {
    cluster.probe.begin().await.unwrap();
    let served = |sight: &Sight| sight.answered >= 100;
    let before = cluster.probe.until("service before the fault", LIMIT, served).await.unwrap();
    cluster.alpha().hang().await.unwrap();
    let sight = until().await;
    // The last heartbeat left at most a keepalive before.
    let judged_ns = before.now_ns + u64::try_from(DEADTIME.saturating_sub(KEEPALIVE).as_nanos()).unwrap();
    let answers = sight.spells.iter().filter(|spell| spell.node == "alpha");
    let last_ns = answers.map(|spell| spell.time.to_ns).max().unwrap();
    println!(
        "measured: dark {} ms before the dead time can end",
        judged_ns.saturating_sub(last_ns) / 1_000_000
    );
    assert!(last_ns < judged_ns, "dark too late: {:?}", sight.spells);
    sight
}

async fn rest_after_it_goes_on(cluster: &Cluster) -> Sight {
    cluster.alpha().go_on().await.unwrap();
    sleep(RESTART).await;
    let rests = |sight: &Sight| sight.last_node().is_some_and(|node| sight.is_quiet(node));
    cluster.probe.until("rest at last", LIMIT, rests).await.unwrap()
}

/// In the place of the script for addresses, on this host alone, one that takes its time and then runs it.
async fn slow_down(node: &Node, slow: Duration) {
    let wrapper = format!(
        "#!/bin/sh\nfor last; do :; done\n[ \"$last\" = start ] && sleep {}\nexec /etc/ha.d/real/IPaddr \"$@\"\n",
        slow.as_secs_f64()
    );
    let moved =
        ["/bin/sh", "-c", "mkdir -p /etc/ha.d/real && mv /etc/ha.d/resource.d/IPaddr /etc/ha.d/real/"];
    assert!(node.host().run(&moved, LIMIT).await.unwrap().succeeded());
    node.host().write("/etc/ha.d/resource.d/IPaddr", &wrapper, 0o755).unwrap();
}

/// 3.0.6 waits for ten seconds here and there.
const LIMIT: Duration = Duration::from_secs(90);
const YOUTH: Duration = Duration::from_secs(6);
/// Until 3.0.6 has given everything up, started anew, and taken what is its own.
const RESTART: Duration = Duration::from_secs(25);
