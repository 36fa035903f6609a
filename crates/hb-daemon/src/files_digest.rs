//! A short text from which two nodes see whether their files say the same, without showing what they say.
//!
//! Three numbers, for what should be equal on all nodes: of `ha.cf` the nodes, ping nodes, times and `auto_failback`;
//! the groups of `haresources`; all of `authkeys`. Sent in each status as `hb-files` (`docs/adr/0003`).

use std::fmt::Write as _;

use hb_config::{Checked, Failback, Medium, PingKind};

/// The files in the order of their numbers.
const FILES: [&str; 3] = ["ha.cf", "haresources", "authkeys"];

/// The digest of a configuration as it was read.
pub(crate) fn of(checked: &Checked) -> String {
    let numbers = [fold(&ha_cf(checked)), fold(&haresources(checked)), checked.key_ring.fingerprint()];
    numbers.map(|number| format!("{number:08x}")).join(" ")
}

/// The number of the ping members: the same where the same hosts are asked, in whatever order they stand; how many they are is in
/// its low byte. Never 0.
pub(crate) fn of_pings(checked: &Checked) -> u32 {
    let count = u8::try_from(checked.ping_nodes.len()).unwrap_or(u8::MAX);
    (fold(&pings(checked)) & !u32::from(u8::MAX) | u32::from(count)).max(1)
}

/// The files that differ; all of them if one of the digests has another form.
pub(crate) fn differing(ours: &str, theirs: &str) -> Vec<&'static str> {
    if ours.split(' ').count() != FILES.len() || theirs.split(' ').count() != FILES.len() {
        return if ours == theirs { Vec::new() } else { FILES.to_vec() };
    }
    let pairs = ours.split(' ').zip(theirs.split(' ')).zip(FILES);
    pairs.filter(|((ours, theirs), _)| ours != theirs).map(|(_, file)| file).collect()
}

fn ha_cf(checked: &Checked) -> String {
    let failback = match checked.failback {
        Failback::On => "on",
        Failback::Off => "off",
        Failback::Legacy => "legacy",
    };
    let times = [checked.keepalive, checked.deadtime, checked.initdead, checked.deadping];
    let times = times.map(|time| time.as_nanos().to_string());
    let ipfail = if checked.ipfail { "\nipfail" } else { "" };
    // Where nodes may join, files need not name the same ones.
    let nodes = if checked.autojoin.is_open() { String::new() } else { checked.nodes.join(" ") };
    let lines = [nodes, pings(checked), times.join(" "), failback.to_owned()];
    lines.join("\n") + ipfail
}

/// A group is also what it is made of. Other members are what they are named, whatever this node's resolver says of it.
fn pings(checked: &Checked) -> String {
    let member = |medium: &Medium| match medium {
        Medium::Ping { kind: PingKind::Group, name, hosts } => {
            let mut hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
            hosts.sort();
            Some(format!("ping_group {name} {}", hosts.join(" ")))
        }
        Medium::Ping { kind: PingKind::Ping, name, .. } => Some(format!("ping {name}")),
        Medium::Ping { kind: PingKind::Ping6, name, .. } => Some(format!("ping6 {name}")),
        Medium::Bcast { .. }
        | Medium::Mcast { .. }
        | Medium::PppUdp { .. }
        | Medium::Serial { .. }
        | Medium::Ucast { .. } => None,
    };
    let mut members: Vec<_> = checked.media.iter().filter_map(member).collect();
    members.sort();
    members.join(", ")
}

fn haresources(checked: &Checked) -> String {
    let mut text = String::new();
    for group in &checked.groups {
        text.push_str(&group.node);
        for resource in &group.resources {
            // Writing to a string cannot fail.
            let _ = write!(text, " {}", resource.spelled);
        }
        text.push('\n');
    }
    text
}

/// FNV-1a. Nobody has to be kept from making two files with the same number: who can, can sign messages as well.
fn fold(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_differing_files_are_named() {
        for (theirs, expected) in [
            ("1 2 3", vec![]),
            ("1 5 3", vec!["haresources"]),
            ("0 2 4", vec!["ha.cf", "authkeys"]),
            ("1 2 3 4", FILES.to_vec()),
            ("", FILES.to_vec()),
        ] {
            assert_eq!(differing("1 2 3", theirs), expected, "{theirs}");
        }
    }
}
