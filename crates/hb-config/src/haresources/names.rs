//! The check that the daemon of 3.0.6 makes before it starts: the first word of each line is a node (`config.md` 9).

use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::line::{Piece, pieces};
use crate::source::Word;
use crate::suggest::nearest;

use super::{KnownNodes, Reading};

/// Reports unknown nodes. The verdict of 3.0.6 depends on this and on nothing else in the file.
pub(super) fn check(reading: &mut Reading<'_>) {
    let Some(known) = reading.known else { return };
    let source = reading.source;
    let mut is_continued = false;
    for piece in pieces(source.bytes()) {
        let text = piece.word.text;
        let was_continued = is_continued;
        // A comment line never continues, whatever it ends in.
        let name = first_word(piece.word);
        let is_blank_or_comment = name.text.is_empty() || name.text.starts_with(b"#");
        is_continued = text.ends_with(b"\\\n") && (was_continued || !is_blank_or_comment);
        if was_continued || is_blank_or_comment {
            continue;
        }
        if !known.has(name.text) {
            unknown(reading, known, &piece, name);
        }
    }
}

fn first_word(piece: Word<'_>) -> Word<'_> {
    let text = piece.text;
    let start = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    let rest = piece.part(start, text.len());
    let end = rest.text.iter().position(|byte| is_space(*byte)).unwrap_or(rest.text.len());
    rest.part(0, end)
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn unknown(reading: &mut Reading<'_>, known: KnownNodes<'_>, piece: &Piece<'_>, name: Word<'_>) {
    let is_rest = piece.is_rest;
    let mark = if is_rest { name.part(0, 20).mark } else { name.mark };
    reading.error(mark, || {
        if is_rest {
            let message =
                "the line is longer than 5119 bytes; its rest is read as a line that must begin with a node";
            return Diagnostic::error(Code::LineTooLong, message)
                .hint("split the group, or continue the line with `\\`");
        }
        let names = known.nodes.iter().map(|(name, _)| name.as_str());
        let diagnostic =
            Diagnostic::error(Code::UnknownNode, format!("{} is not a node of ha.cf", quoted(name.text)));
        if name.text.starts_with(b"\xef\xbb\xbf") {
            return diagnostic.hint("remove the byte order mark at the beginning of the file");
        }
        let bare: &[u8] = name.text.trim_ascii_end().strip_suffix(b",").unwrap_or(name.text);
        let bare: Vec<u8> = bare.iter().copied().filter(|byte| !matches!(byte, b'"' | b'\'')).collect();
        match nearest(&bare, names.clone()) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`? The nodes are {}", some(names))),
            None => diagnostic.hint(format!("a line begins with the preferred node: {}", some(names))),
        }
    });
}

/// A few names for a hint.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut shown: Vec<&str> = names.take(5).collect();
    if shown.len() == 5 {
        shown.push("...");
    }
    shown.join(", ")
}
