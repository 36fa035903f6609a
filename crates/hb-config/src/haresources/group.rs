//! Logical lines as the resource script of 3.0.6 reads them: comments cut, continued lines joined, words (`failover.md` 1.1).

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::source::Mark;

use super::Reading;

/// A word and where it begins; it may have been joined from two lines.
#[derive(Clone, Debug)]
pub(super) struct Joined {
    pub(super) text: Vec<u8>,
    pub(super) mark: Mark,
}

/// A logical line: the preferred node and its resources, as words.
#[derive(Clone, Debug)]
pub(super) struct LogicalLine {
    pub(super) node: Joined,
    pub(super) resources: Vec<Joined>,
}

/// A physical line after comment and line end were cut.
struct Physical<'a> {
    text: &'a [u8],
    start: Mark,
    /// The script continues it on the next line.
    is_continued: bool,
}

/// All lines that have words in them.
pub(super) fn logical_lines(reading: &mut Reading<'_>) -> Vec<LogicalLine> {
    let bytes = reading.source.bytes();
    let mut lines = Vec::new();
    let mut words: Vec<Joined> = Vec::new();
    let mut is_word_open = false;
    let mut warned_about_cr = false;
    let mut start = 0;
    for (index, raw) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let mark = Mark { line: index + 1, line_start: start, start, end: start + raw.len() };
        start += raw.len() + 1;
        let physical = physical_line(reading, raw, mark, start >= bytes.len(), &mut warned_about_cr);
        collect_words(&physical, &mut words, &mut is_word_open);
        if !physical.is_continued {
            finish(&mut lines, &mut words);
        }
    }
    finish(&mut lines, &mut words);
    lines
}

fn finish(lines: &mut Vec<LogicalLine>, words: &mut Vec<Joined>) {
    let mut words = std::mem::take(words).into_iter();
    if let Some(node) = words.next() {
        lines.push(LogicalLine { node, resources: words.collect() });
    }
}

/// Appends the words of one physical line; the first one may belong to the last of the line before.
fn collect_words(line: &Physical<'_>, words: &mut Vec<Joined>, is_word_open: &mut bool) {
    let mut offset = 0;
    for part in line.text.split(|byte| matches!(byte, b' ' | b'\t')) {
        let start = line.start.start + offset;
        let at_line_start = offset == 0;
        offset += part.len() + 1;
        if part.is_empty() {
            continue;
        }
        match words.last_mut() {
            Some(last) if at_line_start && *is_word_open => last.text.extend_from_slice(part),
            _ => {
                let mark = Mark { start, end: start + part.len(), ..line.start };
                words.push(Joined { text: part.to_vec(), mark });
            }
        }
    }
    let ends_in_word = line.text.last().is_some_and(|byte| !matches!(byte, b' ' | b'\t'));
    *is_word_open = line.is_continued && (ends_in_word || (line.text.is_empty() && *is_word_open));
}

fn physical_line<'a>(
    reading: &mut Reading<'_>,
    raw: &'a [u8],
    mark: Mark,
    is_last: bool,
    warned_about_cr: &mut bool,
) -> Physical<'a> {
    let text = raw.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.len() < raw.len() {
        let at = Mark { start: mark.start + text.len(), ..mark };
        reading.warning(at, || {
            Diagnostic::warning(Code::TextIgnored, "what follows a NUL byte in this line is ignored")
        });
    }
    let without_cr = text.strip_suffix(b"\r").unwrap_or(text);
    let has_cr = without_cr.len() < text.len();
    if has_cr && !*warned_about_cr {
        *warned_about_cr = true;
        let end = mark.start + without_cr.len();
        reading.warning(Mark { start: end, end: end + 1, ..mark }, || {
            Diagnostic::warning(
                Code::CarriageReturn,
                "lines end in CR LF: a 3.0.6 peer takes the CR for a part of the last word",
            )
            .hint("convert the file: `sed -i 's/\\r$//' haresources`")
        });
    }
    let code = without_cr.split(|byte| *byte == b'#').next().unwrap_or_default();
    let has_comment = code.len() < without_cr.len();
    let is_empty = code.trim_ascii().is_empty();
    let script_continues = code.ends_with(b"\\") && !has_cr && !is_last;
    let daemon_continues = text.ends_with(b"\\") && !is_empty;
    let at_backslash = |at: usize| Mark { start: mark.start + at, end: mark.start + at + 1, ..mark };
    if code.trim_ascii_end().ends_with(b"\\") && !script_continues {
        let at = code.trim_ascii_end().len() - 1;
        reading.warning(at_backslash(at), || {
            Diagnostic::warning(
                Code::Continuation,
                "this backslash does not continue the line and is dropped",
            )
            .hint("a backslash continues a line only as its very last byte, before LF")
        });
        // What stands before the backslash is kept: the backslash alone means nothing.
        let kept = code.get(..at).unwrap_or_default();
        return Physical { text: kept, start: mark, is_continued: false };
    }
    if script_continues != daemon_continues && !is_last {
        let at = if script_continues { code.len() - 1 } else { without_cr.len() - 1 };
        reading.warning(at_backslash(at), || {
            let message = if has_comment && script_continues {
                "this backslash before a comment continues the line, but 3.0.6 checks the next line as if it did not"
            } else {
                "this backslash inside a comment does not continue the line, but 3.0.6 does not check the next line"
            };
            Diagnostic::warning(Code::Continuation, message).hint("put comments on lines of their own")
        });
    }
    let code = if script_continues { code.strip_suffix(b"\\").unwrap_or(code) } else { code };
    Physical { text: code, start: mark, is_continued: script_continues }
}
