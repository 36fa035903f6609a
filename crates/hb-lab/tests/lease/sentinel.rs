//! A machine that does not belong to the cluster takes a floating address and tells everybody so: the log names its MAC, the
//! address is announced again at once, and nothing moves.
//!
//! The stranger is a cluster of one with the same address, another port and another key: somebody's copy of the files.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use hb_lab::{Account, Cluster, ClusterFiles, Host, HostSpec, NETWORK, Node, NodeProgram, Signal};
use tokio::time::sleep;

use crate::programs::{DEADTIME, Family, KEEPALIVE, agent, program};

#[tokio::test]
async fn claimed_by_a_stranger() {
    for family in [Family::Ipv4, Family::Ipv6] {
        let files = ClusterFiles::two_node().with_timing(KEEPALIVE, DEADTIME);
        let files = if family == Family::Ipv6 { files.with_ipv6() } else { files };
        let ours = || NodeProgram::Ours { hb_node: program() };
        let mut cluster = Cluster::build(agent(), [ours(), ours()], files.clone()).await.unwrap();
        cluster.start(LIMIT).await.unwrap();
        let before = holdings(&cluster).await;
        let recording = format!("/var/log/{family:?}.pcap");
        let mut tcpdump = cluster.client.record(CLAIMS, &recording).await.unwrap();
        let stranger = stranger(&mut cluster, &files, family).await;
        stranger.start().await.unwrap();

        let of = |host: &Host| host.links()[0].mac.map(|byte| format!("{byte:02x}")).join(":");
        let mac = of(stranger.host());
        let address = cluster.floating[0].address;
        let named = format!("Another machine, {mac}, claims {address}, which is here: announced again");
        let begun = Instant::now();
        while !cluster.alpha().log().contains(&named) {
            assert!(begun.elapsed() < LIMIT, "not in the log: {named}\n{}", cluster.alpha().log());
            sleep(Duration::from_millis(20)).await;
        }
        // Longer than any verdict takes.
        sleep(DEADTIME * 2).await;
        assert_eq!(holdings(&cluster).await, before, "nothing moves, and nothing is started anew");
        assert!(!cluster.beta().log().contains("Another machine"), "it is not there");
        tcpdump.signal(Signal::INT).await.unwrap();
        tcpdump.ended(LIMIT).await.unwrap();
        let frames = frames(&cluster.client, &recording, address).await;
        let claim = frames.iter().find(|(_, from)| *from == mac).unwrap_or_else(|| panic!("{frames:?}"));
        let home = of(cluster.alpha().host());
        let answer = frames.iter().find(|(time, from)| *from == home && *time > claim.0);
        let after = answer.unwrap_or_else(|| panic!("not announced again: {frames:?}")).0 - claim.0;
        println!("measured, {family:?}: announced again after {:.1} ms", after * 1000.0);
        assert!(after < AT_ONCE.as_secs_f64(), "{after} s: {frames:?}");
    }
}

/// What each node holds, and the numbers of the starts.
async fn holdings(cluster: &Cluster) -> Vec<String> {
    let mut all = Vec::new();
    for node in [cluster.alpha(), cluster.beta()] {
        let Account::Ours(status) = node.account().await else { panic!("{} is mute", node.host().name()) };
        let groups = status.groups.iter().map(|group| (&group.key, group.state, group.epoch));
        all.push(format!("{:?} {:?}", status.hold, groups.collect::<Vec<_>>()));
    }
    all
}

async fn stranger(cluster: &mut Cluster, files: &ClusterFiles, family: Family) -> Node {
    let spec = HostSpec::new("stranger").plug(NETWORK, Ipv4Addr::new(10, 77, 0, 66));
    let host = cluster.lab.add_host(spec).await.unwrap();
    if family == Family::Ipv6 {
        host.add_address(&host.links()[0].address6()).await.unwrap();
    }
    let mut own = files.clone().of_alpha().with("node", "stranger").with("udpport", "5694");
    own.haresources = own.haresources.replace("alpha", "stranger");
    own.authkeys = "auth 1\n1 sha1 of-somebody-else\n".to_owned();
    Node::new(host, NodeProgram::Ours { hb_node: program() }, &own).unwrap()
}

/// Time and sender of every frame that says whose the address is.
async fn frames(client: &Host, recording: &str, address: IpAddr) -> Vec<(f64, String)> {
    let output = client.run(&["tcpdump", "-r", recording, "-tt", "-e", "-n"], LIMIT).await.unwrap();
    assert!(output.succeeded(), "{output:?}");
    let claims = [format!("tell {address},"), format!("Reply {address} is-at"), format!("tgt is {address},")];
    let lines = output.stdout.lines().filter(|line| claims.iter().any(|claim| line.contains(claim.as_str())));
    let frame = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?.to_owned()))
    };
    lines.map(|line| frame(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// ARP, and advertisements of neighbour discovery.
const CLAIMS: &str = "arp or (icmp6 and ip6[40] == 136)";
const LIMIT: Duration = Duration::from_secs(60);
/// The watch rests for 20 ms after each look, and the machine may be busy.
const AT_ONCE: Duration = Duration::from_millis(200);
