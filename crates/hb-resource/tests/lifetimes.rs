//! Addresses with lifetimes on real interfaces, in a network of their own.

#![cfg(test)]

#[path = "support/network.rs"]
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's attributes are an open set")]
#[expect(dead_code, reason = "shared with the tests of addresses")]
mod network;
#[path = "support/recorder.rs"]
#[expect(dead_code, reason = "shared with the tests of addresses")]
mod recorder;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hb_resource::lease::{Answer, Lifetimes, Renewer};
use hb_resource::{ActuatorConfig, GroupSpec, JobAction, ResourceSpec};
use network::{Network, in_own_network};
use recorder::Recorder;

const PATIENCE: Duration = Duration::from_millis(200);
const LIFETIME: Duration = Duration::from_secs(1);
/// The first of them is renewed first.
const FLOATING: [&str; 2] = ["10.79.0.100/24/e0", "10.79.0.101/24/e1"];

/// Both addresses are up, with lifetimes.
fn started(network: &Network) -> (Recorder, Renewer) {
    network.veth("e0", "p0");
    network.veth("e1", "p1");
    let address = |text: &str| text.split('/').next().unwrap().parse::<IpAddr>().unwrap();
    let (lifetimes, renewer) = Lifetimes::begin(FLOATING.map(address).into(), LIFETIME, PATIENCE).unwrap();
    assert_eq!(renewer.acquire(), Answer::Granted);
    let resources = FLOATING.map(|text| ResourceSpec::Address(text.parse().unwrap())).into();
    let group = GroupSpec { key: "group".into(), resources };
    let config = ActuatorConfig { lifetimes: Some(lifetimes), ..ActuatorConfig::new(vec![group]) };
    let mut node = Recorder::start(config);
    node.perform(JobAction::Start(0)).unwrap();
    assert_eq!(network.validity().len(), 2);
    (node, renewer)
}

/// Waits until the kernel has removed what nobody renews.
fn wait_until_gone(network: &Network) {
    let begin = Instant::now();
    while !network.validity().is_empty() {
        assert!(begin.elapsed() < LIFETIME * 10, "{:?}", network.validity());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_lost_interface_ends_no_other_address() {
    in_own_network("a_lost_interface_ends_no_other_address", |network| {
        let (node, renewer) = started(network);
        network.remove("e0");
        // The kernel removes addresses up to a second late.
        let begin = Instant::now();
        while begin.elapsed() < LIFETIME + Duration::from_millis(1300) {
            assert_eq!(renewer.renew(), Answer::Granted);
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(network.address_texts(), ["e1 10.79.0.101/24 10.79.0.255 e1:0"]);
        wait_until_gone(network);
        // What is gone for good does not keep it from being acquired anew.
        let begin = Instant::now();
        while renewer.acquire() != Answer::Granted {
            assert!(begin.elapsed() < LIFETIME, "never granted");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(network.address_texts(), ["e1 10.79.0.101/24 10.79.0.255 e1:0"]);
        node.finish();
    });
}

#[test]
fn without_a_lease_nothing_keeps_a_lifetime() {
    in_own_network("without_a_lease_nothing_keeps_a_lifetime", |network| {
        let (mut node, renewer) = started(network);
        let all_stay = || network.validity().iter().filter(|(_, seconds)| *seconds == u32::MAX).count() == 2;
        assert!(!all_stay());
        renewer.release();
        let begin = Instant::now();
        while !all_stay() {
            assert!(begin.elapsed() < LIFETIME, "{:?}", network.validity());
            std::thread::sleep(Duration::from_millis(5));
        }
        // What is put up without a lease has a lifetime as soon as there is one.
        node.perform(JobAction::Stop(0)).unwrap();
        node.perform(JobAction::Start(0)).unwrap();
        assert!(all_stay());
        assert_eq!(renewer.acquire(), Answer::Refused, "they have none yet");
        wait_until_gone(network);
        node.finish();
    });
}
