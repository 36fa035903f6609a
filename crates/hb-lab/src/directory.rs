//! The lab's place in the file system: one temporary directory, in it one for each host.
//!
//! A host's private directories are seen from outside too: a log can be read after its host has lost power, a
//! control socket can be reached without entering the host.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::LabError;
use crate::protocol::Bind;

/// Makes the directory of a new lab.
pub(crate) fn make_base() -> Result<PathBuf, LabError> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("hb-lab-{}-{number}", std::process::id());
    // A path below a private directory of the hosts would vanish for them; a long one fits no socket address.
    let usable = |place: &PathBuf| {
        !PRIVATE.iter().any(|(target, _)| place.starts_with(target)) && place.as_os_str().len() < 40
    };
    let mut refused = io::Error::from(io::ErrorKind::NotFound);
    for place in [env::temp_dir(), "/tmp".into(), "/var/tmp".into()].into_iter().filter(usable) {
        // Others may pass (programs of hosts that are not root), but not look.
        let base = place.join(&name);
        match DirBuilder::new().mode(0o711).create(&base) {
            Ok(()) => return Ok(base),
            Err(error) => refused = error,
        }
    }
    Err(LabError::File { doing: "make the lab's directory", path: name.into(), source: refused })
}

/// The private directories of one host.
#[derive(Clone, Debug)]
pub(crate) struct HostDirectory {
    root: PathBuf,
    /// Path inside the host, path outside.
    private: Vec<(PathBuf, PathBuf)>,
}

impl HostDirectory {
    /// Makes them, with what the machine has in `/etc/ha.d` (without a cluster's own files).
    pub(crate) fn make(base: &Path, host: &str, more: &[PathBuf]) -> Result<Self, LabError> {
        let root = base.join(host);
        let standard = PRIVATE.iter().map(|(target, part)| (target.into(), root.join(part)));
        let more =
            more.iter().zip(0..).map(|(target, n): (_, u32)| (target.clone(), root.join(format!("own-{n}"))));
        let directory = Self { private: standard.chain(more).collect(), root };
        for path in directory.private.iter().map(|(_, path)| path).chain([&directory.hidden()]) {
            DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(path)
                .map_err(LabError::file("make", path))?;
        }
        copy_tree(Path::new("/etc/ha.d"), &directory.root.join("ha.d"), Files::Copied)?;
        copy_tree(Path::new("/var/lib/heartbeat"), &directory.root.join("lib"), Files::Left)?;
        Ok(directory)
    }

    /// Empties what does not outlive a restart of a machine and makes what a boot makes.
    pub(crate) fn refresh(&self) -> Result<(), LabError> {
        let run = self.root.join("run");
        fs::remove_dir_all(&run).map_err(LabError::file("empty", run.clone()))?;
        make(&run, 0o755)?;
        make(&run.join("lock"), 0o1777)?;
        make(&run.join("resource-agents"), 0o755)?;
        let heartbeat = run.join("heartbeat");
        make(&heartbeat, 0o755)?;
        // As the package's tmpfiles.d entry does; only root can give a directory away.
        if let Some((user, group)) = cluster_user().filter(|_| rustix::process::geteuid().is_root()) {
            for path in ["", "ccm", "crm", "dopd"].map(|part| heartbeat.join(part)) {
                if !path.exists() {
                    make(&path, 0o750)?;
                }
                set_mode(&path, 0o750)?;
                chown(&path, Some(user), Some(group)).map_err(LabError::file("give away", path))?;
            }
        }
        Ok(())
    }

    pub(crate) fn binds(&self) -> Vec<Bind> {
        let bind =
            |(target, source): &(PathBuf, PathBuf)| Bind { source: source.clone(), target: target.clone() };
        self.private.iter().map(bind).collect()
    }

    pub(crate) fn hidden(&self) -> PathBuf {
        self.root.join("hidden")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.root.join("init.socket")
    }

    /// Where a path inside the host is seen from outside; `None` outside of the private directories.
    pub(crate) fn outside(&self, inside: &Path) -> Option<PathBuf> {
        let private = self.private.iter();
        private.rev().find_map(|(target, path)| inside.strip_prefix(target).ok().map(|rest| path.join(rest)))
    }
}

#[derive(Clone, Copy)]
enum Files {
    Copied,
    Left,
}

/// Copies a tree with modes and, as root, owners; a tree that is not there is an empty one.
fn copy_tree(from: &Path, to: &Path, files: Files) -> Result<(), LabError> {
    let mut waiting = vec![(from.to_path_buf(), to.to_path_buf())];
    while let Some((from, to)) = waiting.pop() {
        // Not there, or not for this user: then the host does not have it either.
        let Ok(entries) = fs::read_dir(&from) else { continue };
        for entry in entries.flatten().filter(|entry| !OWN.iter().any(|own| entry.file_name() == *own)) {
            let (path, target) = (entry.path(), to.join(entry.file_name()));
            let Ok(found) = fs::metadata(&path) else { continue };
            if found.is_dir() {
                make(&target, found.permissions().mode() & 0o7777)?;
                waiting.push((path, target.clone()));
            } else if matches!(files, Files::Copied) && found.is_file() {
                // Unreadable for this user: the host's programs could not have read it either.
                let _unreadable = fs::copy(&path, &target);
            } else {
                continue;
            }
            if rustix::process::geteuid().is_root() && target.exists() {
                chown(&target, Some(found.uid()), Some(found.gid()))
                    .map_err(LabError::file("give away", target))?;
            }
        }
    }
    Ok(())
}

fn make(path: &Path, mode: u32) -> Result<(), LabError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(LabError::File { doing: "make", path: path.to_path_buf(), source: error })
        }
        Ok(()) | Err(_) => set_mode(path, mode),
    }
}

/// The umask has no say in this.
fn set_mode(path: &Path, mode: u32) -> Result<(), LabError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(LabError::file("set the mode of", path))
}

/// User id of `hacluster` and group id of `haclient`, when the machine has both.
pub(crate) fn cluster_user() -> Option<(u32, u32)> {
    let id = |file: &str, name: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split(':').nth(2)?.parse().ok()
    };
    Some((id("/etc/passwd", "hacluster")?, id("/etc/group", "haclient")?))
}

/// What every host has for itself, and the name of its directory outside.
const PRIVATE: [(&str, &str); 4] =
    [("/run", "run"), ("/etc/ha.d", "ha.d"), ("/var/lib/heartbeat", "lib"), ("/var/log", "log")];
/// A cluster's own files: those of the machine are no business of a test host.
const OWN: [&str; 4] = ["ha.cf", "haresources", "authkeys", "hb.toml"];
