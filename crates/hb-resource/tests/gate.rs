//! The kernel's gate on real interfaces, each test in a network of its own.

#![cfg(test)]

#[path = "support/network.rs"]
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's attributes are an open set")]
#[expect(dead_code, reason = "shared with the tests of addresses")]
mod network;

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use hb_resource::lease::{Answer, Lease, Notice, Ownership, Renewal, Stage, remove};
use hb_sys::alloc_count::{Counting, Counts, measure};
use hb_sys::packet::{ETHERTYPE_ARP, PacketSocket};
use network::{Network, in_own_network};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FLOATING: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 100);
const LENGTH: Duration = Duration::from_millis(200);

/// The floating address is on e0; p0, at the other end, is where clients are.
fn prepare(network: &Network) {
    network.veth("e0", "p0");
    network.add_address("e0", "10.79.0.100/24");
}

fn open(renewal: Renewal) -> (Lease, Receiver<Notice>) {
    open_as(renewal, Ownership::Wanted)
}

fn open_as(renewal: Renewal, ownership: Ownership) -> (Lease, Receiver<Notice>) {
    let (sender, notices) = channel();
    let tell = Box::new(move |notice| sender.send(notice).unwrap_or_default());
    (Lease::open([FLOATING.into()].into(), LENGTH, renewal, ownership, tell).unwrap(), notices)
}

fn nft(arguments: &[&str]) -> String {
    let output = Command::new("nft").args(arguments).output().expect("nft (package nftables) runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn acquire(lease: &Lease) {
    assert_eq!((lease.latch.arm(), lease.latch.acquire()), (Answer::Granted, Answer::Granted));
}

/// Whether a question of p0 for the floating address is answered.
fn is_answered(network: &Network) -> bool {
    let socket = PacketSocket::open().unwrap();
    let index = network.index("p0");
    socket.bind(index, ETHERTYPE_ARP).unwrap();
    let mac = network.mac("p0");
    let client = Ipv4Addr::new(10, 79, 0, 7).octets();
    let begin: &[u8] = &[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1];
    let question = [&[0xff; 6], &*mac, begin, &*mac, &client, &[0; 6], &FLOATING.octets()].concat();
    socket.send(index, &question).unwrap();
    let until = Instant::now() + Duration::from_millis(60);
    let mut frame = [0; 128];
    while Instant::now() < until {
        while socket.receive(&mut frame).is_ok() {
            if frame[20..22] == [0, 2] && frame[28..32] == FLOATING.octets() {
                return true;
            }
        }
        sleep(Duration::from_millis(1));
    }
    false
}

#[test]
fn the_gate_is_open_as_long_as_the_lease_lives() {
    in_own_network("the_gate_is_open_as_long_as_the_lease_lives", |network| {
        prepare(network);
        let (lease, _) = open(Renewal::WhileItLives);
        assert!(is_answered(network), "nothing is gated before the first step");
        assert_eq!(lease.latch.renew(), Answer::Refused);
        assert_eq!(lease.latch.arm(), Answer::Granted);
        assert!(!is_answered(network), "armed is not acquired");
        sleep(Duration::from_millis(60));
        assert_eq!(lease.latch.acquire(), Answer::Refused, "the second step came too late");
        acquire(&lease);
        assert!(is_answered(network));
        for _ in 0..10 {
            sleep(LENGTH / 4);
            assert_eq!(lease.latch.renew(), Answer::Granted);
        }
        assert!(is_answered(network));
        sleep(LENGTH + Duration::from_millis(8));
        assert!(!is_answered(network));
        assert_eq!(lease.latch.renew(), Answer::Refused, "what has run out is not renewed");
        acquire(&lease);
        assert!(is_answered(network));
        assert_eq!(lease.latch.release(), Answer::Granted);
        assert!(is_answered(network), "released means that nothing is gated");
        lease.keeper.finish();
        assert_eq!(lease.latch.renew(), Answer::Refused);
    });
}

#[test]
fn a_lease_runs_out_on_time() {
    in_own_network("a_lease_runs_out_on_time", |network| {
        prepare(network);
        let (lease, _) = open(Renewal::WhileItLives);
        for _ in 0..5 {
            acquire(&lease);
            let begin = Instant::now();
            let mut last = Duration::ZERO;
            loop {
                let asked = begin.elapsed();
                if !is_answered(network) {
                    break;
                }
                last = asked;
            }
            // A timer of the kernel has 4 ms.
            assert!(last < LENGTH + Duration::from_millis(8), "{last:?}");
            assert!(begin.elapsed() > LENGTH, "{:?}", begin.elapsed());
        }
    });
}

#[test]
fn the_mutant_renews_what_has_run_out() {
    in_own_network("the_mutant_renews_what_has_run_out", |network| {
        prepare(network);
        let (lease, _) = open(Renewal::Always);
        acquire(&lease);
        sleep(LENGTH + Duration::from_millis(8));
        assert_eq!(lease.latch.renew(), Answer::Granted);
        assert!(is_answered(network));
    });
}

#[test]
fn a_removed_table_comes_back_and_new_interfaces_are_gated() {
    in_own_network("a_removed_table_comes_back_and_new_interfaces_are_gated", |network| {
        prepare(network);
        let (lease, notices) = open_as(Renewal::WhileItLives, Ownership::Waived);
        acquire(&lease);
        let begin = Instant::now();
        remove().unwrap();
        let notice = notices.recv_timeout(Duration::from_secs(1)).unwrap();
        println!("measured, back after {} us", begin.elapsed().as_micros());
        assert!(matches!(notice, Notice::Rebuilt), "{notice:?}");
        assert_eq!((lease.keeper.rebuilt(), lease.keeper.is_in_force()), (1, true));
        assert_eq!(lease.latch.renew(), Answer::Refused);
        assert!(!is_answered(network), "whoever built it anew has not renewed");
        acquire(&lease);

        network.veth("e1", "p1");
        assert_eq!(lease.latch.release(), Answer::Granted);
        assert_eq!(lease.latch.arm(), Answer::Granted);
        network.remove_address("10.79.0.100");
        network.add_address("e1", "10.79.0.100/24");
        let mac = network.mac("p1");
        assert!(!mac.is_empty());
        let other = Ipv4Addr::new(10, 79, 0, 101);
        assert!(lease.keeper.gate([other.into()], Duration::from_secs(1)));
        let table =
            Command::new("nft").args(["list", "set", "netdev", "hb-lease", "addresses"]).output().unwrap();
        let table = String::from_utf8_lossy(&table.stdout).into_owned();
        assert!(table.contains("10.79.0.101"), "it is gated when that returns: {table}");
        acquire(&lease);
        let lengthener = lease.keeper.lengthener().unwrap();
        lengthener.set(Duration::from_secs(5)).unwrap();
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until && lease.latch.renew() == Answer::Granted {
            sleep(LENGTH / 4);
        }
        sleep(LENGTH * 3);
        assert_eq!(lease.latch.renew(), Answer::Granted, "it is longer now");
        assert_eq!(lease.keeper.rebuilt(), 1, "all that was done without building anew");
    });
}

#[test]
fn other_tables_are_not_touched() {
    in_own_network("other_tables_are_not_touched", |network| {
        prepare(network);
        nft(&["add", "table", "inet", "theirs"]);
        nft(&["add", "chain", "inet", "theirs", "input", "{ type filter hook input priority 0; }"]);
        nft(&["add", "rule", "inet", "theirs", "input", "tcp", "dport", "9", "drop"]);
        let before = nft(&["list", "ruleset"]);
        let (lease, notices) = open_as(Renewal::WhileItLives, Ownership::Waived);
        acquire(&lease);
        let ours = nft(&["list", "table", "netdev", "hb-lease"]);
        assert!(ours.contains("10.79.0.100") && ours.contains("\"e0\""), "{ours}");
        let table = nft(&["list", "table", "inet", "theirs"]);
        assert_eq!(table, before);
        nft(&["flush", "ruleset"]);
        assert!(matches!(notices.recv_timeout(Duration::from_secs(1)), Ok(Notice::Rebuilt)));
        assert!(!is_answered(network));
        acquire(&lease);
        assert!(is_answered(network));
        // One rule of ours less is no whole table either.
        nft(&["flush", "chain", "netdev", "hb-lease", "inward"]);
        assert!(matches!(notices.recv_timeout(Duration::from_secs(1)), Ok(Notice::Rebuilt)));
        assert_eq!(lease.latch.release(), Answer::Granted);
        lease.keeper.finish();
        assert_eq!(nft(&["list", "ruleset"]), "", "nothing of ours is left");
    });
}

/// Whether the table is the lease's own, as it must be from Linux 6.9 on. Older kernels know no tables that outlive their owner:
/// then others can take it away, it is built again, and nothing can be staged.
fn is_owned(lease: &Lease, notices: &Receiver<Notice>) -> bool {
    let is_owner = lease.keeper.is_owner();
    assert_eq!(lease.stage.is_some(), is_owner);
    if !is_owner {
        remove().unwrap();
        assert!(matches!(notices.recv_timeout(Duration::from_secs(10)), Ok(Notice::Rebuilt)));
        assert_eq!((lease.keeper.rebuilt(), lease.keeper.is_in_force()), (1, true));
    }
    is_owner
}

/// As [`is_owned`], of a lease that wants it.
fn can_be_owned(lease: &Lease, notices: &Receiver<Notice>) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
    let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
    let is_owned = is_owned(lease, notices);
    assert!(is_owned || version < (6, 9), "Linux {release}");
    is_owned
}

#[test]
fn a_table_of_nobody_is_built_again_and_stages_nothing() {
    in_own_network("a_table_of_nobody_is_built_again_and_stages_nothing", |network| {
        prepare(network);
        let (lease, notices) = open_as(Renewal::WhileItLives, Ownership::Waived);
        assert!(!is_owned(&lease, &notices));
        acquire(&lease);
        assert!(is_answered(network));
    });
}

#[test]
fn nobody_else_can_take_the_table_away() {
    in_own_network("nobody_else_can_take_the_table_away", |network| {
        prepare(network);
        let (lease, notices) = open(Renewal::WhileItLives);
        if !can_be_owned(&lease, &notices) {
            return;
        }
        acquire(&lease);
        nft(&["add", "table", "inet", "theirs"]);
        nft(&["flush", "ruleset"]);
        assert!(!nft(&["list", "tables"]).contains("theirs"), "theirs has gone");
        assert_eq!(remove().unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
        acquire(&lease);
        assert!(is_answered(network), "ours has not");
        assert!(notices.try_recv().is_err());
        assert_eq!(lease.keeper.rebuilt(), 0);
        assert_eq!(lease.latch.release(), Answer::Granted);
        lease.keeper.finish();
        assert_eq!(nft(&["list", "ruleset"]), "", "nothing of ours is left");
    });
}

/// The kernel would answer for it: it is on an interface.
#[test]
fn a_staged_address_is_mute_until_it_is_opened() {
    in_own_network("a_staged_address_is_mute_until_it_is_opened", |network| {
        prepare(network);
        let (lease, notices) = open(Renewal::WhileItLives);
        if !can_be_owned(&lease, &notices) {
            return;
        }
        let stage = lease.stage.as_ref().unwrap();
        assert!(is_answered(network));
        assert_eq!(stage.add(FLOATING.into()), Answer::Granted);
        assert!(!is_answered(network), "nothing is held");
        acquire(&lease);
        assert!(!is_answered(network), "another group is held");
        assert_eq!(stage.open(FLOATING.into()), Answer::Granted);
        assert!(is_answered(network));
        nft(&["flush", "ruleset"]);
        assert_eq!(lease.latch.renew(), Answer::Granted);
        assert_eq!(stage.close(FLOATING.into()), Answer::Granted);
        assert!(!is_answered(network));
        nft(&["flush", "ruleset"]);
        network.veth("e1", "p1");
        network.add_address("e1", "10.79.0.100/24");
        assert!(!is_answered(network));
        assert_eq!(lease.latch.release(), Answer::Granted);
        assert!(!is_answered(network), "a standby forwards, and is mute");
        // It is not taken away before the address is.
        lease.keeper.finish();
        assert!(!is_answered(network));
        assert!(nft(&["list", "ruleset"]).contains("table netdev hb-lease"));
    });
}

/// What is held is not closed by a table that comes later, and what is staged keeps the first one.
#[test]
fn the_next_table_knows_what_is_held() {
    in_own_network("the_next_table_knows_what_is_held", |network| {
        prepare(network);
        let stage = Stage::default();
        assert_eq!(stage.open(FLOATING.into()), Answer::Granted, "there is no gate");
        assert_eq!(stage.add(FLOATING.into()), Answer::Refused, "nor can there be one");
        for _ in 0..2 {
            let (addresses, tell) = ([FLOATING.into()].into(), Box::new(|_| {}));
            let wanted = Ownership::Wanted;
            let lease =
                Lease::open_with(&stage, addresses, LENGTH, Renewal::WhileItLives, wanted, tell).unwrap();
            if !stage.has_doors() {
                println!("the table cannot be owned here");
                return;
            }
            acquire(&lease);
            assert_eq!(stage.add(FLOATING.into()), Answer::Granted);
            assert!(is_answered(network));
            assert!(!stage.take_leave(), "something is staged");
            stage.remove(FLOATING.into());
            assert_eq!(lease.latch.release(), Answer::Granted);
            assert!(stage.take_leave() && !stage.has_doors());
            lease.keeper.finish();
            assert!(is_answered(network));
            assert!(!nft(&["list", "ruleset"]).contains("hb-lease"));
        }
    });
}

#[test]
fn a_table_that_is_built_anew_knows_what_is_staged() {
    in_own_network("a_table_that_is_built_anew_knows_what_is_staged", |network| {
        prepare(network);
        let (lease, notices) = open(Renewal::WhileItLives);
        if !can_be_owned(&lease, &notices) {
            return;
        }
        let stage = lease.stage.as_ref().unwrap();
        let others: Vec<_> = (1..4).map(|last| Ipv4Addr::new(10, 79, 0, last).into()).collect();
        for address in &others {
            assert_eq!(stage.add(*address), Answer::Granted);
        }
        let six = "fd00:79::100".parse().unwrap();
        assert_eq!((stage.add(six), stage.open(others[0])), (Answer::Granted, Answer::Granted));
        stage.remove(others[1]);
        let closed = |set| nft(&["list", "set", "netdev", "hb-lease", set]);
        assert!(closed("closed6").contains("fd00:79::100"));
        for (address, is_closed) in [("10.79.0.1", false), ("10.79.0.2", false), ("10.79.0.3", true)] {
            assert_eq!(closed("closed").contains(address), is_closed, "{address}");
        }
        assert_eq!(stage.staged().len(), 3);
    });
}

/// The heart renews between two heartbeats: one system call, whatever the number of addresses. What it costs: `benches/renewal.rs`.
#[test]
fn a_renewal_allocates_nothing() {
    renew("a_renewal_allocates_nothing", 1);
}

#[test]
fn a_renewal_of_many_allocates_nothing() {
    renew("a_renewal_of_many_allocates_nothing", 500);
}

fn renew(name: &str, count: u32) {
    in_own_network(name, |network| {
        prepare(network);
        let addresses = (0..count).map(|number| Ipv4Addr::from_bits(FLOATING.to_bits() + number).into());
        let (length, tell) = (Duration::from_secs(60), Box::new(|_| {}));
        let lease =
            Lease::open(addresses.collect(), length, Renewal::WhileItLives, Ownership::Wanted, tell).unwrap();
        acquire(&lease);
        let renewals = || (0..100).all(|_| lease.latch.renew() == Answer::Granted);
        assert_eq!(measure(renewals), (true, Counts::default()));
        assert_ne!(measure(|| vec![0]).1, Counts::default(), "the allocator counts");
    });
}
