//! Three nodes with a serial line between each two of them, and nothing else: what comes over one line is passed on over
//! the other, so any of the lines may be cut. A 3.0.6 node passes nothing on, and takes what is passed on to it.

use std::time::{Duration, Instant};

use hb_lab::{Account, ClusterFiles, HostSpec, Lab, Node, NodeProgram};
use tokio::time::sleep;

use crate::scene::{LIMIT, agent, ask_306, is_up, program};
use crate::serial::Cable;

const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];
/// To the next node, and to the one before.
const DEVICES: [&str; 2] = ["/run/ttyHB0", "/run/ttyHB1"];
const DEADTIME: Duration = Duration::from_secs(3);

struct Ring {
    /// From each node to the next.
    cables: Vec<Cable>,
    nodes: Vec<Node>,
    _lab: Lab,
}

impl Ring {
    async fn start(programs: [NodeProgram; 3]) -> Self {
        let mut files = ClusterFiles::two_node()
            .with_timing(Duration::from_millis(700), DEADTIME)
            .with("initdead", "6")
            .with("node", "alpha beta gamma");
        let lines = format!("baud 115200\nserial {}\n", DEVICES.join(" "));
        files.ha_cf = files.ha_cf.replace("bcast eth0\n", &lines);
        files.haresources = String::new();
        let mut lab = Lab::start(agent()).unwrap();
        let mut nodes = Vec::new();
        for (name, program) in NAMES.into_iter().zip(programs) {
            let host = lab.add_host(HostSpec::new(name)).await.unwrap();
            nodes.push(Node::new(host, program, &files).unwrap());
        }
        let mut cables = Vec::new();
        for index in 0..nodes.len() {
            let next = &nodes[(index + 1) % nodes.len()];
            let ends = [(nodes[index].host(), DEVICES[0]), (next.host(), DEVICES[1])];
            cables.push(Cable::between(ends, 11_520).await);
        }
        for node in &nodes {
            node.start().await.unwrap();
        }
        let ring = Self { cables, nodes, _lab: lab };
        ring.until("all see all", async |ring| ring.is_whole().await).await;
        ring
    }

    /// Does everybody call everybody active?
    async fn is_whole(&self) -> bool {
        for node in &self.nodes {
            for name in NAMES {
                let is_active = match node.program() {
                    NodeProgram::Heartbeat306 => ask_306(node, &["nodestatus", name]).await == "active",
                    NodeProgram::Ours { .. } => match node.account().await {
                        Account::Ours(status) => {
                            status.nodes.iter().any(|node| node.name == name && node.status == "active")
                        }
                        Account::Off | Account::NotRunning | Account::Mute | Account::Heartbeat { .. } => {
                            false
                        }
                    },
                };
                if !is_active {
                    return false;
                }
            }
        }
        true
    }

    async fn until(&self, what: &str, mut is_true: impl AsyncFnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !is_true(self).await {
            let logs: Vec<_> = self.nodes.iter().map(Node::log).collect();
            assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}\n{}", logs.join("\n\n"));
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn ends(self) {
        for node in &self.nodes {
            let log = node.log();
            for bad in ["is dead", "Heartbeat restart on node", "returning after partition"] {
                assert!(!log.contains(bad), "{}: {bad}\n{log}", node.host().name());
            }
        }
    }
}

fn ours() -> NodeProgram {
    NodeProgram::Ours { hb_node: program("hb-node") }
}

#[tokio::test]
async fn with_a_line_cut_all_see_all() {
    let ring = Ring::start([ours(), ours(), ours()]).await;
    let alpha = &ring.nodes[0];
    ring.cables[0].cut(true);
    ring.until("alpha hears nothing on that line", async |_| !is_up(alpha, "beta", DEVICES[0]).await).await;
    // Whoever was heard on that line alone is dead now or never.
    sleep(DEADTIME).await;
    assert!(ring.is_whole().await);
    assert!(is_up(alpha, "beta", DEVICES[1]).await, "by way of gamma");
    ring.cables[0].cut(false);
    ring.until("the line is back", async |_| is_up(alpha, "beta", DEVICES[0]).await).await;
    ring.until("nothing is missing", async |_| {
        let account = alpha.account().await;
        matches!(account, Account::Ours(status) if status.nodes.iter().all(|node| node.missing == 0))
    })
    .await;
    ring.ends();
}

#[tokio::test]
async fn a_306_node_takes_what_is_passed_on() {
    let ring = Ring::start([ours(), NodeProgram::heartbeat().unwrap(), ours()]).await;
    // Without its line to alpha it hears alpha by way of gamma; alpha hears it so too.
    ring.cables[0].cut(true);
    let (alpha, beta) = (&ring.nodes[0], &ring.nodes[1]);
    ring.until("alpha hears nothing on that line", async |_| !is_up(alpha, "beta", DEVICES[0]).await).await;
    ring.until("nor does beta", async |_| !is_up(beta, "alpha", DEVICES[1]).await).await;
    assert!(ring.is_whole().await);
    ring.ends();
}
