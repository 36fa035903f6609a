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
    let lifetimes = Lifetimes::new(PATIENCE).unwrap();
    lifetimes.lease(FLOATING.map(address));
    let renewer = lifetimes.begin(LIFETIME).unwrap();
    assert_eq!(renewer.acquire(), Answer::Granted);
    (both_up(network, &lifetimes), renewer)
}

fn both_up(network: &Network, lifetimes: &Lifetimes) -> Recorder {
    network.veth("e0", "p0");
    network.veth("e1", "p1");
    let resources = FLOATING.map(|text| ResourceSpec::Address(text.parse().unwrap())).into();
    let group = GroupSpec { key: "group".into(), resources };
    let lifetimes = Some(lifetimes.clone());
    let config = ActuatorConfig { lifetimes, ..ActuatorConfig::new(vec![group]) };
    let mut node = Recorder::start(config);
    node.perform(JobAction::Start(0)).unwrap();
    assert_eq!(network.validity().len(), 2);
    node
}

fn address(text: &str) -> IpAddr {
    text.split('/').next().unwrap().parse().unwrap()
}

/// How many addresses stay for ever.
fn staying(network: &Network) -> usize {
    network.validity().iter().filter(|(_, seconds)| *seconds == u32::MAX).count()
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
        let all_stay = || staying(network) == 2;
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

#[test]
fn what_is_up_gets_and_loses_its_lifetime_while_it_is_up() {
    in_own_network("what_is_up_gets_and_loses_its_lifetime_while_it_is_up", |network| {
        let lifetimes = Lifetimes::new(PATIENCE).unwrap();
        let node = both_up(network, &lifetimes);
        assert_eq!(staying(network), 2, "there is no such lease yet");
        let until = |what: &str, mut is_so: Box<dyn FnMut() -> bool + '_>| {
            let begin = Instant::now();
            while !is_so() {
                assert!(begin.elapsed() < LIFETIME, "{what}: {:?}", network.validity());
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        lifetimes.lease(FLOATING.map(address));
        let first = lifetimes.begin(LIFETIME).unwrap();
        until("acquired", Box::new(|| first.acquire() == Answer::Granted));
        assert_eq!(staying(network), 0);
        lifetimes.except(&[address(FLOATING[0])].into());
        until(
            "one is excepted",
            Box::new(|| {
                assert_eq!(first.renew(), Answer::Granted);
                staying(network) == 1
            }),
        );
        lifetimes.lease(FLOATING.map(address));
        until(
            "leased again",
            Box::new(|| {
                assert_eq!(first.renew(), Answer::Granted);
                staying(network) == 0
            }),
        );
        first.release();
        until("the lease has ended", Box::new(|| staying(network) == 2));
        drop(first);
        let second = lifetimes.begin(LIFETIME).unwrap();
        until("acquired once more", Box::new(|| second.acquire() == Answer::Granted));
        assert_eq!(network.address_texts().len(), 2);
        wait_until_gone(network);
        node.finish();
    });
}
