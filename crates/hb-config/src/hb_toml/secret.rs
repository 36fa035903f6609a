//! Which parts of `hb.toml` may be a password, so that neither a message nor a line around a problem shows them: what fence
//! agents read.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys of lists that an agent reads, wherever they stand: they may be in the wrong table.
const SECRET: [&str; 2] = ["options", "own-options"];
/// The table that they belong to; another key of it may be one of them, misspelled.
const TABLE: &str = "fencing";
const HARMLESS: [&str; 3] = ["agent", "delay", "timeout"];

/// Whether the value at the end of this way may be a password.
pub(super) fn is_secret(path: &[String]) -> bool {
    let is_one = |names: &[&str], name: &String| names.contains(&name.as_str());
    path.iter().any(|name| is_one(&SECRET, name))
        || path.split_first().is_some_and(|(table, rest)| {
            table == TABLE && !rest.first().is_some_and(|name| is_one(&HARMLESS, name))
        })
}

/// Where such values stand in a file that could be understood.
pub(super) fn in_tree(tree: &DeTable<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    collect(tree, &mut Vec::new(), &mut found);
    found
}

fn collect(table: &DeTable<'_>, path: &mut Vec<String>, found: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        path.push(key.get_ref().clone().into_owned());
        value_at(value, path, found);
        path.pop();
    }
}

fn value_at(value: &Spanned<DeValue<'_>>, path: &mut Vec<String>, found: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(inner) => collect(inner, path, found),
        // Tables below a heading `[[...]]` are no text of their own.
        DeValue::Array(items) => {
            for item in items {
                value_at(item, path, found);
            }
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {
            if is_secret(path) {
                found.push(value.span());
            }
        }
    }
}

/// The same in a file whose syntax is wrong: more rather than less. From a line that names one of the keys or the table on
/// everything is hidden up to the heading of another table, but for keys and lines that are harmless.
pub(super) fn in_lines(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut is_inside) = (0, false);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let range = start..start + line.len();
        start = range.end;
        let trimmed = line.trim_ascii();
        let equals = line.iter().position(|byte| *byte == b'=');
        let key = equals.and_then(|at| line.get(..at)).unwrap_or_default().trim_ascii();
        let names = |word: &str| line.windows(word.len()).any(|part| part == word.as_bytes());
        if let Some(name) = heading(trimmed) {
            is_inside =
                name.starts_with(TABLE.as_bytes()) || SECRET.iter().any(|key| name.ends_with(key.as_bytes()));
        } else if names(SECRET[0]) || (!is_inside && names(TABLE)) {
            is_inside = true;
            found.push(equals.map_or(range.start, |at| range.start + at + 1)..range.end);
        } else if is_inside
            && !HARMLESS.iter().any(|name| key == name.as_bytes())
            && !trimmed.starts_with(b"#")
        {
            found.push(range);
        }
    }
    found
}

/// The name in a line `[NAME]`, of a table that may be there.
fn heading(line: &[u8]) -> Option<&[u8]> {
    let name = line.strip_prefix(b"[")?.split(|byte| matches!(byte, b']' | b'#')).next()?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (!name.is_empty() && name.iter().all(is_name)).then_some(name)
}
