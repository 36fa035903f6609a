//! Which bytes of `ha.cf` are replaced by which.

use crate::ha_cf::removed;
use crate::line::{Line, PIECE_LIMIT, directive, is_list_separator, pieces, words};
use crate::source::Word;
use crate::value::parse_bool;

use super::Change;

/// A text and what was changed in it.
pub(super) struct Edited {
    pub(super) text: Vec<u8>,
    pub(super) changes: Vec<Change>,
    /// Lines that could not be changed because they would become too long.
    pub(super) too_long: Vec<usize>,
}

/// Rewrites each line that begins with an old word, whatever its case.
pub(super) fn edit(text: &[u8]) -> Edited {
    let mut edited =
        Edited { text: Vec::with_capacity(text.len()), changes: Vec::new(), too_long: Vec::new() };
    // Pieces, as 3.0.6 reads them: the rest of an overlong line can be a directive too.
    let mut pieces = pieces(text).peekable();
    let mut line_start = 0;
    let mut number = 0;
    for raw in text.split_inclusive(|byte| *byte == b'\n') {
        number += 1;
        let line_end = line_start + raw.len();
        let mut old = Vec::new();
        let mut count = 0;
        while let Some(piece) = pieces.next_if(|piece| piece.word.mark.start < line_end) {
            count += 1;
            if let Some(line) = directive(&piece) {
                old.extend(replacements(line));
            }
        }
        let changed = if count == 1 { apply(raw, line_start, &old) } else { None };
        match changed {
            _ if old.is_empty() => edited.text.extend_from_slice(raw),
            Some(after) => {
                edited.text.extend_from_slice(&after);
                edited.changes.push(Change { line: number, before: raw.to_vec(), after });
            }
            None => {
                edited.text.extend_from_slice(raw);
                edited.too_long.push(number);
            }
        }
        line_start = line_end;
    }
    edited
}

/// Bytes `start..end` of the text become `by`; `above` are lines that are put above the line.
#[derive(Debug)]
struct Replacement {
    start: usize,
    end: usize,
    by: Vec<u8>,
    above: Vec<Vec<u8>>,
}

fn replacements(line: Line<'_>) -> Vec<Replacement> {
    let name = line.name;
    if name.text.eq_ignore_ascii_case(b"udp") {
        return vec![replaced(name, "bcast")];
    }
    if name.text.eq_ignore_ascii_case(b"crm") {
        return vec![replaced(name, "pacemaker")];
    }
    if name.text.eq_ignore_ascii_case(b"nice_failback") {
        return nice_failback(line).unwrap_or_default();
    }
    let Some((known, advice)) = removed(name.text) else { return Vec::new() };
    let above = vec![format!("# {known}: {advice}").into_bytes()];
    let start = name.mark.start;
    vec![Replacement { start, end: start, by: b"#".to_vec(), above }]
}

fn replaced(word: Word<'_>, by: &str) -> Replacement {
    Replacement { start: word.mark.start, end: word.mark.end, by: by.into(), above: Vec::new() }
}

/// `on` meant not to fail back, `off` what is called legacy now (`failover.md` 3.10). With a bad value nothing is
/// changed: it has to be looked at.
fn nice_failback(line: Line<'_>) -> Option<Vec<Replacement>> {
    let values = words(line.rest, is_list_separator)
        .map(|word| Some(replaced(word, if parse_bool(word.text)? { "off" } else { "legacy" })));
    let values: Vec<Replacement> = values.collect::<Option<_>>()?;
    Some(std::iter::once(replaced(line.name, "auto_failback")).chain(values).collect())
}

/// The line with its replacements; nothing if a line would become longer than 3.0.6 reads in one piece.
fn apply(raw: &[u8], line_start: usize, replacements: &[Replacement]) -> Option<Vec<u8>> {
    let ending: &[u8] = if raw.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
    let mut text = Vec::with_capacity(raw.len() + 64);
    for above in replacements.iter().flat_map(|replacement| &replacement.above) {
        text.extend_from_slice(above);
        text.extend_from_slice(ending);
    }
    let mut from = 0;
    for Replacement { start, end, by, .. } in replacements {
        text.extend_from_slice(raw.get(from..start - line_start)?);
        text.extend_from_slice(by);
        from = end - line_start;
    }
    text.extend_from_slice(raw.get(from..)?);
    let is_readable = text.split_inclusive(|byte| *byte == b'\n').all(|line| line.len() <= PIECE_LIMIT);
    is_readable.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::edit;

    fn after(text: &str) -> String {
        String::from_utf8(edit(text.as_bytes()).text).unwrap()
    }

    #[test]
    fn old_words_are_replaced_and_nothing_else() {
        for (before, expected) in [
            ("udp eth0\n", "bcast eth0\n"),
            ("  udp\teth0, eth1 # udp\r\nudp", "  bcast\teth0, eth1 # udp\r\nbcast"),
            ("Udp eth1 # placa de rede\n", "bcast eth1 # placa de rede\n"),
            ("# udp eth0\nudpport 694\n", "# udp eth0\nudpport 694\n"),
            ("nice_failback on\n", "auto_failback off\n"),
            ("nice_failback off,Yes # x\n", "auto_failback legacy,off # x\n"),
            ("nice_failback\n", "auto_failback\n"),
            ("nice_failback maybe\n", "nice_failback maybe\n"),
            ("crm off\n", "pacemaker off\n"),
            ("node udp crm nice_failback\n", "node udp crm nice_failback\n"),
            ("", ""),
        ] {
            assert_eq!(after(before), expected, "{before:?}");
        }
    }

    #[test]
    fn dropped_directives_become_comments_with_a_suggestion() {
        let text = after("node a\r\n tipc eth0\r\nnode b\r\n");
        let advice = "it was dropped; use `ucast`, `bcast` or `mcast`";
        assert_eq!(text, format!("node a\r\n# tipc: {advice}\r\n #tipc eth0\r\nnode b\r\n"));
        assert_eq!(after("ppp-udp /dev/ttyS0 10.0.0.1\n"), "ppp-udp /dev/ttyS0 10.0.0.1\n");
        assert_eq!(after("normalpoll 5\n"), "# normalpoll: it was dropped; delete the line\n#normalpoll 5\n");
        assert_eq!(after("rds"), format!("# rds: {advice}\n#rds"));
    }

    #[test]
    fn lines_that_are_cut_stay_as_they_are() {
        let fits = format!("udp {}\n", "x".repeat(5112));
        assert_eq!(fits.len(), 5117);
        assert!(after(&fits).starts_with("bcast "));
        for line in [format!("udp {}\n", "x".repeat(5113)), format!("#{}udp eth0\n", "x".repeat(5118))] {
            let edited = edit(line.as_bytes());
            assert_eq!(edited.text, line.as_bytes());
            assert_eq!((edited.changes.len(), edited.too_long.as_slice()), (0, &[1][..]));
        }
    }
}
