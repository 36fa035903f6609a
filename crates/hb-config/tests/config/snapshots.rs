//! What people read: rendered diagnostics, compared with `tests/snapshots`. `UPDATE=1` writes them anew.

use std::path::Path;

use hb_config::{Loaded, load};

use super::documents;
use super::fake_host::{DIR, FakeHost};

const TIMES: &str = "logfile /var/log/ha-log\nkeepalive 1\ndeadtime 10\ninitdead 20\n";
const KEYS: &str = "auth 1\n1 sha1 secret\n";
const GROUP: &str = "cc1 10.81.0.100/24/eth0 Delay::1\n";

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    documents::compare(&path, text);
}

fn check(name: &str, host: &FakeHost) -> Loaded {
    let loaded = load(Path::new(DIR), host);
    compare(&format!("{name}.txt"), &loaded.render(false));
    loaded
}

fn ha_cf(name: &str, lines: &str) {
    check(name, &FakeHost::with(&format!("{TIMES}{lines}"), KEYS, GROUP));
}

#[test]
fn misspelled_directive() {
    ha_cf("logacility", "logacility local0\nbcast eth0\nauto_failback on\nnode cc1 cc2\n");
}

#[test]
fn capital_udp() {
    ha_cf(
        "udp-capital",
        "udpport 694 # porta usada\nUdp eth1 # placa de rede\nauto_failback on\nnode cc1 cc2\n",
    );
}

#[test]
fn old_udp() {
    ha_cf("udp-old", "udp eth1\nauto_failback on\nnode cc1 cc2\n");
}

#[test]
fn wrong_speed() {
    ha_cf("baud-19600", "baud 19600 # taxa de transferência\nbcast eth0\nauto_failback on\nnode cc1 cc2\n");
}

#[test]
fn lower_case_tty() {
    ha_cf("ttys1", "serial /dev/ttys1 # porta serial\nbcast eth0\nauto_failback on\nnode cc1 cc2\n");
}

#[test]
fn dead_time_too_small() {
    let text =
        "logfile /var/log/ha-log\nkeepalive 2\n\n# dead after two lost heartbeats\ndeadtime 4\ninitdead 20\n";
    let text = format!("{text}bcast eth0\nauto_failback on\nnode cc1\n");
    check("deadtime", &FakeHost::with(&text, KEYS, GROUP));
}

#[test]
fn unknown_node() {
    let host = FakeHost::with(
        &format!("{TIMES}bcast eth0\nauto_failback on\nnode cc1 cc2\n"),
        KEYS,
        "cc1 10.81.0.100 Delay::1\ncc3 10.81.0.101 Delay::2\n",
    );
    check("unknown-node", &host);
}

#[test]
fn authkeys_mode() {
    let mut host = FakeHost::with(&format!("{TIMES}bcast eth0\nauto_failback on\nnode cc1\n"), KEYS, GROUP);
    host.file("/etc/ha.d/authkeys", KEYS.as_bytes(), 0o644);
    check("authkeys-mode", &host);
}

#[test]
fn missing_key() {
    let text = format!("{TIMES}bcast eth0\nauto_failback on\nnode cc1\n");
    check("missing-key", &FakeHost::with(&text, "auth 2\n1 sha1 secret\n3 md5\n4 SHA1 hushhush\n", GROUP));
    check("auth-below", &FakeHost::with(&text, "1 sha1 secret\nauth 1\n", GROUP));
}

#[test]
fn no_files() {
    let mut host = FakeHost::new();
    check("no-files", &host);
    host.file("/etc/ha.d/ha.cf", b"", 0o600);
    host.denied.push("/etc/ha.d/ha.cf".into());
    assert_eq!(load(Path::new(DIR), &host).exit_code(), 4);
}

#[test]
fn several_files() {
    let text = "keepalive 500 ms\ndeadtme 10\nbcast eth9, eth0\nucast eth0 10.81.0.2:694\nlogfacility Local0\nnode cc2\n\
                respawn hacluster /usr/lib/heartbeat/dopd\nauto_failback maybe\n";
    let host = FakeHost::with(text, "auth 1\n1 crc # no key\n", "cc9 IPaddr::10.1.2.3::24\n\"cc2\" www\n");
    let loaded = check("several-files", &host);
    compare("several-files.json", &loaded.json());
}

#[test]
fn obsolete_and_not_in_force() {
    let lines = "baud 9600\nserial /dev/ttyS0\nwatchdog /dev/watchdog7\nnice_failback on\nping 10.81.0.254\n\
                 stonith_host * ssh cc2\nhopfudge 3abc\nnode cc1 CC2 10.81.0.2\nautojoin none\nuse_logd off\n";
    ha_cf("not-in-force", lines);
}

#[test]
fn traps_of_haresources() {
    let text = format!("{TIMES}bcast eth0\nauto_failback on\nnode cc1 cc2\n");
    let groups = "CC1 10.81.0.100 www\ncc2 10.81.0.100 IPaddr::10.81.0.9/24::eth0\ncc1\ncc1 Delay::1 Delay::2 \\\n\
                  cc2 10.81.0.101/24/eth7\ncc1 Delay::2 \"quoted word\"\n";
    check("haresources-traps", &FakeHost::with(&text, KEYS, groups));
}

#[test]
fn far_away_places_and_odd_bytes() {
    let mut text = "logfile /var/log/ha-log\nkeepalive 5\n".to_owned();
    text.push_str(&"# nothing\n".repeat(40));
    text.push_str("deadtime 10 \u{1b}[31m\r\nbcast eth0\nnode cc1\nauto_failback on\n\tzz\u{301}z 漢字\n");
    let mut host = FakeHost::with(&text, KEYS, GROUP);
    let (content, _) = host.files.get_mut(Path::new("/etc/ha.d/ha.cf")).unwrap();
    // The last of these begins an escape sequence on some terminals.
    content.extend_from_slice(b"caf\xe9 x \xc2\x9b31m\n");
    content.extend(std::iter::repeat_n(b'y', 3000));
    check("odd-bytes", &host);
}
