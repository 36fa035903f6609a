//! Hostile input: nothing panics, a megabyte is answered in under a second, and the answer is short.

use std::path::Path;
use std::time::{Duration, Instant};

use hb_config::load;
use proptest::prelude::*;

use super::fake_host::{DIR, FakeHost};

const KEYS: &str = "auth 1\n1 sha1 secret\n";
const HA_CF: &str = "logfile /var/log/ha-log\nbcast eth0\nauto_failback on\nnode cc1 cc2\n";

/// A megabyte of `part` for the optimised code that is shipped, a thirtieth for slower code: enough to see square growth.
const SIZE: usize = if cfg!(debug_assertions) { 1 << 15 } else { 1 << 20 };

fn much(part: &str) -> String {
    part.repeat(SIZE / part.len() + 1)
}

fn check_time(what: &str, host: &FakeHost) {
    let started = Instant::now();
    let loaded = load(Path::new(DIR), host);
    let text = loaded.render(true);
    let json = loaded.json();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{what}: {took:?}");
    assert!(text.len() < 400_000 && json.len() < 1_000_000, "{what}: {} {}", text.len(), json.len());
    assert!(loaded.diagnostics.len() <= 300, "{what}");
    if std::env::var_os("SHOW_TIMES").is_some() {
        println!("{took:8.1?} {what}");
    }
}

#[test]
fn much_of_ha_cf_is_answered_quickly() {
    for part in [
        "x\n",
        "x ",
        "\n",
        "#",
        "bcast eth0\n",
        "bcast eth9 ",
        "bcast q,",
        "node cc1 cc2 cc3\n",
        "ucast eth0 nowhere.invalid\n",
        "logacility local0\n",
        "keepalive 5 deadtime\n",
        "apiauth x uid=nobody2\n",
        "apiauth x uid=a,b,c,d,e,f,g\n",
        "respawn root /bin/true\n",
        "respawn root /nowhere\n",
        "stonith_host * nothing\n",
        "baud 1\n",
        "env A=B\n",
        "deadtime 1111111111111\n",
        "a\r",
        "\0",
        "é",
        "udpport 70000\n",
    ] {
        check_time(&format!("ha.cf {part:?}"), &FakeHost::with(&much(part), KEYS, ""));
        check_time(
            &format!("ha.cf {part:?} behind"),
            &FakeHost::with(&(HA_CF.to_owned() + &much(part)), KEYS, ""),
        );
    }
}

/// The second place of each warning lies behind half a file of blanks, and each piece of the line repeats a directive.
#[test]
fn places_in_long_lines_are_cheap() {
    let blanks = " ".repeat(SIZE / 2);
    check_time(
        "key far right",
        &FakeHost::with(HA_CF, KEYS, &format!("{blanks}cc1 x{}", " x".repeat(SIZE / 4))),
    );
    let piece = format!("baud{}", " 1".repeat(2557)) + " ";
    check_time("one value", &FakeHost::with(&piece.repeat(SIZE / piece.len()), KEYS, ""));
}

#[test]
fn much_of_authkeys_is_answered_quickly() {
    for part in [
        "x\n",
        "x ",
        "1 sha1 a\n",
        "auth 1\n",
        "1 crc x\n",
        "\n",
        "#",
        "1 ",
        "99999999999999999999 md5 q\n",
        "a\0",
    ] {
        check_time(&format!("authkeys {part:?}"), &FakeHost::with(HA_CF, &much(part), ""));
    }
}

#[test]
fn much_of_haresources_is_answered_quickly() {
    for part in [
        "x\n",
        "x ",
        "\n",
        "cc1 a\n",
        "cc1 10.1.2.3\n",
        "cc1 \\\n",
        "\\\n",
        "cc1 a b c d e f cc2 \"\n",
        "cc1 a::b::c\r\n",
        "::",
        "/",
        "cc1\n",
        "cc1 # \\\n",
        "cc1 \\#\n",
        "é ",
    ] {
        check_time(&format!("haresources {part:?}"), &FakeHost::with(HA_CF, KEYS, &much(part)));
        let long = format!("cc1 {}", much(part));
        check_time(&format!("haresources cc1 {part:?}"), &FakeHost::with(HA_CF, KEYS, &long));
    }
}

/// Pieces that mean something.
const KNOWN: &[&str] = &[
    "node ",
    "cc1",
    "bcast ",
    "eth0",
    "ucast ",
    "10.81.0.2",
    "keepalive ",
    "deadtime ",
    "2",
    ".5",
    "ms",
    "us",
    "\n",
    "\r\n",
    "#",
    "\\",
    "\\\n",
    " ",
    "\t",
    ",",
    "serial ",
    "/dev/ttyS0",
    "apiauth ",
    "uid=",
    "gid=",
    "root",
    "mcast ",
    "239.0.0.1",
    "auth ",
    "1 ",
    "sha1 ",
    "crc",
    "md5 ",
    "secret",
    "IPaddr::",
    "::",
    "/24",
    "/",
    "logfile ",
    "/var/log/x",
    "auto_failback ",
    "legacy",
    "nice_failback ",
    "on",
    "stonith_host ",
    "* ",
    "ssh ",
    "respawn ",
    "ping_group ",
    "pacemaker ",
    "off",
    "\0",
    "\u{feff}",
    "udpport ",
    "694",
    "env ",
    "A=B",
    "initdead ",
    "warntime ",
    "é",
    "\u{7f}",
    "-",
    "+",
    "99999999999999999999",
    "hopfudge ",
];

/// Text made of pieces that mean something, so that random input reaches deep.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => proptest::sample::select(KNOWN).prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_panics(ha_cf in pieces(), authkeys in pieces(), haresources in pieces(), good in any::<bool>()) {
        let mut host = FakeHost::new();
        let ha_cf = if good { [HA_CF.as_bytes(), &ha_cf].concat() } else { ha_cf };
        let authkeys = if good { [KEYS.as_bytes(), &authkeys].concat() } else { authkeys };
        host.file("/etc/ha.d/ha.cf", &ha_cf, 0o644);
        host.file("/etc/ha.d/authkeys", &authkeys, 0o600);
        host.file("/etc/ha.d/haresources", &haresources, 0o644);
        let loaded = load(Path::new(DIR), &host);
        prop_assert_eq!(loaded.config.is_some(), loaded.counts.errors == 0);
        for found in &loaded.diagnostics {
            if let (Some(place), Some(file)) = (found.place, found.file) {
                let source = loaded.sources.iter().find(|source| source.file() == file).unwrap();
                prop_assert!(place.start <= place.end && place.end <= source.bytes().len(), "{:?}", found);
                let line = source.bytes()[..place.start].split(|byte| *byte == b'\n').count();
                prop_assert_eq!(line, place.line, "{:?}", found);
            }
        }
        if let Some(config) = &loaded.config {
            prop_assert!(config.deadtime > config.keepalive * 2 && config.initdead >= config.deadtime);
            prop_assert!(config.nodes.contains(&config.node_name) && !config.media.is_empty());
        }
        let text = loaded.render(false);
        let has_escape = text.contains('\u{1b}');
        prop_assert!(!has_escape);
        let _ = loaded.json();
    }
}
