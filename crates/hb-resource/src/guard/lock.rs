//! A file that each guard holds locked as long as it lives: a daemon that starts knows by it that an earlier one's
//! guard still ends what that began.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Holds the lock until the file is dropped; several guards may.
pub(super) fn hold(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    flock(&file, FlockOperation::LockShared)?;
    Ok(file)
}

/// Whether a guard of this or an earlier daemon still lives that holds `path` locked
/// ([`ActuatorConfig::guard_lock`](crate::ActuatorConfig::guard_lock)).
///
/// # Errors
/// If the file cannot be made.
pub fn is_held(path: &Path) -> io::Result<bool> {
    match flock(open(path)?, FlockOperation::NonBlockingLockExclusive) {
        // Gives it up again at once.
        Ok(()) => Ok(false),
        Err(Errno::AGAIN) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_seen_until_the_last_holder_is_gone() {
        let path = std::env::temp_dir().join(format!("hb-guard-lock-{}", std::process::id()));
        assert!(!is_held(&path).unwrap());
        let (first, second) = (hold(&path).unwrap(), hold(&path).unwrap());
        assert!(is_held(&path).unwrap());
        drop(first);
        assert!(is_held(&path).unwrap());
        drop(second);
        assert!(!is_held(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(is_held(Path::new("/nonexistent/lock")).is_err());
    }
}
