//! Reads `haresources`: the daemon's check of 3.0.6 decides on acceptance (`config.md` 9), its script's grammar on
//! meaning (`failover.md` 1.1). Where the two disagree, and where 3.0.6 would fail later, there are warnings.

mod address;
mod agent;
mod boot;
mod group;
mod names;
mod network;
mod resource;
mod traps;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::checked::Group;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report};
use crate::host::Host;
use crate::source::{Mark, Place, Source};

/// The nodes that a line may name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownNodes<'a> {
    pub(crate) nodes: &'a [(String, Mark)],
    pub(crate) ping_nodes: &'a [(String, Mark)],
    /// Addresses of other machines, and the file that names them.
    pub(crate) fixed_addresses: &'a HashMap<Ipv4Addr, Mark>,
    pub(crate) ha_cf: &'a Source,
}

impl KnownNodes<'_> {
    /// Where ha.cf names an address of another machine.
    fn place_of(self, address: Ipv4Addr) -> Option<Place> {
        Some(self.ha_cf.place(*self.fixed_addresses.get(&address)?))
    }

    /// A normal node of that name, case ignored.
    fn has_node(self, name: &[u8]) -> bool {
        self.nodes.iter().any(|(node, _)| node.as_bytes().eq_ignore_ascii_case(name))
    }

    /// A ping node of that name, case ignored.
    fn has_ping_node(self, name: &[u8]) -> bool {
        self.ping_nodes.iter().any(|(node, _)| node.as_bytes().eq_ignore_ascii_case(name))
    }

    fn has(self, name: &[u8]) -> bool {
        self.has_node(name) || self.has_ping_node(name)
    }
}

/// What reading needs besides the text.
struct Reading<'a> {
    source: &'a Source,
    report: &'a mut Report,
    /// Nothing if `ha.cf` does not say reliably which nodes there are; then names are not checked.
    known: Option<KnownNodes<'a>>,
    host: &'a dyn Host,
    /// The configuration directory, for `resource.d`.
    dir: &'a Path,
    /// Whether addresses are put up without a script.
    native_addresses: bool,
}

impl Reading<'_> {
    fn error(&mut self, mark: Mark, make: impl FnOnce() -> Diagnostic) {
        let source = self.source;
        self.report.error(|| make().at(source.place(mark)));
    }

    fn warning(&mut self, mark: Mark, make: impl FnOnce() -> Diagnostic) {
        let source = self.source;
        self.report.warning(|| make().at(source.place(mark)));
    }

    fn note(&mut self, mark: Mark, make: impl FnOnce() -> Diagnostic) {
        let source = self.source;
        self.report.note(|| make().at(source.place(mark)));
    }
}

/// Nodes number groups with 16 bits.
const MOST_GROUPS: usize = 65_535;

/// Where the resources would run.
#[derive(Clone, Copy)]
pub(crate) struct Machine<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) host: &'a dyn Host,
    pub(crate) native_addresses: bool,
}

/// Reads all groups; those without resources are left out.
pub(crate) fn read(
    source: &Source,
    known: Option<KnownNodes<'_>>,
    machine: Machine<'_>,
    report: &mut Report,
) -> Vec<Group> {
    let Machine { dir, host, native_addresses } = machine;
    let mut reading = Reading { source, report, known, host, dir, native_addresses };
    names::check(&mut reading);
    let lines = group::logical_lines(&mut reading);
    if let Some(first_too_many) = lines.get(MOST_GROUPS) {
        let count = lines.len();
        reading.error(first_too_many.node.mark, || {
            Diagnostic::error(
                Code::TooManyGroups,
                format!("at most {MOST_GROUPS} groups are possible, and there are {count}"),
            )
            .hint("put the resources that move together on one line")
        });
        return Vec::new();
    }
    traps::warn(&mut reading, &lines);
    resource::groups(&mut reading, &lines)
}
