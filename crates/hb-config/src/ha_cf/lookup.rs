//! Questions to the host, remembered, so that a file of a million words does not ask a million times.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::host::{Host, InterfaceState, PathFacts, PathKind};

/// Failed host names after which no more are looked up: each may cost seconds, and the file is refused anyway.
const FAILED_NAMES: usize = 8;
/// Different names of one kind that are looked up; further ones count as absent.
const DIFFERENT_NAMES: usize = 4096;
/// Different UDP ports for which the services file is read.
const DIFFERENT_PORTS: usize = 32;
/// Different files with parameters of fencing devices that are read, and how much of each.
const PARAMETER_FILES: usize = 32;
const PARAMETER_BYTES: usize = 1 << 16;

/// The host with a memory.
pub(crate) struct Lookup<'a> {
    host: &'a dyn Host,
    users: HashMap<String, bool>,
    groups: HashMap<String, bool>,
    interfaces: HashMap<String, InterfaceState>,
    addresses: HashMap<String, Option<Ipv4Addr>>,
    failed_names: usize,
    paths: HashMap<PathBuf, Option<PathFacts>>,
    services: HashMap<u16, Option<String>>,
    parameter_files: HashMap<PathBuf, Option<String>>,
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(host: &'a dyn Host) -> Self {
        Self {
            host,
            users: HashMap::new(),
            groups: HashMap::new(),
            interfaces: HashMap::new(),
            addresses: HashMap::new(),
            failed_names: 0,
            paths: HashMap::new(),
            services: HashMap::new(),
            parameter_files: HashMap::new(),
        }
    }

    pub(crate) const fn host(&self) -> &'a dyn Host {
        self.host
    }

    pub(crate) fn user_exists(&mut self, name: &str) -> bool {
        remember(&mut self.users, name, false, |name| self.host.user_exists(name))
    }

    pub(crate) fn group_exists(&mut self, name: &str) -> bool {
        remember(&mut self.groups, name, false, |name| self.host.group_exists(name))
    }

    pub(crate) fn interface(&mut self, name: &str) -> InterfaceState {
        remember(&mut self.interfaces, name, InterfaceState::Absent, |name| self.host.interface(name))
    }

    /// An IPv4 address of `name`; no question for one that is written as numbers.
    pub(crate) fn resolve(&mut self, name: &str) -> Option<Ipv4Addr> {
        if let Ok(address) = name.parse() {
            return Some(address);
        }
        if self.failed_names >= FAILED_NAMES && !self.addresses.contains_key(name) {
            return None;
        }
        let found = remember(&mut self.addresses, name, None, |name| self.host.resolve(name));
        self.failed_names += usize::from(found.is_none());
        found
    }

    /// The service that owns a UDP port. It only makes a warning, so few different ports are asked for.
    pub(crate) fn service_at_udp_port(&mut self, port: u16) -> Option<&str> {
        if self.services.len() < DIFFERENT_PORTS {
            self.services.entry(port).or_insert_with(|| self.host.service_at_udp_port(port));
        }
        self.services.get(&port)?.as_deref()
    }

    /// The first line of a file that is neither empty nor a comment, empty if there is no such line; nothing if the file
    /// cannot be read.
    pub(crate) fn parameters_in(&mut self, path: &Path) -> Option<String> {
        if let Some(known) = self.parameter_files.get(path) {
            return known.clone();
        }
        if self.parameter_files.len() >= PARAMETER_FILES {
            return None;
        }
        let is_file = self.path(path).is_some_and(|facts| facts.kind == PathKind::File);
        let content = is_file.then(|| self.host.read(path, PARAMETER_BYTES).ok()).flatten();
        let line = content.as_deref().map(first_line);
        self.parameter_files.insert(path.to_owned(), line.clone());
        line
    }

    /// What is at `path`; nothing if it cannot be looked at.
    pub(crate) fn path(&mut self, path: &Path) -> Option<PathFacts> {
        if let Some(known) = self.paths.get(path) {
            return *known;
        }
        let found = self.host.metadata(path).ok();
        if self.paths.len() < DIFFERENT_NAMES {
            self.paths.insert(path.to_owned(), found);
        }
        found
    }
}

fn first_line(content: &[u8]) -> String {
    let mut lines = content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with(b"#")).unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

fn remember<T: Copy>(
    known: &mut HashMap<String, T>,
    name: &str,
    absent: T,
    ask: impl FnOnce(&str) -> T,
) -> T {
    if let Some(answer) = known.get(name) {
        return *answer;
    }
    if known.len() >= DIFFERENT_NAMES {
        return absent;
    }
    let answer = ask(name);
    known.insert(name.to_owned(), answer);
    answer
}
