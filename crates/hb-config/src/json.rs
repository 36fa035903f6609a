//! Diagnostics as JSON for programs.

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::load::Loaded;
use crate::source::{FileKind, Place};

#[derive(Serialize)]
struct Document<'a> {
    subject: String,
    verdict: &'a str,
    exit_code: u8,
    errors: usize,
    warnings: usize,
    notes: usize,
    /// Diagnostics that were counted but not kept.
    left_out: usize,
    diagnostics: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    severity: &'a str,
    title: &'a str,
    message: &'a str,
    file: Option<String>,
    place: Option<Spot>,
    label: Option<&'a str>,
    second: Option<Second<'a>>,
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct Spot {
    line: usize,
    column: usize,
    start: usize,
    end: usize,
}

#[derive(Serialize)]
struct Second<'a> {
    file: String,
    place: Spot,
    label: &'a str,
}

impl Loaded {
    /// One JSON object: `subject` (directory or file), `verdict` (`accepted` or `refused`), `exit_code`, the numbers `errors`, `warnings`
    /// and `notes`, `left_out` (those not listed), and `diagnostics`: each with `code`, `severity`, `title`, `message`,
    /// `file`, `place` (`line` and `column` from 1; byte offsets `start` and `end`), `label`, `second` (another place)
    /// and `hint`, null where there is none.
    #[must_use]
    pub fn json(&self) -> String {
        let counts = self.counts;
        let document = Document {
            subject: self.subject.display().to_string(),
            verdict: if self.config.is_some() { "accepted" } else { "refused" },
            exit_code: self.exit_code(),
            errors: counts.errors,
            warnings: counts.warnings,
            notes: counts.notes,
            left_out: counts.errors + counts.warnings + counts.notes - self.diagnostics.len(),
            diagnostics: self.diagnostics.iter().map(|diagnostic| self.entry(diagnostic)).collect(),
        };
        // Only maps with other keys than text and failing writers can fail; here are neither.
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }

    fn entry<'a>(&self, diagnostic: &'a Diagnostic) -> Entry<'a> {
        let path = |file: FileKind| self.path_of(file);
        Entry {
            code: diagnostic.code.id(),
            severity: diagnostic.severity.name(),
            title: diagnostic.code.title(),
            message: &diagnostic.message,
            file: diagnostic.file.map(path),
            place: diagnostic.place.map(Spot::from),
            label: diagnostic.label.as_deref(),
            second: diagnostic.second.as_ref().map(|(place, label)| Second {
                file: path(place.file),
                place: (*place).into(),
                label,
            }),
            hint: diagnostic.hint.as_deref(),
        }
    }
}

impl From<Place> for Spot {
    fn from(place: Place) -> Self {
        let Place { line, column, start, end, .. } = place;
        Self { line, column, start, end }
    }
}
