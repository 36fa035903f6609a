//! Ten nodes of ours on a network that loses three of ten packets: they find each other, two are killed, and the others agree
//! on who lives.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use hb_lab::{Account, ClusterFiles, Direction, HostSpec, Lab, Node, NodeProgram};
use tokio::time::sleep;

use crate::scene::{FRONT, LIMIT, agent, program};

const COUNT: u8 = 10;
const KILLED: usize = 2;
/// Fifteen heartbeats: all of them are lost once in seventy million times.
const DEADTIME: Duration = Duration::from_secs(3);

#[tokio::test]
async fn three_of_ten_packets_lost() {
    let names: Vec<_> = (0..COUNT).map(|number| format!("node{number}")).collect();
    let mut files = ClusterFiles::two_node()
        .with_timing(Duration::from_millis(200), DEADTIME)
        .with("initdead", "6")
        .with("node", &names.join(" "));
    files.haresources = String::new();
    let mut lab = Lab::start(agent()).unwrap();
    lab.add_network(FRONT).await.unwrap();
    let mut nodes = Vec::new();
    for (name, last) in names.iter().zip(1..) {
        let spec = HostSpec::new(name).plug(FRONT, Ipv4Addr::new(10, 77, 0, last));
        let host = lab.add_host(spec).await.unwrap();
        host.lose(FRONT, Direction::Incoming, 30, "").await.unwrap();
        nodes.push(Node::new(host, NodeProgram::Ours { hb_node: program("hb-node") }, &files).unwrap());
    }
    for node in &nodes {
        node.start().await.unwrap();
    }
    let all: Vec<_> = names.iter().map(String::as_str).collect();
    until("all see all", &nodes, &all, &all).await;
    for node in &nodes[..KILLED] {
        node.kill_all().await.unwrap();
    }
    until("the others agree", &nodes[KILLED..], &all, &all[KILLED..]).await;
    for node in &nodes[KILLED..] {
        let log = node.log();
        for name in &names[KILLED..] {
            assert!(!log.contains(&format!("node {name}: is dead")), "{}: {log}", node.host().name());
        }
    }
}

/// Waits until each of these nodes calls just those active, and misses no message of a living one for long.
async fn until(what: &str, nodes: &[Node], all: &[&str], active: &[&str]) {
    let begun = Instant::now();
    for node in nodes {
        loop {
            if let Account::Ours(status) = node.account().await {
                let agrees = all.iter().all(|name| {
                    let mut known = status.nodes.iter().filter(|node| node.name == *name);
                    known.any(|node| (node.status == "active") == active.contains(name))
                });
                let lacks = |node: &hb_client::NodeStatus| active.contains(&&*node.name) && node.missing > 5;
                if agrees && !status.nodes.iter().any(lacks) {
                    break;
                }
            }
            assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}\n{}", node.log());
            sleep(Duration::from_millis(20)).await;
        }
    }
    println!("{what} after {:?}", begun.elapsed());
}
