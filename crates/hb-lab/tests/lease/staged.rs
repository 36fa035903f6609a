//! Staged addresses: the standby has them, services are bound there before any takeover, and nobody is ever answered by it.

use std::net::IpAddr;
use std::time::Duration;

use hb_lab::{
    Account, Cluster, ClusterFiles, Fault, Floating, LabOptions, Node, NodeProgram, Peers, Signal,
    start_bound_echo,
};
use tokio::time::sleep;

use crate::faults::{BUSY_MS, deadtime_ms, judge};
use crate::programs::{DEADTIME, Family, KEEPALIVE, agent, program, runs, series_by};

/// Before Linux 6.9 no group is staged: whether it is so here, and every node says so and has no copies.
pub(crate) async fn is_refused() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
    let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
    if version >= (6, 9) {
        return false;
    }
    let files = ClusterFiles::two_node().with_timing(KEEPALIVE, DEADTIME).of_alpha().staged();
    let ours = || NodeProgram::Ours { hb_node: program() };
    let cluster = Cluster::build(agent(), [ours(), ours()], files).await.unwrap();
    cluster.start(LIMIT).await.unwrap();
    for node in [cluster.alpha(), cluster.beta()] {
        let Account::Ours(status) = node.account().await else { panic!("a node is mute") };
        let has = |word: &str| status.protection.iter().any(|line| line.contains(word));
        if has(" is staged: ") {
            // An older kernel to which that was added.
            return false;
        }
        assert!(has(" is not staged: ") && has("from Linux 6.9 on"), "{:?}", status.protection);
    }
    copies_are(&cluster, &[], "on an older kernel").await;
    println!("Linux {}: staging is refused", release.trim());
    true
}

async fn killed_and_hung(family: Family) {
    if is_refused().await {
        return;
    }
    let options = LabOptions { ipv6: family == Family::Ipv6, staged: true, ..LabOptions::default() };
    let each = [Fault::Kill9, Fault::Hang, Fault::Kill9Both, Fault::FlushHang];
    let faults: Vec<_> = (0..runs().div_ceil(2)).flat_map(|_| each).collect();
    let all = series_by(options, &faults).await;
    let (heart_killed, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| one.fault == Fault::Kill9.name());
    judge(&heart_killed, Peers::Ours, BUSY_MS);
    judge(&others, Peers::Ours, deadtime_ms() + BUSY_MS);
}

#[tokio::test]
async fn staged_killed_and_hung() {
    killed_and_hung(Family::Ipv4).await;
}

#[tokio::test]
async fn staged_killed_and_hung_ipv6() {
    killed_and_hung(Family::Ipv6).await;
}

#[tokio::test]
async fn staged_with_the_real_one_as_peer() {
    if is_refused().await {
        return;
    }
    let options = LabOptions { staged: true, peers: Peers::HeartbeatTakesOver, ..LabOptions::default() };
    for one in series_by(options, &[Fault::Kill9Both]).await {
        assert!(one.both_answer_ms <= 0.0 && one.settled, "{one:?}");
    }
}

/// Its copies of staged addresses.
async fn copies(cluster: &Cluster) -> Vec<String> {
    let mut all = Vec::new();
    for node in [cluster.alpha(), cluster.beta()] {
        let shown = node.host().run(&["ip", "-o", "address", "show", "dev", "lo"], LIMIT).await.unwrap();
        let shown = shown.stdout.lines().filter_map(|line| line.split_whitespace().nth(3));
        let copies = shown.filter(|shown| !["127.0.0.1/8", "::1/128"].contains(shown));
        all.extend(copies.map(|copy| format!("{}: {copy}", node.host().name())));
    }
    all
}

pub(crate) async fn copies_are(cluster: &Cluster, expected: &[&str], when: &str) {
    let begun = std::time::Instant::now();
    loop {
        let mut found = copies(cluster).await;
        found.sort();
        if found == expected {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "{when}: {found:?}, not {expected:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A service is bound on the standby, all rules are flushed there, the configuration is read again with and without
/// staging, all of the standby is killed and starts anew: the client never hears from it.
#[tokio::test]
async fn a_standby_is_mute_whatever_befalls_it() {
    if is_refused().await {
        return;
    }
    for family in [Family::Ipv4, Family::Ipv6] {
        let plain = ClusterFiles::two_node().with_timing(KEEPALIVE, DEADTIME).with("auto_failback", "on");
        let plain = if family == Family::Ipv6 { plain.with_ipv6() } else { plain };
        let plain = plain.of_alpha();
        let staged = plain.clone().staged();
        let ours = || NodeProgram::Ours { hb_node: program() };
        let cluster = Cluster::build(agent(), [ours(), ours()], staged.clone()).await.unwrap();
        cluster.start(LIMIT).await.unwrap();
        let (address, beta) = (cluster.floating[0].address, cluster.beta());
        let both = expected(address, &["alpha", "beta"]);
        let both: Vec<_> = both.iter().map(String::as_str).collect();
        copies_are(&cluster, &both, "at the start").await;
        let Account::Ours(status) = beta.account().await else { panic!("beta is mute") };
        let told = status.protection.iter().any(|line| line.contains(" is staged: services can bind"));
        assert!(told, "{:?}", status.protection);

        let mut service = start_bound_echo(beta.host(), &[address], 7001).await.unwrap();
        let nowhere: IpAddr = "192.0.2.1".parse().unwrap();
        let mut other = start_bound_echo(beta.host(), &[nowhere], 7001).await.unwrap();
        other.ended(LIMIT).await.unwrap();
        assert!(service.ended(Duration::from_millis(100)).await.is_err(), "it is bound");

        cluster.probe.begin().await.unwrap();
        beta.host().run(&["nft", "flush", "ruleset"], LIMIT).await.unwrap();
        sleep(KEEPALIVE).await;
        beta.hang().await.unwrap();
        beta.host().run(&["nft", "flush", "ruleset"], LIMIT).await.unwrap();
        sleep(KEEPALIVE * 2).await;
        beta.go_on().await.unwrap();
        for (files, copies) in [(&plain, &both[..1]), (&staged, &both[..])] {
            let text = if files.hb_toml.is_empty() { "# nothing\n" } else { &files.hb_toml };
            beta.host().write("/etc/ha.d/hb.toml", text, 0o644).unwrap();
            beta.host().signal_program(&program(), Signal::HUP).await.unwrap();
            copies_are(&cluster, copies, "after a reload").await;
            sleep(KEEPALIVE).await;
        }
        assert!(service.ended(Duration::from_millis(100)).await.is_err(), "it stays bound");
        beta.kill_heart().await.unwrap();
        copies_are(&cluster, &both[..1], "after the death of the heart").await;
        beta.stopped(LIMIT).await.unwrap();
        beta.start().await.unwrap();
        copies_are(&cluster, &both, "after a start").await;
        beta.kill_all().await.unwrap();
        sleep(KEEPALIVE).await;
        beta.stopped(LIMIT).await.unwrap();
        beta.start().await.unwrap();
        // What it left is mute until it is removed by the start.
        let is_home = |node: &Node, floating: &Floating| floating.home == node.host().name();
        cluster.settled("everything at home", LIMIT, is_home).await.unwrap();
        copies_are(&cluster, &both, "after another one").await;
        beta.stop().await.unwrap();
        beta.stopped(LIMIT).await.unwrap();
        copies_are(&cluster, &both[..1], "after a stop").await;
        let sight = cluster.served_by("alpha", LIMIT).await.unwrap();
        println!("measured, {family:?}: {} probes answered by alpha, none by beta", sight.answered);
        assert_eq!(sight.both_ns, 0, "{family:?}: {}", cluster.overlap(&sight));
        assert!(sight.spells.iter().all(|spell| spell.node == "alpha"), "{:?}", sight.spells);
    }
}

/// Heart and guard are killed together, and the next start is stopped as soon as it can be: what the dead had closed is gone, with
/// the table that closed it.
#[tokio::test]
async fn a_stop_early_in_a_start_leaves_nothing_closed() {
    if is_refused().await {
        return;
    }
    let files = ClusterFiles::two_node().with_timing(KEEPALIVE, DEADTIME).of_alpha().staged();
    let ours = || NodeProgram::Ours { hb_node: program() };
    let cluster = Cluster::build(agent(), [ours(), ours()], files).await.unwrap();
    cluster.start(LIMIT).await.unwrap();
    let (address, beta) = (cluster.floating[0].address, cluster.beta());
    let (both, alone) = (expected(address, &["alpha", "beta"]), expected(address, &["alpha"]));
    let both: Vec<_> = both.iter().map(String::as_str).collect();
    for _ in 0..5 {
        copies_are(&cluster, &both, "before the death of both").await;
        beta.kill_all().await.unwrap();
        beta.stopped(LIMIT).await.unwrap();
        beta.host().run(&["rm", "-f", PID_FILE], LIMIT).await.unwrap();
        beta.start().await.unwrap();
        let begun = std::time::Instant::now();
        while beta.host().read(PID_FILE).unwrap_or_default().is_empty() {
            assert!(begun.elapsed() < LIMIT, "no pid file: {}", beta.log());
            sleep(Duration::from_millis(1)).await;
        }
        beta.stop().await.unwrap();
        beta.stopped(LIMIT).await.unwrap();
        copies_are(&cluster, &[&alone[0]], "after a stop early in a start").await;
        let tables = beta.host().run(&["nft", "list", "tables"], LIMIT).await.unwrap();
        assert!(!tables.stdout.contains("hb-lease"), "{}", beta.log());
        beta.start().await.unwrap();
    }
}

fn expected(address: IpAddr, nodes: &[&str]) -> Vec<String> {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    nodes.iter().map(|node| format!("{node}: {address}/{bits}")).collect()
}

/// Where a daemon has its number.
const PID_FILE: &str = "/run/heartbeat.pid";
const LIMIT: Duration = Duration::from_secs(60);
