//! `haresources`: the verdict is that of a second reading of the rules, and groups hold only what can be started.
#![no_main]

use std::net::IpAddr;

use hb_config::{AddressSpec, Checked, ResourceKind};
use hb_fuzz::{answer, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(text) = text(input, "cc1 10.81.0.9 Delay\n", WORDS) else { return };
    let loaded = answer("haresources", &text);
    let Some(verdict) = verdict(&text) else { return };
    assert_eq!(loaded.config.is_some(), verdict, "{}", loaded.render(false));
    if let Some(config) = &loaded.config {
        check_groups(config);
        let given: usize = config.groups.iter().map(|group| group.resources.len()).sum();
        let blanks = text.iter().filter(|byte| matches!(byte, b' ' | b'\t' | b'\n')).count();
        assert!(given <= blanks + 1);
    }
});

/// The check of 3.0.6 (config.md 9) once more, in the plainest way; nothing for files that it reads in pieces, and for
/// those that are not UTF-8 in places where we mind.
fn verdict(text: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(text).ok()?;
    let mut is_continued = false;
    let mut good = true;
    for line in text.split_inclusive('\n') {
        if line.len() > 5000 {
            return None;
        }
        let end = line.find('\0').unwrap_or(line.len());
        let line = &line[..end];
        let was_continued = is_continued;
        let word = line.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
        let word = word.split([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']).next().unwrap_or_default();
        is_continued =
            line.ends_with("\\\n") && (was_continued || (!word.is_empty() && !word.starts_with('#')));
        if !was_continued && !word.is_empty() && !word.starts_with('#') {
            good &= ["cc1", "cc2", "10.81.0.254"].iter().any(|node| node.eq_ignore_ascii_case(word));
        }
    }
    Some(good)
}

fn check_groups(config: &Checked) {
    for group in &config.groups {
        assert!(!group.resources.is_empty() && !group.node.is_empty());
        for resource in &group.resources {
            let spelled = &resource.spelled;
            assert!(!spelled.is_empty() && !spelled.contains([' ', '\t', '\n', '#', '\0']), "{spelled:?}");
            match &resource.kind {
                ResourceKind::Address(address) => check_address(spelled, address),
                ResourceKind::Script { name, arguments } => {
                    assert!(!name.contains("::") || !spelled.contains("::"));
                    assert!(arguments.iter().all(|argument| !argument.is_empty()));
                }
                ResourceKind::Ocf(agent) => {
                    assert!(!agent.agent.contains('/') && !agent.provider.contains('/'), "{spelled:?}");
                    assert!(agent.parameters.iter().all(|(name, _)| !name.is_empty()), "{spelled:?}");
                }
                ResourceKind::Unit(name) => {
                    assert!(!name.is_empty() && !name.starts_with('-'), "{spelled:?}")
                }
            }
        }
    }
}

fn check_address(spelled: &str, spec: &AddressSpec) {
    let bits = if spec.address.is_ipv4() { 32 } else { 128 };
    assert!(spec.prefix.is_none_or(|prefix| (1..=bits).contains(&prefix)), "{spelled:?}");
    assert!(
        spec.interface.as_ref().is_none_or(|name| !name.is_empty() && !name.contains('/')),
        "{spelled:?}"
    );
    // An IPv6 address has many spellings, so the one that is there is read: all behind the agent's name.
    let is_spelled = match spec.address {
        IpAddr::V4(address) => spelled.contains(&address.to_string()),
        IpAddr::V6(address) => {
            let rest = spelled.strip_prefix("IPv6addr::").unwrap_or(spelled);
            rest.split('/').next().and_then(|text| text.parse().ok()) == Some(address)
        }
    };
    assert!(is_spelled, "{spelled:?}");
    assert!(spec.address.is_ipv4() || (spec.label.is_none() && spec.broadcast.is_none()), "{spelled:?}");
}

const WORDS: &[&str] = &[
    "ocf:heartbeat:Dummy::a=b\n",
    "systemd::www\n",
    "cc1 Delay\n",
    "cc2 www \\\n",
    "cc3 a\n",
    "# a \\\n",
    "cc1 a # b \\\n",
    "cc1 10.81.0.9/24/eth0\n",
    "\n",
    "\n",
    "\n",
    " ",
    " ",
    "\t",
    "#",
    "\\",
    "\\\n",
    "\r\n",
    "\\\r\n",
    "\0",
    "\u{b}",
    "\u{c}",
    "cc1 ",
    "cc2 ",
    "CC1 ",
    "cc3 ",
    "10.81.0.254 ",
    "cc1",
    "10.81.0.9",
    "10.82.0.9",
    "192.0.2.9",
    "127.0.0.1",
    "0.0.0.0",
    "/24",
    "/25",
    "/32",
    "/0",
    "/33",
    "/255.255.255.0",
    "/eth0",
    "/eth1",
    "/eth9",
    ":1",
    "/10.81.0.255",
    "IPaddr::",
    "IPaddr2::",
    "::",
    ":",
    "Delay",
    "Delay::1.5",
    "Delay::1x5",
    "www",
    "db.1",
    "db-1",
    "\"",
    "'",
    "*",
    "[",
    ",",
    "é",
    "\u{feff}",
    "999",
    "10.1.2.3junk",
    "IPv6addr::",
    "fd00::9",
    "FD00:0::9",
    "fe80::9",
    "/64",
    "/129",
];
