//! Where the programs are, and a series of runs.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use hb_lab::{Agent, Fault, HungHearts, LabOptions, Measurement, Peers, measure, measure_series};

/// Time between two heartbeats.
pub(crate) const KEEPALIVE: Duration = Duration::from_millis(200);
/// Silence after which a node is dead.
pub(crate) const DEADTIME: Duration = Duration::from_secs(1);

/// Which kind of address is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

/// How often each fault is made.
pub(crate) fn runs() -> u32 {
    env::var("HB_LEASE_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Makes a fault some times, between two of ours or with the real 3.0.6 as the node that takes over.
pub(crate) async fn series(fault: Fault, peers: Peers, runs: u32) -> Vec<Measurement> {
    let faults: Vec<_> = (0..runs).map(|_| fault).collect();
    series_of(family(), &faults, peers_for(peers)).await
}

/// The same between two of ours whose guards let a heart hang: only the lease protects from it.
pub(crate) async fn series_of_hung_hearts(fault: Fault, runs: u32) -> Vec<Measurement> {
    let faults: Vec<_> = (0..runs).map(|_| fault).collect();
    let options =
        LabOptions { ipv6: family() == Family::Ipv6, hung_hearts: HungHearts::Kept, ..LabOptions::default() };
    series_by(options, &faults).await
}

/// `HB_LEASE_FAMILY=6` plays the same faults for a floating IPv6 address.
fn family() -> Family {
    match env::var("HB_LEASE_FAMILY").as_deref() {
        Ok("6") => Family::Ipv6,
        Ok("4") | Err(_) => Family::Ipv4,
        Ok(other) => panic!("HB_LEASE_FAMILY is 4 or 6, not {other}"),
    }
}

/// `HB_LEASE_PEER=heartbeat` plays the same faults with the real 3.0.6 as the node that takes over, where it can: it has no stop
/// points. These are the peers that [`series`] plays instead of the given ones.
pub(crate) fn peers_for(peers: Peers) -> Peers {
    if env::var("HB_LEASE_PEER").is_ok_and(|peer| peer == "heartbeat") {
        Peers::HeartbeatTakesOver
    } else {
        peers
    }
}

/// Makes these faults one after the other, for a floating address of this family.
pub(crate) async fn series_of(family: Family, faults: &[Fault], peers: Peers) -> Vec<Measurement> {
    series_by(LabOptions { ipv6: family == Family::Ipv6, peers, ..LabOptions::default() }, faults).await
}

/// As [`series_of`], by other options as well; times and programs are those of all these tests.
pub(crate) async fn series_by(options: LabOptions, faults: &[Fault]) -> Vec<Measurement> {
    let options = LabOptions {
        keepalive: Some(KEEPALIVE),
        deadtime: Some(DEADTIME),
        hb_node: Some(program()),
        ..options
    };
    let agent = agent();
    let tell = |measurement: &Measurement| println!("measured, {measurement:?}");
    if options.peers == Peers::Ours {
        return measure_series(&options, agent, faults, tell).await.unwrap();
    }
    let mut all = Vec::new();
    for (run, fault) in (1..).zip(faults) {
        let measurement = measure(&options, agent.clone(), *fault, run).await.unwrap();
        tell(&measurement);
        all.push(measurement);
    }
    all
}

/// The lab's helper program of this build.
pub(crate) fn agent() -> Agent {
    Agent::new(PathBuf::from(env!("CARGO_BIN_EXE_hb-lab-agent")), Vec::new())
}

pub(crate) fn program() -> PathBuf {
    hb_lab::built_program("hb-node").unwrap_or_else(|error| panic!("{error}"))
}
