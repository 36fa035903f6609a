//! The running machine; it ends when this is dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::LIMIT;
use super::guest::Guest;
use crate::error::Error;
use crate::test::Failure;

/// An emulated machine.
pub(super) struct Emulator {
    process: Child,
    /// What it says.
    pub(super) console: PathBuf,
    /// Its serial line.
    pub(super) line: PathBuf,
}

impl Emulator {
    /// Starts it.
    pub(super) fn start(guest: &Guest, logs: &Path) -> Result<Self, Failure> {
        let console = logs.join("pppd-console.log");
        let words = logs.join("pppd-emulator.log");
        // Nothing of an earlier run.
        let _none = std::fs::remove_file(&console);
        let file =
            |path: &Path| File::create(path).map_err(|source| Error::File { path: path.to_owned(), source });
        let mut command = Command::new("qemu-system-x86_64");
        command.args(["-accel", "tcg", "-m", "192", "-display", "none", "-nodefaults", "-no-reboot"]);
        command.arg("-kernel").arg(&guest.kernel).arg("-initrd").arg(&guest.first_files);
        command.args(["-append", "console=ttyS0 quiet panic=1 rdinit=/init"]);
        command.arg("-serial").arg(format!("file:{}", console.display())).args(["-serial", "pty"]);
        let process = command.stdin(Stdio::null()).stdout(file(&words)?).stderr(Stdio::null()).spawn();
        let process =
            process.map_err(|source| Error::Program { program: "qemu-system-x86_64".to_owned(), source })?;
        let mut emulator = Self { process, console, line: PathBuf::new() };
        let line = emulator.look(&words, "its serial line", |text| {
            let name = text.split_whitespace().find(|word| word.starts_with("/dev/"));
            name.map(PathBuf::from)
        })?;
        emulator.line = line;
        Ok(emulator)
    }

    /// Waits until it has said this so many times.
    pub(super) fn until(&self, words: &str, times: usize) -> Result<(), Failure> {
        self.look(&self.console, words, |text| (text.matches(words).count() >= times).then_some(()))
    }

    fn look<T>(&self, path: &Path, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
        let begin = Instant::now();
        loop {
            let text = std::fs::read(path).unwrap_or_default();
            if let Some(found) = find(&String::from_utf8_lossy(&text)) {
                return Ok(found);
            }
            if begin.elapsed() > LIMIT {
                let message = format!("the emulated machine does not say: {what}");
                return Err(Failure { log: Some(self.console.clone()), ..Failure::plain(message) });
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It fails if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
