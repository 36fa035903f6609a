//! Floating addresses and their announcements on real interfaces, each test in a network of its own.

#![cfg(test)]

#[path = "support/network.rs"]
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's attributes are an open set")]
#[expect(dead_code, reason = "shared with the tests of IPv6 addresses")]
mod network;
#[path = "support/recorder.rs"]
mod recorder;

use std::time::{Duration, Instant};

use hb_resource::{ADDRESS_MARK, ActuatorConfig, GroupSpec, JobAction, REPEAT_AFTER, ResourceSpec, cleanup};
use hb_sys::packet::PacketSocket;
use network::{Network, in_own_network};
use recorder::Recorder;

/// One group for each list of addresses, written as the parameter of `IPaddr`.
fn groups(lists: &[&[&str]]) -> Vec<GroupSpec> {
    let address = |text: &&str| ResourceSpec::Address(text.parse().unwrap());
    let group =
        |list: &&[&str]| GroupSpec { key: list[0].into(), resources: list.iter().map(address).collect() };
    lists.iter().map(group).collect()
}

fn node(lists: &[&[&str]]) -> Recorder {
    Recorder::start(ActuatorConfig::new(groups(lists)))
}

/// Starts a group with this address; what the machine has then, or why it failed.
fn started(network: &Network, spec: &str) -> Result<Vec<String>, String> {
    let mut node = node(&[&[spec]]);
    let result = node.perform(JobAction::Start(0)).map(|()| network.address_texts());
    node.perform(JobAction::Stop(0)).unwrap();
    node.finish();
    result
}

/// The table of failover.md 1.3 once more, this time with the kernel's routes and addresses.
#[test]
fn every_form_ends_up_where_ipaddr_would_put_it() {
    in_own_network("every_form_ends_up_where_ipaddr_would_put_it", |network| {
        network.veth("e0", "p0");
        network.veth("e1", "p1");
        network.add_address("e0", "10.79.0.1/24");
        // With the last address of an interface the kernel removes the routes through it.
        network.add_address("e1", "10.81.0.1/24");
        network.add_route("10.80.0.0/16", "e1", 0);
        network.add_route("10.80.7.0/24", "e0", 0);
        let forms = [
            ("10.79.0.100", "e0 10.79.0.100/24 10.79.0.255 e0:0"),
            ("10.79.0.100/25", "e0 10.79.0.100/25 10.79.0.127 e0:0"),
            ("10.79.0.100/255.255.255.0", "e0 10.79.0.100/24 10.79.0.255 e0:0"),
            ("10.79.0.100/24/10.79.0.7", "e0 10.79.0.100/24 10.79.0.7 e0:0"),
            ("10.79.0.100/24/e0", "e0 10.79.0.100/24 10.79.0.255 e0:0"),
            ("10.79.0.100/24/e0:5", "e0 10.79.0.100/24 10.79.0.255 e0:0"),
            ("192.0.2.9/24/e1/192.0.2.7", "e1 192.0.2.9/24 192.0.2.7 e1:0"),
            ("10.80.1.2", "e1 10.80.1.2/16 10.80.255.255 e1:0"),
            ("10.80.7.2", "e0 10.80.7.2/24 10.80.7.255 e0:0"),
        ];
        for (spec, expected) in forms {
            let addresses = started(network, spec).unwrap();
            assert_eq!(addresses.len(), 3, "{spec}: {addresses:?}");
            assert!(addresses.contains(&expected.to_owned()), "{spec}: {addresses:?}");
            assert_eq!(network.address_texts().len(), 2, "{spec} is still there after stop");
        }
        let no_route = "192.0.2.9: no route leads to it, and no interface is given";
        assert_eq!(started(network, "192.0.2.9"), Err(no_route.into()));
        let no_interface = "192.0.2.9/24/e9: there is no interface `e9`";
        assert_eq!(started(network, "192.0.2.9/24/e9"), Err(no_interface.into()));
        network.add_route("0.0.0.0/0", "e0", 0);
        let default_only = "192.0.2.9: cannot use the default route without netmask";
        assert_eq!(started(network, "192.0.2.9"), Err(default_only.into()));
        let addresses = started(network, "192.0.2.9/32").unwrap();
        assert!(addresses.contains(&"e0 192.0.2.9/32 192.0.2.9 e0:0".to_owned()), "{addresses:?}");
    });
}

#[test]
fn addresses_are_marked_and_labelled_with_the_first_free_number() {
    in_own_network("addresses_are_marked_and_labelled_with_the_first_free_number", |network| {
        network.veth("e0", "p0");
        network.veth("a-long-name-15c", "p1");
        network.add_address("e0", "10.79.0.1/24");
        let mut node =
            node(&[&["10.79.0.100", "10.79.0.101"], &["10.79.0.102"], &["10.1.0.1/24/a-long-name-15c"]]);
        for group in [0, 1, 2] {
            assert_eq!(node.perform(JobAction::Start(group)), Ok(()), "{}", node.notes());
        }
        let ours: Vec<_> =
            network.addresses().into_iter().filter(|shown| shown.origin == Some(ADDRESS_MARK)).collect();
        let texts: Vec<&str> = ours.iter().map(|shown| shown.text.as_str()).collect();
        let expected = [
            "e0 10.79.0.100/24 10.79.0.255 e0:0",
            "e0 10.79.0.101/24 10.79.0.255 e0:1",
            "e0 10.79.0.102/24 10.79.0.255 e0:2",
            "a-long-name-15c 10.1.0.1/24 10.1.0.255 -",
        ];
        assert_eq!(texts, expected);
        // The numbers that became free are used again.
        node.perform(JobAction::Stop(0)).unwrap();
        node.perform(JobAction::Start(0)).unwrap();
        assert!(network.address_texts().contains(&expected[0].to_owned()));
        node.finish();
    });
}

#[test]
fn what_is_there_already_is_left_as_it_is_and_what_is_gone_is_no_failure() {
    in_own_network("what_is_there_already_is_left_as_it_is_and_what_is_gone_is_no_failure", |network| {
        network.veth("e0", "p0");
        network.add_address("e0", "10.79.0.1/24");
        network.add_address("e0", "10.79.0.100/24");
        let before = network.address_texts();
        let mut node = node(&[&["10.79.0.100"]]);
        assert_eq!(node.perform(JobAction::Start(0)), Ok(()));
        assert_eq!(network.address_texts(), before);
        assert!(node.has_note("Address 10.79.0.100 was already on e0"), "{}", node.notes());
        for note in ["Address 10.79.0.100 removed", "Address 10.79.0.100 was not here"] {
            assert_eq!(node.perform(JobAction::Stop(0)), Ok(()));
            assert!(node.has_note(note), "{}", node.notes());
        }
        assert_eq!(network.address_texts().len(), 1);
        node.finish();
    });
}

#[test]
fn a_check_names_the_address_that_has_gone() {
    in_own_network("a_check_names_the_address_that_has_gone", |network| {
        network.veth("e0", "p0");
        network.add_address("e0", "10.79.0.1/24");
        let mut node = node(&[&["10.79.0.100/24/e0", "10.79.0.101"]]);
        assert_eq!(node.perform(JobAction::Start(0)), Ok(()), "{}", node.notes());
        assert_eq!(node.perform(JobAction::Check(0)), Ok(()));
        let gone = |address: &str| Err(format!("address {address} is not on this machine any more"));
        network.remove_address("10.79.0.101");
        assert_eq!(node.perform(JobAction::Check(0)), gone("10.79.0.101"));
        // On another interface than its own it is not there.
        network.veth("e1", "p1");
        network.remove_address("10.79.0.100");
        network.add_address("e1", "10.79.0.100/24");
        network.add_address("e1", "10.79.0.101/24");
        assert_eq!(node.perform(JobAction::Check(0)), gone("10.79.0.100"));
        assert_eq!(node.perform(JobAction::Stop(0)), Ok(()));
        node.finish();
    });
}

#[test]
fn stop_takes_no_other_address_with_it() {
    in_own_network("stop_takes_no_other_address_with_it", |network| {
        network.veth("e0", "p0");
        let mut node = node(&[&["10.79.0.100/24/e0"], &["10.79.0.101/24/e0"], &["10.79.0.102/25/e0"]]);
        for group in [0, 1, 2] {
            node.perform(JobAction::Start(group)).unwrap();
        }
        // Without promotion the kernel removes .101 with .100, the primary address of its network.
        let switch = "/proc/sys/net/ipv4/conf/e0/promote_secondaries";
        std::fs::write(switch, "0").unwrap();
        node.perform(JobAction::Stop(0)).unwrap();
        let expected = ["e0 10.79.0.101/24 10.79.0.255 e0:1", "e0 10.79.0.102/25 10.79.0.127 e0:2"];
        let mut left = network.address_texts();
        left.sort();
        assert_eq!(left, expected);
        assert_eq!(std::fs::read_to_string(switch).unwrap(), "0\n", "the setting is as it was");
        node.finish();
    });
}

#[test]
fn an_address_on_loopback_belongs_to_a_load_balancer() {
    in_own_network("an_address_on_loopback_belongs_to_a_load_balancer", |network| {
        network.veth("e0", "p0");
        network.add_address("e0", "10.79.0.1/24");
        network.add_address("lo", "10.79.0.100/32");
        let mut node = node(&[&["10.79.0.100"]]);
        node.perform(JobAction::Start(0)).unwrap();
        assert_eq!(network.address_texts().len(), 3);
        node.perform(JobAction::Stop(0)).unwrap();
        let left = network.address_texts();
        assert!(left.iter().any(|text| text.starts_with("lo 10.79.0.100/32")), "{left:?}");
        assert_eq!(left.len(), 2);
        node.finish();
    });
}

#[test]
fn an_interface_that_is_down_is_switched_on() {
    in_own_network("an_interface_that_is_down_is_switched_on", |network| {
        network.veth("e0", "p0");
        network.set_down("e0");
        let mut node = node(&[&["10.79.0.100/24/e0"]]);
        assert_eq!(node.perform(JobAction::Start(0)), Ok(()));
        assert!(network.is_up("e0"));
        node.finish();
    });
}

/// Whoever sets a medium down for a while is not answered by a node that sets it up and takes everything.
#[test]
fn a_medium_that_is_down_stays_down() {
    in_own_network("a_medium_that_is_down_stays_down", |network| {
        network.veth("e0", "p0");
        network.add_address("e0", "10.79.0.100/24");
        network.set_down("e0");
        let mut config = ActuatorConfig::new(groups(&[&["10.79.0.101/24/e0"], &["10.79.0.100/24/e0"]]));
        config.media.insert("e0".to_owned());
        let mut node = Recorder::start(config);
        for (group, address) in [(0, "10.79.0.101"), (1, "10.79.0.100")] {
            let why = "e0 is down, and heartbeats go over it: it is not switched on for an address";
            let failed = node.perform(JobAction::Start(group)).unwrap_err();
            assert!(failed.contains(address) && failed.contains(why), "{failed}");
        }
        assert!(!network.is_up("e0"));
        node.finish();
    });
}

#[test]
fn cleanup_removes_what_is_marked_or_configured_and_nothing_else() {
    in_own_network("cleanup_removes_what_is_marked_or_configured_and_nothing_else", |network| {
        network.veth("e0", "p0");
        network.add_address("e0", "10.79.0.1/24");
        network.add_address("e0", "10.79.0.101/24");
        let mut before = node(&[&["10.79.0.100", "192.0.2.1/24/e0"]]);
        before.perform(JobAction::Start(0)).unwrap();
        before.finish();
        assert_eq!(network.address_texts().len(), 4, "the end of an actuator takes nothing down");
        // The new configuration knows .101 only; the others are told by their mark.
        let mut removed = cleanup(&groups(&[&["10.79.0.101"]])).unwrap();
        removed.sort();
        let removed: Vec<String> = removed.iter().map(ToString::to_string).collect();
        assert_eq!(removed, ["10.79.0.100", "10.79.0.101", "192.0.2.1"]);
        let left = network.address_texts();
        assert!(left.len() == 1 && left[0].starts_with("e0 10.79.0.1/24"), "{left:?}");
        assert_eq!(cleanup(&groups(&[&["10.79.0.101"]])).unwrap(), Vec::<std::net::Ipv4Addr>::new());
    });
}

/// Request, then reply with the sender as target: field.md 4q.
fn expected_pair(mac: &[u8], address: [u8; 4]) -> [Vec<u8>; 2] {
    [(1, [0; 6].as_slice()), (2, mac)].map(|(operation, target)| {
        let mut frame = vec![0xff; 6];
        frame.extend(mac);
        frame.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, operation]);
        frame.extend(mac);
        frame.extend(address);
        frame.extend(target);
        frame.extend(address);
        frame
    })
}

#[test]
fn an_address_is_announced_at_once_and_again_with_growing_pauses() {
    in_own_network("an_address_is_announced_at_once_and_again_with_growing_pauses", |network| {
        network.veth("e0", "p0");
        let listener = network.listen("p0");
        let pair = expected_pair(&network.mac("e0"), [10, 79, 0, 100]);
        let mut node = node(&[&["10.79.0.100/24/e0"]]);
        node.perform(JobAction::Start(0)).unwrap();
        let next_pair = || {
            let (request, at) = listener.next(Duration::from_secs(10)).expect("a request");
            let (reply, _) = listener.next(Duration::from_secs(10)).expect("a reply");
            assert_eq!([request, reply], pair);
            at
        };
        // The first one was there before the job's end was told.
        let first = next_pair();
        for pause in REPEAT_AFTER {
            let after = next_pair() - first;
            let late = after.saturating_sub(pause);
            assert!(
                after + Duration::from_millis(20) > pause && late < Duration::from_millis(500),
                "{after:?}"
            );
        }
        assert_eq!(listener.next(Duration::from_millis(300)), None, "the series has an end");
        node.perform(JobAction::Announce(0)).unwrap();
        next_pair();
        node.finish();
    });
}

#[test]
fn announcements_end_with_the_group() {
    in_own_network("announcements_end_with_the_group", |network| {
        network.veth("e0", "p0");
        let listener = network.listen("p0");
        let mut node = node(&[&["10.79.0.100/24/e0"]]);
        node.perform(JobAction::Start(0)).unwrap();
        node.perform(JobAction::Stop(0)).unwrap();
        while listener.next(Duration::ZERO).is_some() {}
        // Past the second repetition.
        assert_eq!(listener.next(REPEAT_AFTER[1] + Duration::from_millis(200)), None);
        assert_eq!(node.perform(JobAction::Announce(0)), Err("not on this machine: 10.79.0.100".into()));
        node.finish();
    });
}

#[test]
fn where_no_arp_is_spoken_nothing_is_announced() {
    in_own_network("where_no_arp_is_spoken_nothing_is_announced", |network| {
        network.veth("e0", "p0");
        network.set_noarp("e0");
        let listeners = [network.listen("p0"), network.listen("lo")];
        let mut node = node(&[&["10.79.0.100/24/e0"], &["10.79.1.100/32/lo"]]);
        for group in [0, 1] {
            assert_eq!(node.perform(JobAction::Start(group)), Ok(()));
            assert_eq!(node.perform(JobAction::Announce(group)), Ok(()));
        }
        for listener in listeners {
            assert_eq!(listener.next(REPEAT_AFTER[0] * 2), None);
        }
        assert!(!node.has_note("Cannot announce"), "{}", node.notes());
        node.finish();
    });
}

#[test]
fn groups_come_while_others_are_held_and_numbers_are_used_again() {
    in_own_network("groups_come_while_others_are_held_and_numbers_are_used_again", |network| {
        network.veth("e0", "p0");
        let listener = network.listen("p0");
        let mut node = node(&[]);
        assert_eq!(node.perform(JobAction::Start(1)), Err("there is no such group".into()));
        let new = groups(&[&["10.79.0.100/24/e0"], &["10.79.0.101/24/e0"], &["10.79.0.102/24/e0"]]);
        let [one, two, three] = <[GroupSpec; 3]>::try_from(new).unwrap();
        node.reconfigure(ActuatorConfig::new(Vec::new()), vec![(1, one)]);
        node.perform(JobAction::Start(1)).unwrap();
        assert!(listener.next(Duration::from_secs(1)).is_some(), "the first address is announced");
        let first = network.address_texts();
        node.reconfigure(ActuatorConfig::new(Vec::new()), vec![(0, two)]);
        node.perform(JobAction::Start(0)).unwrap();
        node.perform(JobAction::Stop(0)).unwrap();
        assert_eq!(network.address_texts(), first);
        node.reconfigure(ActuatorConfig::new(Vec::new()), vec![(0, three)]);
        node.perform(JobAction::Start(0)).unwrap();
        let addresses = network.address_texts();
        assert!(
            addresses.len() == 2 && addresses.iter().any(|text| text.contains("10.79.0.102")),
            "{addresses:?}"
        );
        node.finish();
    });
}

#[test]
fn a_foreign_claim_is_told_and_answered_but_moves_nothing() {
    in_own_network("a_foreign_claim_is_told_and_answered_but_moves_nothing", |network| {
        network.veth("e0", "p0");
        let mut node = node(&[&["10.79.0.100/24/e0"]]);
        node.perform(JobAction::Start(0)).unwrap();
        let ears = network.listen("p0");
        let socket = PacketSocket::open().unwrap();
        let (mac, foreign) = (network.mac("e0"), [2, 0, 0, 0, 0, 9]);
        let claim = expected_pair(&foreign, [10, 79, 0, 100]);
        let is_answer = |frame: &[u8]| frame[22..28] == *mac;
        // Until the last repetition of the announcement that matters here.
        while ears.next(Duration::from_millis(700)).is_some() {}
        let (index, begun) = (network.index("p0"), Instant::now());
        socket.send(index, &claim[0]).unwrap();
        let (frame, at) = ears.next(Duration::from_secs(1)).expect("an answer");
        assert!(is_answer(&frame) && at - begun < Duration::from_millis(200), "{:?}", at - begun);
        println!("measured, a claim is answered after {} us", (at - begun).as_micros());
        // The second half of the answer, and nothing more at once, however often it is claimed.
        assert!(is_answer(&ears.next(Duration::from_secs(1)).unwrap().0));
        for _ in 0..20 {
            socket.send(network.index("p0"), &claim[1]).unwrap();
        }
        assert!(ears.next(Duration::from_millis(300)).is_none());
        assert_eq!(network.address_texts(), ["e0 10.79.0.100/24 10.79.0.255 e0:0"]);
        // What is not here anybody may claim.
        node.perform(JobAction::Stop(0)).unwrap();
        let told = "Another machine, 02:00:00:00:00:09, claims 10.79.0.100, which is here: announced again";
        assert!(node.has_note(told), "{}", node.notes());
        std::thread::sleep(Duration::from_secs(1));
        socket.send(network.index("p0"), &claim[0]).unwrap();
        assert!(ears.next(Duration::from_millis(300)).is_none());
        node.finish();
    });
}
