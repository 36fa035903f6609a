//! Ping members: a gate that both nodes ask, by itself, by IPv6, and as one of a group; what they send it, byte for byte.

use std::net::Ipv4Addr;
use std::time::Duration;

use hb_auth::{InnerAuth, KeyRing, Method};
use hb_client::NodeKind;
use hb_lab::{Account, Host, Node, Process, Signal};
use hb_wire::{Message, netstring};
use tokio::time::Instant;

use crate::scene::{DEADTIME, FRONT, KEEPALIVE, LIMIT, Pair, SLACK, Scene, ip};

/// One host answers to all of them; nobody has the other address of the group.
const LINES: &str =
    "bcast eth1\nping 10.77.0.254\nping6 fd77::fe\nping_group gates 10.77.0.253 10.77.0.254\n";
const MEMBERS: [&str; 3] = ["10.77.0.254", "fd77::fe", "gates"];
/// `deadping` is `deadtime`.
const DEADPING: Duration = DEADTIME;

#[tokio::test]
async fn both_ours() {
    seen_cut_and_back(Pair::Ours).await;
}

#[tokio::test]
async fn with_306() {
    seen_cut_and_back(Pair::With306).await;
}

async fn seen_cut_and_back(pair: Pair) {
    let (scene, gate) = scene_with_gate(pair).await;
    let wire = Recording::begin(&gate).await;
    scene.start(&["eth1"]).await;
    let time = told(&scene, "ping").await;
    assert!(time < KEEPALIVE * 2 + SLACK, "{pair:?}: seen {time:?} after the nodes saw each other");
    counts_for_nobody(&scene).await;

    gate.cut(FRONT).await.unwrap();
    let time = told(&scene, "dead").await;
    assert!(time + KEEPALIVE * 2 > DEADPING && time < DEADPING + SLACK, "{pair:?}: dead after {time:?}");
    gate.heal(FRONT).await.unwrap();
    let time = told(&scene, "ping").await;
    assert!(time < KEEPALIVE * 2 + SLACK, "{pair:?}: back after {time:?}");
    counts_for_nobody(&scene).await;

    wire.end_and_compare(pair, &gate).await;
    nothing_moved(&scene);
}

/// Nobody answers, nor is there a network: the nodes find each other, and say once that they cannot ask.
#[tokio::test]
async fn no_network_at_the_start() {
    let (scene, _gate) = scene_with_gate(Pair::Ours).await;
    ip(scene.alpha().host(), &["link", "set", "eth0", "down"]).await;
    scene.start(&["eth1"]).await;
    scene.until("alpha has given the members up", async |scene| sees(scene.alpha(), "dead").await).await;
    ip(scene.alpha().host(), &["link", "set", "eth0", "up"]).await;
    ip(scene.alpha().host(), &["-6", "address", "replace", "fd77::1/64", "dev", "eth0", "nodad"]).await;
    scene.until("alpha sees the members", async |scene| sees(scene.alpha(), "ping").await).await;
    let log = scene.alpha().log();
    for member in MEMBERS {
        for said in ["cannot send on", "can send on"] {
            let lines = log.lines().filter(|line| line.contains(&format!("{said} {member}")));
            assert!(lines.count() <= 1, "{said} {member}: {log}");
        }
    }
    assert!(log.contains("cannot send on 10.77.0.254"), "{log}");
}

async fn scene_with_gate(pair: Pair) -> (Scene, Host) {
    let mut scene = Scene::build(pair, [LINES; 2]).await;
    let gate = scene.add_host("gate", Ipv4Addr::new(10, 77, 0, 254)).await;
    ip(&gate, &["-6", "address", "add", "fd77::fe/64", "dev", "eth0", "nodad"]).await;
    (scene, gate)
}

/// Waits until both say this of every member; the time until all of ours did.
async fn told(scene: &Scene, status: &str) -> Duration {
    let begun = Instant::now();
    let what = format!("{:?}: every ping member is {status}", scene.pair);
    scene
        .until(&what, async |scene| {
            sees(scene.alpha(), status).await
                && (scene.pair == Pair::With306 || sees(scene.beta(), status).await)
        })
        .await;
    let time = begun.elapsed();
    scene.until(&what, async |scene| sees(scene.beta(), status).await).await;
    time
}

/// Does `node` say this of every member?
async fn sees(node: &Node, status: &str) -> bool {
    match node.account().await {
        Account::Ours(ours) => {
            let pings: Vec<_> = ours.nodes.iter().filter(|node| node.kind == NodeKind::Ping).collect();
            let names: Vec<_> = pings.iter().map(|ping| ping.name.as_str()).collect();
            assert_eq!(names, MEMBERS);
            pings.iter().all(|ping| ping.status == status && ping.links[0].up == (status == "ping"))
        }
        Account::Heartbeat { .. } => {
            for member in MEMBERS {
                let output = node.host().run(&["cl_status", "nodestatus", member], LIMIT).await.unwrap();
                if output.stdout.trim() != status {
                    return false;
                }
            }
            true
        }
        Account::Off | Account::NotRunning | Account::Mute => false,
    }
}

/// Answers are counted, none is refused, and no member has anything.
async fn counts_for_nobody(scene: &Scene) {
    let status = scene.status().await;
    for medium in status.media.iter().filter(|medium| medium.kind.starts_with("ping")) {
        assert!(medium.sent > 0 && medium.received > 0 && medium.refused.is_empty(), "{medium:?}");
    }
    assert!(status.nodes.iter().all(|node| node.kind == NodeKind::Normal || node.hold.is_none()));
}

/// No node died, and nobody gave anything away.
fn nothing_moved(scene: &Scene) {
    for node in [scene.alpha(), scene.beta()] {
        let log = node.log();
        for bad in
            ["node alpha: is dead", "node beta: is dead", "standby", "refused", "Late heartbeat: Node alpha"]
        {
            assert!(!log.contains(bad), "{:?}: {}: {bad}: {log}", scene.pair, node.host().name());
        }
    }
}

/// What comes to the gate and what it answers.
struct Recording {
    tcpdump: Process,
}

/// An echo message, from its ICMP header on.
struct Echo {
    source: String,
    bytes: Vec<u8>,
}

impl Recording {
    async fn begin(gate: &Host) -> Self {
        let requests = "icmp[icmptype] == icmp-echo or icmp6[icmp6type] == icmp6-echo";
        Self { tcpdump: gate.record(requests, WIRE).await.unwrap() }
    }

    /// Each request of either node is what 3.0.6 sends: sealed with the key of the files, the same bytes come out.
    async fn end_and_compare(mut self, pair: Pair, gate: &Host) {
        self.tcpdump.signal(Signal::INT).await.unwrap();
        self.tcpdump.ended(LIMIT).await.unwrap();
        let output = gate.run(&["tcpdump", "-n", "-t", "-x", "-r", WIRE], LIMIT).await.unwrap();
        assert!(output.succeeded(), "{}", output.stderr);
        let echoes = echoes(&output.stdout);
        for (source, member) in [
            ("10.77.0.1", "10.77.0.254"),
            ("10.77.0.1", "gates"),
            ("10.77.0.2", "10.77.0.254"),
            ("10.77.0.2", "gates"),
            ("fd77::1", "fd77::fe"),
            ("fd77::2", "fd77::fe"),
        ] {
            let said = |echo: &&Echo| {
                let message = netstring::decode(&echo.bytes[8..]).unwrap();
                echo.source == source && message.text("src") == Some(member)
            };
            let own: Vec<&Echo> = echoes.iter().filter(said).collect();
            assert!(own.len() > 3, "{pair:?}: {} requests of {source} about {member}", own.len());
            assert!(own[0].sequence() < 3, "{pair:?}: {source} {member} begins late");
            let is_next = |pair: &[&Echo]| pair[1].sequence() == pair[0].sequence() + 1;
            // One gap is the cut, one the way to the other host of the group or a neighbour that was not known yet.
            let gaps = own.windows(2).filter(|pair| !is_next(pair)).count();
            assert!(gaps <= 2, "{pair:?}: {source} {member}: {gaps} gaps");
            for echo in &own {
                assert_eq!(echo.bytes[..2], [if source.contains(':') { 128 } else { 8 }, 0]);
                assert_eq!(echo.bytes[4..6], own[0].bytes[4..6], "one identifier");
                echo.is_as_306_says(member);
            }
        }
    }
}

impl Echo {
    fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.bytes[6], self.bytes[7]])
    }

    fn is_as_306_says(&self, member: &str) {
        let payload = &self.bytes[8..];
        let message = netstring::decode(payload).unwrap();
        let keys = KeyRing::new(1, [(1, Method::Sha1, secret().into_bytes())]).unwrap();
        let expected = keys.seal(&as_306_says(member, message.text("ts").unwrap()), InnerAuth::Yes);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(payload), text(&expected), "{}", self.source);
    }
}

/// `wire.md` 8.8.
fn as_306_says(member: &str, ts: &str) -> Message {
    let mut message = Message::new("NS_st");
    let info = match member {
        "gates" => "ping_group",
        "fd77::fe" => "ping6",
        _ => "ping",
    };
    for (name, value) in [("st", "ping"), ("info", info), ("src", member), ("ts", ts)] {
        message.push_text(name, value);
    }
    message
}

/// Reads `tcpdump -x`: a line with the addresses, then lines of hexadecimal words from the IP header on.
fn echoes(text: &str) -> Vec<Echo> {
    let mut echoes: Vec<Echo> = Vec::new();
    for line in text.lines() {
        if let Some((_, words)) = line.strip_prefix('\t').and_then(|line| line.split_once(":  ")) {
            let digits: Vec<u8> = words.bytes().filter(u8::is_ascii_hexdigit).collect();
            let bytes =
                digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
            echoes.last_mut().unwrap().bytes.extend(bytes);
        } else {
            let source = line.split_whitespace().nth(1).unwrap().to_owned();
            echoes.push(Echo { source, bytes: Vec::new() });
        }
    }
    for echo in &mut echoes {
        let header = if echo.source.contains(':') { 40 } else { 20 };
        echo.bytes.drain(..header);
    }
    echoes
}

/// The key of the files that both nodes have.
fn secret() -> String {
    let files = hb_lab::ClusterFiles::two_node().authkeys;
    let line = files.lines().find(|line| line.starts_with("1 ")).unwrap();
    line.split_whitespace().nth(2).unwrap().to_owned()
}

const WIRE: &str = "/var/log/echo.pcap";
