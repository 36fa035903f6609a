//! The one way in: reads the files of a directory and says what they mean (`config.md` 1).
//!
//! The verdict is that of 3.0.6, which stops after the first bad file; all files are read here, so that everything
//! wrong is reported in one run.

use std::io;
use std::path::{Path, PathBuf};

use hb_auth::KeyRing;
use zeroize::Zeroizing;

use crate::authkeys;
use crate::checked::Checked;
use crate::code::Code;
use crate::diagnostic::{Counts, Diagnostic, Report, quoted};
use crate::fencing;
use crate::ha_cf::{self, Draft};
use crate::haresources::{self, KnownNodes, Machine};
use crate::hb_toml::{self, HbToml};
use crate::host::{Host, PathKind};
use crate::source::{FileKind, Source};

/// A configuration file larger than this is not read.
pub(crate) const LARGEST_FILE: usize = 16 << 20;
/// Bytes of `nodeinfo` that are read.
const LARGEST_NODEINFO: usize = 4096;
/// Exit code of a start with these files: good.
const EXIT_GOOD: u8 = 0;
/// `ha.cf` may not be read.
const EXIT_NO_PERMISSION: u8 = 4;
/// The configuration is refused.
const EXIT_REFUSED: u8 = 6;

/// What was found in a configuration directory.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; nothing if there was an error.
    pub config: Option<Checked>,
    /// Problems and remarks by file and place, at most a hundred of each severity.
    pub diagnostics: Vec<Diagnostic>,
    /// Numbers of all problems and remarks.
    pub counts: Counts,
    /// The files that could be read; keys, and parameters of fencing devices, are masked.
    pub sources: Vec<Source>,
    /// What was read: the directory, or the one file of [`load_keys`].
    pub subject: PathBuf,
    paths: Paths,
    exit_code: u8,
}

impl Loaded {
    /// Exit code of a start or a check with these files: 0 good, 6 refused, 4 if `ha.cf` may not be read.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// Where a file was looked for.
    pub(crate) fn path_of(&self, file: FileKind) -> String {
        self.paths.of(file).display().to_string()
    }
}

/// Where the files are.
#[derive(Clone, Debug)]
struct Paths {
    ha_cf: PathBuf,
    authkeys: PathBuf,
    haresources: PathBuf,
    hb_toml: PathBuf,
}

impl Paths {
    fn in_directory(dir: &Path) -> Self {
        let path = |file: FileKind| dir.join(file.name());
        Self {
            ha_cf: path(FileKind::HaCf),
            authkeys: path(FileKind::Authkeys),
            haresources: path(FileKind::Haresources),
            hb_toml: path(FileKind::HbToml),
        }
    }

    fn of(&self, file: FileKind) -> &Path {
        match file {
            FileKind::HaCf => &self.ha_cf,
            FileKind::Authkeys => &self.authkeys,
            FileKind::Haresources => &self.haresources,
            FileKind::HbToml => &self.hb_toml,
        }
    }
}

/// What a start may say on its command line about the configuration.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The node's own name in place of `nodeinfo` and `uname -n`.
    pub node_name: Option<String>,
}

/// Reads and checks `ha.cf`, `authkeys`, `haresources` and, if there is one, `hb.toml` in `dir`.
///
/// ```
/// use std::path::Path;
/// let loaded = hb_config::load(Path::new("/no/such/directory"), &hb_config::RealHost);
/// assert!(loaded.config.is_none());
/// assert_eq!((loaded.counts.errors, loaded.exit_code()), (3, 6));
/// assert!(loaded.render(false).starts_with("error[HB001]: the file does not exist"));
/// ```
#[must_use]
pub fn load(dir: &Path, host: &dyn Host) -> Loaded {
    load_with(dir, host, &LoadOptions::default())
}

/// As [`load`], with options of a command line.
#[must_use]
pub fn load_with(dir: &Path, host: &dyn Host, options: &LoadOptions) -> Loaded {
    let mut loading = Loading::new(dir, Paths::in_directory(dir), host);
    let own_name = options.node_name.clone().unwrap_or_else(|| own_name(dir, host)).to_ascii_lowercase();

    let draft = loading.ha_cf(&own_name);
    loading.check_mode();
    let key_ring = loading.authkeys();
    let hb_toml = loading.hb_toml(draft.as_ref());
    if let Some(draft) = &draft {
        fencing::check(draft, &hb_toml, &loading.sources, host, &mut loading.report);
    }
    let groups = loading.haresources(draft.as_ref(), hb_toml.native_addresses);
    loading.check_named(&hb_toml, &groups);

    let config = match (loading.report.counts().errors, draft, key_ring) {
        (0, Some(draft), Some(key_ring)) => {
            Some(ha_cf::assemble(draft, &own_name, key_ring, hb_toml, groups))
        }
        _ => None,
    };
    loading.finish(dir, config)
}

/// Reads one key file by the rules of `authkeys`, wherever it stands and whatever its mode is: for tools that look at
/// packets.
///
/// # Errors
///
/// What is wrong with the file, as for [`load`].
pub fn load_keys(path: &Path, host: &dyn Host) -> Result<KeyRing, Box<Loaded>> {
    let dir = path.parent().unwrap_or(path);
    let paths = Paths { authkeys: path.to_owned(), ..Paths::in_directory(dir) };
    let mut loading = Loading::new(dir, paths, host);
    match (loading.authkeys(), loading.report.counts().errors) {
        (Some(key_ring), 0) => Ok(key_ring),
        _ => Err(Box::new(loading.finish(path, None))),
    }
}

/// The name of this node in lower case, as [`load`] finds it.
#[must_use]
pub fn node_name(dir: &Path, host: &dyn Host) -> String {
    own_name(dir, host).to_ascii_lowercase()
}

/// The first line of `nodeinfo` as it is; an empty or unreadable file counts as absent, an empty line does not.
fn own_name(dir: &Path, host: &dyn Host) -> String {
    let nodeinfo = dir.join("nodeinfo");
    let is_file = host.metadata(&nodeinfo).is_ok_and(|facts| facts.kind == PathKind::File);
    let content =
        if is_file { host.read(&nodeinfo, LARGEST_NODEINFO).unwrap_or_default() } else { Vec::new() };
    if content.is_empty() {
        return host.node_name();
    }
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

struct Loading<'a> {
    dir: &'a Path,
    paths: Paths,
    host: &'a dyn Host,
    report: Report,
    sources: Vec<Source>,
    /// `ha.cf` is there but may not be read.
    ha_cf_denied: bool,
}

impl<'a> Loading<'a> {
    fn new(dir: &'a Path, paths: Paths, host: &'a dyn Host) -> Self {
        Self { dir, paths, host, report: Report::default(), sources: Vec::new(), ha_cf_denied: false }
    }

    fn finish(self, subject: &Path, config: Option<Checked>) -> Loaded {
        let Self { paths, report, sources, ha_cf_denied, .. } = self;
        let exit_code = match config {
            Some(_) => EXIT_GOOD,
            None if ha_cf_denied => EXIT_NO_PERMISSION,
            None => EXIT_REFUSED,
        };
        let counts = report.counts();
        let diagnostics = report.into_sorted();
        Loaded { config, diagnostics, counts, sources, subject: subject.to_owned(), paths, exit_code }
    }

    fn ha_cf(&mut self, own_name: &str) -> Option<Draft> {
        let bytes = self.read(FileKind::HaCf)?;
        let mut source = Source::new(FileKind::HaCf, self.path(FileKind::HaCf), bytes);
        let mut draft = ha_cf::read(&source, own_name, self.host, &mut self.report);
        source.hide(draft.hidden.drain(..));
        self.sources.push(source);
        Some(draft)
    }

    /// Others must not be able to read the keys.
    fn check_mode(&mut self) {
        let file = FileKind::Authkeys;
        let path = self.path(file);
        let Ok(facts) = self.host.metadata(&path) else { return };
        if facts.mode & 0o044 != 0 && facts.kind != PathKind::Directory {
            self.report.error(|| {
                let message = format!("the mode {:04o} lets others read the keys", facts.mode);
                Diagnostic::error(Code::AuthkeysMode, message)
                    .in_file(file)
                    .hint(format!("chmod 600 {}", path.display()))
            });
        }
    }

    fn authkeys(&mut self) -> Option<KeyRing> {
        let bytes = Zeroizing::new(self.read(FileKind::Authkeys)?);
        let read = authkeys::read(self.path(FileKind::Authkeys), &bytes, &mut self.report);
        self.sources.push(read.source);
        read.key_ring
    }

    /// Optional: nothing is said if the file does not exist.
    fn hb_toml(&mut self, draft: Option<&Draft>) -> HbToml {
        let file = FileKind::HbToml;
        let path = self.path(file);
        if self.host.metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return HbToml::default();
        }
        let Some(bytes) = self.read(file) else { return HbToml::default() };
        let mut source = Source::new(file, path, bytes);
        let hb_toml = hb_toml::read(&mut source, &mut self.report);
        let ha_cf = self.sources.iter().find(|source| source.file() == FileKind::HaCf);
        if let Some((draft, ha_cf)) = draft.zip(ha_cf) {
            hb_toml::compare(&hb_toml, &source, draft, ha_cf, &mut self.report);
            hb_toml::check_lifetime(&hb_toml, draft, ha_cf, &mut self.report);
        }
        self.sources.push(source);
        hb_toml
    }

    /// Groups that hb.toml names.
    fn check_named(&mut self, hb_toml: &HbToml, groups: &[crate::checked::Group]) {
        let source = self.sources.iter().find(|source| source.file() == FileKind::HbToml);
        if let Some(source) = source {
            hb_toml::check_staged(hb_toml, source, groups, &mut self.report);
            hb_toml::check_monitored(hb_toml, source, groups, &mut self.report);
        }
    }

    /// Not looked at when `ha.cf` asks for Pacemaker.
    fn haresources(&mut self, draft: Option<&Draft>, native_addresses: bool) -> Vec<crate::checked::Group> {
        if draft.is_some_and(|draft| draft.wants_pacemaker) {
            return Vec::new();
        }
        let Some(bytes) = self.read(FileKind::Haresources) else { return Vec::new() };
        let machine = Machine { dir: self.dir, host: self.host, native_addresses };
        let source = Source::new(FileKind::Haresources, self.path(FileKind::Haresources), bytes);
        // Without reliable nodes every line would be called wrong; ha.cf has its errors already.
        let known = draft
            .filter(|draft| draft.members > 0 && !draft.doubts.nodes)
            .zip(self.sources.iter().find(|source| source.file() == FileKind::HaCf))
            .map(|(draft, ha_cf)| KnownNodes {
                nodes: &draft.nodes,
                ping_nodes: &draft.ping_nodes,
                fixed_addresses: &draft.fixed_addresses,
                ha_cf,
            });
        let groups = haresources::read(&source, known, machine, &mut self.report);
        if let (Some(known), false) = (known, groups.is_empty()) {
            ha_cf::check_number_of_nodes(known.nodes, known.ha_cf, &mut self.report);
        }
        let ha_cf = self.sources.iter().find(|source| source.file() == FileKind::HaCf);
        if let (Some((draft, ha_cf)), false) = (draft.zip(ha_cf), groups.is_empty()) {
            ha_cf::check_autojoin(draft, ha_cf, &mut self.report);
        }
        self.sources.push(source);
        groups
    }

    fn path(&self, file: FileKind) -> PathBuf {
        self.paths.of(file).to_owned()
    }

    /// The content of a file, or nothing after reporting why not.
    fn read(&mut self, file: FileKind) -> Option<Vec<u8>> {
        let path = self.path(file);
        let facts = match self.host.metadata(&path) {
            Ok(facts) => facts,
            Err(error) => return self.unreadable(file, &error),
        };
        match facts.kind {
            PathKind::Directory if file == FileKind::Haresources => {
                self.report.warning(|| {
                    Diagnostic::warning(Code::NotAFile, "this is a directory; it is read as an empty file")
                        .in_file(file)
                });
                return Some(Vec::new());
            }
            PathKind::Directory | PathKind::Other => {
                let what =
                    if facts.kind == PathKind::Directory { "a directory" } else { "not a regular file" };
                self.report.error(|| {
                    Diagnostic::error(Code::NotAFile, format!("this is {what}"))
                        .in_file(file)
                        .hint("put a regular file there")
                });
                return None;
            }
            PathKind::File | PathKind::CharacterDevice | PathKind::Terminal => {}
        }
        let bytes = match self.host.read(&path, LARGEST_FILE + 1) {
            Ok(bytes) => bytes,
            Err(error) => return self.unreadable(file, &error),
        };
        if bytes.len() > LARGEST_FILE {
            self.report.error(|| {
                Diagnostic::error(Code::FileTooLarge, "the file is larger than 16 MiB")
                    .in_file(file)
                    .hint("is this the right file?")
            });
            return None;
        }
        Some(bytes)
    }

    fn unreadable(&mut self, file: FileKind, error: &io::Error) -> Option<Vec<u8>> {
        let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
        self.ha_cf_denied |= file == FileKind::HaCf && is_denied;
        let path = self.path(file);
        self.report.error(|| {
            let is_absent = error.kind() == io::ErrorKind::NotFound;
            let message = if is_absent {
                "the file does not exist".to_owned()
            } else {
                format!("the file cannot be read: {error}")
            };
            let diagnostic = Diagnostic::error(Code::FileUnreadable, message).in_file(file);
            if !is_absent {
                return if is_denied { diagnostic.hint("run this as root") } else { diagnostic };
            }
            match file {
                FileKind::HaCf => diagnostic.hint("an example stands in examples/conf/two-node"),
                FileKind::Authkeys => diagnostic
                    .hint("it must be the same on all nodes: `auth 1` and below it `1 sha1 KEY`, mode 600"),
                FileKind::Haresources => {
                    let name = quoted(path.as_os_str().as_encoded_bytes());
                    diagnostic.hint(format!("create {name}; an empty file means that there are no resources"))
                }
                // It may be absent, so this is not reached.
                FileKind::HbToml => diagnostic,
            }
        });
        None
    }
}
