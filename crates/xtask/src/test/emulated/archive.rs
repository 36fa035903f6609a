//! An archive as the kernel takes it for its first file system (cpio, "newc").

use std::path::Path;
use std::process::Command;

use crate::command;
use crate::error::Error;

/// What was put in so far.
pub(in crate::test) struct Archive {
    bytes: Vec<u8>,
    entries: usize,
}

impl Archive {
    /// With the console, without which the first program could not say anything.
    pub(in crate::test) fn new() -> Self {
        let mut archive = Self { bytes: Vec::new(), entries: 0 };
        archive.folder("dev");
        archive.entry("dev/console", 0o20_600, &[], (5, 1));
        archive
    }

    /// A folder; those above it must be there.
    pub(in crate::test) fn folder(&mut self, name: &str) {
        self.entry(name, 0o40_755, &[], (0, 0));
    }

    /// An executable file.
    pub(in crate::test) fn file(&mut self, name: &str, content: &[u8]) {
        self.entry(name, 0o100_755, content, (0, 0));
    }

    /// A file of this machine under the same name, and the folders above it.
    pub(in crate::test) fn copy(&mut self, path: &Path) -> Result<(), Error> {
        let content = std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        let name = path.to_string_lossy();
        let name = name.trim_start_matches('/');
        for (end, _) in name.match_indices('/') {
            self.folder(&name[..end]);
        }
        self.file(name, &content);
        Ok(())
    }

    /// A program of this machine under that name, and the libraries that it needs. Without what debuggers need: that is ten
    /// times as long as the rest, and the machine has little memory.
    pub(in crate::test) fn program(&mut self, path: &Path, name: &str) -> Result<(), Error> {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let stripped = std::env::temp_dir().join(format!("hb-stripped-{}-{file}", std::process::id()));
        command::answer(Command::new("strip").args(["--strip-debug", "-o"]).arg(&stripped).arg(path))?;
        let content =
            std::fs::read(&stripped).map_err(|source| Error::File { path: stripped.clone(), source })?;
        std::fs::remove_file(&stripped).map_err(|source| Error::File { path: stripped, source })?;
        self.file(name, &content);
        for library in command::answer(Command::new("ldd").arg(path))?.split_whitespace() {
            if library.starts_with('/') {
                self.copy(Path::new(library))?;
            }
        }
        Ok(())
    }

    /// The bytes of the whole.
    pub(in crate::test) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[], (0, 0));
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: usize, content: &[u8], (major, minor): (usize, usize)) {
        self.entries += 1;
        let fields = [self.entries, mode, 0, 0, 1, 0, content.len(), 0, 0, major, minor, name.len() + 1, 0];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08X}").into_bytes());
        }
        self.bytes.extend(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_their_lengths_and_stand_on_fours() {
        let mut archive = Archive::new();
        archive.file("init", b"12345");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let at = bytes.windows(4).position(|window| window == b"init").unwrap();
        assert_eq!(&bytes[at - 110..at - 104], b"070701");
        assert_eq!(&bytes[at - 56..at - 48], b"00000005");
        let content: Vec<u8> = bytes[at + 4..].iter().copied().filter(|byte| *byte != 0).take(5).collect();
        assert_eq!(content, b"12345");
        assert!(bytes.windows(10).any(|window| window == b"TRAILER!!!"));
    }
}
