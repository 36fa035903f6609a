//! Two nodes on two networks, the media between them as a story wants them, and what both say of each link.

use std::env;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use hb_client::Status;
use hb_lab::{Account, Agent, ClusterFiles, Host, HostSpec, Lab, Node, NodeProgram};
use tokio::time::{Instant, sleep};

use crate::meeting::Meeting;

/// Which daemons; alpha is ours in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    Ours,
    With306,
}

pub(crate) struct Scene {
    pub(crate) pair: Pair,
    /// Of alpha.
    pub(crate) keepalive: Duration,
    nodes: [Node; 2],
    lab: Lab,
}

/// Networks; `eth0` and `eth1` of each host.
pub(crate) const FRONT: &str = "front";
pub(crate) const BACK: &str = "back";
/// How long anything may take that has no better limit.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);
/// Of the files of every story.
pub(crate) const KEEPALIVE: Duration = Duration::from_millis(200);
pub(crate) const DEADTIME: Duration = Duration::from_secs(1);
/// What a busy machine may add to any time.
pub(crate) const SLACK: Duration = Duration::from_millis(600);

impl Scene {
    /// Hosts with IPv4 and IPv6 addresses, `10.77.0.N`, `10.78.0.N`, `fd77::N` and `fd78::N`; `media` are the lines of
    /// alpha and beta.
    pub(crate) async fn build(pair: Pair, media: [&str; 2]) -> Self {
        Self::build_with(pair, media, KEEPALIVE, DEADTIME).await
    }

    /// As [`Scene::build`], with times for [`Meeting::is_in_time`].
    pub(crate) async fn build_to_meet(pair: Pair, media: [&str; 2]) -> Self {
        Self::build_with(pair, media, Duration::from_secs(1), Duration::from_secs(8)).await
    }

    /// As [`Scene::build`], with other times.
    pub(crate) async fn build_with(
        pair: Pair,
        media: [&str; 2],
        keepalive: Duration,
        deadtime: Duration,
    ) -> Self {
        let files = media.map(|media| {
            let mut files = ClusterFiles::two_node().with_timing(keepalive, deadtime);
            files.ha_cf = files.ha_cf.replace("bcast eth0\n", media);
            files
        });
        Self::build_of(pair, &files).await
    }

    /// As [`Scene::build`], with these files of alpha and beta.
    pub(crate) async fn build_of(pair: Pair, files: &[ClusterFiles; 2]) -> Self {
        let mut lab = Lab::start(agent()).unwrap();
        for network in [FRONT, BACK] {
            lab.add_network(network).await.unwrap();
        }
        let ours = NodeProgram::Ours { hb_node: program("hb-node") };
        let other = match pair {
            Pair::Ours => ours.clone(),
            Pair::With306 => NodeProgram::heartbeat().unwrap_or_else(|error| panic!("{error}")),
        };
        let mut nodes = Vec::new();
        for ((name, last), (program, files)) in
            [("alpha", 1), ("beta", 2)].into_iter().zip([ours, other].into_iter().zip(files))
        {
            let spec = HostSpec::new(name)
                .plug(FRONT, Ipv4Addr::new(10, 77, 0, last))
                .plug(BACK, Ipv4Addr::new(10, 78, 0, last));
            let host = lab.add_host(spec).await.unwrap();
            nodes.push(Node::new(host, program, files).unwrap());
        }
        let nodes: [Node; 2] = nodes.try_into().unwrap_or_else(|_| unreachable!("two were made"));
        for (node, last) in nodes.iter().zip(1..) {
            for (interface, network) in [("eth0", "fd77"), ("eth1", "fd78")] {
                let address = format!("{network}::{last}/64");
                ip(node.host(), &["-6", "address", "add", &address, "dev", interface, "nodad"]).await;
            }
        }
        let keepalive = files[0].time("keepalive").unwrap();
        let scene = Self { pair, keepalive, nodes, lab };
        scene
            .until("addresses can be used", async |scene| {
                for node in &scene.nodes {
                    let output = node.host().run(&["ip", "-6", "address", "show", "tentative"], LIMIT).await;
                    if !output.unwrap().stdout.trim().is_empty() {
                        return false;
                    }
                }
                true
            })
            .await;
        scene
    }

    /// Another host on the front network.
    pub(crate) async fn add_host(&mut self, name: &str, address: Ipv4Addr) -> Host {
        self.lab.add_host(HostSpec::new(name).plug(FRONT, address)).await.unwrap()
    }

    pub(crate) fn alpha(&self) -> &Node {
        &self.nodes[0]
    }

    pub(crate) fn beta(&self) -> &Node {
        &self.nodes[1]
    }

    /// Starts one after the other, and waits until each sees the other active, and up on each of these links.
    pub(crate) async fn start(&self, links: &[&str]) -> Meeting {
        self.alpha().start().await.unwrap();
        self.until("alpha runs", async |scene| matches!(account(scene.alpha()).await, Account::Ours(_)))
            .await;
        let (started, meeting) = tokio::join!(self.beta().start(), Meeting::watch(self));
        started.unwrap();
        self.see_each_other(links).await;
        meeting
    }

    pub(crate) async fn see_each_other(&self, links: &[&str]) {
        let what = format!("{:?}: both active, with links {links:?} up", self.pair);
        self.until(&what, async |scene| {
            for (node, peer) in scene.nodes.iter().zip(["beta", "alpha"]) {
                let is_active = match account(node).await {
                    Account::Ours(status) => {
                        status.nodes.iter().any(|node| node.name == peer && node.status == "active")
                    }
                    Account::Heartbeat { .. } => ask_306(node, &["nodestatus", peer]).await == "active",
                    Account::Off | Account::NotRunning | Account::Mute => false,
                };
                if !is_active {
                    return false;
                }
                for link in links {
                    if !is_up(node, peer, link).await {
                        return false;
                    }
                }
            }
            true
        })
        .await;
    }

    /// Waits until both say of this link that it is up, or dead; the time until all of ours did.
    pub(crate) async fn link_is(&self, link: &str, up: bool) -> Duration {
        let begun = Instant::now();
        let what = format!("{:?}: link {link} {}", self.pair, if up { "up" } else { "dead" });
        self.until(&what, async |scene| {
            is_up(scene.alpha(), "beta", link).await == up
                && (scene.pair == Pair::With306 || is_up(scene.beta(), "alpha", link).await == up)
        })
        .await;
        let time = begun.elapsed();
        self.until(&what, async |scene| is_up(scene.beta(), "alpha", link).await == up).await;
        time
    }

    /// The status of alpha, which is ours.
    pub(crate) async fn status(&self) -> Box<Status> {
        match self.alpha().account().await {
            Account::Ours(status) => status,
            other @ (Account::Off | Account::NotRunning | Account::Mute | Account::Heartbeat { .. }) => {
                panic!("{:?}: alpha says {other:?}{}", self.pair, self.describe())
            }
        }
    }

    pub(crate) async fn until(&self, what: &str, mut is_true: impl AsyncFnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !is_true(self).await {
            assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}{}", self.describe());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The last words of every story: nobody was declared dead, nobody restarted.
    pub(crate) fn ends(self) {
        for node in &self.nodes {
            let log = node.log();
            for bad in ["is dead", "Heartbeat restart on node", "returning after partition"] {
                let line = log.lines().find(|line| line.contains(bad));
                assert_eq!(line, None, "{:?}: {}{}", self.pair, node.host().name(), self.describe());
            }
        }
    }

    /// As [`Scene::ends`], where other nodes than these two are in the files and never start.
    pub(crate) fn ends_but_for_the_absent(self) {
        for (node, peer) in self.nodes.iter().zip(["beta", "alpha"]) {
            let log = node.log();
            for bad in [format!("node {peer}: is dead"), "Heartbeat restart on node".to_owned()] {
                assert!(!log.contains(&bad), "{:?}: {bad}{}", self.pair, self.describe());
            }
        }
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            let log = node.log();
            let skipped = log.lines().count().saturating_sub(40);
            write!(text, "\nend of the log of {}:", node.host().name()).unwrap();
            for line in log.lines().skip(skipped) {
                write!(text, "\n    {line}").unwrap();
            }
        }
        text
    }
}

/// Runs `ip` in a host.
pub(crate) async fn ip(host: &Host, arguments: &[&str]) {
    let argv = [&["ip"], arguments].concat();
    let output = host.run(&argv, LIMIT).await.unwrap();
    assert!(output.succeeded(), "{argv:?}: {}", output.stderr);
}

/// Does `node` say that it hears `peer` on this link?
pub(crate) async fn is_up(node: &Node, peer: &str, link: &str) -> bool {
    match account(node).await {
        Account::Ours(status) => {
            let mut nodes = status.nodes.iter().filter(|node| node.name == peer);
            nodes.any(|node| node.links.iter().any(|found| found.name == link && found.up))
        }
        Account::Heartbeat { .. } => ask_306(node, &["hblinkstatus", peer, link]).await == "up",
        Account::Off | Account::NotRunning | Account::Mute => false,
    }
}

/// What a node of ours says. A 3.0.6 node is asked by [`ask_306`]: one that manages no resources has no account.
async fn account(node: &Node) -> Account {
    match node.program() {
        NodeProgram::Ours { .. } => node.account().await,
        NodeProgram::Heartbeat306 => Account::Heartbeat { hold: String::new(), peer: String::new() },
    }
}

/// What `cl_status` of a 3.0.6 node answers.
pub(crate) async fn ask_306(node: &Node, question: &[&str]) -> String {
    let output = node.host().run(&[&["cl_status"], question].concat(), LIMIT).await.unwrap();
    output.stdout.trim().to_owned()
}

/// A program of ours.
pub(crate) fn program(name: &str) -> PathBuf {
    hb_lab::built_program(name).unwrap_or_else(|error| panic!("{error}"))
}

/// The lab's helper program of this build.
pub(crate) fn agent() -> Agent {
    Agent::new(PathBuf::from(env!("CARGO_BIN_EXE_hb-lab-agent")), Vec::new())
}
