//! The changes as people read them: like a unified diff without context.

use std::fmt::Write as _;

use crate::diagnostic::printable;

use super::{Change, Conversion};

impl Conversion {
    /// The changes, like a unified diff; nothing if there are none. Control characters are made visible.
    #[must_use]
    pub fn view(&self) -> String {
        let mut text = String::new();
        if self.changes.is_empty() {
            return text;
        }
        let path = self.path.display();
        let _ = writeln!(text, "--- {path}\n+++ {path} (converted)");
        let mut added = 0;
        for Change { line, before, after } in &self.changes {
            let (before, after) = (lines(before), lines(after));
            let count = if after.len() == 1 { String::new() } else { format!(",{}", after.len()) };
            let _ = writeln!(text, "@@ -{line} +{}{count} @@", line + added);
            for line in &before {
                let _ = writeln!(text, "-{line}");
            }
            for line in &after {
                let _ = writeln!(text, "+{line}");
            }
            added += after.len() - before.len();
        }
        text
    }
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = |line: &[u8]| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let parts = line.split(|byte| *byte == b'\t');
        let parts: Vec<String> = parts.map(|part| printable(&String::from_utf8_lossy(part))).collect();
        parts.join("\t")
    };
    bytes.split(|byte| *byte == b'\n').map(line).collect()
}
