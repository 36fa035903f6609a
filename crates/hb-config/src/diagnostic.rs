//! Diagnostics and their bounded collection. How they are shown is decided in `render.rs` and `json.rs`.

use crate::code::Code;
use crate::source::{FileKind, Place};

/// Diagnostics that are kept per severity; more are only counted.
pub(crate) const KEPT_PER_SEVERITY: usize = 100;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// Accepted, but probably not what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The word shown to people and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One problem or remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of problem it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// The file it belongs to, if it belongs to one.
    pub file: Option<FileKind>,
    /// The text it is about.
    pub place: Option<Place>,
    /// A few words to be shown at the place.
    pub label: Option<String>,
    /// Another place that matters, with a few words about it.
    pub second: Option<(Place, String)>,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        let message = printable(&message.into());
        Self { code, severity, message, file: None, place: None, label: None, second: None, hint: None }
    }

    pub(crate) fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    pub(crate) fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    pub(crate) fn note(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    #[must_use]
    pub(crate) fn in_file(mut self, file: FileKind) -> Self {
        self.file = Some(file);
        self
    }

    #[must_use]
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.file = Some(place.file);
        self.place = Some(place);
        self
    }

    #[must_use]
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(printable(&label.into()));
        self
    }

    #[must_use]
    pub(crate) fn second(mut self, place: Place, label: impl Into<String>) -> Self {
        self.second = Some((place, printable(&label.into())));
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(printable(&hint.into()));
        self
    }
}

/// Numbers of diagnostics, those that were not kept included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Errors: with one, the configuration is refused.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Notes.
    pub notes: usize,
}

/// Collects diagnostics; keeps the first hundred of each severity and counts all.
#[derive(Debug, Default)]
pub(crate) struct Report {
    kept: Vec<Diagnostic>,
    counts: Counts,
    kept_errors: usize,
    kept_warnings: usize,
    kept_notes: usize,
}

impl Report {
    /// `make` runs only if there is room, so a file full of errors costs little.
    pub(crate) fn error(&mut self, make: impl FnOnce() -> Diagnostic) {
        self.counts.errors += 1;
        if self.kept_errors < KEPT_PER_SEVERITY {
            self.kept_errors += 1;
            self.kept.push(make());
        }
    }

    /// As [`Self::error`].
    pub(crate) fn warning(&mut self, make: impl FnOnce() -> Diagnostic) {
        self.counts.warnings += 1;
        if self.kept_warnings < KEPT_PER_SEVERITY {
            self.kept_warnings += 1;
            self.kept.push(make());
        }
    }

    /// As [`Self::error`].
    pub(crate) fn note(&mut self, make: impl FnOnce() -> Diagnostic) {
        self.counts.notes += 1;
        if self.kept_notes < KEPT_PER_SEVERITY {
            self.kept_notes += 1;
            self.kept.push(make());
        }
    }

    /// Whether the next error will be kept.
    pub(crate) const fn has_room_for_errors(&self) -> bool {
        self.kept_errors < KEPT_PER_SEVERITY
    }

    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    /// What was kept: by file, in the order of the text; what has no place comes last.
    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|diagnostic| {
            let file = diagnostic.file.map_or(usize::MAX, |file| file as usize);
            (file, diagnostic.place.map_or(usize::MAX, |place| place.start))
        });
        self.kept
    }
}

/// A word of a file as messages show it: quoted, short, without control characters.
pub(crate) fn quoted(text: &[u8]) -> String {
    const LONGEST: usize = 60;
    let mut shown = String::from("`");
    for (count, character) in
        String::from_utf8_lossy(text.get(..LONGEST * 4).unwrap_or(text)).chars().enumerate()
    {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        shown.push(character);
    }
    shown.push('`');
    printable(&shown)
}

/// Text from a file must not reach a terminal with control characters, which could move the cursor or hide text.
pub(crate) fn printable(text: &str) -> String {
    const LONGEST: usize = 1000;
    let mut shown = String::with_capacity(text.len());
    for character in text.chars().take(LONGEST) {
        let is_invisible = matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if character.is_control() || is_invisible {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_shown_short_and_without_control_characters() {
        assert_eq!(quoted(b"a\x1b[31m\r"), "`a\\u{1b}[31m\\r`");
        assert_eq!(quoted(&[b'x'; 1000]).chars().count(), 63);
    }

    #[test]
    fn more_than_a_hundred_are_counted_but_not_made() {
        let mut report = Report::default();
        let mut made = 0;
        for _ in 0..1000 {
            report.error(|| {
                made += 1;
                Diagnostic::error(Code::NoMedia, "")
            });
        }
        assert_eq!((made, report.counts().errors, report.into_sorted().len()), (100, 1000, 100));
    }
}
