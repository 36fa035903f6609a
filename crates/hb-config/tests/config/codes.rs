//! Every code: its example causes it, and its page in `docs/codes` shows what a check says. `UPDATE=1` writes the pages
//! anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hb_config::{Code, FileKind, load};

use super::documents;
use super::fake_host::{DIR, FakeHost, direct};

/// A good configuration; a line is left out if the example says something else about its directive.
const HA_CF: &str = "\
logfile /var/log/ha-log
keepalive 1
deadtime 10
initdead 20
bcast eth0
auto_failback on
node alpha beta
ping 10.77.0.254
env STOPRETRYMAX=3
";

/// A machine on which the configuration is good.
fn machine() -> FakeHost {
    let mut host = FakeHost::with("", "auth 1\n1 sha1 secret\n", "alpha 10.77.0.100/24/eth0 www\n");
    host.name = "alpha".into();
    host.routes = vec![direct("eth0", [10, 77, 0, 0]), direct("eth1", [10, 78, 0, 0])];
    host.hosts.insert("beta".into(), [10, 77, 0, 2].into());
    for script in ["www", "db", "db.1", "db-1"] {
        host.file(format!("/etc/init.d/{script}"), b"", 0o755);
    }
    for place in ["/usr/lib/systemd/system", "/etc/systemd/system/multi-user.target.wants"] {
        host.file(format!("{place}/nginx.service"), b"", 0o644);
    }
    host
}

/// The example in a directory that is good otherwise.
fn spoiled(code: Code) -> FakeHost {
    let mut host = machine();
    let example = code.example();
    let path = Path::new(DIR).join(example.file.name());
    host.file(Path::new(DIR).join("ha.cf"), HA_CF.as_bytes(), 0o644);
    if example.file == FileKind::HaCf && !matches!(code, Code::ManyNodes | Code::Autojoin) {
        // Other nodes must not make its lines wrong.
        host.file(Path::new(DIR).join("haresources"), b"", 0o644);
    }
    // The commands of examples that are no text.
    match code.id() {
        "HB001" => drop(host.files.remove(&path)),
        "HB002" => host.files.get_mut(&path).unwrap().1 = 0o644,
        "HB003" => {
            host.files.remove(&path);
            host.directories.push(path);
        }
        "HB004" => host.file(path, &vec![b'\n'; 17 << 20], 0o644),
        _ if example.file == FileKind::HaCf => host.file(path, &with_base(&written_out(code)), 0o644),
        _ => host.file(path, format!("{}\n", written_out(code)).as_bytes(), 0o600),
    }
    host
}

/// Examples that would be too long for people are written out.
fn written_out(code: Code) -> String {
    match code.id() {
        "HB011" => format!("#{}debug 0", "x".repeat(5118)),
        "HB012" => "node café".to_owned(),
        "HB042" => (1..=100).fold("node alpha".to_owned(), |line, number| format!("{line} n{number}")),
        "HB043" => format!("node alpha {}", "x".repeat(100)),
        "HB052" => "serial /dev/ttyS0\n".repeat(64),
        "HB136" => "alpha 10.77.0.100\n".repeat(65_536),
        _ => code.example().text.to_owned(),
    }
}

/// An `ha.cf` of the example and of the good lines about whose directives it says nothing.
fn with_base(text: &str) -> Vec<u8> {
    let is_said = |line: &&str| {
        let name = line.split(' ').next().unwrap();
        let is_given = |other: &str| other.split([' ', '\r']).next() == Some(name);
        text.lines().any(is_given) || text.contains(&format!("no `{name}` line"))
    };
    let rest: Vec<&str> = HA_CF.lines().filter(|line| !is_said(line)).collect();
    // The one word that is not ASCII is meant in Latin-1.
    let text = format!("{text}\n{}\n", rest.join("\n"));
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

/// What a check of the example says with this code.
fn output(code: Code) -> String {
    let text = load(Path::new(DIR), &spoiled(code)).render(false);
    let mark = format!("[{}]: ", code.id());
    let is_of_code = |block: &&str| block.lines().next().is_some_and(|line| line.contains(&mark));
    let blocks: Vec<&str> = text.split("\n\n").filter(is_of_code).take(1).collect();
    assert!(!blocks.is_empty(), "{code:?} is not caused by its example:\n{text}");
    blocks.join("\n\n")
}

fn pages() -> BTreeMap<String, String> {
    let pages = Code::ALL.iter().map(|code| (format!("{}.md", code.id()), code.page(&output(*code))));
    pages.chain([("README.md".to_owned(), Code::index())]).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/codes")
}

#[test]
fn the_machine_of_the_examples_is_good() {
    let mut host = machine();
    host.file(Path::new(DIR).join("ha.cf"), HA_CF.as_bytes(), 0o644);
    let loaded = load(Path::new(DIR), &host);
    let codes: Vec<&str> = loaded.diagnostics.iter().map(|found| found.code.id()).collect();
    assert!(codes.is_empty(), "{}", loaded.render(false));
}

#[test]
fn every_code_is_caused_by_its_example_and_has_its_page() {
    let pages = pages();
    for (name, text) in &pages {
        documents::compare(&folder().join(name), text);
    }
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(pages.contains_key(&name), "docs/codes/{name} belongs to no code");
    }
}

/// An example that shows an error must lead to a refusal, and one that does not must be accepted: otherwise
/// something else is wrong with it.
#[test]
fn examples_are_wrong_in_one_way_only() {
    for code in Code::ALL {
        let loaded = load(Path::new(DIR), &spoiled(*code));
        let is_other = |found: &&hb_config::Diagnostic| {
            found.code != *code && found.severity == hb_config::Severity::Error
        };
        let others: Vec<_> = loaded.diagnostics.iter().filter(is_other).collect();
        assert!(others.is_empty(), "{code:?}: {}", loaded.render(false));
    }
}
