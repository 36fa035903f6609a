//! Puts the new text in the place of the old one, which is kept beside it. The only code of this crate that changes a
//! file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Conversion;

/// Why a conversion failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The file could not be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The new text would mean something else; nothing was written.
    #[error("{} would mean something else when converted; nothing was written", path.display())]
    Meaning {
        /// The file.
        path: PathBuf,
    },
    /// The file is not the one any more that was read; nothing was written.
    #[error("{} was changed by somebody else meanwhile; nothing was written", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The new text or the copy of the old one could not be written; the file is as it was.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl ConvertError {
    /// Whether the user lacks a permission.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => {
                source.kind() == io::ErrorKind::PermissionDenied
            }
            Self::Meaning { .. } | Self::Changed { .. } => false,
        }
    }
}

impl Conversion {
    /// Replaces the file in one step, keeping its owner and mode, and returns the path under which the old one is kept.
    /// A symbolic link stays; the file that it leads to is replaced.
    ///
    /// # Errors
    ///
    /// [`ConvertError::Read`], [`ConvertError::Changed`], [`ConvertError::Write`].
    pub fn write(&self) -> Result<PathBuf, ConvertError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            |source| ConvertError::Read { path, source }
        };
        let path = fs::canonicalize(&self.path).map_err(at(&self.path))?;
        if fs::read(&path).map_err(at(&path))? != self.before {
            return Err(ConvertError::Changed { path });
        }
        let backup = keep(&path).map_err(|source| ConvertError::Write { path: path.clone(), source })?;
        let new = beside(&path, "converting");
        replace(&path, &new, &self.after).map_err(|source| {
            // Neither was there before, and an error of removing them hides the one that matters.
            let _ = fs::remove_file(&new);
            let _ = fs::remove_file(&backup);
            ConvertError::Write { path, source }
        })?;
        Ok(backup)
    }
}

/// Gives the file a second name, the first of `.before-convert`, `.before-convert-2`, ... that is free.
fn keep(path: &Path) -> io::Result<PathBuf> {
    for number in 1..=MOST_BACKUPS {
        let ending =
            if number == 1 { "before-convert".to_owned() } else { format!("before-convert-{number}") };
        let backup = beside(path, &ending);
        match fs::hard_link(path, &backup) {
            Ok(()) => return Ok(backup),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // Some file systems have no links.
            Err(_) if !backup.exists() => return fs::copy(path, &backup).map(|_| backup),
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn replace(path: &Path, new: &Path, text: &[u8]) -> io::Result<()> {
    let facts = fs::metadata(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(new)?;
    fchown(&file, Some(facts.uid()), Some(facts.gid()))?;
    file.set_permissions(fs::Permissions::from_mode(facts.mode() & 0o7777))?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(new, path)?;
    let directory = path.parent().unwrap_or(path);
    File::open(directory)?.sync_all()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Backups that are made before this gives up.
const MOST_BACKUPS: u32 = 99;
