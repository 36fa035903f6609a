//! What a client of the cluster sees, measured: thousands of probes a second to a floating address.
//!
//! Routed probes go out as any client's datagrams do, so the client's ARP table and the nodes' announcements
//! matter. Direct probes are frames to every node's MAC address, so two nodes that both answer are seen even
//! when the client would reach only one. The probe runs inside the client's host; this is the handle on it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::echo::EchoSpec;
use crate::lab::LIMIT;
use crate::process::Process;
use crate::protocol::ProbeAsk;
use crate::{Host, LabError};

pub(crate) mod packet;
pub(crate) mod runner;
pub(crate) mod tally;

pub use tally::{Beat, Interval, Sight, Spell};

/// What to probe, and how often.
#[derive(Clone, Debug)]
pub struct ProbeSpec {
    /// The network in which client and nodes are.
    pub network: String,
    /// The floating address. For one of IPv6 the hosts need [`Link::address6`](crate::Link::address6).
    pub target: IpAddr,
    /// UDP port of the [`start_echo`] responders.
    pub port: u16,
    /// Routed probes a second.
    pub rate: u32,
    /// Rounds of direct probes a second; 0 for none. At most `rate`.
    pub direct_rate: u32,
}

impl ProbeSpec {
    /// 4 000 routed probes and 1 000 rounds of direct ones a second to `target`, port [`ECHO_PORT`].
    #[must_use]
    pub fn new(network: &str, target: impl Into<IpAddr>) -> Self {
        Self {
            network: network.to_owned(),
            target: target.into(),
            port: ECHO_PORT,
            rate: 4000,
            direct_rate: 1000,
        }
    }
}

/// The port that [`ProbeSpec::new`] probes.
pub const ECHO_PORT: u16 = 7007;

/// What the probe's process needs to know, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RunnerSpec {
    pub(crate) interface: String,
    pub(crate) from: IpAddr,
    pub(crate) from_mac: [u8; 6],
    pub(crate) to: IpAddr,
    pub(crate) port: u16,
    pub(crate) rate: u32,
    pub(crate) direct_rate: u32,
    pub(crate) nodes: Vec<(String, [u8; 6])>,
}

/// A probe that runs in a host; ends with it, or when dropped.
#[derive(Debug)]
pub struct Probe {
    connection: Connection<Sight>,
}

impl Probe {
    /// Starts probing from `client`; direct probes go to the MAC addresses of `nodes`.
    ///
    /// # Errors
    /// When a host is not plugged into the network, or the probe cannot be started there.
    pub async fn start(client: &Host, nodes: &[&Host], spec: &ProbeSpec) -> Result<Self, LabError> {
        let link = client.link(&spec.network)?;
        let nodes = nodes
            .iter()
            .map(|node| Ok((node.name().to_owned(), node.link(&spec.network)?.mac)))
            .collect::<Result<_, LabError>>()?;
        let runner = RunnerSpec {
            interface: link.interface.clone(),
            from: if spec.target.is_ipv6() { link.address6().address } else { link.address.into() },
            from_mac: link.mac,
            to: spec.target,
            port: spec.port,
            rate: spec.rate.max(1),
            direct_rate: spec.direct_rate.min(spec.rate),
            nodes,
        };
        let socket = client.fresh_socket("probe");
        let listener = UnixListener::bind(&socket).map_err(LabError::file("listen on", &socket))?;
        spawn(client, "probe", &[socket.to_string_lossy().into_owned(), json(&runner)?]).await?;
        let who = format!("the probe on {}", client.name());
        let accepted = timeout(LIMIT, listener.accept()).await;
        let accepted = accepted.map_err(|_late| LabError::Silent { who: who.clone(), limit: LIMIT })?;
        let (stream, _) = accepted.map_err(LabError::file("listen on", &socket))?;
        Ok(Self { connection: Connection::open(who, stream, |_| {}) })
    }

    /// Begins a measurement: what was seen before is forgotten.
    ///
    /// # Errors
    /// When the probe has ended.
    pub async fn begin(&self) -> Result<(), LabError> {
        self.connection.ask(ProbeAsk::Begin, LIMIT).await.map(drop)
    }

    /// What was seen since the beginning.
    ///
    /// # Errors
    /// When the probe has ended.
    pub async fn look(&self) -> Result<Sight, LabError> {
        self.connection.ask(ProbeAsk::Look { beats: false }, LIMIT).await
    }

    /// As [`Probe::look`], with the time line of the last minute.
    ///
    /// # Errors
    /// When the probe has ended.
    pub async fn look_back(&self) -> Result<Sight, LabError> {
        self.connection.ask(ProbeAsk::Look { beats: true }, LIMIT).await
    }

    /// Looks again and again until `condition` holds.
    ///
    /// # Errors
    /// [`LabError::NotReached`] after `limit`, with what was seen last.
    pub async fn until(
        &self,
        what: &str,
        limit: Duration,
        condition: impl Fn(&Sight) -> bool,
    ) -> Result<Sight, LabError> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let sight = self.look().await?;
            if condition(&sight) {
                return Ok(sight);
            }
            if tokio::time::Instant::now() >= deadline {
                let detail = format!(
                    " ({} of {} probes answered, last by {}, {} ms ago)",
                    sight.answered,
                    sight.sent,
                    sight.last_node().unwrap_or("nobody"),
                    sight.silence_ns() / 1_000_000
                );
                return Err(LabError::NotReached { what: what.to_owned(), limit, detail });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Starts the responder on a host: it answers for `addresses` whenever packets for them reach it.
///
/// # Errors
/// When it cannot be started there.
pub async fn start_echo(host: &Host, addresses: &[IpAddr], port: u16) -> Result<Process, LabError> {
    spawn_echo(host, addresses, port, true).await
}

/// As [`start_echo`], but it ends at once if one of the addresses is not on the host, as most services do.
///
/// # Errors
/// As [`start_echo`].
pub async fn start_bound_echo(host: &Host, addresses: &[IpAddr], port: u16) -> Result<Process, LabError> {
    spawn_echo(host, addresses, port, false).await
}

async fn spawn_echo(
    host: &Host,
    addresses: &[IpAddr],
    port: u16,
    binds_freely: bool,
) -> Result<Process, LabError> {
    let spec = EchoSpec { node: host.name().to_owned(), addresses: addresses.to_vec(), port, binds_freely };
    spawn(host, "echo", &[json(&spec)?]).await
}

async fn spawn(host: &Host, role: &str, rest: &[String]) -> Result<Process, LabError> {
    let argv = host.agent(role, rest);
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let log = format!("/var/log/{role}");
    host.spawn(&argv, &[], &log, &log).await
}

fn json(spec: &impl Serialize) -> Result<String, LabError> {
    serde_json::to_string(spec).map_err(|error| LabError::Unfit(error.to_string()))
}
