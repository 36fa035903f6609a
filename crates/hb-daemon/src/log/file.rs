//! The destinations `logfile` and `debugfile` (`config.md` 10.1).
//!
//! Opened for append, kept open, looked at again once a minute at most, so that a rotated file is followed and one
//! that could not be opened gets another chance. A full disk costs lines, which are counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A log file.
pub(super) struct LogFile {
    path: PathBuf,
    open: Option<File>,
    looked_at: Instant,
    /// The last write ended in the middle of a line.
    torn: bool,
}

impl LogFile {
    /// The file at `path`; the error is only told, later writes try again.
    pub(super) fn open(path: &Path) -> (Self, io::Result<()>) {
        let (open, result) = match append(path) {
            Ok(file) => (Some(file), Ok(())),
            Err(error) => (None, Err(error)),
        };
        (Self { path: path.to_owned(), open, looked_at: Instant::now(), torn: false }, result)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one line, line end included.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.look_again();
        let Some(file) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        if self.torn {
            // A line of its own for what follows; if even that fails, the file stays torn.
            file.write_all(b"\n")?;
            self.torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match file.write(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.torn = rest.len() < line.len();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn look_again(&mut self) {
        if self.looked_at.elapsed() < LOOK_AGAIN {
            return;
        }
        self.looked_at = Instant::now();
        let same = match (&self.open, std::fs::metadata(&self.path)) {
            (Some(file), Ok(there)) => {
                file.metadata().is_ok_and(|ours| (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
            }
            _ => false,
        };
        if !same && let Ok(file) = append(&self.path) {
            self.open = Some(file);
            self.torn = false;
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    // Not blocking: should the path name a pipe, neither its missing nor its slow reader may hold the writer.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o666)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)
}

/// Shortest time between two looks at what the path names.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("hb-log-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn lines_are_appended_and_a_rotated_file_is_followed() {
        let dir = scratch("rotate");
        let path = dir.join("log");
        std::fs::write(&path, "old\n").unwrap();
        let (mut log, opened) = LogFile::open(&path);
        opened.unwrap();
        log.write(b"one\n").unwrap();
        std::fs::rename(&path, dir.join("log.1")).unwrap();
        log.write(b"two\n").unwrap();
        log.looked_at = Instant::now().checked_sub(LOOK_AGAIN).unwrap();
        log.write(b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(dir.join("log.1")).unwrap(), "old\none\ntwo\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_directory_that_appears_later_gets_its_file() {
        let dir = scratch("later");
        let path = dir.join("sub/log");
        let (mut log, opened) = LogFile::open(&path);
        assert!(opened.is_err());
        assert!(log.write(b"lost\n").is_err());
        std::fs::create_dir_all(dir.join("sub")).unwrap();
        log.looked_at = Instant::now().checked_sub(LOOK_AGAIN).unwrap();
        log.write(b"kept\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept\n");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_full_disk_is_an_error_not_a_wait() {
        let (mut log, opened) = LogFile::open(Path::new("/dev/full"));
        opened.unwrap();
        assert_eq!(log.write(b"line\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_an_error_not_a_wait() {
        let dir = scratch("pipe");
        let path = dir.join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let (_, opened) = LogFile::open(&path);
        assert!(opened.is_err());
        let reader = OpenOptions::new()
            .read(true)
            .custom_flags(i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap())
            .open(&path)
            .unwrap();
        let (mut log, opened) = LogFile::open(&path);
        opened.unwrap();
        let line = [b'x'; 1000];
        let mut written = 0;
        while log.write(&line).is_ok() {
            written += 1;
            assert!(written < 10_000);
        }
        drop(reader);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
