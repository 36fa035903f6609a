//! The file `hb_epoch`: a number that no start of a group has reached yet, so that epochs grow from run to run.
//!
//! It is written ahead of use, because nobody waits for a disk at a takeover: at the start some numbers beyond the last one,
//! later by a thread of its own whenever few of them are left, or another node has told a larger one. A run begins behind
//! all that were written, so numbers are left out, never used twice. Without a file, or with a broken one, it begins at the
//! time, as `hb_generation` does.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::replace::replace;
use crate::log::{Level, Log};

/// With what this run begins, and what it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epochs {
    /// Larger than every number that an earlier run has used.
    pub(crate) first: u64,
    /// The number in the file.
    pub(crate) written: u64,
}

impl Epochs {
    /// What to write now, if it is time for that.
    pub(crate) fn due(&mut self, used: u64) -> Option<u64> {
        if used + AHEAD / 2 <= self.written {
            return None;
        }
        self.written = used + AHEAD;
        Some(self.written)
    }
}

/// Takes the next number from the file in `state_dir` and writes it ahead; `wall` is the time in seconds since 1970.
///
/// # Errors
/// If the file cannot be read or written.
pub(crate) fn begin(state_dir: &Path, wall: u64) -> io::Result<Epochs> {
    let path = state_dir.join(FILE);
    let first = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().ok().filter(|number| *number < LARGEST).unwrap_or(wall),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => wall,
        Err(error) => return Err(error),
    };
    let epochs = Epochs { first, written: first + AHEAD };
    write(&path, epochs.written)?;
    Ok(epochs)
}

/// Starts the thread that writes what comes; it ends with the sender.
///
/// # Errors
/// If there can be no more threads.
pub(crate) fn keep(state_dir: &Path, log: Log) -> io::Result<Sender<u64>> {
    let (sender, numbers) = channel();
    let path = state_dir.join(FILE);
    let thread = std::thread::Builder::new().name("hb-epoch".to_owned()).stack_size(crate::STACK_SIZE);
    thread.spawn(move || write_all(&path, &numbers, &log))?;
    Ok(sender)
}

fn write_all(path: &Path, numbers: &Receiver<u64>, log: &Log) {
    while let Ok(number) = numbers.recv() {
        if let Err(error) = write(path, number) {
            log.line(Level::Error, &format!("cannot keep the epoch in {}: {error}", path.display()));
        }
    }
}

fn write(path: &Path, number: u64) -> io::Result<()> {
    replace(path, format!("{number}\n").as_bytes())
}

const FILE: &str = "hb_epoch";
/// How far the file is ahead.
const AHEAD: u64 = 256;
/// A larger one was not written by us.
const LARGEST: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_from_run_to_run() {
        let dir = std::env::temp_dir().join(format!("hb-epoch-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join(FILE);
        assert_eq!(begin(&dir, 1000).unwrap(), Epochs { first: 1000, written: 1256 });
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "1256\n");
        let mut second = begin(&dir, 5).unwrap();
        assert_eq!(second.first, 1256, "the clock does not count any more");
        assert_eq!(second.due(1256 + 128), None);
        assert_eq!(second.due(5000), Some(5256), "another node told a larger one");
        assert_eq!(second.due(5000), None);
        write(&file, 5256).unwrap();
        assert_eq!(begin(&dir, 5).unwrap().first, 5256);
        for broken in ["", "x", "-1", "99999999999999999999", "9007199254740992"] {
            std::fs::write(&file, broken).unwrap();
            assert_eq!(begin(&dir, 77).unwrap().first, 77, "{broken}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(begin(&dir, 77).is_err());
    }
}
