//! Reads the vectors; shared by the tests of several crates.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../hb-wire/tests/vectors")
}

/// One packet and what the index says about it.
pub(crate) struct Vector {
    pub(crate) entry: Json,
    pub(crate) packet: Vec<u8>,
}

impl Vector {
    pub(crate) fn file(&self) -> &str {
        self.text("file")
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.entry[key].as_str().unwrap_or_else(|| panic!("{key} of {}", self.entry))
    }
}

/// Vectors of one packet each, without ICMP header.
pub(crate) fn single() -> impl Iterator<Item = Vector> {
    vectors(|kind| kind != "serial-stream")
}

/// Vectors of a kind: `udp`, `icmp`, `icmp6`, `serial`; `serial-stream` is all that one node wrote to a line.
pub(crate) fn vectors(is_wanted: fn(&str) -> bool) -> impl Iterator<Item = Vector> {
    all().into_iter().filter(move |vector| is_wanted(vector.text("kind")))
}

fn all() -> Vec<Vector> {
    let text = std::fs::read_to_string(folder().join("index.json")).unwrap();
    let index: Json = serde_json::from_str(&text).unwrap();
    let entries = index["vectors"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            let bytes = std::fs::read(folder().join(entry["file"].as_str().unwrap())).unwrap();
            let header = if entry["kind"].as_str().unwrap().starts_with("icmp") { 8 } else { 0 };
            Vector { entry: entry.clone(), packet: bytes[header..].to_vec() }
        })
        .collect()
}
