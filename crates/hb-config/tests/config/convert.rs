//! Old spellings to present ones: the meaning stays, and so does every other byte.

use std::path::Path;

use hb_config::{Checked, LoadOptions, convert, load};
use proptest::prelude::*;

use super::fake_host::{DIR, FakeHost};
use super::vectors::vectors;

const KEYS: &str = "auth 1\n1 sha1 secret\n";
const HA_CF: &str = "/etc/ha.d/ha.cf";

fn converted(host: &FakeHost) -> Vec<u8> {
    convert(Path::new(DIR), host, &LoadOptions::default()).unwrap().text().to_vec()
}

fn with_text(host: &FakeHost, text: &[u8]) -> FakeHost {
    let mut host = host.clone();
    host.file(HA_CF, text, 0o644);
    host
}

/// Everything but the places and the spelling: `nice_failback` is not recorded, `auto_failback` is.
fn meaning(mut checked: Checked) -> String {
    for notice in &mut checked.not_in_force {
        notice.place = None;
    }
    checked.parameters.retain(|(name, _)| name != "auto_failback");
    format!("{checked:?}")
}

fn text_of(host: &FakeHost) -> Option<Vec<u8>> {
    host.files.get(Path::new(HA_CF)).map(|(text, _)| text.clone())
}

/// An old word at the beginning of a line, in whatever case.
fn has_old_word(text: &[u8]) -> bool {
    let old = ["udp", "crm", "nice_failback", "hbaping", "openais", "tipc", "rds", "normalpoll", "hosts"];
    text.split(|byte| matches!(byte, b'\n')).any(|line| {
        let name =
            line.trim_ascii_start().split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 12 | b'#')).next();
        old.iter().any(|old| name.is_some_and(|name| name.eq_ignore_ascii_case(old.as_bytes())))
    })
}

#[test]
fn every_vector_keeps_its_meaning_and_only_old_words_change() {
    let vectors = vectors();
    let (mut accepted, mut changed) = (0, 0);
    for case in &vectors.cases {
        let host = case.host(&vectors.base_files);
        let Some(text) = text_of(&host) else { continue };
        let after = converted(&host);
        if text != after {
            changed += 1;
            assert!(has_old_word(&text), "{}", case.name);
        }
        let loaded = load(Path::new(DIR), &host);
        let Some(before) = loaded.config else { continue };
        accepted += 1;
        let again = with_text(&host, &after);
        let after_checked = load(Path::new(DIR), &again).config.unwrap_or_else(|| panic!("{}", case.name));
        assert_eq!(meaning(after_checked), meaning(before), "{}", case.name);
        assert_eq!(converted(&again), after, "{}: a second conversion changes nothing", case.name);
    }
    assert!(accepted > 250 && changed >= 10, "{accepted} {changed}");
}

/// Present spellings turned into old ones come back byte for byte.
#[test]
fn old_spellings_of_every_vector_come_back() {
    let vectors = vectors();
    let pairs = [
        ("bcast ", "udp "),
        ("auto_failback off\n", "nice_failback on\n"),
        ("auto_failback legacy\n", "nice_failback no\n"),
        ("pacemaker ", "crm "),
    ];
    let mut compared = 0;
    for case in &vectors.cases {
        let host = case.host(&vectors.base_files);
        let Some(Ok(text)) = text_of(&host).map(String::from_utf8) else { continue };
        if load(Path::new(DIR), &host).config.is_none() || has_old_word(text.as_bytes()) || text.len() > 4000
        {
            continue;
        }
        let plain = text.replace("auto_failback on\n", "auto_failback off\n");
        let aged = format!("\n{plain}");
        let aged = pairs
            .iter()
            .fold(aged, |aged, (new, old)| aged.replace(&format!("\n{new}"), &format!("\n{old}")));
        if aged[1..] == plain {
            continue;
        }
        compared += 1;
        assert_eq!(
            String::from_utf8(converted(&with_text(&host, &aged.as_bytes()[1..]))).unwrap(),
            plain,
            "{}",
            case.name
        );
    }
    assert!(compared > 200, "{compared}");
}

#[test]
fn the_view_shows_each_changed_line() {
    let text = "logfile /var/log/x\nudp eth0 # \u{1b}[31m\nnode cc1\ntipc eth0\nnice_failback on\n";
    let conversion =
        convert(Path::new(DIR), &FakeHost::with(text, KEYS, ""), &LoadOptions::default()).unwrap();
    let expected = "\
--- /etc/ha.d/ha.cf
+++ /etc/ha.d/ha.cf (converted)
@@ -2 +2 @@
-udp eth0 # \\u{1b}[31m
+bcast eth0 # \\u{1b}[31m
@@ -4 +4,2 @@
-tipc eth0
+# tipc: it was dropped; use `ucast`, `bcast` or `mcast`
+#tipc eth0
@@ -5 +6 @@
-nice_failback on
+auto_failback off
";
    assert_eq!(conversion.view(), expected);
    assert!(conversion.checked.config.is_some(), "{}", conversion.checked.render(false));
    assert!(!conversion.is_empty() && conversion.too_long().is_empty());
}

const PIECES: &[&str] = &[
    "udp ",
    "UDP ",
    "eth0",
    "eth1",
    ",",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "#",
    "nice_failback ",
    "auto_failback ",
    "on",
    "off",
    "maybe",
    "legacy",
    "crm ",
    "pacemaker ",
    "tipc ",
    "/dev/ttyS0 ",
    "hosts ",
    "node ",
    "cc1",
    "\0",
    "\u{feff}",
    "bcast ",
    "\\",
    "crmd_spawns_pengine ",
    "udp\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_accepted_stays_accepted_and_means_the_same(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40),
        long in 0..3_usize,
    ) {
        let filler = "x".repeat(long * 2555);
        let text = format!("logfile /var/log/x\nbcast eth0\nnode cc1\n#{filler}{}", pieces.concat());
        let host = FakeHost::with(&text, KEYS, "");
        // It compares the meanings itself, and fails if they differ.
        let after = converted(&host);
        let before = load(Path::new(DIR), &host).config.map(meaning);
        let again = with_text(&host, &after);
        let config = load(Path::new(DIR), &again).config.map(meaning);
        prop_assert!(before.is_none() || before == config);
        prop_assert_eq!(converted(&again), after);
    }
}
