//! Nodes that join without being in the files, and nodes that are deleted: lists, files and what others make of it
//! (`wire.md` 9).

use std::time::Duration;

use std::net::Ipv4Addr;

use hb_lab::{Account, ClusterFiles, Host, Node, NodeProgram};

use crate::scene::{LIMIT, Pair, Scene, program};

#[tokio::test]
async fn both_ours() {
    join_and_leave(Pair::Ours).await;
}

#[tokio::test]
async fn with_306() {
    join_and_leave(Pair::With306).await;
}

/// Each has only itself in its file. Alpha is ours.
async fn join_and_leave(pair: Pair) {
    let files = ["alpha", "beta"].map(|name| {
        let (keepalive, deadtime) = (Duration::from_millis(200), Duration::from_secs(1));
        let mut files = ClusterFiles::two_node()
            .with_timing(keepalive, deadtime)
            .with("initdead", "2")
            .with("node", name)
            .with("autojoin", "any");
        if pair == Pair::With306 && name == "beta" {
            // 3.0.6 lets nodes join only when it does not manage resources itself.
            files = files.with("pacemaker", "ccm-only");
        }
        files.haresources = String::new();
        files
    });
    let scene = Scene::build_of(pair, &files).await;
    scene.start(&["eth0"]).await;
    let members = async |scene: &Scene| {
        let nodes = scene.status().await.nodes;
        nodes.into_iter().map(|node| node.name).collect::<Vec<_>>()
    };
    assert_eq!(members(&scene).await, ["alpha", "beta"]);
    let file = |scene: &Scene, name| {
        let path = format!("/var/lib/heartbeat/{name}");
        scene.alpha().host().read(&path).unwrap_or_default()
    };
    scene.until("beta is in the host cache", async |scene| has_line(&file(scene, "hostcache"), "beta")).await;

    scene.beta().stop().await.unwrap();
    scene.beta().stopped(LIMIT).await.unwrap();
    let dead = async |scene: &Scene| scene.status().await.nodes[1].status == "dead";
    scene.until("beta is dead", dead).await;
    order(&scene, pair, "delnode").await;
    scene.until("beta is deleted", async |scene| members(scene).await == ["alpha"]).await;
    let deleted = |scene: &Scene| {
        has_line(&file(scene, "delhostcache"), "beta") && !has_line(&file(scene, "hostcache"), "beta")
    };
    scene.until("the files say so", async |scene| deleted(scene)).await;

    // It stays out: over a restart of ours, and when it speaks.
    scene.alpha().stop().await.unwrap();
    scene.alpha().stopped(LIMIT).await.unwrap();
    scene.alpha().start().await.unwrap();
    scene.beta().start().await.unwrap();
    scene.until("beta is heard", async |scene| scene.alpha().log().contains("bad node [beta]")).await;
    assert_eq!(members(&scene).await, ["alpha"]);
    order(&scene, pair, "addnode").await;
    scene.see_each_other(&["eth0"]).await;
    scene.until("the files say so", async |scene| has_line(&file(scene, "hostcache"), "beta")).await;
    assert!(!has_line(&file(&scene, "delhostcache"), "beta"));

    // Both nodes write down what the scripts say of one.
    script(&scene, &["hb_setweight", "beta", "55"]).await;
    script(&scene, &["hb_setsite", "beta", "north"]).await;
    let is_described = |host: &Host| {
        let file = host.read("/var/lib/heartbeat/hostcache").unwrap_or_default();
        file.lines().any(|line| line.starts_with("beta\t") && line.contains("\t55\tnorth"))
    };
    let both = async |scene: &Scene| is_described(scene.alpha().host()) && is_described(scene.beta().host());
    scene.until("weight and site are in the host caches", both).await;
}

/// A `node` line comes and goes on running nodes with `autojoin none`; that node starts and stops meanwhile.
#[tokio::test]
async fn a_third_node_by_reload() {
    let of = |nodes: &str| {
        let mut files = ClusterFiles::two_node()
            .with_timing(Duration::from_millis(200), Duration::from_secs(1))
            .with("node", nodes);
        files.haresources = String::new();
        files
    };
    let (two, three) = (of("alpha beta"), of("alpha beta gamma"));
    let mut scene = Scene::build_of(Pair::Ours, &[two.clone(), two.clone()]).await;
    let host = scene.add_host("gamma", Ipv4Addr::new(10, 77, 0, 3)).await;
    let ours = NodeProgram::Ours { hb_node: program("hb-node") };
    let gamma = Node::new(host, ours, &three).unwrap();
    scene.start(&["eth0"]).await;
    for node in [scene.alpha(), scene.beta()] {
        assert_eq!(reload(node, &three).await, "node gamma added");
        assert_eq!(reload(node, &three).await, "Configuration unchanged.");
        assert!(members(node).await.iter().any(|(name, _)| name == "gamma"));
    }
    gamma.start().await.unwrap();
    let all = ["alpha", "beta", "gamma"].map(|name| (name.to_owned(), "active".to_owned()));
    scene
        .until("three active nodes", async |scene| {
            let seen = [members(scene.alpha()).await, members(scene.beta()).await, members(&gamma).await];
            seen.iter().all(|seen| *seen == all)
        })
        .await;
    let stays = reload(scene.alpha(), &two).await;
    assert!(stays.starts_with("node gamma is not deleted: it is not dead. Stop it"), "{stays}");
    let left = scene.status().await.not_in_force;
    assert!(left.contains(&stays), "{left:?}");
    assert_eq!(members(scene.alpha()).await, all);

    gamma.stop().await.unwrap();
    gamma.stopped(LIMIT).await.unwrap();
    let dead = ("gamma".to_owned(), "dead".to_owned());
    for node in [scene.alpha(), scene.beta()] {
        scene.until("gamma is dead", async |_| members(node).await.contains(&dead)).await;
        assert_eq!(reload(node, &two).await, "node gamma deleted");
        assert_eq!(members(node).await, all[..2]);
    }
    let left = scene.status().await.not_in_force;
    assert!(!left.iter().any(|line| line.contains("gamma")), "{left:?}");
    gamma.start().await.unwrap();
    scene.until("gamma is heard", async |scene| scene.alpha().log().contains("bad node [gamma]")).await;
    assert_eq!(members(scene.alpha()).await, all[..2]);
    // Its line comes back while it runs, and it becomes active.
    for node in [scene.alpha(), scene.beta()] {
        assert_eq!(reload(node, &three).await, "node gamma added");
    }
    scene
        .until("three active nodes again", async |scene| {
            members(scene.alpha()).await == all && members(&gamma).await == all
        })
        .await;
    gamma.stop().await.unwrap();
    gamma.stopped(LIMIT).await.unwrap();
    scene.ends_but_for_the_absent();
}

/// Nobody can join, then anybody can, then nobody again; who has joined stays.
#[tokio::test]
async fn autojoin_by_reload() {
    let of = |name: &str, autojoin: &str| {
        let mut files = ClusterFiles::two_node()
            .with_timing(Duration::from_millis(200), Duration::from_secs(1))
            .with("node", name)
            .with("autojoin", autojoin);
        files.haresources = String::new();
        files
    };
    let scene = Scene::build_of(Pair::Ours, &[of("alpha", "none"), of("beta", "any")]).await;
    scene.alpha().start().await.unwrap();
    scene.beta().start().await.unwrap();
    scene.until("beta is heard", async |scene| scene.alpha().log().contains("bad node [beta]")).await;
    assert_eq!(members(scene.alpha()).await.len(), 1);
    let answer = reload(scene.alpha(), &of("alpha", "other")).await;
    assert_eq!(answer, "autojoin is other from now on, was none");
    scene.see_each_other(&["eth0"]).await;
    assert_eq!(reload(scene.alpha(), &of("alpha", "none")).await, "autojoin is none from now on, was other");
    scene.see_each_other(&["eth0"]).await;
    assert_eq!(members(scene.alpha()).await.len(), 2);
    scene.ends();
}

/// What a node of ours answers to a reload with these files.
async fn reload(node: &Node, files: &ClusterFiles) -> String {
    files.install(node.host()).unwrap();
    let hb_ctl = program("hb-ctl");
    let output = node.host().run(&[hb_ctl.to_str().unwrap(), "reload"], LIMIT).await.unwrap();
    assert!(output.succeeded(), "{}", output.stderr);
    output.stdout.trim().to_owned()
}

/// The nodes that a node of ours knows, with their status.
async fn members(node: &Node) -> Vec<(String, String)> {
    let Account::Ours(status) = node.account().await else { return Vec::new() };
    status.nodes.into_iter().map(|node| (node.name, node.status)).collect()
}

/// A line of a host cache file with a UUID.
fn has_line(file: &str, node: &str) -> bool {
    let unknown = "00000000-0000-0000-0000-000000000000";
    file.lines().any(|line| line.starts_with(&format!("{node}\t")) && !line.contains(unknown))
}

/// By our program, or by the script of 3.0.6 and the FIFO.
async fn order(scene: &Scene, pair: Pair, command: &str) {
    if pair == Pair::With306 {
        return script(scene, &[&format!("hb_{command}"), "beta"]).await;
    }
    let (hb_ctl, run_dir) = (program("hb-ctl"), "/var/run/heartbeat");
    let argv = [hb_ctl.to_str().unwrap(), command, "--run-dir", run_dir, "beta"];
    let output = scene.alpha().host().run(&argv, LIMIT).await.unwrap();
    assert!(output.succeeded(), "{}", output.stderr);
}

/// A script of Debian's package on alpha, whose daemon is ours.
async fn script(scene: &Scene, words: &[&str]) {
    let [name, words @ ..] = words else { return };
    let script = format!("/usr/share/heartbeat/{name}");
    let argv: Vec<&str> = std::iter::once(script.as_str()).chain(words.iter().copied()).collect();
    let output = scene.alpha().host().run(&argv, LIMIT).await.unwrap();
    assert!(output.succeeded(), "{argv:?}: {}", output.stderr);
}
