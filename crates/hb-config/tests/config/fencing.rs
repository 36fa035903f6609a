//! Mistakes about fencing that 3.0.6 accepts without a word, and passwords, which are shown nowhere.

use std::path::Path;

use hb_config::{Loaded, Severity, load};

use super::fake_host::{DIR, FakeHost};

const HEAD: &str =
    "logfile /var/log/ha-log\nkeepalive 1\ndeadtime 10\ninitdead 20\nauto_failback on\nbcast eth0\n";
const KEYS: &str = "auth 1\n1 sha1 another\n";

fn machine(lines: &str, hb_toml: &str) -> FakeHost {
    let mut host = FakeHost::with(&format!("{HEAD}{lines}"), KEYS, "");
    host.file("/etc/ha.d/hb.toml", hb_toml.as_bytes(), 0o600);
    host.file("/usr/sbin/fence_x", b"", 0o755);
    host.file("/usr/sbin/fence_y", b"", 0o644);
    host.file("/etc/ha.d/suicide", b"vm\n", 0o644);
    host
}

/// Code, place, message and hint of each warning.
fn warnings(loaded: &Loaded) -> Vec<String> {
    assert!(loaded.config.is_some(), "{}", loaded.render(false));
    let warnings = loaded.diagnostics.iter().filter(|found| found.severity == Severity::Warning);
    let told = warnings.map(|found| {
        let place = found.place.unwrap();
        let hint = found.hint.as_deref().unwrap();
        format!("{} {}:{}: {}; {hint}", found.code.id(), place.file.name(), place.column, found.message)
    });
    told.collect()
}

/// What is said about these lines of `ha.cf` and `hb.toml`.
#[track_caller]
fn check(lines: &str, hb_toml: &str, expected: &[&str]) {
    let nodes = format!("{lines}node cc1 CC2\n");
    let said = warnings(&load(Path::new(DIR), &machine(&nodes, hb_toml)));
    assert_eq!(said, expected, "{lines}{hb_toml}");
}

#[test]
fn a_device_for_a_host_that_is_no_node_is_named() {
    check(
        "stonith_host CC1 null cc2\nstonith_host cc2 null cc1\nstonith_host * null x\n",
        "",
        &["HB083 ha.cf:16: only the last fencing device counts; keep one of the lines"],
    );
    let unknown = "HB084 ha.cf:14: `cc22` is no node of this file: the line has no effect; did you mean";
    check("stonith_host cc1 null cc2\nstonith_host Cc22 null cc1\n", "", &[&format!("{unknown} `cc2`?")]);
    check(
        "stonith_host * null cc2\nstonith_host elsewhere\n",
        "",
        &[
            "HB084 ha.cf:14: `elsewhere` is no node of this file: the line has no effect; name the node that uses the device, \
         not the one that is reset; `*` means all",
        ],
    );
    // Whoever is not named may join.
    check("autojoin other\nstonith_host * null cc2\nstonith_host elsewhere\n", "", &[]);
}

#[test]
fn a_node_without_a_device_of_its_own_is_told() {
    let only = "HB087 ha.cf:14: there is a fencing device for another node, and none for this one: this one takes \
                everything at once; add a `stonith_host` line for this node";
    check("stonith_host cc2 null cc1\n", "", &[only]);
    check("stonith_host cc2 null cc1\n", "[fencing]\nagent = \"fence_x\"\n", &[]);
    check("stonith_host cc2 null cc1\nstonith null /etc/ha.d/suicide\n", "", &[]);
}

#[test]
fn what_can_reset_nobody_else_is_named() {
    let itself = |column| {
        format!(
            "HB086 ha.cf:{column}: `suicide` resets the node that it runs on, and so never a dead one: nothing of that is \
             taken; name a device that reaches the other node"
        )
    };
    check("stonith_host * suicide\n", "", &[&itself(16)]);
    check("stonith suicide /etc/ha.d/suicide\n", "", &[&itself(9)]);
    check("stonith_host cc2 suicide\nstonith_host cc1 null cc2\n", "", &[]);
}

#[test]
fn a_program_that_is_missing_is_named() {
    let agent = |name: &str| {
        format!(
            "HB085 hb.toml:9: there is no program `{name}` in the path of scripts: no reset can succeed; install it: most \
             agents are in the package fence-agents"
        )
    };
    check("", "[fencing]\nagent = \"fence_x\"\n", &[]);
    check("", "[fencing]\nagent = \"fence_y\"\n", &[&agent("fence_y")]);
    check("stonith_host * null cc2\n", "[fencing]\nagent = \"fence_z\"\n", &[&agent("fence_z")]);
    let device = "stonith_host * null cc2\nnode cc1 cc2\n";
    let mut host = machine(device, "");
    host.files.remove(Path::new("/usr/sbin/stonith"));
    let expected = "HB085 ha.cf:16: there is no program `stonith` in the path of scripts: no reset can succeed; install it: \
                    it is in the package cluster-glue";
    assert_eq!(warnings(&load(Path::new(DIR), &host)), [expected]);
    // With an agent it is not needed.
    host.file("/etc/ha.d/hb.toml", b"[fencing]\nagent = \"fence_x\"\n", 0o600);
    assert_eq!(warnings(&load(Path::new(DIR), &host)), [""; 0]);
}

#[test]
fn settings_that_nothing_uses_are_named() {
    let idle = |name: &str, column| {
        format!(
            "HB147 hb.toml:{column}: `{name}` has no effect: there is neither a fence agent nor a device in ha.cf; name the \
             `agent`: for example `agent = \"fence_ipmilan\"`"
        )
    };
    for (name, column, value) in [
        ("options", 11, "[\"a=b\"]"),
        ("own-options", 15, "[\"a=b\"]"),
        ("delay", 9, "\"5s\""),
        ("timeout", 11, "\"5s\""),
    ] {
        check("", &format!("[fencing]\n{name} = {value}\n"), &[&idle(name, column)]);
        check("", &format!("[fencing]\nagent = \"fence_x\"\n{name} = {value}\n"), &[]);
    }
    check(
        "",
        "[fencing]\nagent = \"\"\noptions = []\nown-options = []\ndelay = \"100ms\"\ntimeout = \"60s\"\n",
        &[],
    );
    let device = "stonith_host * null cc2\n";
    check(device, "[fencing]\ndelay = \"5s\"\ntimeout = \"5s\"\n", &[]);
    check(
        device,
        "[fencing]\ndelay = \"5s\"\noptions = [\"a=b\"]\n",
        &[
            "HB147 hb.toml:11: `options` is for a fence agent, and none is named: the device of ha.cf is used without it; \
         name the `agent`, or delete the line",
        ],
    );
}

/// `ha.cf` and `hb.toml` with a password, each with something that is told about its line.
const WITH_A_PASSWORD: [(&str, &str); 27] = [
    ("", "[fencing]\noptions = \"password=hush\"\n"),
    ("", "[fencing]\noptions = [\"ip=1\", \"hush\"]\n"),
    ("", "[fencing]\noptions = [\"ip=1\", 5, \"password=hush\"]\n"),
    ("", "[fencing]\noptions = [\n  \"ip=1\",\n  \"hush\",\n]\n"),
    ("", "[fencing]\nown-options = \"hush\"\n"),
    ("", "[fencing]\noptions = \"\"\"\nip=1\npassword=hush\"\"\"\n"),
    ("", "[fencing]\noptions = [\"password=hush\"]\n"),
    ("", "[fencing]\noptons = [\"password=hush\"]\n"),
    ("", "[fencing]\npassword = \"hush\"\n"),
    ("", "[fencing.options]\npassword = \"hush\"\n"),
    ("", "[fencing]\noptions = { password = \"hush\" }\n"),
    ("", "[fencing]\noptions = [{ password = \"hush\" }]\n"),
    ("", "[[fencing]]\noptions = [\"hush\"]\n"),
    ("", "fencing = \"hush\"\n"),
    ("", "fencing = { agent = \"x\", options = [\"hush\"] }\n"),
    ("", "[fencng]\noptions = [\"password=hush\"]\n"),
    ("", "fencng.options = [\"password=hush\"]\n"),
    // Syntax.
    ("", "[fencing]\noptions = [\"password=hush]\n"),
    ("", "[fencing]\noptions = password=hush\n"),
    ("", "[fencing]\noptions = [\n  password=hush,\n]\n[agents]\nstart-timeout = 5\n"),
    ("", "fencing.options = [\"ip=1\", \"password=hu\\sh hush\"]\n"),
    ("", "[fencing]\nagent = x\noptions = [\"hush\"] \"hush\"\n"),
    // Lines of ha.cf.
    ("stonith_host * apcmaster 10.0.0.9 admin hush\nstonith_host cc1 apcmaster 10.0.0.9 admin hush\n", ""),
    ("stonith_host * external/ipmi hush\n", ""),
    ("stonith_host cc9 apcmaster 10.0.0.9 admin hush\n", ""),
    ("stonith_host cc1 apcmastr 10.0.0.9 admin hush\n", ""),
    ("stonithhost cc1 apcmaster 10.0.0.9 admin hush\n", ""),
];

#[test]
fn passwords_are_shown_nowhere() {
    for (lines, hb_toml) in WITH_A_PASSWORD {
        let loaded = load(Path::new(DIR), &machine(&format!("{lines}node cc1 cc2\n"), hb_toml));
        assert!(!loaded.diagnostics.is_empty(), "{lines}{hb_toml}");
        let said = format!("{}{}{:?}", loaded.render(false), loaded.json(), loaded.diagnostics);
        assert!(!said.contains("hush"), "{lines}{hb_toml}{}", loaded.render(false));
        assert!(loaded.diagnostics.iter().all(|found| found.hint.is_some()), "{said}");
        // What is shown has its place nevertheless.
        let sources = loaded.sources.iter().map(|source| source.bytes().len());
        assert!(sources.eq(loaded.sources.iter().map(|source| match source.file() {
            hb_config::FileKind::HaCf => HEAD.len() + lines.len() + "node cc1 cc2\n".len(),
            hb_config::FileKind::HbToml => hb_toml.len(),
            hb_config::FileKind::Authkeys | hb_config::FileKind::Haresources => source.bytes().len(),
        })));
    }
    let text =
        "[fencing]\nagent = \"fence_z\"\noptions = [\n  password=hush,\n]\n[agents]\nstart-timeout = 5\n";
    let said = load(Path::new(DIR), &machine("node cc1 cc2\n", text)).render(false);
    assert!(said.contains("takes a time from \"100ms\" to \"24h\", not `5`"), "{said}");
}
