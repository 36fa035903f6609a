//! Another lease, or none, by a reload while the address is served: nobody loses it by that, and a heart that hangs afterwards
//! loses it as if the lease had been there from the start on.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hb_lab::{Account, Cluster, ClusterFiles, NodeProgram, Signal};
use tokio::time::sleep;

use crate::programs::{KEEPALIVE, agent, program};
use crate::staged;

/// By what the addresses are leased, as hb.toml says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Off,
    Table,
    Lifetimes,
}

impl Kind {
    fn hb_toml(self, more: &str) -> String {
        let kind = match self {
            Self::Off => "enabled = false\n",
            Self::Table => "",
            Self::Lifetimes => "by = \"lifetime\"\n",
        };
        format!("[lease]\n{kind}{more}")
    }

    /// How its line among what protects begins.
    const fn words(self) -> &'static str {
        match self {
            Self::Off => "no lease in the kernel (switched off in hb.toml)",
            Self::Table => "lease in the kernel: ",
            Self::Lifetimes => "lease by lifetimes of addresses",
        }
    }
}

#[tokio::test]
async fn a_lease_comes_changes_and_goes() {
    let cluster = started(Kind::Off).await;
    cluster.probe.begin().await.unwrap();
    let mut now = Kind::Off;
    for next in
        [Kind::Table, Kind::Lifetimes, Kind::Table, Kind::Off, Kind::Lifetimes, Kind::Off, Kind::Table]
    {
        reload(&cluster, &next.hb_toml("")).await;
        is_in_force(&cluster, next, true).await;
        // Longer than each lease.
        sleep(DEADTIME).await;
        let sight = cluster.served_by("alpha", LIMIT).await.unwrap();
        let outage = sight.outage_ns() / 1_000_000;
        println!("measured, {now:?} to {next:?}: longest gap {outage} ms");
        assert!(outage < 100, "{now:?} to {next:?}: {}", cluster.alpha().log());
        assert_eq!(sight.both_ns, 0, "{now:?} to {next:?}");
        now = next;
    }
    assert!(!cluster.beta().log().contains("is dead"));
    cluster.alpha().stop().await.unwrap();
    cluster.alpha().stopped(LIMIT).await.unwrap();
    assert!(table(&cluster).await.is_none(), "{}", cluster.alpha().log());
}

#[tokio::test]
async fn a_heart_that_hangs_loses_what_a_reload_has_leased() {
    for (before, after) in
        [(Kind::Off, Kind::Table), (Kind::Table, Kind::Lifetimes), (Kind::Lifetimes, Kind::Table)]
    {
        let cluster = started(before).await;
        reload(&cluster, &after.hb_toml("")).await;
        is_in_force(&cluster, after, true).await;
        hang(&cluster, &format!("{before:?} to {after:?}")).await;
        // The group was released and started anew since.
        is_in_force(&cluster, after, true).await;
        hang(&cluster, &format!("{before:?} to {after:?}, after a move")).await;
    }
}

/// Nobody is left to take the address away but the kernel.
#[tokio::test]
async fn what_a_reload_has_leased_outlives_no_heart() {
    for kind in [Kind::Table, Kind::Lifetimes] {
        let cluster = started(Kind::Off).await;
        reload(&cluster, &kind.hb_toml("")).await;
        is_in_force(&cluster, kind, true).await;
        cluster.probe.begin().await.unwrap();
        cluster.alpha().kill_all().await.unwrap();
        cluster.served_by("beta", LIMIT).await.unwrap();
        let sight = cluster.probe.look().await.unwrap();
        println!("measured, {kind:?}, heart and guard killed: outage {} ms", sight.outage_ns() / 1_000_000);
        assert_eq!(sight.both_ns, 0, "{kind:?}: {}", cluster.overlap(&sight));
    }
}

#[tokio::test]
async fn a_group_is_excepted_and_no_longer() {
    for kind in [Kind::Table, Kind::Lifetimes] {
        let cluster = started(kind).await;
        cluster.probe.begin().await.unwrap();
        let except = format!("except = [{:?}]\n", key(&cluster));
        for (more, is_leased) in [(except.as_str(), false), ("", true)] {
            reload(&cluster, &kind.hb_toml(more)).await;
            is_in_force(&cluster, kind, is_leased).await;
            sleep(DEADTIME).await;
            let sight = cluster.served_by("alpha", LIMIT).await.unwrap();
            assert!(sight.outage_ns() < 100_000_000, "{kind:?} {is_leased}: {}", cluster.alpha().log());
        }
        hang(&cluster, &format!("{kind:?}, no longer excepted")).await;
    }
}

/// Staging comes with the table and goes before it.
#[tokio::test]
async fn staging_comes_and_goes_with_the_lease() {
    if staged::is_refused().await {
        return;
    }
    let cluster = started(Kind::Off).await;
    cluster.probe.begin().await.unwrap();
    let address = cluster.floating[0].address;
    let both = [format!("alpha: {address}/32"), format!("beta: {address}/32")];
    let both = [both[0].as_str(), both[1].as_str()];
    let staged = format!("staged = [{:?}]\n", key(&cluster));
    for (kind, copies) in
        [(Kind::Table, &both[..]), (Kind::Lifetimes, &[]), (Kind::Table, &both), (Kind::Off, &[])]
    {
        // What cannot be staged must not be asked for with another kind.
        let more = if kind == Kind::Table { staged.as_str() } else { "" };
        reload(&cluster, &kind.hb_toml(more)).await;
        is_in_force(&cluster, kind, true).await;
        staged::copies_are(&cluster, copies, "after a reload").await;
        let sight = cluster.served_by("alpha", LIMIT).await.unwrap();
        assert!(sight.outage_ns() < 100_000_000, "{kind:?}: {}", cluster.alpha().log());
        assert!(sight.spells.iter().all(|spell| spell.node == "alpha"), "{kind:?}: {:?}", sight.spells);
    }
    // A group that was up all the time is not closed for good.
    reload(&cluster, &Kind::Table.hb_toml(&staged)).await;
    hang(&cluster, "staged by a reload").await;
}

/// Two of ours, the address of alpha at home.
async fn started(kind: Kind) -> Cluster {
    let files = ClusterFiles::two_node().with_timing(KEEPALIVE, DEADTIME).with("initdead", "4").of_alpha();
    let files = ClusterFiles { hb_toml: kind.hb_toml(""), ..files };
    let ours = || NodeProgram::Ours { hb_node: program() };
    let cluster = Cluster::build(agent(), [ours(), ours()], files).await.unwrap();
    cluster.start(LIMIT).await.unwrap();
    is_in_force(&cluster, kind, true).await;
    cluster
}

/// The first resource of the only group, as `haresources` spells it.
fn key(cluster: &Cluster) -> String {
    let haresources = cluster.alpha().host().read("/etc/ha.d/haresources").unwrap();
    let line = haresources.lines().find(|line| line.starts_with("alpha ")).unwrap();
    line.split_whitespace().nth(1).unwrap().to_owned()
}

/// Both nodes read this `hb.toml`.
async fn reload(cluster: &Cluster, hb_toml: &str) {
    let hb_ctl = hb_lab::built_program("hb-ctl").unwrap();
    for node in [cluster.alpha(), cluster.beta()] {
        node.host().write("/etc/ha.d/hb.toml", hb_toml, 0o644).unwrap();
        let output = node.host().run(&[&hb_ctl.to_string_lossy(), "reload"], LIMIT).await.unwrap();
        assert_eq!(output.exit.code, Some(0), "{output:?}");
        assert!(output.stdout.contains("from now on") || output.stdout.contains("unchanged"), "{output:?}");
        assert!(!output.stdout.contains("stays in force"), "{output:?}");
    }
}

/// What alpha says, what the kernel has, and whether the address on alpha has a lifetime all tell the same.
async fn is_in_force(cluster: &Cluster, kind: Kind, is_leased: bool) {
    let begun = Instant::now();
    let address = cluster.floating[0].address;
    loop {
        let Account::Ours(status) = cluster.alpha().account().await else { panic!("alpha is mute") };
        let table = table(cluster).await;
        let seen = (
            status.protection.iter().any(|line| line.starts_with(kind.words())),
            status.protection.iter().any(|line| line.contains(" is not leased: excepted in hb.toml")),
            table.is_some(),
            table.is_some_and(|sets| sets.contains(&address.to_string())),
            has_lifetime(cluster, address).await,
        );
        let is_table = kind == Kind::Table;
        let mortal = kind == Kind::Lifetimes && is_leased;
        if seen == (true, !is_leased, is_table, is_table && is_leased, mortal) {
            return;
        }
        let late = begun.elapsed() > Duration::from_secs(5);
        assert!(!late, "{kind:?}, {is_leased}: {seen:?} {:?}\n{}", status.protection, cluster.alpha().log());
        sleep(Duration::from_millis(20)).await;
    }
}

/// The addresses that alpha's table gates, if there is one.
async fn table(cluster: &Cluster) -> Option<String> {
    let list = ["nft", "list", "set", "netdev", "hb-lease", "addresses"];
    let output = cluster.alpha().host().run(&list, LIMIT).await.unwrap();
    (output.exit.code == Some(0)).then_some(output.stdout)
}

async fn has_lifetime(cluster: &Cluster, address: IpAddr) -> bool {
    let show = ["ip", "-o", "address", "show", "to", &address.to_string(), "dev", "eth0"];
    let output = cluster.alpha().host().run(&show, LIMIT).await.unwrap();
    assert!(output.stdout.contains(&address.to_string()), "{output:?}");
    !output.stdout.contains("valid_lft forever")
}

/// Alpha stands still until beta serves, then goes on until it serves again: nobody ever hears both.
async fn hang(cluster: &Cluster, when: &str) {
    cluster.probe.begin().await.unwrap();
    cluster.alpha().host().signal_program(&program(), Signal::STOP).await.unwrap();
    cluster.served_by("beta", LIMIT).await.unwrap();
    let sight = cluster.probe.look().await.unwrap();
    println!("measured, {when}: outage {} ms", sight.outage_ns() / 1_000_000);
    assert_eq!(sight.both_ns, 0, "{when}, while alpha stands still: {}", cluster.overlap(&sight));
    cluster.alpha().go_on().await.unwrap();
    let is_home = |node: &hb_lab::Node, floating: &hb_lab::Floating| floating.home == node.host().name();
    cluster.settled("everything at home again", LIMIT, is_home).await.unwrap();
    let sight = cluster.served_by("alpha", LIMIT).await.unwrap();
    assert_eq!(sight.both_ns, 0, "{when}, after it went on: {}", cluster.overlap(&sight));
}

/// Room for a lifetime of two seconds.
const DEADTIME: Duration = Duration::from_secs(4);
const LIMIT: Duration = Duration::from_secs(60);
