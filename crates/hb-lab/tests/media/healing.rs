//! Interfaces that vanish, come back, change their name or their address, or are not there at the start: the medium
//! heals by itself, says so once, and the other medium carries on meanwhile.

use hb_lab::Host;

use crate::scene::{BACK, Pair, Scene, ip};

const LINES: [&str; 2] = ["mcast eth0 225.0.0.1 694 1 0\nbcast eth1\n"; 2];

/// Lines of alpha's log that tell what became of this medium.
fn told(scene: &Scene, medium: &str) -> Vec<String> {
    let log = scene.alpha().log();
    let lines = log.lines().filter_map(|line| line.split_once(medium).map(|(_, rest)| rest.to_owned()));
    lines.collect()
}

/// `eth1` as another interface of the same name: what remains of the cable goes aside, and a bridge with the first
/// one's address takes its place.
async fn recreate(host: &Host, address: &str, cable: &str) {
    ip(host, &["link", "set", cable, "down"]).await;
    ip(host, &["address", "flush", "dev", cable]).await;
    ip(host, &["link", "add", "eth1", "type", "bridge", "forward_delay", "0"]).await;
    ip(host, &["link", "set", cable, "master", "eth1", "up"]).await;
    ip(host, &["address", "add", address, "broadcast", "+", "dev", "eth1"]).await;
    ip(host, &["link", "set", "eth1", "up"]).await;
}

#[tokio::test]
async fn renamed_recreated_and_another_address() {
    let scene = Scene::build(Pair::With306, LINES).await;
    scene.start(&["eth0", "eth1"]).await;
    let alpha = scene.alpha().host();

    ip(alpha, &["link", "set", "eth1", "name", "cable"]).await;
    scene.until("the new name is told", async |scene| told(scene, "bcast eth1").len() == 2).await;
    scene.link_is("eth1", true).await;

    recreate(alpha, "10.78.0.1/24", "cable").await;
    scene.until("another interface is used", async |scene| told(scene, "bcast eth1").len() == 3).await;
    scene.link_is("eth1", true).await;

    ip(alpha, &["link", "delete", "eth1"]).await;
    scene.link_is("eth1", false).await;
    recreate(alpha, "10.78.0.1/24", "cable").await;
    scene.link_is("eth1", true).await;

    // Another broadcast address: 3.0.6 only hears what comes to its own port, on whatever address.
    ip(alpha, &["address", "flush", "dev", "eth1"]).await;
    scene.link_is("eth1", false).await;
    ip(alpha, &["address", "add", "10.78.0.3/25", "broadcast", "+", "dev", "eth1"]).await;
    scene.until("open again", async |scene| told(scene, "bcast eth1").len() == 7).await;

    let expected = [
        " port 694: open",
        " port 694: the interface is called cable now, and used on",
        " port 694: opened anew, because its network has changed",
        " port 694: there is no interface eth1: No such device (os error 19); it is used again as soon as that is mended",
        " port 694: open again",
        " port 694: interface eth1 has no IPv4 address; it is used again as soon as that is mended",
        " port 694: open again",
    ];
    let lines = told(&scene, "bcast eth1");
    for (line, expected) in lines.iter().zip(expected) {
        let head = expected.split("; ").next().unwrap().split(": No").next().unwrap();
        assert!(line.starts_with(head), "{line:?} is not {expected:?}: {lines:#?}");
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    scene.ends();
}

/// With its last address an interface loses the groups that were joined on it.
#[tokio::test]
async fn a_group_is_joined_again() {
    let scene = Scene::build(Pair::Ours, LINES).await;
    scene.start(&["eth0", "eth1"]).await;
    let alpha = scene.alpha().host();
    ip(alpha, &["address", "flush", "dev", "eth0"]).await;
    ip(alpha, &["address", "add", "10.77.0.1/24", "broadcast", "+", "dev", "eth0"]).await;
    scene.until("it is told", async |scene| told(scene, "mcast eth0 225.0.0.1").len() >= 2).await;
    scene.link_is("eth0", true).await;
    scene.ends();
}

/// The network is down at the start, and one interface is not there at all.
#[tokio::test]
async fn missing_at_the_start() {
    let lines = ["bcast eth1\nbcast eth7\nmcast eth0 225.0.0.1 694 1 0\n", LINES[1]];
    let scene = Scene::build(Pair::With306, lines).await;
    let alpha = scene.alpha().host();
    alpha.cut(BACK).await.unwrap();
    ip(alpha, &["link", "set", "eth1", "down"]).await;
    scene.start(&["eth0"]).await;
    ip(alpha, &["link", "set", "eth1", "up"]).await;
    alpha.heal(BACK).await.unwrap();
    scene.link_is("eth1", true).await;
    ip(alpha, &["link", "add", "eth7", "type", "bridge", "forward_delay", "0"]).await;
    ip(alpha, &["address", "add", "10.79.0.1/24", "broadcast", "+", "dev", "eth7"]).await;
    ip(alpha, &["link", "set", "eth7", "up"]).await;
    scene
        .until("eth7 hears itself", async |scene| {
            let status = scene.status().await;
            status.media.iter().any(|medium| medium.name == "eth7" && medium.received > 2)
        })
        .await;
    assert_eq!(told(&scene, "bcast eth7").len(), 2, "{:?}", told(&scene, "bcast eth7"));
    scene.ends();
}

/// One test for each medium on `eth1`; the broadcast on `eth0` carries on.
macro_rules! heals {
    ($($medium:ident: $alpha:literal $beta:literal;)+) => { $(
        #[tokio::test]
        async fn $medium() {
            heals(stringify!($medium), [$alpha, $beta]).await;
        }
    )+ };
}

heals! {
    mcast: "mcast eth1 225.0.0.1 694 1 0" "mcast eth1 225.0.0.1 694 1 0";
    mcast6: "mcast6 eth1 ff12::1:2:3 695 1 0" "mcast6 eth1 ff12::1:2:3 695 1 0";
    ucast: "ucast eth1 10.78.0.2" "ucast eth1 10.78.0.1";
    ucast6: "ucast6 eth1 fd78::2" "ucast6 eth1 fd78::1";
}

/// Not there at the start, renamed, another one of the same name, gone and back, without its addresses and with them
/// again: each time the link is up in the end, and nothing is told twice in a row.
async fn heals(medium: &str, [alpha, beta]: [&str; 2]) {
    let lines = [alpha, beta].map(|line| format!("bcast eth0\n{line}\n"));
    let scene = Scene::build(Pair::Ours, lines.each_ref().map(String::as_str)).await;
    let host = scene.alpha().host();
    ip(host, &["link", "set", "eth1", "down", "name", "away"]).await;
    scene.start(&["eth0"]).await;
    ip(host, &["link", "set", "away", "name", "eth1", "up"]).await;
    with_ipv6(host, "eth1").await;
    scene.link_is("eth1", true).await;

    ip(host, &["link", "set", "eth1", "name", "cable"]).await;
    scene.until("the new name is told", async |scene| tells(scene, medium, "is called cable")).await;
    scene.link_is("eth1", true).await;

    recreate(host, "10.78.0.1/24", "cable").await;
    with_ipv6(host, "eth1").await;
    scene.until("another interface is used", async |scene| tells(scene, medium, "opened anew")).await;
    scene.link_is("eth1", true).await;

    ip(host, &["link", "delete", "eth1"]).await;
    scene.link_is("eth1", false).await;
    recreate(host, "10.78.0.1/24", "cable").await;
    with_ipv6(host, "eth1").await;
    scene.link_is("eth1", true).await;

    for family in ["-4", "-6"] {
        ip(host, &[family, "address", "flush", "dev", "eth1", "scope", "global"]).await;
    }
    ip(host, &["address", "add", "10.78.0.1/24", "broadcast", "+", "dev", "eth1"]).await;
    with_ipv6(host, "eth1").await;
    // It may have been up all the time: what is sent from now on must arrive.
    let sent = received(&scene).await;
    scene.until("it is heard again", async |scene| received(scene).await > sent + 5).await;
    scene.link_is("eth1", true).await;

    let lines = told(&scene, &format!("{medium} eth1"));
    assert!(lines.iter().zip(lines.iter().skip(1)).all(|(line, next)| line != next), "{lines:#?}");
    assert!(lines.len() < 12, "{lines:#?}");
    assert!(
        scene.status().await.nodes.iter().all(|node| {
            node.name != "beta" || node.links.iter().any(|link| link.name == "eth0" && link.up)
        })
    );
    scene.ends();
}

async fn with_ipv6(host: &Host, interface: &str) {
    ip(host, &["-6", "address", "add", "fd78::1/64", "dev", interface, "nodad"]).await;
}

fn tells(scene: &Scene, medium: &str, words: &str) -> bool {
    told(scene, &format!("{medium} eth1")).iter().any(|line| line.contains(words))
}

/// Packets that came over the second medium.
async fn received(scene: &Scene) -> u64 {
    let status = scene.status().await;
    status.media.iter().filter(|medium| medium.name == "eth1").map(|medium| medium.received).sum()
}
