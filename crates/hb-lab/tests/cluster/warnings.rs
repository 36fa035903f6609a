//! What 3.0.6 may log at WARN or above because of us: no line that another 3.0.6 would not have caused.
//!
//! `warnings.txt` lists what two real ones log in the same stories, by what befell them.

use crate::pair::{Case, Pair, Who};

/// Fails at the first line that has no counterpart between two real ones.
pub(crate) fn judge(case: Case, who: Who, log: &str, befell: &[&str]) {
    let strange: Vec<&str> =
        log.lines().filter(|line| is_warning(line) && !is_allowed(line, befell)).collect();
    if case.pair == Pair::Both306 {
        print(case, log);
    } else {
        assert!(strange.is_empty(), "{case}: {} warns:\n{}", who.name(), strange.join("\n"));
    }
}

/// `heartbeat: [57]: WARN: text`, and the same of scripts.
fn is_warning(line: &str) -> bool {
    ["WARN", "WARNING", "ERROR", "CRIT", "EMERG", "ALERT"]
        .iter()
        .any(|level| line.contains(&format!(" {level}: ")))
}

fn is_allowed(line: &str, befell: &[&str]) -> bool {
    let mut applies = false;
    ALLOWED.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).any(|entry| {
        if let Some(section) = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')) {
            applies = befell.contains(&section);
            return false;
        }
        applies && fits(line, entry)
    })
}

/// `*` stands for any text; the pattern may stand anywhere in the line.
fn fits(line: &str, pattern: &str) -> bool {
    let mut rest = line;
    pattern.split('*').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// For the comparison by hand.
fn print(case: Case, log: &str) {
    for line in log.lines().filter(|line| is_warning(line)) {
        println!("WARNS {case} {line}");
    }
}

const ALLOWED: &str = include_str!("warnings.txt");

#[test]
fn patterns_fit_anywhere_and_sections_apply_when_they_should() {
    assert!(fits("heartbeat: [57]: WARN: node beta: is dead", "WARN: node *: is dead"));
    assert!(!fits("heartbeat: [57]: WARN: node beta: is late", "WARN: node *: is dead"));
    assert!(is_warning("x heartbeat: [57]: ERROR: y") && !is_warning("heartbeat: [57]: info: no ERROR"));
    let dead = "heartbeat: [57]: WARN: node beta: is dead";
    assert!(is_allowed(dead, &["always", "death"]) && !is_allowed(dead, &["always", "partition"]));
}
