//! Every configuration that was given to the real 3.0.6, and its verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use hb_config::{Loaded, load};
use serde::Deserialize;

use super::differences::listed_vectors;
use super::fake_host::{DIR, FakeHost};

const TEXT: &str = include_str!("../vectors/config.json");

#[derive(Deserialize)]
pub(crate) struct Vectors {
    base_params: BTreeMap<String, String>,
    pub(crate) base_files: BTreeMap<String, String>,
    pub(crate) cases: Vec<Case>,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    result: String,
    /// Text of each file; null where it was absent; the base file where it is not named.
    files: BTreeMap<String, Option<String>>,
    #[serde(default)]
    directories: Vec<String>,
    #[serde(default)]
    modes: BTreeMap<String, String>,
    hostname: Option<String>,
    #[serde(default)]
    params: BTreeMap<String, String>,
    nodes: Option<Vec<String>>,
    keepalive_ms: Option<u64>,
    deadtime_ms: Option<u64>,
}

pub(crate) fn vectors() -> Vectors {
    serde_json::from_str(TEXT).unwrap()
}

impl Case {
    fn load(&self, base_files: &BTreeMap<String, String>) -> Loaded {
        load(Path::new(DIR), &self.host(base_files))
    }

    /// The machine with the files of this case.
    pub(crate) fn host(&self, base_files: &BTreeMap<String, String>) -> FakeHost {
        let mut host = FakeHost::new();
        if let Some(name) = &self.hostname {
            host.name.clone_from(name);
        }
        for name in &self.directories {
            host.directories.push(Path::new(DIR).join(name));
        }
        let base = base_files.iter().map(|(name, text)| (name, Some(text)));
        let own = self.files.iter().map(|(name, text)| (name, text.as_ref()));
        let files: BTreeMap<&String, Option<&String>> = base.chain(own).collect();
        for (name, text) in files {
            let Some(text) = text else { continue };
            let bytes: Vec<u8> = text.chars().map(|byte| u8::try_from(u32::from(byte)).unwrap()).collect();
            let usual = if name == "authkeys" { "0600" } else { "0644" };
            let mode = self.modes.get(name).map_or(usual, String::as_str);
            host.file(Path::new(DIR).join(name), &bytes, u32::from_str_radix(mode, 8).unwrap());
        }
        host
    }

    /// What the caller of 3.0.6 was told: exit code 0 or not. Crashing while parsing is a refusal.
    fn was_accepted(&self) -> bool {
        match self.result.as_str() {
            "started" | "died" => true,
            "refused" | "crashed" => false,
            other => panic!("{other}"),
        }
    }
}

#[test]
fn the_verdict_is_that_of_heartbeat_unless_a_difference_is_listed() {
    let vectors = vectors();
    assert_eq!(vectors.cases.len(), 525);
    let mut different = BTreeSet::new();
    for case in &vectors.cases {
        let loaded = case.load(&vectors.base_files);
        assert_eq!(loaded.config.is_some(), loaded.counts.errors == 0, "{}", case.name);
        assert_eq!(loaded.exit_code(), if loaded.config.is_some() { 0 } else { 6 }, "{}", case.name);
        if loaded.config.is_some() != case.was_accepted() {
            different.insert(case.name.clone());
        }
    }
    assert_eq!(different, listed_vectors(), "left: found here; right: listed in docs/differences.md");
}

#[test]
fn every_refusal_names_file_and_hint() {
    let vectors = vectors();
    for case in &vectors.cases {
        let loaded = case.load(&vectors.base_files);
        let errors = loaded.diagnostics.iter().filter(|found| found.severity == hb_config::Severity::Error);
        for error in errors {
            assert!(error.file.is_some(), "{}: {error:?}", case.name);
            assert!(error.hint.is_some(), "{}: {error:?}", case.name);
        }
    }
}

#[test]
fn values_are_those_that_heartbeat_reported() {
    let vectors = vectors();
    let mut compared = 0;
    for case in &vectors.cases {
        let Some(config) = case.load(&vectors.base_files).config else { continue };
        compared += 1;
        let name = &case.name;
        if case.result == "started" {
            let mut expected = vectors.base_params.clone();
            expected.extend(case.params.clone());
            let given: BTreeMap<String, String> = config.parameters.iter().cloned().collect();
            for (parameter, value) in &given {
                let known = expected.get(parameter);
                // The index lists what differs from the base and cannot say that a parameter is absent.
                assert!(known.is_none_or(|known| known == value), "{name}: {parameter} {value} {known:?}");
            }
            for (parameter, value) in &case.params {
                assert_eq!(given.get(parameter), Some(value), "{name}: {parameter}");
            }
        }
        if let Some(millis) = case.keepalive_ms {
            assert_eq!(config.keepalive, Duration::from_millis(millis), "{name}");
        }
        if let Some(millis) = case.deadtime_ms {
            assert_eq!(config.deadtime, Duration::from_millis(millis), "{name}");
        }
        let listed: BTreeSet<&String> = config.nodes.iter().chain(&config.ping_nodes).collect();
        let own = vec!["cc1".to_owned()];
        let expected: BTreeSet<&String> = case.nodes.as_ref().unwrap_or(&own).iter().collect();
        let is_known = case.hostname.is_none() && case.was_accepted();
        assert!(!is_known || listed == expected, "{name}: {listed:?} {expected:?}");
    }
    assert!(compared > 250, "{compared}");
}
