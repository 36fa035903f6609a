//! Floating IPv6 addresses on real interfaces, each test in a network of its own: put up and down, announced, gated.

#![cfg(test)]

#[path = "support/network.rs"]
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's attributes are an open set")]
#[expect(dead_code, reason = "shared with the tests of IPv4 addresses")]
mod network;
#[path = "support/recorder.rs"]
#[expect(dead_code, reason = "shared with the tests of IPv4 addresses")]
mod recorder;

use std::net::{Ipv6Addr, UdpSocket};
use std::time::{Duration, Instant};

use hb_resource::lease::{Answer, Lease, Ownership, Renewal};
use hb_resource::{ActuatorConfig, GroupSpec, JobAction, REPEAT_AFTER, ResourceSpec, cleanup};
use hb_sys::packet::{ETHERTYPE_IPV6, PacketSocket};
use network::{Network, in_own_network};
use recorder::Recorder;

const FLOATING: Ipv6Addr = Ipv6Addr::new(0xfd79, 0, 0, 0, 0, 0, 0, 0x100);

fn group(text: &str) -> GroupSpec {
    GroupSpec { key: text.into(), resources: vec![ResourceSpec::Address(text.parse().unwrap())] }
}

/// Starts a group with this address; what the machine has then, or why it failed.
fn started(network: &Network, text: &str) -> Result<Vec<(String, bool, bool)>, String> {
    let mut node = Recorder::start(ActuatorConfig::new(vec![group(text)]));
    let result = node.perform(JobAction::Start(0)).map(|()| network.ipv6());
    node.perform(JobAction::Stop(0)).unwrap();
    node.finish();
    result
}

#[test]
fn an_ipv6_address_goes_where_its_route_leads_and_may_be_used_at_once() {
    in_own_network("an_ipv6_address_goes_where_its_route_leads_and_may_be_used_at_once", |network| {
        network.veth("e0", "p0");
        network.veth("e1", "p1");
        network.add_address("e0", "fd79::1/64");
        for (text, expected) in [
            ("fd79::100", "fd79::100/64"),
            ("fd79:0:0:0:0:0:0:100/128", "fd79::100/128"),
            ("fd79::100/64/e1", "fd79::100/64"),
            ("fd99::5/64/e1", "fd99::5/64"),
        ] {
            let found = started(network, text).unwrap();
            assert!(found.contains(&(expected.to_owned(), true, true)), "{text}: {found:?}");
            assert_eq!(network.ipv6().len(), 1, "{text} is still there after stop");
        }
        let no_route = "fd99::5: no route leads to it, and no interface is given";
        assert_eq!(started(network, "fd99::5"), Err(no_route.into()));
        let link_local =
            "fe80::5: an address of that kind is on each interface, so the interface must be given";
        assert_eq!(started(network, "fe80::5"), Err(link_local.into()));
        std::fs::write("/proc/sys/net/ipv6/conf/e1/disable_ipv6", "1").unwrap();
        let switched_off = started(network, "fd99::5/64/e1").unwrap_err();
        assert!(switched_off.contains("IPv6 is switched off on e1"), "{switched_off}");
    });
}

#[test]
fn what_the_machine_says_by_itself_does_not_come_from_a_floating_ipv6_address() {
    in_own_network("what_the_machine_says_by_itself_does_not_come_from_a_floating_ipv6_address", |network| {
        network.veth("e0", "p0");
        // Its own address may be used at once.
        std::fs::write("/proc/sys/net/ipv6/conf/e0/accept_dad", "0").unwrap();
        network.add_address("e0", "fd79::1/64");
        let mut node = Recorder::start(ActuatorConfig::new(vec![group("fd79::100/64/e0")]));
        node.perform(JobAction::Start(0)).unwrap();
        // Nearer to the floating address than to its own, which is what the kernel would go by.
        let socket = UdpSocket::bind("[::]:0").unwrap();
        socket.connect("[fd79::107]:694").unwrap();
        assert_eq!(socket.local_addr().unwrap().ip().to_string(), "fd79::1");
        // Where there is no other it is used.
        network.remove_address("fd79::1");
        let socket = UdpSocket::bind("[::]:0").unwrap();
        socket.connect("[fd79::107]:694").unwrap();
        assert_eq!(socket.local_addr().unwrap().ip(), FLOATING);
        node.perform(JobAction::Stop(0)).unwrap();
        node.finish();
    });
}

#[test]
fn the_same_link_local_address_on_two_interfaces_is_two_addresses() {
    in_own_network("the_same_link_local_address_on_two_interfaces_is_two_addresses", |network| {
        network.veth("e0", "p0");
        network.veth("e1", "p1");
        let groups = ["fe80::101/64/e0", "fe80::101/64/e1"].map(group);
        let mut node = Recorder::start(ActuatorConfig::new(groups.to_vec()));
        let interfaces = || {
            let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap();
            let lines = table.lines().filter(|line| line.starts_with("fe800000000000000000000000000101"));
            let mut names: Vec<String> = lines.map(|line| line[line.len() - 2..].to_owned()).collect();
            names.sort();
            names
        };
        node.perform(JobAction::Start(0)).unwrap();
        node.perform(JobAction::Start(1)).unwrap();
        assert_eq!(interfaces(), ["e0", "e1"]);
        node.perform(JobAction::Stop(0)).unwrap();
        assert_eq!(interfaces(), ["e1"]);
        assert!(node.perform(JobAction::Announce(0)).is_err(), "the other is not announced for it");
        node.perform(JobAction::Announce(1)).unwrap();
        node.perform(JobAction::Stop(1)).unwrap();
        assert_eq!(interfaces(), [""; 0]);
        node.finish();
    });
}

#[test]
fn cleanup_removes_ipv6_addresses_that_are_marked_or_configured() {
    in_own_network("cleanup_removes_ipv6_addresses_that_are_marked_or_configured", |network| {
        network.veth("e0", "p0");
        network.add_address("e0", "fd79::1/64");
        network.add_address("e0", "fd79::101/64");
        let mut crashed = Recorder::start(ActuatorConfig::new(vec![group("fd79::100/64/e0")]));
        crashed.perform(JobAction::Start(0)).unwrap();
        crashed.finish();
        let mut removed = cleanup(&[group("fd79::101")]).unwrap();
        removed.sort();
        assert_eq!(removed, ["fd79::100", "fd79::101"].map(|text| text.parse::<std::net::IpAddr>().unwrap()));
        assert_eq!(network.ipv6().len(), 1);
    });
}

#[test]
fn an_ipv6_address_is_advertised_at_once_and_again_with_growing_pauses() {
    in_own_network("an_ipv6_address_is_advertised_at_once_and_again_with_growing_pauses", |network| {
        network.veth("e0", "p0");
        let mac = network.mac("e0");
        let ears = network.listen_for("p0", ETHERTYPE_IPV6);
        let mut node = Recorder::start(ActuatorConfig::new(vec![group("fd79::100/64/e0")]));
        let begun = Instant::now();
        node.perform(JobAction::Start(0)).unwrap();
        // Until the third time; the rest are the same for IPv4, whose test waits for them.
        for pause in [Duration::ZERO, REPEAT_AFTER[0], REPEAT_AFTER[1]] {
            let (frame, at) = loop {
                let (frame, at) = ears.next(Duration::from_secs(3)).expect("an advertisement");
                if frame[54] == 136 && frame[62..78] == FLOATING.octets() {
                    break (frame, at);
                }
            };
            assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
            assert_eq!((frame[58], &frame[80..86]), (0x20, &*mac), "override, and our address");
            let late = at.duration_since(begun);
            assert!(late >= pause && late < pause + Duration::from_millis(90), "{late:?} for {pause:?}");
        }
        node.perform(JobAction::Stop(0)).unwrap();
        node.finish();
    });
}

#[test]
fn a_foreign_advertisement_is_told_and_answered() {
    in_own_network("a_foreign_advertisement_is_told_and_answered", |network| {
        network.veth("e0", "p0");
        let mut node = Recorder::start(ActuatorConfig::new(vec![group("fd79::100/64/e0")]));
        let ears = network.listen_for("p0", ETHERTYPE_IPV6);
        node.perform(JobAction::Start(0)).unwrap();
        let mine = network.mac("e0");
        let advertisement = || loop {
            let (frame, at) = ears.next(Duration::from_millis(700))?;
            if frame[54] == 136 && frame[62..78] == FLOATING.octets() {
                return Some((frame, at));
            }
        };
        let first = advertisement().expect("an announcement").0;
        // The repetitions, until a longer pause.
        while advertisement().is_some() {}
        // What the kernel checks is not what is looked at: a claim may be anything.
        let foreign = [2, 0, 0, 0, 0, 9];
        let claim = [&first[..6], &foreign, &first[12..80], &foreign].concat();
        PacketSocket::open().unwrap().send(network.index("p0"), &claim).unwrap();
        let begun = Instant::now();
        let (frame, at) = advertisement().expect("an answer");
        assert!(frame[80..86] == *mine && at - begun < Duration::from_millis(200), "{:?}", at - begun);
        node.perform(JobAction::Stop(0)).unwrap();
        assert!(node.has_note("Another machine, 02:00:00:00:00:09, claims fd79::100"), "{}", node.notes());
        node.finish();
    });
}

#[test]
fn a_claim_to_an_address_that_is_gone_is_not_told_as_answered() {
    in_own_network("a_claim_to_an_address_that_is_gone_is_not_told_as_answered", |network| {
        network.veth("e0", "p0");
        let groups = ["fd79::100/64/e0", "fd79::101/64/e0"].map(group);
        let mut node = Recorder::start(ActuatorConfig::new(groups.to_vec()));
        let ears = network.listen_for("p0", ETHERTYPE_IPV6);
        node.perform(JobAction::Start(0)).unwrap();
        let first = loop {
            let (frame, _) = ears.next(Duration::from_secs(3)).expect("an announcement");
            if frame[54] == 136 && frame[62..78] == FLOATING.octets() {
                break frame;
            }
        };
        node.perform(JobAction::Start(1)).unwrap();
        network.remove_address("fd79::100");
        let foreign = [2, 0, 0, 0, 0, 9];
        let mouth = PacketSocket::open().unwrap();
        // In the order in which they are answered, so that the second shows that the first had its turn.
        for last in [0, 1] {
            let claim =
                [&first[..6], &foreign, &first[12..77], &[last][..], &first[78..80], &foreign].concat();
            mouth.send(network.index("p0"), &claim).unwrap();
        }
        let until = Instant::now() + Duration::from_secs(5);
        while !node.has_note("claims fd79::101, which is here: announced again") {
            assert!(Instant::now() < until, "{}", node.notes());
            node.perform(JobAction::Announce(1)).unwrap();
        }
        assert!(!node.has_note("claims fd79::100"), "{}", node.notes());
        node.perform(JobAction::Stop(0)).unwrap();
        node.perform(JobAction::Stop(1)).unwrap();
        node.finish();
    });
}

/// Whether a solicitation of p0 for the floating address is answered.
fn is_answered(network: &Network) -> bool {
    let socket = PacketSocket::open().unwrap();
    let index = network.index("p0");
    socket.bind(index, ETHERTYPE_IPV6).unwrap();
    let mac = network.mac("p0");
    let client = Ipv6Addr::new(0xfd79, 0, 0, 0, 0, 0, 0, 7);
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0x100);
    let header: &[u8] = &[0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255];
    let message = |sum: [u8; 2]| [&[135, 0], &sum[..], &[0; 4], &FLOATING.octets(), &[1, 1], &*mac].concat();
    let summed =
        [&client.octets()[..], &group.octets(), &[0, 0, 0, 32, 0, 0, 0, 58], &message([0; 2])].concat();
    let mut sum: u32 =
        summed.as_chunks::<2>().0.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = (!u16::try_from(sum).unwrap()).to_be_bytes();
    let question =
        [&[0x33, 0x33, 0xff, 0, 1, 0], &*mac, header, &client.octets(), &group.octets(), &message(sum)]
            .concat();
    socket.send(index, &question).unwrap();
    let until = Instant::now() + Duration::from_millis(100);
    let mut frame = [0; 128];
    while Instant::now() < until {
        while socket.receive(&mut frame).is_ok() {
            if frame[..6] == *mac && frame[54] == 136 && frame[62..78] == FLOATING.octets() {
                return true;
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

#[test]
fn neighbour_discovery_is_answered_only_while_the_lease_lives() {
    in_own_network("neighbour_discovery_is_answered_only_while_the_lease_lives", |network| {
        network.veth("e0", "p0");
        let mut node = Recorder::start(ActuatorConfig::new(vec![group("fd79::100/64/e0")]));
        node.perform(JobAction::Start(0)).unwrap();
        // Until the interface's own address is found to be free nothing is answered.
        let until = Instant::now() + Duration::from_secs(5);
        while !is_answered(network) && Instant::now() < until {}
        let length = Duration::from_millis(200);
        let addresses = [FLOATING.into()].into();
        let wanted = Ownership::Wanted;
        let lease = Lease::open(addresses, length, Renewal::WhileItLives, wanted, Box::new(|_| {})).unwrap();
        assert!(is_answered(network), "nothing is gated before the first step");
        assert_eq!(lease.latch.arm(), Answer::Granted);
        assert!(!is_answered(network), "armed is not acquired");
        assert_eq!((lease.latch.arm(), lease.latch.acquire()), (Answer::Granted, Answer::Granted));
        assert!(is_answered(network));
        std::thread::sleep(length + Duration::from_millis(8));
        assert!(!is_answered(network), "it has run out");
        assert_eq!(lease.latch.release(), Answer::Granted);
        assert!(is_answered(network), "released means that nothing is gated");
        lease.keeper.finish();
        node.perform(JobAction::Stop(0)).unwrap();
        node.finish();
    });
}
