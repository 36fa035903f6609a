//! What accepted files mean.

use std::net::Ipv4Addr;
use std::path::Path;

use hb_config::{
    Checked, Failback, LeaseBy, LoadOptions, Loaded, Medium, PingKind, Resource, ResourceKind, datadisk,
    load, load_keys, load_with, protection,
};

use super::fake_host::{DIR, FakeHost};

const HEAD: &str = "logfile /var/log/ha-log\nkeepalive 1\ndeadtime 10\ninitdead 20\nnode cc1 cc2\n";
const KEYS: &str = "auth 1\n1 sha1 secret\n";

fn loaded(lines: &str, haresources: &str) -> Loaded {
    load(Path::new(DIR), &FakeHost::with(&format!("{HEAD}{lines}"), KEYS, haresources))
}

fn config(lines: &str, haresources: &str) -> Checked {
    let loaded = loaded(lines, haresources);
    let text = loaded.render(false);
    loaded.config.expect(&text)
}

fn codes(lines: &str, haresources: &str) -> Vec<&'static str> {
    loaded(lines, haresources).diagnostics.iter().map(|found| found.code.id()).collect()
}

fn failback(lines: &str) -> Failback {
    config(&format!("bcast eth0\n{lines}"), "").failback
}

#[test]
fn nice_failback_means_what_it_meant_when_it_was_new() {
    assert_eq!(failback("nice_failback on\n"), Failback::Off);
    assert_eq!(failback("nice_failback yes\n"), Failback::Off);
    assert_eq!(failback("nice_failback off\n"), Failback::Legacy);
    assert_eq!(failback("auto_failback on\nnice_failback on\n"), Failback::Off);
    assert_eq!(failback("nice_failback on\nauto_failback on\n"), Failback::On);
    assert_eq!(failback(""), Failback::Legacy);
    assert_eq!(failback("auto_failback LEGACY\n"), Failback::Legacy);
}

#[test]
fn the_protection_of_each_group_is_said() {
    let said = |lines: &str, haresources: &str, settings: &[&str]| {
        let mut config = config(&format!("bcast eth0\nauto_failback on\n{lines}"), haresources);
        config.lease.enabled = !settings.contains(&"off");
        if settings.contains(&"lifetime") {
            config.lease.by = LeaseBy::Lifetime;
        }
        config.lease.except = settings.iter().map(|key| (*key).to_owned()).collect();
        protection(&config)
    };
    let groups = "cc1 10.81.0.10 apache\ncc2 10.81.0.20\ncc2 mail\n";
    let all = said("", groups, &["10.81.0.20"]);
    assert!(all[0].starts_with("lease of 7970 ms in the kernel"), "{all:?}");
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all[1].starts_with("group 10.81.0.20 is not leased: excepted in hb.toml"), "{all:?}");
    assert!(all[2].starts_with("group mail is not leased: it has no address"), "{all:?}");
    let off = said("", groups, &["off"]);
    assert!(off.len() == 1 && off[0].starts_with("no lease (switched off in hb.toml)"), "{off:?}");
    let lives = said("", groups, &["lifetime"]);
    assert!(lives[0].starts_with("lease by lifetimes of addresses, of 6 s: "), "{lives:?}");
    let short = said("deadtime 4100ms\n", groups, &["lifetime"]);
    assert!(short.len() == 1 && short[0].starts_with("no lease (keepalive and dead time"), "{short:?}");
    let short = said("deadtime 4\n", groups, &[]);
    assert!(short.len() == 1 && short[0].starts_with("no lease (keepalive and dead time"), "{short:?}");
    assert_eq!(said("deadtime 4100ms\n", groups, &["10.81.0.20", "mail"]).len(), 3);
    assert!(said("", "", &[]).is_empty(), "nothing to protect");
}

#[test]
fn the_agent_of_datadisk_is_said() {
    let how_to = config("bcast eth0\n", "cc1 10.81.0.10 datadisk www\n");
    let mut host = FakeHost::new();
    let said = |host: &FakeHost| datadisk(&how_to, Path::new(DIR), host).unwrap();
    assert!(said(&host).starts_with("nothing that it could work by"));
    for program in
        ["/usr/sbin/drbdadm", "/usr/lib/ocf/resource.d/linbit/drbd", "/etc/ha.d/resource.d/drbddisk"]
    {
        host.file(program, b"", 0o644);
        assert!(!said(&host).contains(program), "it cannot be executed");
        host.file(program, b"", 0o755);
        assert!(said(&host).starts_with(&format!("by {program}, ")), "{}", said(&host));
    }
    let without = config("bcast eth0\n", "cc1 10.81.0.10 www\n");
    assert_eq!(datadisk(&without, Path::new(DIR), &host), None);
}

#[test]
fn what_resets_a_dead_node_is_the_last_device_for_this_node() {
    let ask = |lines: &str| {
        let mut host = FakeHost::with(&format!("{HEAD}bcast eth0\n{lines}"), KEYS, "");
        host.file("/etc/ha.d/meatware", b"# whom\n\n  cc2  \nmore\n", 0o600);
        let fencing = load(Path::new(DIR), &host).config.unwrap().fencing;
        assert!(!format!("{fencing:?}").contains("secret"), "{fencing:?}");
        fencing.device.map(|device| (device.kind, device.parameters))
    };
    let device = |kind: &str, parameters: &str| Some((kind.to_owned(), parameters.to_owned()));
    assert_eq!(ask(""), None);
    assert_eq!(ask("stonith meatware /etc/ha.d/meatware\n"), device("meatware", "cc2"));
    let apc = "stonith_host CC1 apcmaster 10.0.0.9  admin\tsecret\n";
    // The last parameter takes the rest of the line as it is.
    assert_eq!(ask(apc), device("apcmaster", "10.0.0.9  admin\tsecret"));
    let blanks = "stonith_host * apcmaster 10.0.0.9 admin  secret  with   blanks \t # not this\n";
    assert_eq!(ask(blanks), device("apcmaster", "10.0.0.9 admin  secret  with   blanks"));
    let others = "stonith_host * null cc2\nstonith_host cc2 ssh cc1\n";
    assert_eq!(ask(&format!("{apc}{others}")), device("null", "cc2"));
}

#[test]
fn the_first_medium_of_a_kind_fixes_its_port() {
    let lines = "udpport 700\nbcast eth0\nudpport 701\nucast eth0 10.81.0.2\nudpport 702\nudp eth1\nucast eth1 localhost\n";
    let config = config(&format!("auto_failback on\n{lines}"), "");
    let ports: Vec<(&str, u16)> = config
        .media
        .iter()
        .map(|medium| match medium {
            Medium::Bcast { port, .. } => ("bcast", *port),
            Medium::Mcast { port, .. } => ("mcast", *port),
            Medium::Ucast { port, .. } => ("ucast", *port),
            Medium::PppUdp { port, .. } => ("ppp-udp", *port),
            Medium::Serial { .. } => ("serial", 0),
            Medium::Ping { kind, .. } => (kind.directive(), 0),
        })
        .collect();
    assert_eq!(ports, [("bcast", 700), ("ucast", 701), ("bcast", 700), ("ucast", 701)]);
    assert!(config.parameters.contains(&("udpport".into(), "702".into())));
}

#[test]
fn ppp_links_are_pairs_of_a_port_and_an_address() {
    let head = "auto_failback on\nudpport 700\nbaud 57600\n";
    let config = config(&format!("{head}ppp-udp /dev/ttyS0 10.0.0.1 /dev/ttyS1\t192.168.1.1 # two\n"), "");
    let link = |path: &str, local| Medium::PppUdp { path: path.into(), baud: 57600, local, port: 700 };
    let expected =
        [link("/dev/ttyS0", Ipv4Addr::new(10, 0, 0, 1)), link("/dev/ttyS1", Ipv4Addr::new(192, 168, 1, 1))];
    assert_eq!(config.media, expected);
    assert!(config.has_working_medium());
    for (line, expected) in [
        ("ppp-udp\n", "HB053"),
        ("ppp-udp /dev/ttyS0\n", "HB053"),
        ("ppp-udp /dev/ttyS0 10.0.0.1 /dev/ttyS1\n", "HB053"),
        ("ppp-udp /dev/ttyS9 10.0.0.1\n", "HB055"),
        ("ppp-udp 10.0.0.1 /dev/ttyS0\n", "HB055"),
        ("ppp-udp /dev/ttyS0 8.8.8.8\n", "HB057"),
        ("ppp-udp /dev/ttyS0 host\n", "HB057"),
        ("ppp-udp /dev/ttyS0 10.0.0.1 /dev/ttyS0 10.0.1.1\n", "HB055"),
        ("serial /dev/ttyS0\nppp-udp /dev/ttyS0 10.0.0.1\n", "HB055"),
    ] {
        let found = codes(&format!("auto_failback on\nbcast eth0\n{line}"), "");
        assert_eq!(found.first(), Some(&expected), "{line:?} {found:?}");
    }
}

#[test]
fn ping_nodes_know_whom_to_ask() {
    let lines = "ping 10.81.0.9 localhost\nping6 fd00::fe\nping_group routers 10.81.0.7 nowhere 10.81.0.7 10.81.0.8\n";
    let config = config(&format!("auto_failback on\nbcast eth0\n{lines}"), "");
    let mut pings = Vec::new();
    for medium in &config.media {
        if let Medium::Ping { kind, name, hosts } = medium {
            let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            pings.push((*kind, name.as_str(), hosts));
        }
    }
    let expected: [(PingKind, &str, &[&str]); 4] = [
        (PingKind::Ping, "10.81.0.9", &["10.81.0.9"]),
        (PingKind::Ping, "localhost", &["127.0.0.1"]),
        (PingKind::Ping6, "fd00::fe", &["fd00::fe"]),
        (PingKind::Group, "routers", &["10.81.0.7", "10.81.0.8"]),
    ];
    let expected = expected.map(|(kind, name, hosts)| {
        (kind, name, hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>())
    });
    assert_eq!(pings, expected);
    assert_eq!(config.ping_nodes, ["10.81.0.9", "localhost", "fd00::fe", "routers"]);
    assert!(config.not_in_force.is_empty(), "{:?}", config.not_in_force);
}

#[test]
fn programs_beside_the_node_keep_their_words() {
    let lines = "respawn hacluster /bin/true \"a  b\" c \nbcast eth0\nfailfast root\t/bin/true # vital\n";
    let clients = config(lines, "").clients;
    let client = |failfast, user: &str, command: &str| hb_config::Client {
        failfast,
        user: user.to_owned(),
        command: command.into(),
    };
    let expected = [client(false, "hacluster", "/bin/true \"a  b\" c"), client(true, "root", "/bin/true")];
    assert_eq!(clients, expected);
}

#[test]
fn a_line_for_ipfail_asks_for_its_rule() {
    for (line, expected) in [
        ("respawn hacluster /usr/libexec/heartbeat/ipfail", true),
        ("respawn nobody /usr/lib/heartbeat/ipfail -x", true),
        ("respawn hacluster /bin/true ipfail", false),
        ("bcast eth0", false),
    ] {
        let config = config(&format!("auto_failback on\nbcast eth0\nping 10.81.0.9\n{line}\n"), "");
        assert_eq!(config.ipfail, expected, "{line}");
        let is_program = line.contains("/bin/true");
        assert_eq!(config.clients.len(), usize::from(is_program), "{line}");
        assert!(config.not_in_force.is_empty(), "{line}");
    }
    assert!(codes("auto_failback on\nbcast eth0\nrespawn hacluster ipfail\n", "").contains(&"HB081"));
    for lines in ["auto_failback legacy\nping 10.81.0.9\n", "auto_failback on\n"] {
        let found =
            codes(&format!("{lines}bcast eth0\nrespawn hacluster /usr/libexec/heartbeat/ipfail\n"), "");
        assert!(found.contains(&"HB091"), "{lines} {found:?}");
    }
}

#[test]
fn a_file_without_a_medium_that_works_says_so() {
    let loaded = loaded("auto_failback on\nping 10.81.0.2\n", "");
    let config = loaded.config.as_ref().unwrap();
    assert!(!config.has_working_medium());
    assert!(loaded.diagnostics.iter().any(|found| found.code.id() == "HB058"));
}

#[test]
fn environment_and_log() {
    let config =
        config("bcast eth0\nauto_failback on\nenv A=1,B=x=y C\nlogfacility kern\ndebugfile /dev/null\n", "");
    let expected =
        [("HA_A", "1"), ("HA_B", "x=y"), ("HA_C", "")].map(|(name, value)| (name.into(), value.into()));
    assert_eq!(config.environment, expected);
    assert_eq!(config.log.facility, None);
    assert_eq!(config.log.debugfile, None);
    assert!(config.log.logfile.is_some() && !config.log.use_logd);
}

#[test]
fn the_name_of_the_node_can_be_given() {
    let host = FakeHost::with(&format!("{HEAD}bcast eth0\nauto_failback on\n"), KEYS, "");
    let options = LoadOptions { node_name: Some("CC2".into()) };
    assert_eq!(load_with(Path::new(DIR), &host, &options).config.unwrap().node_name, "cc2");
    let options = LoadOptions { node_name: Some("cc3".into()) };
    assert!(load_with(Path::new(DIR), &host, &options).config.is_none());
}

fn spelled(resources: &[Resource]) -> Vec<String> {
    resources
        .iter()
        .map(|resource| match &resource.kind {
            ResourceKind::Address(spec) => format!("={}", spec.address),
            ResourceKind::Script { name, arguments } => format!("{name}({})", arguments.join(",")),
            ResourceKind::Ocf(agent) => format!("{}:{}{:?}", agent.provider, agent.agent, agent.parameters),
            ResourceKind::Unit(name) => format!("unit {name}"),
        })
        .collect()
}

fn groups(haresources: &str) -> Vec<(String, Vec<String>)> {
    let config = config("bcast eth0\nauto_failback on\n", haresources);
    config.groups.iter().map(|group| (group.node.clone(), spelled(&group.resources))).collect()
}

#[test]
fn groups_are_read_as_the_script_reads_them() {
    for (text, expected) in [
        ("cc1 www\n", vec![("cc1", vec!["www()"])]),
        ("CC1\twww  db::a::::b # x\n", vec![("cc1", vec!["www()", "db(a,b)"])]),
        ("cc1 a::b#c\n", vec![("cc1", vec!["a(b)"])]),
        ("cc1 a \\\n  b\n", vec![("cc1", vec!["a()", "b()"])]),
        ("cc1 a\\\nb c\n", vec![("cc1", vec!["ab()", "c()"])]),
        ("cc1 a\\\n\\\nb\n", vec![("cc1", vec!["ab()"])]),
        ("cc1 a \\", vec![("cc1", vec!["a()"])]),
        ("cc1 a\r\ncc2 b\r\n", vec![("cc1", vec!["a()"]), ("cc2", vec!["b()"])]),
        (
            "cc1 10.1.2.3/24/eth0 IPaddr::10.1.2.4 IPaddr2::10.1.2.5/8\n",
            vec![("cc1", vec!["=10.1.2.3", "=10.1.2.4", "=10.1.2.5"])],
        ),
        ("cc1 IPaddr::10.1.2.3::24\n", vec![("cc1", vec!["IPaddr(10.1.2.3,24)"])]),
        ("cc1 10.1.2.3junk\n", vec![("cc1", vec!["IPaddr(10.1.2.3junk)"])]),
        ("cc1 ocf:heartbeat:Dummy systemd::www\n", vec![("cc1", vec!["heartbeat:Dummy[]", "unit www"])]),
        ("cc1 ocf:heartbeat::a=b systemd\n", vec![("cc1", vec!["ocf:heartbeat::a=b()", "systemd()"])]),
        ("cc1\ncc2 a\n", vec![("cc2", vec!["a()"])]),
        ("# nothing \\\ncc1 a\n\n", vec![("cc1", vec!["a()"])]),
        ("cc1 a # b \\\ncc9 c\n", vec![("cc1", vec!["a()"]), ("cc9", vec!["c()"])]),
    ] {
        let expected: Vec<(String, Vec<String>)> = expected
            .into_iter()
            .map(|(node, words)| (node.to_owned(), words.into_iter().map(String::from).collect()))
            .collect();
        assert_eq!(groups(text), expected, "{text:?}");
    }
}

#[test]
fn one_mistake_is_one_error() {
    let lines = "auto_failback on\nbcast eth0\n";
    assert_eq!(codes("auto_failback on\nUdp eth0\n", ""), ["HB010"]);
    assert_eq!(codes("auto_failback on\nbcast eth9\n", "cc1 Delay\n"), ["HB051"]);
    assert_eq!(codes(&format!("{lines}keepalive 2m\n"), ""), ["HB022"]);
    assert_eq!(codes(&format!("{lines}pacemaker on\n"), "cc9 a\n"), ["HB062"]);
    let text = "logfile /var/log/ha-log\nbcast eth0\nauto_failback on\nnodes cc1 cc2\n";
    let loaded = load(Path::new(DIR), &FakeHost::with(text, KEYS, "cc1 Delay\n"));
    assert_eq!(loaded.counts.errors, 1, "{}", loaded.render(false));
}

#[test]
fn keys_alone_can_be_read_from_any_file() {
    let mut host = FakeHost::new();
    host.file("/tmp/keys", KEYS.as_bytes(), 0o644);
    host.file("/tmp/bad", b"auth 1\n1 sha1\n", 0o600);
    assert!(load_keys(Path::new("/tmp/keys"), &host).is_ok());
    let refused = load_keys(Path::new("/tmp/bad"), &host).unwrap_err();
    assert_eq!(refused.exit_code(), 6);
    assert!(refused.render(false).contains("--> /tmp/bad:2:3"), "{}", refused.render(false));
    assert!(load_keys(Path::new("/tmp/none"), &host).unwrap_err().render(false).contains("/tmp/none"));
}
