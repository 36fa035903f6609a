//! Without a table of `nf_tables` addresses have lifetimes: a node that stands still loses them before the other one takes them.

use std::time::Duration;

use hb_lab::{Account, Cluster, ClusterFiles, NodeProgram};
use tokio::time::sleep;

use crate::programs::{Family, KEEPALIVE, agent, program};

#[tokio::test]
async fn hung_without_a_table() {
    for family in [Family::Ipv4, Family::Ipv6] {
        let files = ClusterFiles::two_node().with_timing(KEEPALIVE, DEADTIME).with("initdead", "4");
        let files = if family == Family::Ipv6 { files.with_ipv6() } else { files };
        let ours = || NodeProgram::Ours { hb_node: program() };
        let cluster = Cluster::build(agent(), [ours(), ours()], files).await.unwrap();
        for node in [cluster.alpha(), cluster.beta()] {
            node.host().write("/etc/ha.d/hb.toml", "[lease]\nby = \"lifetime\"\n", 0o644).unwrap();
        }
        cluster.start(LIMIT).await.unwrap();
        let Account::Ours(status) = cluster.alpha().account().await else { panic!("alpha is mute") };
        let told = status.protection.iter().any(|line| line.starts_with("lease by lifetimes of addresses"));
        assert!(told, "{:?}", status.protection);
        let rules = cluster.alpha().host().run(&["nft", "list", "tables"], LIMIT).await.unwrap();
        assert!(!rules.stdout.contains("hb-lease"), "{rules:?}");
        // Longer than a lifetime: it is renewed.
        cluster.probe.begin().await.unwrap();
        sleep(DEADTIME).await;
        let sight = cluster.served_by("alpha", LIMIT).await.unwrap();
        assert!(sight.outage_ns() < 100_000_000, "{family:?}: {} ns", sight.outage_ns());

        cluster.alpha().hang().await.unwrap();
        cluster.served_by("beta", LIMIT).await.unwrap();
        assert!(
            !cluster.alpha().host().holds(cluster.floating[0].address).await,
            "the kernel has removed it"
        );
        let sight = cluster.probe.look().await.unwrap();
        println!("measured, {family:?}: outage {} ms", sight.outage_ns() / 1_000_000);
        assert_eq!(sight.both_ns, 0, "{family:?}: while alpha stands still: {}", cluster.overlap(&sight));
        cluster.alpha().go_on().await.unwrap();
        cluster
            .settled("everything at home again", LIMIT, |node, floating| floating.home == node.host().name())
            .await
            .unwrap();
        let sight = cluster.served_by("alpha", LIMIT).await.unwrap();
        assert_eq!(sight.both_ns, 0, "{family:?}: after it went on: {}", cluster.overlap(&sight));
    }
}

/// Room for a lifetime of two seconds.
const DEADTIME: Duration = Duration::from_secs(4);
const LIMIT: Duration = Duration::from_secs(60);
