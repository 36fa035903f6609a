//! The attacked cluster, and what must hold whatever is sent to it.
//!
//! alpha is the node under attack, beta the observer: the pauses between alpha's heartbeats are measured at beta's
//! cable. mallory is the attacker's host on the same wire. One scene at a time: two would measure each other.

use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hb_client::Status;
use hb_lab::{Account, Agent, ClusterFiles, HostSpec, Lab, NETWORK, Node, NodeProgram};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;

use crate::ear::{Ear, Sent};
use crate::forge::AUTHKEYS;
use crate::gun::Gun;
use crate::log_lines::LogLines;
use crate::witness::Witness;

/// A cluster under attack.
pub(crate) struct Scene {
    pub(crate) alpha: Node,
    /// Runs a node only in a [`Scene::pair`].
    pub(crate) beta: Node,
    pub(crate) gun: Gun,
    /// Hears alpha at beta's cable.
    pub(crate) ear: Ear,
    /// Hears beta at mallory's cable.
    pub(crate) beta_ear: Ear,
    witness: Witness,
    /// Where alpha's log is read.
    pub(crate) log: &'static str,
    peer_runs: bool,
    _lab: Lab,
    _alone: MutexGuard<'static, ()>,
}

/// How things were before an attack.
pub(crate) struct Before {
    begun: Instant,
    states: Vec<String>,
    logs: Vec<usize>,
    alpha: Status,
    rss: u64,
}

/// What an attack did.
pub(crate) struct After {
    pub(crate) time: Duration,
    /// By alpha, heard at beta's cable.
    pub(crate) sent: Sent,
    /// alpha's log since the beginning.
    pub(crate) log: LogLines,
    pub(crate) before: Status,
    pub(crate) status: Status,
}

static ALONE: Mutex<()> = Mutex::const_new(());

impl Scene {
    /// Two nodes of ours, both active, each address at home.
    pub(crate) async fn pair() -> Self {
        Self::pair_with(files(), async |_| {}).await
    }

    /// As [`Scene::pair`], with other files, and with something done before the nodes start.
    pub(crate) async fn pair_with(files: ClusterFiles, prepare: impl AsyncFnOnce(&mut Self)) -> Self {
        let mut scene = Self::build(files, true).await;
        prepare(&mut scene).await;
        scene.alpha.start().await.unwrap();
        scene.beta.start().await.unwrap();
        scene.settles(Duration::from_secs(20)).await;
        // A young node may still announce things.
        sleep(Duration::from_millis(300)).await;
        scene
    }

    /// alpha alone: the attacker plays beta.
    pub(crate) async fn alone() -> Self {
        let scene = Self::build(files(), false).await;
        scene.alpha.start().await.unwrap();
        scene
    }

    async fn build(files: ClusterFiles, peer_runs: bool) -> Self {
        let alone = ALONE.lock().await;
        let agent = Agent::new(PathBuf::from(env!("CARGO_BIN_EXE_hb-lab-agent")), Vec::new());
        let mut lab = Lab::start(agent).unwrap();
        lab.add_network(NETWORK).await.unwrap();
        let spec = |name, last| HostSpec::new(name).plug(NETWORK, Ipv4Addr::new(10, 77, 0, last));
        let program = NodeProgram::Ours { hb_node: program("hb-node") };
        let alpha =
            Node::new(lab.add_host(spec("alpha", 1)).await.unwrap(), program.clone(), &files).unwrap();
        let beta = Node::new(lab.add_host(spec("beta", 2)).await.unwrap(), program, &files).unwrap();
        let mallory = lab.add_host(spec("mallory", 66)).await.unwrap();
        let gun = Gun::aim(mallory.udp_socket(0).await.unwrap(), ALPHA, BROADCAST, PORT);
        let ear = Ear::open(beta.host().packet_socket(NETWORK).await.unwrap(), ALPHA, PORT);
        let beta_ear = Ear::open(mallory.packet_socket(NETWORK).await.unwrap(), BETA, PORT);
        let log = LOG_FILE;
        let witness = Witness::start();
        Self { alpha, beta, gun, ear, beta_ear, witness, peer_runs, log, _lab: lab, _alone: alone }
    }

    /// Waits until both nodes are active, nothing moves, and each address is where it belongs.
    pub(crate) async fn settles(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            let settled = self.alpha.account().await.is_settled() && self.beta.account().await.is_settled();
            if settled && self.addresses_are_home().await {
                return;
            }
            assert!(Instant::now() < deadline, "never settled:\n{}", self.describe().await);
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn begin(&self) -> Before {
        let alpha = self.status(&self.alpha).await;
        let before = Before {
            states: self.states().await,
            logs: vec![self.log_of(&self.alpha).len(), self.log_of(&self.beta).len()],
            rss: self.rss(alpha.pid).await,
            alpha,
            begun: Instant::now(),
        };
        self.ear.begin();
        self.beta_ear.begin();
        self.witness.begin();
        before
    }

    /// What must hold after every attack: alpha lives, answers, has beaten on time, has not grown, and its log is
    /// moderate.
    pub(crate) async fn survived(&self, what: &str, before: Before) -> After {
        let (sent, away, time) = (self.ear.sent(), self.witness.longest(), before.begun.elapsed());
        let status = self.status(&self.alpha).await;
        assert_eq!(
            (status.pid, status.generation),
            (before.alpha.pid, before.alpha.generation),
            "{what}: alpha started anew"
        );
        let grown_kib = self.rss(status.pid).await.saturating_sub(before.rss);
        let log = self.log_of(&self.alpha);
        let log = LogLines::read(log.get(before.logs[0]..).unwrap_or_default());
        tell(&format!(
            "{what}: {} ms, {} heartbeats, longest pause {:.1} ms (processors away: {:.1} ms), {} log lines, RSS \
             +{grown_kib} KiB",
            time.as_millis(),
            sent.beats,
            sent.longest_pause.as_secs_f64() * 1000.0,
            away.as_secs_f64() * 1000.0,
            log.count(),
        ));
        assert!(
            sent.longest_pause <= PAUSE_LIMIT + away,
            "{what}: a pause of {:?}, of which the machine made {away:?}\n{}",
            sent.longest_pause,
            self.describe().await
        );
        assert!(grown_kib <= GROWTH_LIMIT_KIB, "{what}: grown by {grown_kib} KiB");
        log.assert_moderate(time.as_secs() + 1);
        After { time, sent, log, before: before.alpha, status }
    }

    /// [`Scene::survived`], and nobody changed the state of anything.
    pub(crate) async fn unmoved(&self, what: &str, before: Before) -> After {
        let states = before.states.clone();
        let begins = before.logs.clone();
        let after = self.survived(what, before).await;
        assert_eq!(self.states().await, states, "{what}: the state has changed\n{}", self.describe().await);
        assert!(self.addresses_are_home().await, "{what}: the addresses have moved");
        for (node, begin) in [&self.alpha, &self.beta].into_iter().zip(begins) {
            let log = self.log_of(node);
            let log = LogLines::read(log.get(begin..).unwrap_or_default());
            for sign in ["is dead", "Status update", "restart on node", "Acquiring", "Giving up", "Link "] {
                assert!(
                    !log.contains(sign),
                    "{what}: {} says {sign}\n{}",
                    node.host().name(),
                    self.describe().await
                );
            }
        }
        after
    }

    pub(crate) async fn status(&self, node: &Node) -> Status {
        // A control socket whose places are all taken is free again after its patience of 5 s.
        let deadline = Instant::now() + Duration::from_secs(8);
        loop {
            match node.account().await {
                Account::Ours(status) => return *status,
                other @ (Account::Off | Account::NotRunning | Account::Mute | Account::Heartbeat { .. }) => {
                    let name = node.host().name();
                    assert!(Instant::now() < deadline, "{name} is {other:?}\n{}", self.describe().await);
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything that a node has logged so far.
    pub(crate) fn log_of(&self, node: &Node) -> String {
        let path = if std::ptr::eq(node, &raw const self.alpha) { self.log } else { LOG_FILE };
        // Not there before the first line.
        node.host().read(path).unwrap_or_default()
    }

    async fn states(&self) -> Vec<String> {
        let mut states = vec![state(&self.status(&self.alpha).await)];
        if self.peer_runs {
            states.push(state(&self.status(&self.beta).await));
        }
        states
    }

    pub(crate) async fn addresses_are_home(&self) -> bool {
        let mut home = true;
        for floating in files().floating() {
            for node in [&self.alpha, &self.beta] {
                let should = node.host().name() == floating.home;
                home &= node.host().holds(floating.address).await == should;
            }
        }
        home
    }

    /// Resident memory of a process on alpha in KiB.
    async fn rss(&self, pid: u32) -> u64 {
        let output =
            self.alpha.host().run(&["/bin/cat", &format!("/proc/{pid}/status")], LIMIT).await.unwrap();
        let line = output.stdout.lines().find(|line| line.starts_with("VmRSS:")).expect("the process lives");
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Runs a line of shell on alpha's host.
    pub(crate) async fn shell(&self, script: &str) -> String {
        let output = self.alpha.host().run(&["/bin/sh", "-ec", script], LIMIT).await.unwrap();
        assert!(output.succeeded(), "{script}: {output:?}");
        output.stdout
    }

    pub(crate) async fn describe(&self) -> String {
        let mut text = String::new();
        for node in [&self.alpha, &self.beta] {
            let account = match node.account().await {
                Account::Ours(status) => serde_json::to_string(&status).unwrap(),
                other @ (Account::Off | Account::NotRunning | Account::Mute | Account::Heartbeat { .. }) => {
                    format!("{other:?}")
                }
            };
            let held: Vec<_> = node.host().addresses().await.unwrap_or_default();
            let held: Vec<_> = held.iter().map(|entry| entry.address.to_string()).collect();
            let log = self.log_of(node);
            let last: Vec<_> = log.lines().rev().take(25).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            let (held, last) = (held.join(" "), last.join("\n  "));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}: {account}\n  has {held}\n  {last}", node.host().name());
        }
        text
    }
}

/// What the heartbeats of others and commands can change, and packets of strangers must not.
fn state(status: &Status) -> String {
    let nodes: Vec<_> = status.nodes.iter().map(|node| (&node.name, &node.status, node.hold)).collect();
    let groups: Vec<_> = status.groups.iter().map(|group| (&group.key, group.state)).collect();
    format!("{} {} {} {nodes:?} {groups:?}", status.hold, status.stable, status.generation)
}

/// The two nodes of the example, with short times and the keys of the crafted vectors.
pub(crate) fn files() -> ClusterFiles {
    let mut files = ClusterFiles::two_node().with_timing(KEEPALIVE, DEADTIME);
    files.authkeys = AUTHKEYS.to_owned();
    files
}

/// A program of ours.
pub(crate) fn program(name: &str) -> PathBuf {
    hb_lab::built_program(name).unwrap_or_else(|error| panic!("{error}"))
}

/// A line of the test's report, also when the test passes.
pub(crate) fn tell(line: &str) {
    // Nobody may be there to read it.
    let _ = writeln!(std::io::stderr(), "hostile: {line}");
}

pub(crate) const ALPHA: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub(crate) const BETA: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const BROADCAST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 255);
const PORT: u16 = 694;
pub(crate) const KEEPALIVE: Duration = Duration::from_millis(100);
pub(crate) const DEADTIME: Duration = Duration::from_secs(1);
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
/// The directive `logfile` of the example.
pub(crate) const LOG_FILE: &str = "/var/log/ha-log";
/// Where the lab puts what a node writes to stderr.
pub(crate) const STDERR: &str = "/var/log/hb-node.log";
/// The longest pause between two heartbeats. On an idle machine it is the keepalive and 0.1 ms, under the worst flood
/// 1 ms more; 10 ms are for what comes one after the other. What the [`Witness`] saw is added.
const PAUSE_LIMIT: Duration = Duration::from_millis(110);
/// What an allocator keeps after the largest packet: 65 507 bytes that decode to 21 800 fields.
const GROWTH_LIMIT_KIB: u64 = 2048;
