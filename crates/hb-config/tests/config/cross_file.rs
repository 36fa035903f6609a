//! What only shows when files are held against each other, and against the machine.

use std::path::Path;
use std::time::Duration;

use hb_config::{AgentLimits, ResourceKind, Route, load};

use super::fake_host::{DIR, FakeHost, direct};

const HEAD: &str = "logfile /var/log/ha-log\nkeepalive 1\ndeadtime 10\ninitdead 20\nauto_failback on\n";
const KEYS: &str = "auth 1\n1 sha1 secret\n";

fn host(lines: &str, haresources: &str) -> FakeHost {
    FakeHost::with(&format!("{HEAD}node cc1 cc2\nbcast eth0\n{lines}"), KEYS, haresources)
}

/// Code and message of everything but notes on what is not in force.
fn found(host: &FakeHost) -> Vec<String> {
    let loaded = load(Path::new(DIR), host);
    let text = loaded.render(false);
    assert!(loaded.config.is_some(), "{text}");
    let told = loaded.diagnostics.iter().filter(|found| found.code.id() != "HB090");
    told.map(|found| format!("{} {}", found.code.id(), found.message)).collect()
}

fn check(lines: &str, haresources: &str, expected: &[&str]) {
    assert_eq!(found(&host(lines, haresources)), expected, "{lines}{haresources}");
}

#[test]
fn addresses_are_held_against_the_networks_of_the_machine() {
    for (address, expected) in [
        ("10.81.0.9", None),
        ("10.81.0.9/24/eth0", None),
        ("10.81.0.9/32", None),
        ("IPaddr2::10.82.0.9/25/eth1", None),
        ("127.0.0.9", None),
        // On purpose: an address of its own, or an interface without any.
        ("192.0.2.9/32/eth0", None),
        ("192.0.2.9/32", None),
        ("192.0.2.9/24/eth2", None),
        ("10.82.0.9/24/eth0", Some("HB131 10.82.0.9 is in 10.82.0.0/24 of eth1, not in a network of eth0")),
        ("10.18.0.9/24/eth0", Some("HB131 10.18.0.9 is in no network of eth0, which has 10.81.0.0/24")),
        (
            "192.0.2.9",
            Some(
                "HB131 the group cannot start here: only the default route leads to 192.0.2.9, and no mask is named",
            ),
        ),
        (
            "192.0.2.9/24",
            Some(
                "HB131 192.0.2.9 is in no network of this machine; it would be put up on eth0, the way to it",
            ),
        ),
        ("10.81.0.9/24/eth7", Some("HB125 the address cannot be put up here: no interface `eth7`")),
        ("10.81.0.0/24", Some("HB125 10.81.0.0 is the address of the network itself")),
        ("10.81.0.255/24", Some("HB125 10.81.0.255 is the broadcast address of its network")),
        ("10.81.0.4/31", None),
        ("0.0.0.0", Some("HB125 0.0.0.0 is no address that one machine can have")),
        ("239.0.0.1/24/eth0", Some("HB125 239.0.0.1 is no address that one machine can have")),
    ] {
        let expected: Vec<&str> = expected.into_iter().collect();
        check("", &format!("cc1 {address}\n"), &expected);
    }
    let mut host = host("", "cc1 192.0.2.9/24\n");
    host.routes = vec![direct("eth0", [10, 81, 0, 0])];
    let expected =
        "HB131 the group cannot start here: no route leads to 192.0.2.9, and no interface is named";
    assert_eq!(found(&host), [expected]);
    host.routes.push(Route { is_direct: false, ..direct("eth1", [192, 0, 2, 0]) });
    let expected =
        "HB131 192.0.2.9 is in no network of this machine; it would be put up on eth1, the way to it";
    assert_eq!(found(&host), [expected]);
}

#[test]
fn scripts_must_be_there_and_executable() {
    let mut host = host("", "cc1 Delay www db /init.d-style\n");
    host.file("/etc/init.d/www", b"", 0o644);
    host.file("/etc/ha.d/resource.d/db", b"", 0o640);
    // The first that can be executed is taken.
    host.file("/etc/init.d/db", b"", 0o755);
    assert_eq!(
        found(&host),
        [
            "HB128 the group cannot start here: resource script `www` is not executable",
            "HB128 the group cannot start here: no resource script `/init.d-style`"
        ]
    );
}

#[test]
fn words_that_a_peer_would_confuse_are_named() {
    check(
        "",
        "cc1 Delay::1.5\ncc2 Delay::1x5\n",
        &["HB132 as a pattern of 3.0.6, the first resource `Delay::1.5` also matches `Delay::1x5`"],
    );
    check(
        "",
        "cc1 Delay::1*\n",
        &["HB132 3.0.6 takes the first resource `Delay::1*` for a pattern because of `*`"],
    );
    check(
        "",
        "cc1 Delay::1.5 Delay::2 Delay::3\ncc2 Delay::4 Delay::3\n",
        &["HB134 resource `Delay::3` stands in two places"],
    );
    // Said once: the same word is the key.
    check(
        "",
        "cc1 10.81.0.9\ncc2 10.81.0.9\n",
        &["HB121 two groups have the same first resource `10.81.0.9`"],
    );
    check("", "cc1 10.81.0.9\ncc2 10.81.0.9/24\n", &["HB133 10.81.0.9 is the address of two resources"]);
    check("node c.1\n", "", &["HB047 as a pattern of 3.0.6, node name `c.1` also matches `cc1`"]);
}

#[test]
fn addresses_of_other_machines_cannot_float() {
    let line = "HB135 10.81.0.2 is the address of another machine and cannot float";
    for lines in ["ucast eth0 10.81.0.2\n", "ping 10.81.0.2\n", "ping_group g 10.81.0.1 10.81.0.2\n"] {
        check(lines, "cc1 10.81.0.2/24/eth0\n", &[line]);
    }
}

#[test]
fn a_directive_that_is_given_again_is_told_once_per_line() {
    check(
        "debug 1\ndebug 2 2\n",
        "",
        &[
            "HB015 `debug` is given again; the last line counts",
            "HB015 `debug` is given again; the last line counts",
        ],
    );
    // These have a meaning of their own.
    check(
        "udpport 700\nucast eth0 10.81.0.2\nudpport 701\nnode cc2x\nenv A=1 B=2\n",
        "",
        &[
            "HB029 `udpport` has no effect on kinds of media that stand before it",
            "HB029 `udpport` has no effect on kinds of media that stand before it",
        ],
    );
}

#[test]
fn only_the_same_medium_counts_as_twice() {
    let twice = "HB066 this medium is given twice: every message goes out twice";
    check("bcast eth0\n", "", &[twice]);
    check("bcast eth1 lo\nucast eth0 10.81.0.2\nucast eth0 10.81.0.3\nucast eth0 10.81.0.2\n", "", &[twice]);
    check(
        "mcast eth0 239.0.0.1 694 1 0\nmcast eth0 239.0.0.2 694 1 0\nmcast eth0 239.0.0.1 694 1 0\n",
        "",
        &[twice],
    );
    check("ping 10.81.0.9 10.81.0.9\n", "", &["HB044 ping node `10.81.0.9` is named twice"]);
}

#[test]
fn limits_come_from_hb_toml_or_from_the_environment() {
    let limits = |lines: &str, text: &str| {
        let mut host = host(lines, "");
        host.file("/etc/ha.d/hb.toml", text.as_bytes(), 0o644);
        let loaded = load(Path::new(DIR), &host);
        let text = loaded.render(false);
        let told: Vec<&str> = loaded.diagnostics.iter().map(|found| found.code.id()).collect();
        (loaded.config.expect(&text).agents, told)
    };
    let retries = |retries| AgentLimits { stop_retries: retries, ..AgentLimits::default() };
    assert_eq!(limits("", ""), (AgentLimits::default(), vec![]));
    assert_eq!(limits("env STOPRETRYMAX=3\n", ""), (retries(Some(3)), vec![]));
    assert_eq!(limits("env STOPRETRYMAX=0\n", ""), (retries(None), vec![]));
    assert_eq!(limits("env STOPRETRYMAX=-1\n", ""), (retries(None), vec![]));
    assert_eq!(limits("env STOPRETRYMAX=many\n", ""), (retries(Some(10)), vec!["HB065"]));
    let toml = "[agents]\nstop-retries = 4\nkill-grace = \"2s\"\n";
    let expected = AgentLimits { kill_grace: Duration::from_secs(2), ..retries(Some(4)) };
    assert_eq!(limits("env STOPRETRYMAX=3\n", toml), (expected.clone(), vec!["HB143"]));
    assert_eq!(limits("env STOPRETRYMAX=4\n", toml), (expected, vec![]));
}

#[test]
fn a_bad_hb_toml_is_refused_and_none_is_fine() {
    let mut host = host("", "");
    assert!(load(Path::new(DIR), &host).config.is_some());
    host.file("/etc/ha.d/hb.toml", b"[agents]\nx = 1\n", 0o644);
    let loaded = load(Path::new(DIR), &host);
    assert_eq!((loaded.config.is_none(), loaded.exit_code(), loaded.counts.errors), (true, 6, 1));
    host.denied.push("/etc/ha.d/hb.toml".into());
    assert!(load(Path::new(DIR), &host).render(false).contains("error[HB001]: the file cannot be read"));
    host.files.remove(Path::new("/etc/ha.d/hb.toml"));
    host.directories.push("/etc/ha.d/hb.toml".into());
    assert!(load(Path::new(DIR), &host).render(false).contains("error[HB003]: this is a directory"));
}

#[test]
fn scripts_put_addresses_up_if_hb_toml_says_so() {
    let mut host = host("", "cc1 10.81.0.9/24/eth0 IPaddr2::10.81.0.10 IPaddr::10.81.0.11\n");
    host.file("/etc/ha.d/hb.toml", b"[addresses]\nnative = false\n", 0o644);
    host.file("/etc/ha.d/resource.d/IPaddr", b"", 0o755);
    assert_eq!(found(&host), ["HB128 the group cannot start here: no resource script `IPaddr2`"]);
    let config = load(Path::new(DIR), &host).config.unwrap();
    let scripts: Vec<String> = config.groups[0]
        .resources
        .iter()
        .map(|resource| match &resource.kind {
            ResourceKind::Address(_) => "native".to_owned(),
            ResourceKind::Script { name, arguments } => format!("{name} {}", arguments.join(" ")),
            other @ (ResourceKind::Ocf(_) | ResourceKind::Unit(_)) => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(scripts, ["IPaddr 10.81.0.9/24/eth0", "IPaddr2 10.81.0.10", "IPaddr 10.81.0.11"]);
}

#[test]
fn agents_and_units_are_looked_for() {
    let mut host = host(
        "",
        "cc1 ocf:heartbeat:Dummy ocf:heartbeat:Delay ocf:mine:x systemd::a systemd::b@1 systemd::c.socket\n",
    );
    host.file("/usr/lib/ocf/resource.d/heartbeat/Dummy", b"", 0o755);
    host.file("/usr/lib/ocf/resource.d/heartbeat/Delay", b"", 0o644);
    host.file("/usr/lib/systemd/system/b@.service", b"", 0o644);
    host.file("/etc/systemd/system/c.service", b"", 0o644);
    let cannot = "HB128 the group cannot start here:";
    let path = "resource agent /usr/lib/ocf/resource.d";
    assert_eq!(
        found(&host),
        [
            format!("{cannot} {path}/heartbeat/Delay is not executable"),
            format!("{cannot} {path}/mine/x is not there"),
            format!("{cannot} systemd has no unit `a.service`"),
            format!("{cannot} systemd has no unit `c.socket`"),
        ]
    );
}

/// By the links of systemd and of run levels; a script of `resource.d` that has the name of a service is another matter.
#[test]
fn services_that_start_at_boot_are_told() {
    let mut host = host("", "cc1 systemd::a systemd::b@1 systemd::c.socket systemd::d w x y Delay\n");
    for unit in ["a.service", "b@.service", "c.socket", "d.service"] {
        host.file(format!("/usr/lib/systemd/system/{unit}"), b"", 0o644);
    }
    for script in ["w", "x", "y"] {
        host.file(format!("/etc/init.d/{script}"), b"", 0o755);
    }
    for link in ["/etc/rc3.d/S02x", "/etc/rc3.d/K01y", "/etc/rc6.d/S01y", "/etc/rc3.d/S01Delay"] {
        host.file(link, b"", 0o755);
    }
    let by = |command: &str, host: &FakeHost| -> Vec<String> {
        let loaded = load(Path::new(DIR), host);
        let told = loaded.diagnostics.iter().filter(|found| found.code.id() == "HB138");
        assert!(told.clone().all(|found| found.hint.as_deref().unwrap().starts_with(command)));
        told.map(|found| found.message.clone()).collect()
    };
    assert_eq!(
        by("update-rc.d x disable", &host),
        ["`x` is started at boot as well, so it runs on both nodes: /etc/rc3.d/S02x says so"]
    );
    for link in
        ["multi-user.target.wants/a.service", "sockets.target.requires/c.socket", "x.wants/b@1.service"]
    {
        host.file(format!("/etc/systemd/system/{link}"), b"", 0o644);
    }
    host.file("/etc/systemd/system/sleep.target.wants/d.service", b"", 0o644);
    for link in ["multi-user.target.wants/w.service", "d.service", "multi-user.target.wants/Delay.service"] {
        host.file(format!("/etc/systemd/system/{link}"), b"", 0o644);
    }
    let told = by("systemctl disable ", &host);
    let names: Vec<_> = told.iter().filter_map(|message| message.split('`').nth(1)).collect();
    assert_eq!(names, ["a", "b@1", "c.socket", "w", "x"]);
}

#[test]
fn fencing_types_are_those_of_cluster_glue() {
    let refused = |line: &str| {
        let mut host = host(line, "");
        host.file("/etc/ha.d/one", b"# x\n\n  a\n", 0o600);
        host.file("/etc/ha.d/empty", b"# x\n", 0o600);
        host.file("/usr/lib/stonith/plugins/external/mine", b"", 0o755);
        host.file("/usr/lib/stonith/plugins/external/ipmi", b"", 0o755);
        load(Path::new(DIR), &host).config.is_none()
    };
    // What Heartbeat 3.0.6 with cluster-glue 1.0.12 said to the same lines.
    for (line, expected) in [
        ("stonith_host * null cc1", false),
        ("stonith_host * vacm a b c", true),
        ("stonith_host * cim a b c", true),
        ("stonith_host * rhcs a b c", true),
        ("stonith_host * external a", true),
        ("stonith_host * external/nosuch a", true),
        ("stonith_host * external/../external/mine a", true),
        ("stonith_host * external/mine a", false),
        ("stonith_host * external/mine", true),
        ("stonith_host * external/ipmi a b c d", true),
        ("stonith_host * external/ipmi a b c d e", false),
        ("stonith_host * suicide", false),
        ("stonith_host * suicide x", false),
        ("stonith_host * NULL cc1", true),
        ("stonith_host * apcmaster a b", true),
        ("stonith_host * apcmaster a b c d e", false),
        ("stonith meatware /etc/ha.d/one", false),
        ("stonith apcmaster /etc/ha.d/one", true),
        ("stonith meatware /etc/ha.d/empty", true),
        ("stonith suicide /etc/ha.d/empty", true),
        ("stonith suicide /etc/ha.d/none", true),
    ] {
        assert_eq!(refused(&format!("{line}\n")), expected, "{line}");
    }
}

#[test]
fn only_groups_are_monitored() {
    let found = |settings: &str, groups: &str| {
        let mut host = host("", "cc1 10.81.0.9 www\ncc2 www2\n");
        host.file("/etc/init.d/www", b"", 0o755);
        host.file("/etc/init.d/www2", b"", 0o755);
        let hb_toml = format!("[monitor]\n{settings}\ngroups = [{groups}]\n");
        host.file(format!("{DIR}/hb.toml"), hb_toml.as_bytes(), 0o644);
        let found = load(Path::new(DIR), &host).diagnostics;
        let found = found.into_iter().filter(|found| found.code.id() == "HB145");
        found.map(|found| (found.message, found.hint.unwrap_or_default())).collect::<Vec<_>>()
    };
    let on = "interval = \"10s\"";
    assert_eq!(found(on, ""), []);
    assert_eq!(found(on, "\"10.81.0.9\", \"www2\""), []);
    assert_eq!(found("", "\"zz\""), [], "nothing is looked at");
    let said = |name: &str, hint: &str| {
        (format!("`{name}` cannot be monitored: it is the first resource of no group"), hint.to_owned())
    };
    assert_eq!(found(on, "\"www2\", \"10.81.0.8\""), [said("10.81.0.8", "did you mean `10.81.0.9`?")]);
    // Not the first of its group, so the name of none.
    let hint = "a group is named by its first resource, as haresources spells it";
    assert_eq!(found(on, "\"postgres\""), [said("postgres", hint)]);
}

#[test]
fn only_what_a_table_can_keep_mute_is_staged() {
    let text = |settings: &str, key: &str| format!("[lease]\n{settings}\nstaged = [\"{key}\"]\n");
    let errors = |haresources: &str, hb_toml: &str| {
        let mut host = host("", haresources);
        host.file("/etc/init.d/www", b"", 0o755);
        host.file(format!("{DIR}/resource.d/IPsrcaddr"), b"", 0o755);
        host.file(format!("{DIR}/hb.toml"), hb_toml.as_bytes(), 0o644);
        let found = load(Path::new(DIR), &host).diagnostics;
        let found = found.into_iter().filter(|found| found.code.id() == "HB144");
        found.map(|found| found.message).collect::<Vec<_>>()
    };
    let good = "cc1 10.81.0.9 www\ncc2 www2\n";
    assert_eq!(errors(good, &text("", "10.81.0.9")), Vec::<String>::new());
    for (haresources, settings, key, why) in [
        (good, "enabled = false", "10.81.0.9", "the lease is switched off"),
        (good, "by = \"lifetime\"", "10.81.0.9", "a lifetime does not keep an address mute"),
        (good, "except = [\"10.81.0.9\"]", "10.81.0.9", "it is excepted from the lease"),
        (good, "", "10.81.0.8", "it is the first resource of no group"),
        (good, "", "www2", "it has no address that hb puts up itself"),
        (
            "cc1 10.81.0.9\ncc1 IPsrcaddr::10.81.0.9\n",
            "",
            "10.81.0.9",
            "the source of packets is a floating address (IPsrcaddr)",
        ),
        (
            "cc1 IPv6addr::fe80::9/64/eth0\n",
            "",
            "IPv6addr::fe80::9/64/eth0",
            "it has a link-local address, or one of the loopback interface",
        ),
        (
            "cc1 127.0.0.9/32/lo\n",
            "",
            "127.0.0.9/32/lo",
            "it has a link-local address, or one of the loopback interface",
        ),
    ] {
        let expected = format!("`{key}` cannot be staged: {why}");
        assert_eq!(errors(haresources, &text(settings, key)), [expected], "{haresources}{settings}");
    }
}
