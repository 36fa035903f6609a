//! Ping nodes that come and go by reload, on one node after the other: while the lists differ nothing moves, whoever reaches
//! what; then a loss moves everything, and what is gone is not asked any more.

use std::net::Ipv4Addr;
use std::time::Duration;

use hb_client::NodeKind;
use hb_lab::{ClusterFiles, HostSpec};
use tokio::time::sleep;

use crate::pair::{Case, Pair, Who};
use crate::reload::hang_up;
use crate::scene::{Holds, LIMIT, NETWORK, Scene, files};

stories_of_ours_off![ping_nodes_come_and_go];

async fn ping_nodes_come_and_go(case: Case) {
    let who = case.ours();
    let mut base = files(case);
    base.ha_cf = base.ha_cf.replace("bcast eth0\n", LINES);
    // Heartbeats have a network of their own.
    let build = |spec: HostSpec| {
        let last = if spec.name == Who::Alpha.name() { 1 } else { 2 };
        spec.plug("back", Ipv4Addr::new(10, 78, 0, last))
    };
    let mut scene = Scene::build_with(case, &with(&base, "ping 10.77.0.254\n"), build).await;
    let _gate = scene.lab.add_host(HostSpec::new("gate").plug(NETWORK, GATE)).await.unwrap();
    scene.start_both().await;
    for befell in ["ping", "reload"] {
        scene.befalls(befell);
    }
    for who in Who::BOTH {
        reaches_gate(&scene, who, 0).await;
    }

    // This node alone asks somebody who is not there, the other one somebody who is.
    let answer = reload(&scene, who, &with(&base, "ping 10.77.0.253\n")).await;
    assert_eq!(answer, "ping 10.77.0.254 gone\nping 10.77.0.253 added\n", "{case}");
    says(&scene, who, "10.77.0.253: is dead").await;
    scene.stays(PAUSE, Holds::Local, Holds::Local).await;
    if case.pair == Pair::BothOurs {
        for who in Who::BOTH {
            says(&scene, who, "The other node asks other ping nodes").await;
        }
    }
    reload(&scene, who.other(), &with(&base, "ping 10.77.0.253\n")).await;
    says(&scene, who.other(), "10.77.0.253: is dead").await;
    scene.stays(PAUSE, Holds::Local, Holds::Local).await;

    for who in [who, who.other()] {
        let before = scene.node(who).log().matches(REACHED).count();
        reload(&scene, who, &with(&base, "ping 10.77.0.254 10.77.0.253\n")).await;
        reaches_gate(&scene, who, before).await;
        scene.stays(PAUSE, Holds::Local, Holds::Local).await;
    }
    assert_eq!(members(&scene, who).await, ["10.77.0.254 ping", "10.77.0.253 dead"], "{case}");
    scene.holdings.act(format!("ping lost by {}", who.name()));
    scene.host(who).cut(NETWORK).await.unwrap();
    scene.reaches_for("it gives everything away", who, Holds::Nothing, Holds::All).await;
    let before = scene.node(who).log().matches(REACHED).count();
    scene.holdings.act(format!("ping back to {}", who.name()));
    scene.host(who).heal(NETWORK).await.unwrap();
    reaches_gate(&scene, who, before).await;
    if case.pair == Pair::BothOurs {
        nobody_asks_what_is_gone(&scene, &base).await;
    }
    scene.ends().await;
}

/// Without ping nodes a lost network is nobody's business.
async fn nobody_asks_what_is_gone(scene: &Scene, base: &ClusterFiles) {
    for who in Who::BOTH {
        let answer = reload(scene, who, &with(base, "")).await;
        let off = "the rule of ipfail is false from now on, was true";
        assert_eq!(answer, format!("{off}\nping 10.77.0.254 gone\nping 10.77.0.253 gone\n"));
        assert!(members(scene, who).await.is_empty());
    }
    let lines = || Who::BOTH.map(|who| scene.node(who).log().matches("10.77.0.254").count());
    let before = lines();
    scene.holdings.act("ping lost by beta".to_owned());
    scene.host(Who::Beta).cut(NETWORK).await.unwrap();
    scene.stays(PAUSE, Holds::Nothing, Holds::All).await;
    scene.host(Who::Beta).heal(NETWORK).await.unwrap();
    assert_eq!(lines(), before);
}

fn with(base: &ClusterFiles, pings: &str) -> ClusterFiles {
    ClusterFiles { ha_cf: format!("{pings}{}", base.ha_cf), ..base.clone() }
}

/// Lets a node read these files; what ours answers.
async fn reload(scene: &Scene, who: Who, files: &ClusterFiles) -> String {
    if !scene.case.runs_306(who) {
        files.install(scene.host(who)).unwrap();
        return scene.ctl(who, &["reload"], 0).await;
    }
    // It goes by the time of the file, in whole seconds, and starts itself anew with what it holds (`failover.md` 9.3).
    sleep(Duration::from_millis(1100)).await;
    files.install(scene.host(who)).unwrap();
    let active = |scene: &Scene| scene.node(who).log().matches("Local status now set to: 'active'").count();
    let before = active(scene);
    scene.holdings.act(format!("reload {}", who.name()));
    hang_up(scene, who).await;
    scene.until("it is active again", LIMIT, async |scene| active(scene) > before).await;
    scene.reaches("both are well", Holds::Local, Holds::Local).await;
    String::new()
}

/// The ping nodes that ours has.
async fn members(scene: &Scene, who: Who) -> Vec<String> {
    let nodes = scene.status(who).await.nodes.into_iter().filter(|node| node.kind == NodeKind::Ping);
    nodes.map(|node| format!("{} {}", node.name, node.status)).collect()
}

async fn reaches_gate(scene: &Scene, who: Who, before: usize) {
    let reached = async |scene: &Scene| scene.node(who).log().matches(REACHED).count() > before;
    scene.until("the gate is reached", LIMIT, reached).await;
}

async fn says(scene: &Scene, who: Who, what: &str) {
    scene.until(what, LIMIT, async |scene| scene.node(who).log().contains(what)).await;
}

const GATE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 254);
const REACHED: &str = "10.77.0.254: status ping";
const LINES: &str = "bcast eth1\nrespawn hacluster /usr/libexec/heartbeat/ipfail\n";
/// Longer than any give-up timer.
const PAUSE: Duration = Duration::from_secs(3);
