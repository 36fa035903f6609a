//! Diagnostics as text for people: place, line, caret, hint. Readable without colour.

use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity};
use crate::load::Loaded;
use crate::source::{Place, Source};

/// Diagnostics that are printed; of more, the errors come first.
const MOST_PRINTED: usize = 100;
/// Bytes of the longest line that is shown; of a longer one only the place is named.
const LONGEST_LINE: usize = 1000;
/// Lines between two places that still make one picture.
const NEAR: usize = 20;

impl Loaded {
    /// All that is printed about the files: each diagnostic with its line, then the verdict in one line.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for diagnostic in self.printed() {
            let groups = [self.picture(diagnostic)];
            text.push_str(&renderer.render(&groups));
            text.push_str("\n\n");
        }
        text.push_str(&self.verdict());
        text
    }

    /// The diagnostics that are printed, in order.
    fn printed(&self) -> impl Iterator<Item = &Diagnostic> {
        let mut room = MOST_PRINTED;
        let mut allowed = |severity| {
            let wanted = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
            let given = wanted.min(room);
            room -= given;
            given
        };
        let (mut errors, mut warnings, mut notes) =
            (allowed(Severity::Error), allowed(Severity::Warning), allowed(Severity::Note));
        self.diagnostics.iter().filter(move |diagnostic| {
            let left = match diagnostic.severity {
                Severity::Error => &mut errors,
                Severity::Warning => &mut warnings,
                Severity::Note => &mut notes,
            };
            let is_printed = *left > 0;
            *left = left.saturating_sub(1);
            is_printed
        })
    }

    fn verdict(&self) -> String {
        let printed = self.printed().count();
        let all = self.counts.errors + self.counts.warnings + self.counts.notes;
        let mut text = String::new();
        if all > printed {
            let _ = writeln!(text, "... and {} more are not shown\n", all - printed);
        }
        let word = if self.config.is_some() { "accepted" } else { "refused" };
        let _ = write!(text, "{}: {word}", self.subject.display());
        let mut separator = ": ";
        for (count, name) in
            [(self.counts.errors, "error"), (self.counts.warnings, "warning"), (self.counts.notes, "note")]
        {
            if count > 0 {
                let plural = if count == 1 { "" } else { "s" };
                let _ = write!(text, "{separator}{count} {name}{plural}");
                separator = ", ";
            }
        }
        text.push('\n');
        text
    }

    fn picture<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let title = level.primary_title(&diagnostic.message).id(diagnostic.code.id());
        let mut group = title.elements(self.places(diagnostic));
        if let Some(hint) = &diagnostic.hint {
            group = group.element(Level::HELP.with_name("hint").message(hint));
        }
        group
    }

    fn places<'a>(&'a self, diagnostic: &'a Diagnostic) -> Vec<Element<'a>> {
        let primary = diagnostic.place.map(|place| Shown {
            place,
            label: diagnostic.label.as_deref().unwrap_or_default(),
            kind: AnnotationKind::Primary,
        });
        let second = diagnostic.second.as_ref().map(|(place, label)| Shown {
            place: *place,
            label,
            kind: AnnotationKind::Context,
        });
        match (primary, second) {
            (Some(primary), Some(second)) => {
                if let Some(both) = self.one_snippet(&[&primary, &second]) {
                    return vec![both];
                }
                vec![self.snippet(&primary), self.snippet(&second)]
            }
            (Some(primary), None) => vec![self.snippet(&primary)],
            (None, _) => {
                diagnostic.file.map(|file| Origin::path(self.path_of(file)).into()).into_iter().collect()
            }
        }
    }

    fn snippet<'a>(&self, shown: &Shown<'a>) -> Element<'a> {
        self.one_snippet(&[shown]).unwrap_or_else(|| {
            let place = shown.place;
            Origin::path(self.path_of(place.file)).line(place.line).char_column(place.column).into()
        })
    }

    /// One picture of all places; nothing if they lie in different files, far apart, or in very long lines.
    fn one_snippet<'a>(&self, shown: &[&Shown<'a>]) -> Option<Element<'a>> {
        let file = shown.first()?.place.file;
        let first = shown.iter().map(|shown| shown.place.line).min()?;
        let last = shown.iter().map(|shown| shown.place.line).max()?;
        if shown.iter().any(|shown| shown.place.file != file) || last - first > NEAR {
            return None;
        }
        let source = self.sources.iter().find(|source| source.file() == file)?;
        let start = shown.iter().map(|shown| shown.place.start).min()?;
        let end = shown.iter().map(|shown| shown.place.end).max()?;
        let (window, offset) = window(source, start, end)?;
        let (text, map) = to_text(window);
        let annotations: Vec<_> = shown
            .iter()
            .map(|shown| {
                let range = map.range(&text, shown.place.start - offset..shown.place.end - offset);
                let label = (!shown.label.is_empty()).then_some(shown.label);
                shown.kind.span(range).label(label)
            })
            .collect();
        let snippet =
            Snippet::source(text).line_start(first).path(self.path_of(file)).annotations(annotations);
        Some(snippet.into())
    }
}

/// A place with what is said about it.
struct Shown<'a> {
    place: Place,
    label: &'a str,
    kind: AnnotationKind,
}

/// The whole lines from `start` to `end` and the offset of the first one; nothing if a line is too long to be shown.
fn window(source: &Source, start: usize, end: usize) -> Option<(&[u8], usize)> {
    let (_, first) = source.line_around(start, LONGEST_LINE)?;
    let (last_line, last) = source.line_around(end, LONGEST_LINE)?;
    let window = source.bytes().get(first..last + last_line.len())?;
    let is_short = window.split(|byte| *byte == b'\n').all(|line| line.len() <= LONGEST_LINE);
    is_short.then_some((window, first))
}

/// From byte offsets in a file to byte offsets in its text.
struct OffsetMap {
    /// Offsets in the file, ascending, and the text's offset of each; between them both count alike.
    steps: Vec<(usize, usize)>,
}

impl OffsetMap {
    /// The part of `text` that shows `range`. A range may be cut in the middle of a character, which is then shown whole.
    fn range(&self, text: &str, range: Range<usize>) -> Range<usize> {
        let at = |offset: usize| {
            let index = self.steps.partition_point(|(from, _)| *from <= offset);
            let step = index.checked_sub(1).and_then(|index| self.steps.get(index));
            step.map_or(offset, |(from, to)| to + (offset - from)).min(text.len())
        };
        let (mut start, mut end) = (at(range.start), at(range.end));
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        end = end.max(start);
        while !text.is_char_boundary(end) {
            end += 1;
        }
        start..end
    }
}

/// Bytes as text: what is not UTF-8 becomes a replacement character, what would move the cursor is made visible.
fn to_text(bytes: &[u8]) -> (String, OffsetMap) {
    let mut text = String::with_capacity(bytes.len());
    let mut steps = vec![(0, 0)];
    let mut read = 0;
    for chunk in bytes.utf8_chunks() {
        let mut characters = chunk.valid().chars().peekable();
        while let Some(character) = characters.next() {
            read += character.len_utf8();
            match character {
                // The CR of CR LF is not shown, another one would hide the text before it.
                '\r' if matches!(characters.peek(), None | Some('\n')) => steps.push((read, text.len())),
                '\r' => {
                    text.push('␍');
                    steps.push((read, text.len()));
                }
                // The other control characters of ASCII are replaced where the lines are drawn, these are not; some
                // terminals obey them.
                '\u{80}'..='\u{9f}' => {
                    text.push(char::REPLACEMENT_CHARACTER);
                    steps.push((read, text.len()));
                }
                _ => text.push(character),
            }
        }
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            read += chunk.invalid().len();
            steps.push((read, text.len()));
        }
    }
    (text, OffsetMap { steps })
}
