//! Single instance by a locked pid file (`config.md` 11.3).
//!
//! What counts is that the lock is held, not that some process has the number in the file: a number is used again,
//! a lock ends with its process. A running Heartbeat 3.0.6 leaves no such lock; it is recognised by its name, because
//! two daemons on one machine would fight over ports and resources. The content is that of 3.0.6: the number
//! right-aligned in 10 columns, LF.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

/// The pid file of this process, locked as long as this value lives.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

/// Why there is no pid file of ours.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PidFileError {
    /// Another instance holds the lock, or Heartbeat 3.0.6 runs.
    #[error("already running [pid {0}]")]
    Running(String),
    /// The file cannot be made, locked or written.
    #[error("cannot make the pid file {}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl PidFile {
    /// Locks the file and writes our number into it.
    pub(crate) fn create(path: &Path) -> Result<Self, PidFileError> {
        let wrap = |source| PidFileError::Io { path: path.to_owned(), source };
        // Between opening and locking, an instance that ends may take the file away; then it is made again.
        for attempt in 0..ATTEMPTS {
            let mut file = open(path).map_err(wrap)?;
            let running = content(&mut file).map_err(wrap)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::AGAIN) if attempt < LOOKS => {
                    // Perhaps somebody only looks ([`PidFile::holder`]), which takes no time.
                    std::thread::sleep(LOOK);
                    continue;
                }
                Err(rustix::io::Errno::AGAIN) => return Err(PidFileError::Running(running)),
                Err(error) => return Err(wrap(error.into())),
            }
            if !is_at(&file, path) {
                continue;
            }
            if is_classic_daemon(&running) {
                return Err(PidFileError::Running(running));
            }
            file.set_len(0).map_err(wrap)?;
            rustix::io::pwrite(&file, format!("{:>10}\n", std::process::id()).as_bytes(), 0)
                .map_err(|error| wrap(error.into()))?;
            file.flush().map_err(wrap)?;
            return Ok(Self { path: path.to_owned(), _file: file });
        }
        Err(PidFileError::Running("?".to_owned()))
    }

    /// The process id of the daemon that runs now, ours or a Heartbeat 3.0.6; nothing if none does, whatever number an
    /// earlier one left in the file.
    pub(crate) fn holder(path: &Path) -> io::Result<Option<u32>> {
        let mut file = match OpenOptions::new().read(true).custom_flags(not_blocking()).open(path) {
            Ok(file) if file.metadata()?.is_file() => file,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => return Ok(None),
        };
        let pid = content(&mut file)?;
        let is_held = match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => is_classic_daemon(&pid),
            Err(rustix::io::Errno::AGAIN) => true,
            Err(error) => return Err(error.into()),
        };
        Ok(pid.parse().ok().filter(|_| is_held))
    }

    /// Takes the file away, at an orderly stop. After a crash it stays, unlocked, which does no harm.
    pub(crate) fn remove(self) {
        // The lock is still held, so it is still ours; that it cannot be removed is no reason to fail.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o644).custom_flags(not_blocking());
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// For nothing but a file: whoever put a pipe in its place does not hold up the start, or who looks.
fn not_blocking() -> i32 {
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0)
}

fn content(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(64).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), std::fs::metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

fn is_classic_daemon(pid: &str) -> bool {
    let numeric = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
    numeric && std::fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_ascii() == b"heartbeat")
}

/// More instances than this do not end at the same moment.
const ATTEMPTS: usize = 10;
/// A lock that is held at so many looks more is another instance's.
const LOOKS: usize = 4;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("hb-pid-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir.join("heartbeat.pid")
    }

    #[test]
    fn content_is_that_of_the_classic_daemon() {
        let path = scratch("content");
        let file = PidFile::create(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{:>10}\n", std::process::id()));
        file.remove();
        assert!(!path.exists());
        assert_eq!(PidFile::holder(&path).unwrap(), None);
    }

    #[test]
    fn the_lock_decides_not_the_number() {
        let path = scratch("lock");
        // Process 1 runs, but holds no lock on this file.
        std::fs::write(&path, "         1\n and more").unwrap();
        let first = PidFile::create(&path).unwrap();
        let error = PidFile::create(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("already running [pid {}]", std::process::id()));
        assert_eq!(PidFile::holder(&path).unwrap(), Some(std::process::id()));
        drop(first);
        assert!(path.exists(), "a crash leaves the file");
        assert_eq!(PidFile::holder(&path).unwrap(), None, "its number does not count");
        PidFile::create(&path).unwrap().remove();
    }

    #[test]
    fn a_pipe_in_its_place_is_an_error_not_a_wait() {
        let path = scratch("pipe");
        let _ = std::fs::remove_file(&path);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let error = PidFile::create(&path).unwrap_err();
        assert!(matches!(error, PidFileError::Io { .. }), "{error}");
        assert_eq!(PidFile::holder(&path).unwrap(), None);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn garbage_in_the_file_is_replaced() {
        let path = scratch("garbage");
        std::fs::write(&path, vec![0xff; 70_000]).unwrap();
        PidFile::create(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{:>10}\n", std::process::id()));
    }

    #[test]
    fn a_directory_in_its_place_is_an_error() {
        let path = scratch("directory");
        let error = PidFile::create(path.parent().unwrap()).unwrap_err();
        assert!(matches!(error, PidFileError::Io { .. }), "{error}");
    }
}
