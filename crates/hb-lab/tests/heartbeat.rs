//! The real Heartbeat 3.0.6 on both nodes: what the lab is for must work with it too.
//!
//! Needs root and Debian's package heartbeat; without them the test fails and says so.

use std::path::PathBuf;
use std::time::Duration;

use hb_lab::{Account, Agent, Cluster, ClusterFiles, NodeProgram};

const START: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_real_pair_serves_loses_power_and_comes_back() {
    let agent = Agent::new(PathBuf::from(env!("CARGO_BIN_EXE_hb-lab-agent")), Vec::new());
    let program = NodeProgram::heartbeat().unwrap();
    let files = ClusterFiles::two_node().with("auto_failback", "on");
    let cluster = Cluster::build(agent, [program.clone(), program], files).await.unwrap();
    assert!(matches!(cluster.alpha().account().await, Account::NotRunning));
    cluster.start(START).await.unwrap();
    let Account::Heartbeat { hold, peer } = cluster.beta().account().await else { panic!("no account") };
    assert_eq!((hold.as_str(), peer.as_str()), ("local", "active"));

    cluster.probe.begin().await.unwrap();
    cluster.probe.until("service", START, |sight| sight.answered > 100).await.unwrap();
    cluster.alpha().host().crash().await.unwrap();
    assert!(matches!(cluster.alpha().account().await, Account::Off));
    let sight = cluster.served_by("beta", START).await.unwrap();
    // Detection takes the dead time less up to a heartbeat, the takeover by scripts some more; a young node 2 s more.
    let outage = Duration::from_nanos(sight.outage_ns());
    assert!((800..6000).contains(&outage.as_millis()), "{outage:?}");
    assert_eq!(sight.both_ns, 0);
    assert!(cluster.beta().log().contains("node alpha: is dead"));

    let alpha = cluster.alpha();
    alpha.host().boot().await.unwrap();
    cluster.start_service(alpha).await.unwrap();
    alpha.start().await.unwrap();
    cluster.served_by("alpha", START).await.unwrap();
    cluster.beta().stop().await.unwrap();
    cluster.beta().stopped(START).await.unwrap();
    assert!(matches!(cluster.beta().account().await, Account::NotRunning));
}
