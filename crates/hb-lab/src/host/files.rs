//! A host's private files, seen from outside: readable also when the host has no power.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::Host;
use crate::LabError;

impl Host {
    /// Where a path below `/run`, `/etc/ha.d`, `/var/lib/heartbeat` or `/var/log` of the host is seen from
    /// outside, with or without power.
    #[must_use]
    pub fn outside(&self, inside: &str) -> Option<PathBuf> {
        self.inner.directory.outside(Path::new(inside))
    }

    /// Reads a file of those directories; bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// [`LabError::Unfit`] for a path elsewhere, [`LabError::File`] when it cannot be read.
    pub fn read(&self, inside: &str) -> Result<String, LabError> {
        let path = self.seen(inside)?;
        let bytes = std::fs::read(&path).map_err(LabError::file("read", &path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Writes a file of those directories, with exactly this mode.
    ///
    /// # Errors
    /// As [`Host::read`].
    pub fn write(&self, inside: &str, text: &str, mode: u32) -> Result<(), LabError> {
        use std::os::unix::fs::PermissionsExt;
        let path = self.seen(inside)?;
        std::fs::write(&path, text).map_err(LabError::file("write", &path))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
            .map_err(LabError::file("set the mode of", &path))
    }

    fn seen(&self, inside: &str) -> Result<PathBuf, LabError> {
        self.outside(inside)
            .ok_or_else(|| LabError::Unfit(format!("{inside} is not a private path of a test host")))
    }

    /// A path for a new socket that programs in the host can reach too.
    pub(crate) fn fresh_socket(&self, kind: &str) -> PathBuf {
        let number = self.inner.sockets.fetch_add(1, Ordering::Relaxed);
        self.inner.directory.socket().with_file_name(format!("{kind}-{number}.socket"))
    }
}
