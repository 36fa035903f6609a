//! Old spellings of `ha.cf` to present ones; every other byte stays as it is.
//!
//! `udp` becomes `bcast`, `nice_failback` what it means as `auto_failback`, `crm` becomes `pacemaker`. Directives that
//! were dropped (`tipc` and others) become comments with a suggestion above them, since a file with them is refused.
//! Whether the new text means the same as the old one is checked here, by reading both.

mod edit;
mod view;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use crate::checked::Checked;
use crate::host::{Host, InterfaceState, PathFacts, Route};
use crate::load::{LARGEST_FILE, LoadOptions, Loaded, load_with};
use crate::source::FileKind;

pub use write::ConvertError;

/// An `ha.cf` before and after.
#[derive(Debug)]
pub struct Conversion {
    path: PathBuf,
    before: Vec<u8>,
    after: Vec<u8>,
    changes: Vec<Change>,
    too_long: Vec<usize>,
    /// What a check says about the files with the new text.
    pub checked: Loaded,
}

/// A line that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    /// Its number in the old text, from 1.
    line: usize,
    /// Its bytes, LF included if it has one.
    before: Vec<u8>,
    /// What takes its place: one line or several.
    after: Vec<u8>,
}

/// Reads `ha.cf` in `dir` and rewrites what has a newer spelling. Changes no file.
///
/// # Errors
///
/// [`ConvertError::Read`] if the file cannot be read; [`ConvertError::Meaning`] if the new text would mean something
/// else, which is a defect of this function.
pub fn convert(dir: &Path, host: &dyn Host, options: &LoadOptions) -> Result<Conversion, ConvertError> {
    let path = dir.join(FileKind::HaCf.name());
    let before =
        host.read(&path, LARGEST_FILE).map_err(|source| ConvertError::Read { path: path.clone(), source })?;
    let edited = edit::edit(&before);
    let checked = load_with(dir, &WithText { host, path: &path, text: &edited.text }, options);
    if !edited.changes.is_empty() {
        // A file that is refused may get better; one that is accepted must keep its meaning.
        let old = load_with(dir, host, options).config;
        if old.as_ref().is_some_and(|old| checked.config.as_ref().map(meaning) != Some(meaning(old))) {
            return Err(ConvertError::Meaning { path });
        }
    }
    let edit::Edited { text, changes, too_long } = edited;
    Ok(Conversion { path, before, after: text, changes, too_long, checked })
}

impl Conversion {
    /// The new text of `ha.cf`.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.after
    }

    /// Whether there is nothing to rewrite.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Lines, counted from 1, that have an old spelling but would become longer than 3.0.6 reads. They stay.
    #[must_use]
    pub fn too_long(&self) -> &[usize] {
        &self.too_long
    }
}

/// All that a configuration says, without the places and without the raw text under which it was recorded.
fn meaning(checked: &Checked) -> String {
    let mut checked = checked.clone();
    for notice in &mut checked.not_in_force {
        notice.place = None;
    }
    checked.parameters.retain(|(name, _)| name != "auto_failback");
    format!("{checked:?}")
}

/// A machine whose `ha.cf` has another text.
struct WithText<'a> {
    host: &'a dyn Host,
    path: &'a Path,
    text: &'a [u8],
}

impl Host for WithText<'_> {
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        if path == self.path {
            return Ok(self.text.get(..limit).unwrap_or(self.text).to_vec());
        }
        self.host.read(path, limit)
    }

    fn node_name(&self) -> String {
        self.host.node_name()
    }

    fn metadata(&self, path: &Path) -> io::Result<PathFacts> {
        self.host.metadata(path)
    }

    fn entries(&self, path: &Path) -> Vec<String> {
        self.host.entries(path)
    }

    fn interface(&self, name: &str) -> InterfaceState {
        self.host.interface(name)
    }

    fn interfaces(&self) -> Vec<String> {
        self.host.interfaces()
    }

    fn routes(&self) -> Vec<Route> {
        self.host.routes()
    }

    fn user_exists(&self, name: &str) -> bool {
        self.host.user_exists(name)
    }

    fn group_exists(&self, name: &str) -> bool {
        self.host.group_exists(name)
    }

    fn resolve(&self, name: &str) -> Option<std::net::Ipv4Addr> {
        self.host.resolve(name)
    }

    fn udp_port_of(&self, service: &str) -> Option<u16> {
        self.host.udp_port_of(service)
    }

    fn service_at_udp_port(&self, port: u16) -> Option<String> {
        self.host.service_at_udp_port(port)
    }
}
