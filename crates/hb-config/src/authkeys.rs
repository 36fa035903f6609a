//! Reads `authkeys` (`config.md` 8) into a key ring.
//!
//! Keys never reach a diagnostic: the text that diagnostics show has everything but numbers and methods masked, and
//! the original is wiped when the reading ends.

mod line;
mod mask;

use std::collections::BTreeMap;
use std::path::PathBuf;

use hb_auth::{KeyRing, Method};
use zeroize::Zeroizing;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report};
use crate::line::pieces;
use crate::source::{FileKind, Mark, Source, Word};

use line::{AuthLine, KeyLine, Parsed, parse};
use mask::Mask;

/// What was read: the masked text, and the keys if a signing one is among them.
pub(crate) struct Authkeys {
    pub(crate) source: Source,
    pub(crate) key_ring: Option<KeyRing>,
}

/// Reads `raw`, the content of the file at `path`.
pub(crate) fn read(path: PathBuf, raw: &Zeroizing<Vec<u8>>, report: &mut Report) -> Authkeys {
    let mut mask = Mask::new(raw);
    // Places are counted in text of the same shape in which everything is masked.
    let shape = Source::new(FileKind::Authkeys, path.clone(), mask.text().to_vec());
    let mut reading = Reading {
        shape: &shape,
        report,
        active: None,
        keys: BTreeMap::new(),
        numbers: BTreeMap::new(),
        signing: None,
        is_doubtful: false,
    };
    for piece in pieces(raw) {
        match parse(piece.word) {
            Parsed::Nothing => {}
            Parsed::Auth(line) => {
                mask.show(raw, line.keyword.mark);
                mask.show(raw, line.number.mark);
                reading.auth_line(piece.word, &line);
            }
            Parsed::Key(line) => {
                mask.show(raw, line.number.mark);
                // Only what an error can show needs to be readable, and the guess costs time.
                if reading.report.has_room_for_errors() && line::looks_like_method(line.method.text) {
                    mask.show(raw, line.method.mark);
                }
                reading.key_line(piece.word, &line);
            }
        }
    }
    let key_ring = reading.finish();
    Authkeys { source: Source::new(FileKind::Authkeys, path, mask.into_text()), key_ring }
}

struct Reading<'a> {
    shape: &'a Source,
    report: &'a mut Report,
    /// The number of the last auth line.
    active: Option<(i32, Mark)>,
    keys: BTreeMap<u8, (Method, Zeroizing<Vec<u8>>)>,
    /// Where the numbers of the good key lines stand.
    numbers: BTreeMap<u8, Mark>,
    signing: Option<u8>,
    /// A line that could have named the signing key was bad.
    is_doubtful: bool,
}

impl Reading<'_> {
    fn auth_line(&mut self, whole: Word<'_>, line: &AuthLine<'_>) {
        let Some(number) = line.value else {
            self.is_doubtful = true;
            self.error(whole_mark(whole), || {
                Diagnostic::error(Code::BadAuthLine, "a line that begins with `a` must be `auth NUMBER`")
                    .hint("for example `auth 1`")
            });
            return;
        };
        self.active = Some((number, line.number.mark));
    }

    fn key_line(&mut self, whole: Word<'_>, line: &KeyLine<'_>) {
        let Some(number) = line.value else {
            self.is_doubtful = true;
            self.error(whole_mark(whole), || {
                let hint = if whole.text.starts_with(b"\xef\xbb\xbf") {
                    "remove the byte order mark at the beginning of the file"
                } else {
                    "for example `1 sha1 KEY`; comments stand on lines of their own that begin with `#`"
                };
                Diagnostic::error(Code::BadKeyLine, "a key line must be `NUMBER METHOD KEY`").hint(hint)
            });
            return;
        };
        let is_active = self.active.is_some_and(|(active, _)| active == number);
        if line.method.text.is_empty() {
            self.is_doubtful |= is_active;
            self.error(line.number.mark, || {
                Diagnostic::error(Code::BadKeyLine, "the method behind the number is missing")
                    .hint("for example `1 sha1 KEY`")
            });
            return;
        }
        let Some((index, method, secret)) = self.good_key(number, line) else {
            self.is_doubtful |= is_active;
            return;
        };
        self.keys.insert(index, (method, Zeroizing::new(secret.to_vec())));
        if let Some(earlier) = self.numbers.insert(index, line.number.mark) {
            let (shape, mark) = (self.shape, line.number.mark);
            self.report.warning(|| {
                Diagnostic::warning(
                    Code::KeyTwice,
                    format!("key number {index} is used twice; the later line counts"),
                )
                .at(shape.place(mark))
                .second(shape.place(earlier), "does not count")
                .hint("give one of the two another number, or delete it")
            });
        }
        if is_active {
            self.signing = Some(index);
        }
        let is_cut = line.rest.text.iter().any(|byte| !byte.is_ascii_whitespace())
            && !line.rest.text.starts_with(b"#");
        if is_cut {
            let (shape, mark) = (self.shape, line.rest.mark);
            self.report.warning(|| {
                Diagnostic::warning(Code::KeyCut, "the key ends at white space; what follows is ignored")
                    .at(shape.place(mark))
                    .hint("write the key as one word, or delete what follows it")
            });
        }
    }

    /// Number, method and key if they are good together.
    fn good_key<'k>(&mut self, number: i32, line: &KeyLine<'k>) -> Option<(u8, Method, &'k [u8])> {
        let index = u8::try_from(number).ok().filter(|index| *index <= hb_auth::MAX_INDEX);
        if index.is_none() {
            self.error(line.number.mark, || {
                Diagnostic::error(
                    Code::BadKeyNumber,
                    format!("the key number {number} is not between 0 and 15"),
                )
                .hint("for example `1 sha1 KEY`")
            });
        }
        let method = std::str::from_utf8(line.method.text).ok().and_then(|name| name.parse::<Method>().ok());
        let Some(method) = method else {
            self.error(line.method.mark, || {
                let near = line::near_method(line.method.text);
                let hint = near.map_or_else(
                    || "for example `1 sha1 KEY`".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                Diagnostic::error(Code::BadMethod, "the method must be `sha1`, `md5` or `crc`").hint(hint)
            });
            return None;
        };
        if method.needs_key() && line.key.text.is_empty() {
            self.error(line.method.mark, || {
                Diagnostic::error(Code::KeyMissing, format!("`{method}` needs a key behind it"))
                    .hint(format!("for example `{number} {method} KEY`, KEY being one word"))
            });
            return None;
        }
        if !method.needs_key() && !line.key.text.is_empty() {
            self.error(line.key.mark, || {
                Diagnostic::error(
                    Code::KeyUnexpected,
                    format!("`{method}` takes no key, and no comment either"),
                )
                .hint(format!("write `{number} {method}` and nothing more"))
            });
            return None;
        }
        Some((index?, method, line.key.text))
    }

    fn finish(self) -> Option<KeyRing> {
        let Some(signing) = self.signing else {
            if !self.is_doubtful {
                self.no_signing_key();
            }
            return None;
        };
        if self.keys.get(&signing).is_some_and(|(method, _)| *method == Method::Crc) {
            self.report.note(|| {
                Diagnostic::note(Code::WeakMethod, "messages are signed with crc, which anybody can do")
                    .in_file(FileKind::Authkeys)
                    .hint("on shared networks use `sha1` with a random key")
            });
        }
        let keys = self
            .keys
            .into_iter()
            .map(|(index, (method, mut secret))| (index, method, std::mem::take(&mut *secret)));
        // It cannot fail: numbers, methods and keys were checked, and the signing one is among them.
        KeyRing::new(signing, keys).ok()
    }

    fn no_signing_key(self) {
        let Self { shape, report, active, keys, .. } = self;
        match active.filter(|(number, _)| *number >= 0) {
            None => report.error(|| {
                Diagnostic::error(Code::NoAuthLine, "no `auth` line says which key signs")
                    .in_file(FileKind::Authkeys)
                    .hint("put `auth NUMBER` above the key lines: for example `auth 1`")
            }),
            Some((number, mark)) => report.error(|| {
                let is_above = u8::try_from(number).is_ok_and(|index| keys.contains_key(&index));
                let (message, hint) = if is_above {
                    (
                        format!("key {number} stands above this line, so it does not sign"),
                        "move the `auth` line above its key line".to_owned(),
                    )
                } else {
                    (
                        format!("there is no key {number}"),
                        format!("add its line below: for example `{number} sha1 KEY`"),
                    )
                };
                Diagnostic::error(Code::NoSigningKey, message).at(shape.place(mark)).hint(hint)
            }),
        }
    }

    fn error(&mut self, mark: Mark, make: impl FnOnce() -> Diagnostic) {
        let shape = self.shape;
        self.report.error(|| make().at(shape.place(mark)));
    }
}

/// The line without white space around it.
fn whole_mark(word: Word<'_>) -> Mark {
    let text = word.text;
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    let end = text.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(start, |at| at + 1);
    word.part(start, end).mark
}

#[cfg(test)]
mod tests;
