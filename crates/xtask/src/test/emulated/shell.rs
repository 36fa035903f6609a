//! A shell on the second serial line of an emulated machine: a test says what is to be done there and reads the answer.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use super::LIMIT;
use crate::error::Error;
use crate::test::Failure;

/// A shell in the machine. It lives on when the machine is reset.
pub(in crate::test) struct Shell {
    line: File,
    heard: Receiver<Vec<u8>>,
    text: Vec<u8>,
    commands: usize,
}

impl Shell {
    /// On the pseudo-terminal that the emulator gave.
    pub(in crate::test) fn open(line: &Path) -> Result<Self, Failure> {
        let failed = |source| Error::File { path: line.to_owned(), source };
        let file = File::options().read(true).write(true).open(line).map_err(failed)?;
        let mut reader = file.try_clone().map_err(failed)?;
        let (sender, heard) = channel();
        // Ends with the emulator, which ends the line.
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = reader.read(&mut bytes)
                && count > 0
                && let Some(heard) = bytes.get(..count)
                && sender.send(heard.to_vec()).is_ok()
            {}
        });
        Ok(Self { line: file, heard, text: Vec::new(), commands: 0 })
    }

    /// Waits until the machine is up, the first time or again.
    pub(in crate::test) fn greeting(&mut self) -> Result<(), Failure> {
        self.until(GREETING).map(drop)
    }

    /// What the command wrote.
    pub(in crate::test) fn run(&mut self, command: &str) -> Result<String, Failure> {
        self.commands += 1;
        let end = format!("@@{}@@", self.commands);
        // The line itself must not contain the end that is waited for.
        let line = format!("{command}; echo \"@@\"{}\"@@\"\n", self.commands);
        self.line
            .write_all(line.as_bytes())
            .map_err(|error| Failure::plain(format!("the serial line: {error}")))?;
        self.until(&end)
    }

    /// Repeats a command until it writes what is wanted.
    pub(in crate::test) fn run_until(&mut self, command: &str, wanted: &str) -> Result<(), Failure> {
        let begin = Instant::now();
        loop {
            let text = self.run(command)?;
            if text.contains(wanted) {
                return Ok(());
            }
            if begin.elapsed() > LIMIT {
                return Err(Failure::plain(format!("`{command}` does not say `{wanted}` but: {text}")));
            }
        }
    }

    fn until(&mut self, words: &str) -> Result<String, Failure> {
        let begin = Instant::now();
        loop {
            let found = self.text.windows(words.len()).position(|window| window == words.as_bytes());
            if let Some(at) = found {
                let text: Vec<u8> = self.text.drain(..at + words.len()).take(at).collect();
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
            let left = LIMIT.saturating_sub(begin.elapsed());
            let Ok(bytes) = self.heard.recv_timeout(left) else {
                let text = String::from_utf8_lossy(&self.text);
                return Err(Failure::plain(format!(
                    "the emulated machine does not answer `{words}` but: {text}"
                )));
            };
            self.text.extend(bytes);
        }
    }
}

const GREETING: &str = "the shell listens";
/// The end of an init script: what comes over the line is done, one line after the other. Opened once: what came between
/// two openings would be lost.
pub(super) const SHELL: &str = "exec 3<>/dev/ttyS1
stty raw -echo <&3
echo the shell listens >&3
while read -r line <&3; do eval \"$line\" </dev/null >&3 2>&1; done
sleep 10000
";
