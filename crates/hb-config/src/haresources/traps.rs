//! Warnings for lines that 3.0.6 accepts and then handles in a way nobody means (`failover.md` 1.4).

use std::collections::HashMap;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::source::Mark;

use super::Reading;
use super::group::LogicalLine;

/// Looks for all of them.
pub(super) fn warn(reading: &mut Reading<'_>, lines: &[LogicalLine]) {
    keys(reading, lines);
    for line in lines {
        home(reading, line);
        nodes_as_resources(reading, line);
    }
}

/// A group's first resource must not occur anywhere else.
fn keys(reading: &mut Reading<'_>, lines: &[LogicalLine]) {
    let mut first_keys: HashMap<&[u8], Mark> = HashMap::new();
    for key in lines.iter().filter_map(|line| line.resources.first()) {
        if let Some(earlier) = first_keys.get(key.text.as_slice()) {
            let (source, earlier) = (reading.source, *earlier);
            reading.warning(key.mark, || {
                let message = format!("two groups have the same first resource {}", quoted(&key.text));
                Diagnostic::warning(Code::DuplicateKey, message)
                    .second(source.place(earlier), "the other one")
                    .hint("put another resource first, or make one group of the two")
            });
        } else {
            first_keys.insert(&key.text, key.mark);
        }
    }
    for other in lines.iter().flat_map(|line| line.resources.iter().skip(1)) {
        let Some(key) = first_keys.get(other.text.as_slice()) else { continue };
        let (source, key) = (reading.source, *key);
        reading.warning(other.mark, || {
            let message =
                format!("{} is the first resource of a group and must not occur again", quoted(&other.text));
            Diagnostic::warning(Code::KeyElsewhere, message)
                .second(source.place(key), "names its group")
                .hint("a 3.0.6 peer would start and stop both lines together")
        });
    }
}

/// The preferred node: unknown ones were not seen by the daemon's check, because the line before ends in a backslash.
fn home(reading: &mut Reading<'_>, line: &LogicalLine) {
    let Some(known) = reading.known else { return };
    let name = &line.node.text;
    if known.has_node(name) {
        if name.iter().any(u8::is_ascii_uppercase) {
            reading.note(line.node.mark, || {
                Diagnostic::note(
                    Code::NodeNameLowered,
                    format!("read as {}", quoted(&name.to_ascii_lowercase())),
                )
            });
        }
    } else if known.has_ping_node(name) {
        reading.warning(line.node.mark, || {
            Diagnostic::warning(
                Code::HomeIsPingNode,
                format!("{} is a ping node and runs no resources", quoted(name)),
            )
            .hint("name a node")
        });
    } else if is_hidden(reading, line.node.mark) {
        reading.warning(line.node.mark, || {
            Diagnostic::warning(Code::UnknownNode, format!("{} is not a node of ha.cf", quoted(name)))
                .hint("3.0.6 does not check this line, because the line before ends in a backslash")
        });
    }
}

/// Whether the line before ends in a backslash.
fn is_hidden(reading: &Reading<'_>, mark: Mark) -> bool {
    let before = reading.source.bytes().get(..mark.line_start).unwrap_or_default();
    before.ends_with(b"\\\n")
}

fn nodes_as_resources(reading: &mut Reading<'_>, line: &LogicalLine) {
    let Some(known) = reading.known else { return };
    for word in &line.resources {
        if known.has_node(&word.text) {
            reading.warning(word.mark, || {
                Diagnostic::warning(
                    Code::NodeAsResource,
                    format!("node {} stands where a resource belongs", quoted(&word.text)),
                )
                .hint("begin a new line, or remove the backslash at the end of the line before")
            });
        }
    }
}
