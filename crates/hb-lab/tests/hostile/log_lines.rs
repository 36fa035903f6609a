//! What a node wrote into its log, and whether any cause got more than a line a second.

use std::collections::BTreeMap;

/// The lines of a stretch of a log.
pub(crate) struct LogLines {
    /// Second and text of each line.
    lines: Vec<(String, String)>,
}

impl LogLines {
    /// Lines look like `Nov 21 19:41:31 alpha heartbeat: [57]: WARN: text`.
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| {
            let second = line.get(..15)?;
            let (_, rest) = line.split_once("]: ")?;
            Some((second.to_owned(), rest.to_owned()))
        });
        Self { lines: lines.collect() }
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.lines.iter().any(|(_, line)| line.contains(text))
    }

    pub(crate) fn count(&self) -> usize {
        self.lines.len()
    }

    /// Asserts that no cause got more than its share in the `seconds` of this stretch.
    ///
    /// Whatever a stranger can cause gets a line a second. What a member announces (status, holdings, steps of a
    /// hand-over) comes a few lines at a time; it gets these at once, and then a line a second.
    pub(crate) fn assert_moderate(&self, seconds: u64) {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        let mut each: BTreeMap<(String, &str), u64> = BTreeMap::new();
        for (second, line) in &self.lines {
            let cause = cause(line);
            *sums.entry(cause.clone()).or_default() += 1;
            *each.entry((cause, second)).or_default() += 1;
        }
        for ((cause, second), lines) in each {
            let limit = if STRANGERS.iter().any(|start| cause.contains(start)) { 1 } else { BURST };
            assert!(lines <= limit, "{lines} lines about one cause at {second}: {cause}");
        }
        for (cause, lines) in sums {
            let limit = if STRANGERS.iter().any(|start| cause.contains(start)) { 1 } else { BURST };
            assert!(lines <= limit + seconds, "{lines} lines about one cause in {seconds} s: {cause}");
        }
    }
}

/// The line without what differs from packet to packet: numbers, names in brackets, free texts, what was left out.
fn cause(line: &str) -> String {
    let line = line.split(" (").next().unwrap_or(line);
    let line = line.split(": status ").next().unwrap_or(line);
    let mut cause = String::new();
    let mut inside = false;
    // In these lines the brackets hold the cause.
    let keep = line.contains("were left out") || line.contains("packet refused");
    for c in line.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside && !keep => {}
            '0'..='9' if cause.ends_with('#') => {}
            '0'..='9' => cause.push('#'),
            c => cause.push(c),
        }
    }
    cause
}

/// Parts of the lines that anybody who can send a packet, or repeat one, can cause.
const STRANGERS: [&str; 14] = [
    "packet refused",
    "should_drop_message",
    "process_status_message",
    "process_clustermsg",
    "Another node speaks",
    "lost packet",
    "lost a lot",
    "No pkts missing",
    "Irretrievably",
    "Cannot rexmit",
    "cannot send",
    "cannot receive",
    "Late heartbeat",
    "were left out",
];
/// Lines that one kind of change may cause at once.
const BURST: u64 = 20;

#[cfg(test)]
mod tests {
    use super::{LogLines, cause};

    #[test]
    fn causes_are_what_remains_of_a_line() {
        let one = "WARN: process_status_message: bad node [xyz9] in message (12 more were left out)";
        let other = "WARN: process_status_message: bad node [\\u{1}] in message";
        assert_eq!(cause(one), cause(other));
        assert_ne!(
            cause("info: 7 more lines were left out [a]"),
            cause("info: 7 more lines were left out [b]")
        );
    }

    #[test]
    #[should_panic(expected = "2 lines about one cause")]
    fn two_lines_in_a_second_are_one_too_many() {
        let line =
            "Nov 21 19:41:31 alpha heartbeat: [57]: WARN: packet refused on eth0: malformed [length]\n";
        LogLines::read(&line.repeat(2)).assert_moderate(5);
    }
}
