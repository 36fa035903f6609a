//! The standard scene: two nodes, a client, the service on both nodes, and a probe at the client.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::files::{ClusterFiles, Floating};
use crate::node::{Account, Node, NodeProgram};
use crate::probe::{ECHO_PORT, Probe, ProbeSpec, Sight, start_echo};
use crate::{Agent, Host, HostSpec, Lab, LabError};

/// Two nodes, alpha (10.77.0.1) and beta (10.77.0.2), and a client (10.77.0.9) on one network.
#[derive(Debug)]
pub struct Cluster {
    /// The lab that they are in; dropping it ends all of them.
    pub lab: Lab,
    /// alpha and beta.
    pub nodes: [Node; 2],
    /// Where the probe runs.
    pub client: Host,
    /// Probes the address whose home is alpha.
    pub probe: Probe,
    /// The addresses of the cluster.
    pub floating: Vec<Floating>,
    /// The cluster's files.
    pub files: ClusterFiles,
}

/// Name of the network of a [`Cluster`]; `eth0` of each host.
pub const NETWORK: &str = "front";

impl Cluster {
    /// Builds the scene; starts the service and the probe, but no node.
    ///
    /// # Errors
    /// [`LabError::Unfit`] when the files have no address whose home is alpha; else what went wrong.
    pub async fn build(
        agent: Agent,
        [alpha, beta]: [NodeProgram; 2],
        files: ClusterFiles,
    ) -> Result<Self, LabError> {
        let floating = files.floating();
        let probed = floating
            .iter()
            .find(|floating| floating.home == "alpha")
            .ok_or_else(|| LabError::Unfit("haresources has no address for alpha".to_owned()))?
            .address;
        let mut lab = Lab::start(agent)?;
        lab.add_network(NETWORK).await?;
        let spec = |name, last| HostSpec::new(name).plug(NETWORK, Ipv4Addr::new(10, 77, 0, last));
        let alpha = Node::new(lab.add_host(spec("alpha", 1)).await?, alpha, &files)?;
        let beta = Node::new(lab.add_host(spec("beta", 2)).await?, beta, &files)?;
        let client = lab.add_host(spec("client", 9)).await?;
        let has_ipv6 = floating.iter().any(|floating| floating.address.is_ipv6());
        if has_ipv6 {
            client.add_address(&client.link(NETWORK)?.address6()).await?;
        }
        let spec = ProbeSpec::new(NETWORK, probed);
        let probe = Probe::start(&client, &[alpha.host(), beta.host()], &spec).await?;
        let cluster = Self { lab, nodes: [alpha, beta], client, probe, floating, files };
        for node in &cluster.nodes {
            cluster.start_service(node).await?;
        }
        Ok(cluster)
    }

    /// The home of the probed address.
    #[must_use]
    pub fn alpha(&self) -> &Node {
        let [alpha, _] = &self.nodes;
        alpha
    }

    /// The other node.
    #[must_use]
    pub fn beta(&self) -> &Node {
        let [_, beta] = &self.nodes;
        beta
    }

    /// Starts whichever node does not run and waits as [`Cluster::start`] does; needs `auto_failback on`.
    pub(crate) async fn come_home(&self, limit: Duration) -> Result<(), LabError> {
        for node in &self.nodes {
            if !node.is_running() {
                node.stopped(limit).await?;
                node.start().await?;
            }
        }
        self.settled("everything at home again", limit, |node, floating| floating.home == node.host().name())
            .await?;
        self.served_by("alpha", limit).await.map(drop)
    }

    /// Starts both nodes and waits until they are active, nothing moves, each address is on its home and the
    /// client is served by alpha.
    ///
    /// # Errors
    /// [`LabError::NotReached`] after `limit`, with what each node says and the ends of their logs.
    pub async fn start(&self, limit: Duration) -> Result<(), LabError> {
        for node in &self.nodes {
            node.start().await?;
        }
        self.settled("both nodes active, every address at home", limit, |node, floating| {
            floating.home == node.host().name()
        })
        .await?;
        self.served_by("alpha", limit).await.map(drop)
    }

    /// Waits until both nodes are settled and hold exactly the addresses that `should_hold` says.
    ///
    /// # Errors
    /// [`LabError::NotReached`] after `limit`.
    pub async fn settled(
        &self,
        what: &str,
        limit: Duration,
        should_hold: impl Fn(&Node, &Floating) -> bool,
    ) -> Result<(), LabError> {
        let deadline = Instant::now() + limit;
        loop {
            let mut reached = true;
            for node in &self.nodes {
                reached &= node.account().await.is_settled();
                for floating in &self.floating {
                    reached &= node.host().holds(floating.address).await == should_hold(node, floating);
                }
            }
            if reached {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(LabError::NotReached {
                    what: what.to_owned(),
                    limit,
                    detail: self.describe().await,
                });
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until `node`, and no other, has answered the client for a whole second.
    ///
    /// # Errors
    /// [`LabError::NotReached`] after `limit`.
    pub async fn served_by(&self, node: &str, limit: Duration) -> Result<Sight, LabError> {
        let what = format!("quiet service by {node}");
        match self.probe.until(&what, limit, |sight| sight.is_quiet(node)).await {
            Err(LabError::NotReached { what, limit, detail }) => {
                let detail = detail + &self.describe().await;
                Err(LabError::NotReached { what, limit, detail })
            }
            other => other,
        }
    }

    /// After a [`Host::boot`]: the service runs again; where an IPv6 address floats the host has one of its own again.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start_service(&self, node: &Node) -> Result<(), LabError> {
        let addresses: Vec<_> = self.floating.iter().map(|floating| floating.address).collect();
        if addresses.iter().any(IpAddr::is_ipv6) {
            // Floating addresses find their interface by it.
            node.host().add_address(&node.host().link(NETWORK)?.address6()).await?;
        }
        start_echo(node.host(), &addresses, ECHO_PORT).await.map(drop)
    }

    /// For error messages: what each node says, holds and has logged last.
    async fn describe(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            let account = match node.account().await {
                Account::Ours(status) => serde_json::to_string(&status).unwrap_or_default(),
                other @ (Account::Off | Account::NotRunning | Account::Mute | Account::Heartbeat { .. }) => {
                    format!("{other:?}")
                }
            };
            let held = node.host().addresses().await.unwrap_or_default();
            let held: Vec<_> = held.iter().map(|entry| entry.address.to_string()).collect();
            let log = node.log();
            let skipped = log.lines().count().saturating_sub(15);
            text += &["\n", node.host().name(), ": ", &account, ", has ", &held.join(" "), "\n"].concat();
            for line in log.lines().skip(skipped) {
                text += &["    ", line, "\n"].concat();
            }
        }
        text
    }
}
