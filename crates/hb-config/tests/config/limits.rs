//! Hostile input: nothing panics, a megabyte is answered in under a second, and the answer is short.

use std::path::Path;
use std::time::Duration;

use hb_config::{LoadOptions, convert, load};
use proptest::prelude::*;

use super::fake_host::{DIR, FakeHost};

const KEYS: &str = "auth 1\n1 sha1 secret\n";
const HA_CF: &str = "logfile /var/log/ha-log\nbcast eth0\nauto_failback on\nnode cc1 cc2\n";

/// A megabyte of `part` for the optimised code that is shipped, a thirtieth for slower code: enough to see square growth.
const SIZE: usize = if cfg!(debug_assertions) { 1 << 15 } else { 1 << 20 };

fn much(part: &str) -> String {
    part.repeat(SIZE / part.len() + 1)
}

/// What this thread has taken of the processor: how long others made it wait is not our matter.
fn spent() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn check_time(what: &str, host: &FakeHost) {
    let started = spent();
    let loaded = load(Path::new(DIR), host);
    let text = loaded.render(true);
    let json = loaded.json();
    let took = spent().saturating_sub(started);
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

#[test]
fn much_of_hb_toml_is_answered_quickly() {
    for part in [
        "x\n",
        "x ",
        "\n",
        "#",
        "x = 1\n",
        "[agents]\n",
        "[[agents]]\n",
        "[a]\n",
        "[",
        "{",
        "a.",
        "\"",
        "'''",
        "a = [",
        "a = {",
        "[agents]\nstart-timeout = \"1s\"\n",
        "é",
        "\\u0041",
    ] {
        check_hb_toml(&format!("{part:?}"), &much(part));
        check_hb_toml(&format!("agents {part:?}"), &format!("[agents]\n{}", much(part)));
    }
    for line in
        ["xN = 1\n", "[xN]\n", "agents.xN = 1\n", "[agents.xN]\n", "aN.bN.cN = \"x\"\n", "[[aN]]\nb = 1\n"]
    {
        check_hb_toml(&format!("{line:?}"), &numbered(line));
    }
    check_hb_toml("one string", &format!("[agents]\nstart-timeout = \"{}\"\n", much("6")));
    check_hb_toml("one array", &format!("x = [{}]\n", much("1,")));
    check_hb_toml("one key", &format!("{} = 1\n", much("k")));
    check_hb_toml("inline table", &format!("agents = {{ {} z = 1 }}\n", numbered("xN = 1, ")));
}

fn check_hb_toml(what: &str, text: &str) {
    let mut host = FakeHost::with(HA_CF, KEYS, "");
    host.file("/etc/ha.d/hb.toml", text.as_bytes(), 0o644);
    check_time(&format!("hb.toml {what}"), &host);
}

/// A megabyte of `line` with a number for each `N`.
fn numbered(line: &str) -> String {
    (0..SIZE / (line.len() + 5)).map(|number| line.replace('N', &number.to_string())).collect()
}

/// Checks of words against words and of addresses against networks must not grow with the square of the file.
#[test]
fn much_that_is_compared_is_answered_quickly() {
    for line in [
        "cc1 10.N.1.1\n",
        "cc1 1.N.2.3.4.5\n",
        "cc1 a.N b-N\n",
        "cc1 aN.b.c.d.e.f.g.h.i\n",
        "cc1 x yN yN\n",
        "cc1 192.0.2.9/24/eth0 IPaddr::192.0.2.9/24\n",
        "cc1 aN* b\n",
    ] {
        check_time(&format!("haresources {line:?}"), &FakeHost::with(HA_CF, KEYS, &numbered(line)));
    }
    // Keys with dots in all places.
    let key = |number: usize| (0..20).map(|bit| if number >> bit & 1 == 1 { '.' } else { 'a' }).collect();
    let shapes: String = (0..SIZE / 25)
        .map(|number| "cc1 ".to_owned() + &String::from_iter::<Vec<char>>(key(number)) + "\n")
        .collect();
    check_time("shapes of keys", &FakeHost::with(HA_CF, KEYS, &shapes));
    for line in [
        "debug N\n",
        "node aN.b\n",
        "ping 10.N.0.1\n",
        "ping_group g 10.0.0.N\n",
        "bcast eth0 eth1\n",
        "env STOPRETRYMAX=N\n",
        "stonith_host * ssh N\n",
    ] {
        let text = HA_CF.to_owned() + &numbered(line);
        check_time(&format!("ha.cf {line:?}"), &FakeHost::with(&text, KEYS, ""));
    }
}

#[test]
fn much_is_converted_quickly() {
    for line in ["udp eth0\n", "nice_failback on\n", "tipc eth0\n", "hosts\n", "crm off on,off\n"] {
        let host = FakeHost::with(&(HA_CF.to_owned() + &much(line)), KEYS, "");
        let started = spent();
        let conversion = convert(Path::new(DIR), &host, &LoadOptions::default()).unwrap();
        let shown = conversion.view().len();
        let took = spent().saturating_sub(started);
        assert!(took < Duration::from_secs(1) && shown > SIZE, "convert {line:?}: {took:?}");
        if std::env::var_os("SHOW_TIMES").is_some() {
            println!("{took:8.1?} convert {line:?}");
        }
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
