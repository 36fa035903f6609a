//! The rules for one source file.

use crate::source::Source;

/// The offences of one file; `name` is its path relative to the workspace.
pub(crate) fn offences(name: &str, text: &str) -> Vec<String> {
    let source = Source::new(text);
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(format!("{name}:1: a file opens with `//!`: what it decides, what it does not"));
    }
    let file = name.rsplit('/').next().unwrap_or(name);
    if FORBIDDEN_NAMES.contains(&file) {
        found.push(format!("{name}: a file is named after its mechanism, never `{file}`"));
    }
    let lines = source.lines_without_tests();
    if lines > MOST_LINES && !is_test(name) {
        found.push(format!("{name}: {lines} lines without tests, at most {MOST_LINES}"));
    }
    let mut at = |numbers: Vec<usize>, rule: &str| {
        found.extend(numbers.into_iter().map(|number| format!("{name}:{number}: {rule}")));
    };
    if !name.starts_with("crates/hb-sys/") {
        at(source.word_lines("unsafe"), "`unsafe` is for crates/hb-sys only");
    }
    for opening in ["#[allow(", "#![allow("] {
        at(source.code_lines(opening), "an exception is `#[expect(.., reason = \"..\")]`, never `allow`");
    }
    for macro_name in ["todo!", "unimplemented!"] {
        at(source.code_lines(macro_name), &format!("unfinished: `{macro_name}`"));
    }
    for mark in ["FIXME", "XXX", "TODO"] {
        at(source.comment_lines(mark), &format!("unfinished: {mark} (write an issue instead)"));
    }
    at(
        ignored_without_issue(&source, text),
        "`#[ignore = \"issue N: ..\"]` names the issue that it waits for",
    );
    found
}

/// How many `#[test]` functions a file has.
pub(crate) fn tests(text: &str) -> u32 {
    let count =
        Source::new(text).code_lines("#[test]").len() + Source::new(text).code_lines("#[tokio::test").len();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Lines with `#[ignore` whose reason has no number of an issue. The reason is a literal, so it is read in the text.
fn ignored_without_issue(source: &Source, text: &str) -> Vec<usize> {
    let has_issue = |line: &str| {
        line.split_once("issue ").is_some_and(|(_, after)| after.starts_with(|c: char| c.is_ascii_digit()))
    };
    let mut lines = source.code_lines("#[ignore");
    lines.retain(|number| !text.lines().nth(number - 1).is_some_and(has_issue));
    lines
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs")
}

/// Longest file, its test module not counted.
const MOST_LINES: usize = 500;

/// Names that say nothing, and the module form that would make many files of one name.
const FORBIDDEN_NAMES: [&str; 8] =
    ["mod.rs", "utils.rs", "util.rs", "common.rs", "helpers.rs", "helper.rs", "misc.rs", "prelude.rs"];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Vec<String> {
        offences(name, text)
    }

    #[test]
    fn a_clean_file_has_none() {
        let text = "//! What it does.\n\n/// \"unsafe\" in words, todo! in words.\nfn a() {}\n";
        assert_eq!(of("crates/hb-wire/src/a.rs", text), Vec::<String>::new());
    }

    #[test]
    fn each_rule_finds_its_offence_and_its_place() {
        let table = [
            ("crates/a/src/b.rs", "fn a() {}\n", "crates/a/src/b.rs:1: a file opens"),
            ("crates/a/src/mod.rs", "//! x\n", "crates/a/src/mod.rs: a file is named"),
            ("crates/a/src/utils.rs", "//! x\n", "never `utils.rs`"),
            ("crates/a/src/b.rs", "//! x\nfn a() { unsafe { b() } }\n", "b.rs:2: `unsafe` is for"),
            ("crates/a/src/b.rs", "//! x\n#[allow(dead_code)]\n", "b.rs:2: an exception"),
            ("crates/a/src/b.rs", "//! x\n#![allow(dead_code)]\n", "b.rs:2: an exception"),
            ("crates/a/src/b.rs", "//! x\nfn a() { todo!() }\n", "b.rs:2: unfinished: `todo!`"),
            ("crates/a/src/b.rs", "//! x\n// FIXME later\n", "b.rs:2: unfinished: FIXME"),
            ("crates/a/src/b.rs", "//! x\n#[ignore]\n", "b.rs:2: `#[ignore"),
            ("crates/a/src/b.rs", "//! x\n#[ignore = \"slow\"]\n", "b.rs:2: `#[ignore"),
        ];
        for (name, text, expected) in table {
            let found = of(name, text);
            assert!(matches!(found.as_slice(), [one] if one.contains(expected)), "{text:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_allowed_is_allowed() {
        assert!(of("crates/hb-sys/src/a.rs", "//! x\nunsafe fn a() {}\n").is_empty());
        assert!(of("crates/a/src/b.rs", "//! x\n#[ignore = \"issue 7: no guard yet\"]\n").is_empty());
        assert!(of("crates/a/src/b.rs", "//! x\n#[expect(dead_code, reason = \"y\")]\n").is_empty());
    }

    #[test]
    fn length_counts_code_not_tests() {
        let long = format!("//! x\n{}", "fn a() {}\n".repeat(500));
        assert_eq!(of("crates/a/src/b.rs", &long).len(), 1);
        assert!(of("crates/a/tests/b.rs", &long).is_empty());
        assert!(of("crates/a/src/b/tests.rs", &long).is_empty());
        let tested = format!("//! x\n#[cfg(test)]\nmod tests {{\n{}}}\n", "fn a() {}\n".repeat(600));
        assert!(of("crates/a/src/b.rs", &tested).is_empty());
    }

    #[test]
    fn tests_are_counted() {
        assert_eq!(
            tests(
                "#[test]\nfn a() {}\n// #[test]\n    #[test]\nfn b() {}\n#[tokio::test]\nasync fn c() {}\n"
            ),
            3
        );
    }
}
