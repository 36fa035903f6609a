//! Reads `ha.cf` (`config.md` 2-7): lines to directives, directives to a [`Draft`], late checks over the whole.
//!
//! Every problem is reported and reading goes on; what is not decided here is whether the node starts.

mod assemble;
mod behaviour;
mod children;
mod clients;
mod directives;
mod draft;
mod fencing;
mod late;
mod logging;
mod lookup;
mod media;
mod media_line;
mod nodes;
mod obsolete;
mod ppp;
mod record;
mod timing;

use std::path::Path;

use crate::checked::Notice;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report, Severity, quoted};
use crate::host::Host;
use crate::line::{Line, Piece, directive, is_list_separator, pieces, words};
use crate::source::{Mark, Place, Source, Word};
use crate::value::{parse_bool, parse_number};

pub(crate) use assemble::assemble;
pub(crate) use directives::removed;
use directives::{Directive, Shape, Status};
use draft::Doubts;
pub(crate) use draft::Draft;
pub(crate) use late::{check_autojoin, check_number_of_nodes};
use lookup::Lookup;
pub use record::defaults;

/// The state of reading: what was understood so far, and where problems go.
pub(crate) struct HaCf<'a> {
    source: &'a Source,
    report: &'a mut Report,
    lookup: Lookup<'a>,
    own_name: &'a str,
    /// The directive whose values are being read, and where its name stands.
    directive: &'static Directive,
    name: Mark,
    draft: Draft,
}

/// The UDP port if the services file names none for `ha-cluster`.
const USUAL_PORT: u16 = 694;

/// Reads all lines and makes the checks over the whole.
pub(crate) fn read(source: &Source, own_name: &str, host: &dyn Host, report: &mut Report) -> Draft {
    let mut reading = HaCf {
        source,
        report,
        lookup: Lookup::new(host),
        own_name,
        directive: &directives::NONE,
        name: Mark { line: 1, line_start: 0, start: 0, end: 0 },
        draft: Draft {
            default_port: host.udp_port_of("ha-cluster").unwrap_or(USUAL_PORT),
            ..Draft::default()
        },
    };
    for piece in pieces(source.bytes()) {
        reading.piece(&piece);
    }
    late::check_late(&mut reading);
    reading.draft
}

impl HaCf<'_> {
    fn piece(&mut self, piece: &Piece<'_>) {
        self.warn_about_layout(piece);
        let Some(line) = directive(piece) else { return };
        let Some(directive) = directives::find(line.name.text) else {
            self.unknown_directive(line.name, piece);
            return;
        };
        self.directive = directive;
        self.name = line.name.mark;
        let errors = self.report.counts().errors;
        match directive.shape {
            Shape::List(apply) => self.list(line, apply),
            Shape::Line(apply) => apply(self, line.rest),
        }
        if self.report.counts().errors == errors && !line.rest.text.is_empty() {
            self.note_status(line.name.mark);
        }
    }

    /// Each value is applied as if it stood on a line of its own.
    fn list(&mut self, line: Line<'_>, apply: fn(&mut HaCf<'_>, Word<'_>)) {
        let mut count = 0;
        for word in words(line.rest, is_list_separator) {
            count += 1;
            if let Some(parameter) = self.directive.recorded {
                self.draft.recorded.insert(parameter, word.lossy());
            }
            let errors = self.report.counts().errors;
            apply(self, word);
            if !self.directive.is_repeatable && self.report.counts().errors == errors {
                self.note_value(word);
            }
        }
        if count > 0 {
            return;
        }
        let directive = self.directive;
        self.warning(line.name.mark, || {
            Diagnostic::warning(Code::NoValue, format!("`{}` has no value and does nothing", directive.name))
                .hint(directive.hint())
        });
    }

    /// Remembers a good value of a directive of which the last one counts, and warns about a second one.
    fn note_value(&mut self, word: Word<'_>) {
        let name = self.directive.name;
        let Some(earlier) = self.draft.given.insert(name, word.mark) else { return };
        let source = self.source;
        let is_same = source.bytes().get(earlier.start..earlier.end) == Some(word.text);
        let message = format_args!("`{name}` is given again; the last line counts");
        if is_same {
            self.note(word.mark, || {
                Diagnostic::note(Code::GivenAgain, message.to_string())
                    .second(source.place(earlier), "the same value")
            });
        } else {
            self.warning(word.mark, || {
                Diagnostic::warning(Code::GivenAgain, message.to_string())
                    .second(source.place(earlier), "does not count")
                    .hint("keep one of the two")
            });
        }
    }

    fn warn_about_layout(&mut self, piece: &Piece<'_>) {
        let word = piece.word;
        if piece.is_rest && word.text.iter().any(|byte| !byte.is_ascii_whitespace()) {
            let start = word.part(0, 20.min(word.text.len()));
            self.warning(start.mark, || {
                let message =
                    "the line is longer than 5119 bytes; this rest of it is read as a line of its own";
                Diagnostic::warning(Code::LineTooLong, message).hint("break the line, or shorten the comment")
            });
        }
        let text_ends =
            word.text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(word.text.len());
        let dropped = word.part(text_ends, word.text.trim_ascii_end().len().max(text_ends));
        let hidden = dropped.text.iter().any(|byte| !byte.is_ascii_whitespace());
        let in_comment = word.text.get(..text_ends).is_some_and(|text| text.contains(&b'#'));
        if piece.has_nul || (hidden && !in_comment && text_ends > 0) {
            let what = if piece.has_nul { "a NUL byte" } else { "a carriage return" };
            let mark = if piece.has_nul { word.mark } else { dropped.mark };
            let mark = Mark { end: mark.end.min(mark.start + 40), ..mark };
            self.warning(mark, || {
                Diagnostic::warning(Code::TextIgnored, format!("what follows {what} in this line is ignored"))
                    .hint("write one directive per line and end lines with LF")
            });
        }
    }

    fn unknown_directive(&mut self, name: Word<'_>, piece: &Piece<'_>) {
        if !self.report.has_room_for_errors() {
            // Nobody will read a guess any more, so none is made; everything may have been meant.
            self.draft.doubts = Doubts { media: true, nodes: true, log: true };
            self.draft.is_fencing_meant = true;
            self.report.error(|| Diagnostic::error(Code::UnknownDirective, ""));
            return;
        }
        let guess = directives::guess(name.text);
        self.draft.doubts.unknown_directive(guess.meant);
        let rest = piece.word.part(name.mark.end - piece.word.mark.start, piece.word.text.len());
        if guess.is_fencing() {
            self.draft.hidden.push(rest.mark.start..rest.mark.end);
            self.draft.is_fencing_meant = true;
        }
        self.error(name.mark, || {
            let diagnostic =
                Diagnostic::error(Code::UnknownDirective, format!("unknown directive {}", quoted(name.text)));
            match guess.hint(name.text, rest.text) {
                Some(hint) => diagnostic.hint(hint),
                None => {
                    diagnostic.hint("known directives are listed in the manual page; comments begin with `#`")
                }
            }
        });
    }

    /// Says once per directive that it is not in force, if that is so.
    fn note_status(&mut self, mark: Mark) {
        let directive = self.directive;
        match directive.status {
            Status::InForce => {}
            Status::LaterMinor => {
                let message = format!("`{}` is accepted, but not in force in this version", directive.name);
                self.notice(directive.name, Some(mark), Severity::Note, Code::NotInForce, message);
            }
            Status::NoEffect => {
                let message = format!("`{}` is accepted, but has no effect here", directive.name);
                self.notice(directive.name, Some(mark), Severity::Note, Code::WithoutEffect, message);
            }
        }
    }

    /// Records a notice and reports it, once per directive.
    fn notice(
        &mut self,
        directive: &'static str,
        mark: Option<Mark>,
        severity: Severity,
        code: Code,
        message: String,
    ) {
        if self.draft.notices.iter().any(|notice| notice.directive == directive) {
            return;
        }
        let place = mark.map(|mark| self.source.place(mark));
        let diagnostic = Diagnostic::new(severity, code, message.clone());
        let diagnostic = match place {
            Some(place) => diagnostic.at(place),
            None => diagnostic.in_file(self.source.file()),
        };
        match severity {
            Severity::Error => self.report.error(|| diagnostic),
            Severity::Warning => self.report.warning(|| diagnostic),
            Severity::Note => self.report.note(|| diagnostic),
        }
        self.draft.notices.push(Notice { directive, message, place });
    }

    fn place(&self, mark: Mark) -> Place {
        self.source.place(mark)
    }

    fn error(&mut self, mark: Mark, make: impl FnOnce() -> Diagnostic) {
        let source = self.source;
        self.report.error(|| make().at(source.place(mark)));
    }

    fn warning(&mut self, mark: Mark, make: impl FnOnce() -> Diagnostic) {
        let source = self.source;
        self.report.warning(|| make().at(source.place(mark)));
    }

    fn note(&mut self, mark: Mark, make: impl FnOnce() -> Diagnostic) {
        let source = self.source;
        self.report.note(|| make().at(source.place(mark)));
    }

    /// Reports that `word` is not what the directive takes.
    fn bad_value(&mut self, code: Code, word: Word<'_>) {
        self.bad_value_with(code, word, || None);
    }

    /// As [`Self::bad_value`], with a better hint if there is one.
    fn bad_value_with(&mut self, code: Code, word: Word<'_>, hint: impl FnOnce() -> Option<String>) {
        let directive = self.directive;
        self.error(word.mark, || {
            let message =
                format!("`{}` takes {}, not {}", directive.name, directive.takes, quoted(word.text));
            Diagnostic::error(code, message).hint(hint().unwrap_or_else(|| directive.hint()))
        });
    }

    /// Reports a line directive whose words are wrong; `mark` is the wrong word, or the name if a word is missing.
    fn bad_line(&mut self, code: Code, mark: Option<Mark>, message: impl FnOnce() -> String) {
        let directive = self.directive;
        self.error(mark.unwrap_or(self.name), || Diagnostic::error(code, message()).hint(directive.hint()));
    }

    /// A truth value, or nothing after reporting it.
    fn truth(&mut self, word: Word<'_>) -> Option<bool> {
        let value = parse_bool(word.text);
        if value.is_none() {
            self.bad_value(Code::BadBoolean, word);
        }
        value
    }

    /// A whole number of `range`, or nothing after reporting it.
    fn number(&mut self, code: Code, word: Word<'_>, range: std::ops::RangeInclusive<i32>) -> Option<i32> {
        let number = parse_number(word.text);
        if !range.contains(&number.value) {
            self.bad_value(code, word);
            return None;
        }
        if number.ignored > 0 {
            let name = self.directive.name;
            self.warning(word.mark, || {
                let message = format!("{} is read as {}", quoted(word.text), number.value);
                Diagnostic::warning(Code::PartlyRead, message)
                    .hint(format!("write `{name} {}`", number.value))
            });
        }
        Some(number.value)
    }
}

/// Where relative paths of `ha.cf` start: the working directory, so they are used as they are.
fn path_of(word: Word<'_>) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(word.text))
}
