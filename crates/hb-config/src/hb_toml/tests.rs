//! The keys, their tables and what is said about entries that do not fit.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use toml::de::ValueDeserializer;

use super::raw::Raw;
use super::{HbToml, example, keys, read};
use crate::checked::{AgentLimits, MonitorSettings, StopFailed};
use crate::diagnostic::{Diagnostic, Report};
use crate::source::{FileKind, Source};

fn read_text(text: &str) -> (HbToml, Vec<Diagnostic>) {
    let mut source = Source::new(FileKind::HbToml, PathBuf::from("hb.toml"), text.into());
    let mut report = Report::default();
    let read = read(&mut source, &mut report);
    (read, report.into_sorted())
}

/// Code, line, column and hint of each.
fn found(text: &str) -> Vec<(String, usize, usize, String)> {
    let (_, diagnostics) = read_text(text);
    let shown = |diagnostic: Diagnostic| {
        let place = diagnostic.place.unwrap();
        (diagnostic.code.id().to_owned(), place.line, place.column, diagnostic.hint.unwrap())
    };
    diagnostics.into_iter().map(shown).collect()
}

#[test]
fn every_key_is_read() {
    let text = "[agents]\nstart-timeout = \"2min\"\nstop-timeout = \"90s\"\nstatus-timeout = \"500ms\"\nkill-grace = \"1.5s\"\n\
                stop-retries = \"unlimited\"\nstop-pause = \"2 s\"\nstop-failed = \"keep\"\nstop-failed-command = [\"/x\", \"y\"]\nend-hung-heart = false\n[addresses]\nnative = false\n";
    let (read, diagnostics) = read_text(text);
    assert_eq!(diagnostics, []);
    let shown = format!("{:?}", read.agents);
    assert_eq!(
        shown,
        "AgentLimits { start_timeout: 120s, stop_timeout: 90s, status_timeout: 500ms, kill_grace: 1.5s, stop_retries: None, \
         stop_pause: 2s, stop_failed: Keep, stop_failed_command: [\"/x\", \"y\"], end_hung_heart: false }"
    );
    assert!(!read.native_addresses);
    assert_eq!(read.stop_retries.map(|mark| mark.line), Some(6));
}

#[test]
fn nothing_said_is_the_default() {
    for text in ["", "# x\n", "[agents]\n[addresses]\n", "agents = {}\n"] {
        let (read, diagnostics) = read_text(text);
        assert_eq!(diagnostics, [], "{text}");
        assert_eq!(read.agents, AgentLimits::default());
        assert!(read.native_addresses);
    }
}

/// The example says the defaults: with every key uncommented nothing changes.
#[test]
fn the_example_is_the_default() {
    assert_eq!(read_text(&example()).1, []);
    let text = example().replace("\n#", "\n").replace("\n ", "\n# ");
    let (read, diagnostics) = read_text(&text);
    assert_eq!(diagnostics, [], "{text}");
    assert_eq!((read.agents, read.native_addresses), (AgentLimits::default(), true));
    assert_eq!(text.matches(" = ").count(), keys::KEYS.len(), "{text}");
}

/// The shape and the table of keys name the same things: an error of serde lists what it knows.
#[test]
fn shape_and_table_agree() {
    let known = |text: &str| -> BTreeSet<String> {
        let error = Raw::deserialize(ValueDeserializer::parse(text).unwrap()).unwrap_err();
        error.message().split('`').skip(3).step_by(2).map(str::to_owned).collect()
    };
    let names = |table: &str| keys::names_in(table).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(known("{ zz = 1 }"), names(""));
    for table in names("") {
        let found = known(&format!("{{ {table} = {{ zz = 1 }} }}"));
        // With a single key serde writes no list.
        assert_eq!(found, names(&table), "{table}");
    }
}

#[test]
fn every_table_refuses_an_unknown_key() {
    assert_eq!(found("zz = 1\n")[0].0, "HB141");
    assert_eq!(found("[zz]\n")[0].0, "HB141");
    for table in keys::names_in("") {
        let text = format!("[{table}]\nno-such-key = 1\n");
        let found = found(&text);
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!((found[0].0.as_str(), found[0].1, found[0].2), ("HB141", 2, 1), "{text}");
    }
}

#[test]
fn all_problems_are_found_in_one_run() {
    let text = "start-timeout = \"1s\"\nagent = { x = 1 }\n[agents]\nstart-timout = \"60s\"\nstop-timeout = 60\n\
                stop-retries = -1\nkill-grace = \"1d\"\n[agents.stop-pause]\nx = 1\n[addresses]\nnative = \"yes\"\n[zz]\na = 1\nb = 2\n";
    let expected = [
        ("HB141", 1, 1, "`start-timeout` belongs below [agents]"),
        ("HB141", 2, 1, "did you mean `agents`?"),
        ("HB141", 4, 1, "did you mean `start-timeout`?"),
        ("HB142", 5, 16, "times have a unit: write `stop-timeout = \"60s\"` for seconds"),
        ("HB142", 6, 16, "for example `stop-retries = 10`"),
        ("HB142", 7, 14, "for example `kill-grace = \"5s\"`"),
        ("HB142", 8, 9, "for example `stop-pause = \"1s\"`"),
        ("HB142", 11, 10, "for example `native = true`"),
        ("HB141", 12, 2, "known are agents, addresses, fencing, lease, monitor"),
    ];
    let expected =
        expected.map(|(code, line, column, hint)| (code.to_owned(), line, column, hint.to_owned()));
    assert_eq!(found(text), expected);
    assert_eq!(found("agents = 5\n")[0].3, "write its keys below a line `[agents]`");
}

#[test]
fn a_program_is_named_by_its_whole_path() {
    assert_eq!(
        found("[agents]\nstop-failed-command = [\"reboot\"]\n")[0].3,
        "for example `stop-failed-command = []`"
    );
    assert_eq!(found("[agents]\nstop-failed-command = \"/sbin/reboot\"\n")[0].0, "HB142");
}

#[test]
fn monitoring_is_off_unless_it_has_an_interval() {
    for text in ["", "[monitor]\ninterval = \"off\"\n", "[monitor]\nrestarts = 5\n"] {
        assert_eq!(read_text(text).0.monitor, None, "{text}");
    }
    let (read, diagnostics) = read_text("[monitor]\ninterval = \"10s\"\n");
    let expected = MonitorSettings {
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(20),
        failures: 1,
        restarts: 3,
        within: Duration::from_secs(600),
        moves: true,
        groups: Vec::new(),
    };
    assert_eq!((read.monitor, diagnostics), (Some(expected), vec![]));
    let text = "[monitor]\ninterval = \"1s\"\ntimeout = \"2s\"\nfailures = 2\nrestarts = 0\nwithin = \"1min\"\nthen = \"stay\"\ngroups = [\"www\"]\n";
    let (read, diagnostics) = read_text(text);
    assert_eq!(diagnostics, []);
    assert_eq!(
        format!("{:?}", read.monitor.unwrap()),
        "MonitorSettings { interval: 1s, timeout: 2s, failures: 2, restarts: 0, within: 60s, moves: false, groups: [\"www\"] }"
    );
    for wrong in [
        "interval = 5",
        "interval = \"1ms\"",
        "failures = 0",
        "restarts = -1",
        "then = \"reboot\"",
        "groups = 5",
    ] {
        assert_eq!(found(&format!("[monitor]\n{wrong}\n"))[0].0, "HB142", "{wrong}");
    }
}

#[test]
fn a_failed_stop_has_a_policy() {
    for (word, policy) in
        [("retry", StopFailed::Retry), ("keep", StopFailed::Keep), ("reboot", StopFailed::Reboot)]
    {
        let (read, diagnostics) = read_text(&format!("[agents]\nstop-failed = \"{word}\"\n"));
        assert_eq!((read.agents.stop_failed, diagnostics), (policy, vec![]));
    }
    for (fencing, own) in [
        ("", None),
        ("options = [\"ip=1\"]", None),
        ("agent = \"x\"\noptions = [\"ip=1\"]", None),
        ("agent = \"x\"\noptions = [\"plug={node}\"]", Some("plug={node}")),
        ("agent = \"x\"\noptions = [\"plug={node}\"]\nown-options = [\"ip=2\"]", Some("ip=2")),
    ] {
        let (read, refused) =
            read_text(&format!("[agents]\nstop-failed = \"fence\"\n[fencing]\n{fencing}\n"));
        assert_eq!(read.agents.stop_failed, StopFailed::Fence);
        assert_eq!(read.fencing.for_itself().map(<[String]>::concat).as_deref(), own);
        let found: Vec<_> = refused.iter().map(|found| found.code.id()).collect();
        assert_eq!(found, if own.is_some() { vec![] } else { vec!["HB146"] }, "{fencing}");
    }
    assert_eq!(found("[agents]\nstop-failed = \"shoot\"\n")[0].0, "HB142");
}

#[test]
fn text_that_is_not_toml_has_a_place() {
    for (text, line, column) in [
        ("[agents\n", 1, 8),
        ("a\n", 1, 2),
        ("[agents]\n[agents]\n", 2, 2),
        ("[agents]\nkill-grace = \"5s\"\nkill-grace = \"6s\"\n", 3, 1),
        ("\u{feff}[agents]\nx y = 1\n", 2, 3),
    ] {
        let found = found(text);
        assert_eq!(
            found.first().map(|found| (found.0.as_str(), found.1, found.2)),
            Some(("HB140", line, column)),
            "{text}: {found:?}"
        );
    }
    let mut source = Source::new(FileKind::HbToml, PathBuf::from("hb.toml"), b"# caf\xe9\n".to_vec());
    let mut report = Report::default();
    read(&mut source, &mut report);
    let found = report.into_sorted();
    assert_eq!(
        found.iter().map(|found| (found.code.id(), found.place.unwrap().column)).collect::<Vec<_>>(),
        [("HB012", 6)]
    );
}
