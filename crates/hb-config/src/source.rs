//! Text of the files and places in it. Decides what a place is; knows nothing about what the text means.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// Which of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// `ha.cf`: nodes, media, times.
    HaCf,
    /// `authkeys`: the keys that sign messages.
    Authkeys,
    /// `haresources`: the resource groups.
    Haresources,
    /// `hb.toml`: what `ha.cf` has no words for; optional.
    HbToml,
}

impl FileKind {
    /// The file's name inside the configuration directory.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HaCf => "ha.cf",
            Self::Authkeys => "authkeys",
            Self::Haresources => "haresources",
            Self::HbToml => "hb.toml",
        }
    }
}

/// A piece of text in one of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: FileKind,
    /// Line, counted from 1; a line ends at LF.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// Byte offset of the first byte in the file.
    pub start: usize,
    /// Byte offset behind the last byte.
    pub end: usize,
}

/// One file as it was read.
#[derive(Clone, Debug)]
pub struct Source {
    file: FileKind,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Source {
    /// `bytes` as read from `path`.
    #[must_use]
    pub const fn new(file: FileKind, path: PathBuf, bytes: Vec<u8>) -> Self {
        Self { file, path, bytes }
    }

    /// Which file this is.
    #[must_use]
    pub const fn file(&self) -> FileKind {
        self.file
    }

    /// Where it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content. What may be a password is overwritten with `*` once it is read: the keys of `authkeys`, parameters of
    /// fencing devices in `ha.cf`, options of fence agents in `hb.toml`.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Overwrites parts that may be a password, since lines are shown around problems. Length and lines stay.
    pub(crate) fn hide(&mut self, parts: impl IntoIterator<Item = Range<usize>>) {
        for part in parts {
            for byte in self.bytes.get_mut(part).unwrap_or_default() {
                *byte = masked(*byte);
            }
        }
    }

    /// The public form of a mark: counts the column, so it costs time in proportion to the line.
    pub(crate) fn place(&self, mark: Mark) -> Place {
        let before = self.bytes.get(mark.line_start..mark.start).unwrap_or_default();
        Place {
            file: self.file,
            line: mark.line,
            column: 1 + count_characters(before),
            start: mark.start,
            end: mark.end,
        }
    }

    /// Bytes of the physical line that contains `offset`, without its LF, and the offset of its first byte; nothing if
    /// the line's ends are more than `limit` bytes away.
    pub(crate) fn line_around(&self, offset: usize, limit: usize) -> Option<(&[u8], usize)> {
        let (before, after) = self.bytes.split_at_checked(offset)?;
        let is_line_feed = |byte: &u8| *byte == b'\n';
        let near = before.len().saturating_sub(limit);
        let start = match before.get(near..)?.iter().rposition(is_line_feed) {
            Some(at) => near + at + 1,
            None if near == 0 => 0,
            None => return None,
        };
        let end = match after.iter().take(limit).position(is_line_feed) {
            Some(at) => offset + at,
            None if after.len() <= limit => self.bytes.len(),
            None => return None,
        };
        Some((self.bytes.get(start..end)?, start))
    }
}

/// A place that is cheap to make and to keep: the column is counted only when it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) line: usize,
    pub(crate) line_start: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Some bytes of a file together with where they stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) mark: Mark,
}

impl<'a> Word<'a> {
    /// The part `from..to` of this word, both counted from its beginning and cut to its end.
    pub(crate) fn part(self, from: usize, to: usize) -> Self {
        let to = to.min(self.text.len());
        let from = from.min(to);
        let text: &'a [u8] = self.text.get(from..to).unwrap_or_default();
        let start = self.mark.start + from;
        Self { text, mark: Mark { start, end: start + text.len(), ..self.mark } }
    }

    /// The text for messages and for values that are kept as text; bytes that are not UTF-8 are replaced.
    pub(crate) fn lossy(self) -> String {
        String::from_utf8_lossy(self.text).into_owned()
    }
}

/// What is shown in place of a byte of a password.
pub(crate) const fn masked(byte: u8) -> u8 {
    if byte.is_ascii_whitespace() { byte } else { b'*' }
}

/// Characters of `bytes` as they are shown: what is not UTF-8 counts as the replacement characters shown for it.
fn count_characters(bytes: &[u8]) -> usize {
    if let Ok(text) = std::str::from_utf8(bytes) {
        // Much faster than the general way, and lines may be long.
        return text.chars().count();
    }
    bytes
        .utf8_chunks()
        .map(|chunk| chunk.valid().chars().count() + usize::from(!chunk.invalid().is_empty()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_not_bytes() {
        let source = Source::new(FileKind::HaCf, PathBuf::from("ha.cf"), "a\nké x\n".into());
        let place = source.place(Mark { line: 2, line_start: 2, start: 6, end: 7 });
        assert_eq!((place.line, place.column), (2, 4));
        assert_eq!(source.line_around(6, 9), Some(("ké x".as_bytes(), 2)));
        assert_eq!(source.line_around(6, 2), None);
        assert_eq!(source.line_around(8, 9), Some((b"".as_slice(), 8)));
        assert_eq!(source.line_around(99, 9), None);
    }
}
