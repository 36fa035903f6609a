//! `ha.cf`: what is accepted keeps its promises, and keeps its meaning when it is converted.
#![no_main]

use std::collections::HashSet;
use std::time::Duration;

use hb_config::Checked;
use hb_fuzz::{HA_CF, answer, check_conversion, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(text) = text(input, HA_CF, WORDS) else { return };
    let loaded = answer("ha.cf", &text);
    if let Some(config) = &loaded.config {
        check_times(config);
        check_members(config);
        check_rest(config);
    }
    check_conversion(&text, loaded.config.is_some());
});

fn check_times(config: &Checked) {
    assert!(config.keepalive > Duration::ZERO && config.warntime > Duration::ZERO);
    assert!(config.deadtime > config.keepalive * 2);
    assert!(config.initdead >= config.deadtime);
    assert!(config.deadping > config.keepalive * 2);
    assert!(config.max_rexmit_delay > Duration::ZERO);
}

fn check_members(config: &Checked) {
    let names: HashSet<&String> = config.nodes.iter().collect();
    assert!(names.len() == config.nodes.len() && names.contains(&config.node_name));
    assert!(config.nodes.len() + config.ping_nodes.len() <= 100);
    for name in &config.nodes {
        assert!(!name.is_empty() && name.len() < 100);
        assert!(
            !name.contains([' ', '\t', '\n', '\r', ',', '#', '\0'])
                && !name.contains(|c: char| c.is_ascii_uppercase())
        );
    }
    assert!((1..=63).contains(&config.media.len()));
}

fn check_rest(config: &Checked) {
    assert!(config.rtprio.is_none_or(|priority| (1..=99).contains(&priority)));
    let log = &config.log;
    let has_parameter = |name: &str| config.parameters.iter().any(|(known, _)| known == name);
    assert!(log.use_logd || log.facility.is_some() || has_parameter("logfile") || has_parameter("debugfile"));
    let mut names: Vec<&String> = config.parameters.iter().map(|(name, _)| name).collect();
    names.sort();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    for (name, _) in &config.environment {
        assert!(name.len() > 3 && name.to_string_lossy().starts_with("HA_"));
    }
    let notices: HashSet<&str> = config.not_in_force.iter().map(|notice| notice.directive).collect();
    assert_eq!(notices.len(), config.not_in_force.len());
}

const WORDS: &[&str] = &[
    "\n",
    "\n",
    "\n",
    " ",
    "\t",
    ",",
    "#",
    "\\",
    "\r",
    "\r\n",
    "\0",
    "=",
    ":",
    "-",
    "+",
    ".",
    "node ",
    "cc1",
    "cc2",
    "CC1",
    "c.1",
    "keepalive ",
    "deadtime ",
    "warntime ",
    "initdead ",
    "deadping ",
    "0",
    "1",
    "2",
    "3",
    "10",
    "30",
    "500",
    "ms",
    "us",
    ".5",
    "bcast ",
    "udp ",
    "UDP ",
    "eth0",
    "eth1",
    "eth2",
    "eth9",
    "lo",
    "ucast ",
    "10.81.0.2",
    "10.81.0.3",
    "localhost",
    "udpport ",
    "694",
    "53",
    "70000",
    "mcast ",
    "239.0.0.1",
    " 694 1 0",
    "serial ",
    "/dev/ttyS0",
    "/dev/ttyS1",
    "/dev/null",
    "baud ",
    "19200",
    "9600",
    "ping ",
    "ping_group ",
    "ping6 ",
    "ucast6 ",
    "fd00::2",
    "auto_failback ",
    "nice_failback ",
    "on",
    "off",
    "legacy",
    "maybe",
    "pacemaker ",
    "crm ",
    "crmd_spawns_pengine ",
    "crm_daemon_dir ",
    "ppp-udp ",
    "hosts ",
    "logfile ",
    "/var/log/x",
    "logfacility ",
    "local0",
    "none",
    "use_logd ",
    "debugfile ",
    "debug ",
    "hopfudge ",
    "rtprio ",
    "99",
    "realtime ",
    "hbgenmethod ",
    "uuidfrom ",
    "file",
    "time",
    "nodename",
    "msgfmt ",
    "classic",
    "netstring",
    "max_rexmit_delay ",
    "autojoin ",
    "any",
    "env ",
    "STOPRETRYMAX=3",
    "A=B",
    "apiauth ",
    "uid=",
    "gid=",
    "root",
    "respawn ",
    "/bin/true",
    "failfast ",
    "stonith ",
    "stonith_host ",
    "* ",
    "ssh",
    "apcmaster",
    "/etc/passwd",
    "watchdog ",
    "memreserve ",
    "compression ",
    "zlib",
    "cluster ",
    "coreroot ",
    "99999999999999999999",
    "é",
    "\u{feff}",
    "\u{7f}",
    "\u{1b}",
    "deadtme ",
    "keepalive 2\n",
    "deadtime 4\n",
    "deadtime 5\n",
    "initdead 4\n",
    "deadping 4\n",
    "warntime 2\n",
    "udp eth1\n",
    "crm off\n",
    "nice_failback on\n",
    "ppp-udp /dev/ttyS0 10.0.0.1\n",
    "node cc2\n",
    "env A=B\n",
    "keepalive 10\ndeadtime 20\n",
    "keepalive 1\ndeadtime 3\n",
];
