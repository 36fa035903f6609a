//! A file that each guard holds locked as long as it lives: a daemon that starts knows by it that an earlier one's
//! guard still ends what that began. It holds the names of the groups that may be up: what is left when heart and guard are
//! killed together is told to the next start.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Holds the lock until the file is dropped; several guards may.
pub(super) fn hold(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    flock(&file, FlockOperation::LockShared)?;
    Ok(file)
}

/// Writes which groups may be up, by their keys. The file lives in memory and no disk is waited for; what cannot be written
/// is told to nobody, as if the guard had died before.
pub(super) fn record(file: &File, groups: &BTreeSet<String>) {
    let lines = boot_id().into_iter().chain(groups.iter().cloned());
    let text: String = lines.flat_map(|line| [line, "\n".to_owned()]).collect();
    // A guard that is killed in between leaves a line too many, never an empty file.
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
    let _ = file.write_all_at(text.as_bytes(), 0).and_then(|()| file.set_len(length));
}

/// The groups that may still be up, by their keys: a guard of an earlier daemon was killed, since the machine was started,
/// before it had released them.
#[must_use]
pub fn left_behind(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines().map(str::to_owned);
    let is_of_this_boot = lines.next().is_some_and(|line| boot_id() == Some(line));
    lines.filter(|_| is_of_this_boot).collect()
}

fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
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
        let file = hold(&path).unwrap();
        assert_eq!(left_behind(&path), BTreeSet::new());
        record(&file, &["www".to_owned(), "10.0.0.1/24".to_owned()].into());
        record(&file, &["db".to_owned()].into());
        assert_eq!(left_behind(&path), BTreeSet::from(["db".to_owned()]));
        std::fs::write(&path, "another boot\ndb\n").unwrap();
        assert_eq!(left_behind(&path), BTreeSet::new());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(left_behind(&path), BTreeSet::new());
        assert!(is_held(Path::new("/nonexistent/lock")).is_err());
    }
}
