//! Warnings for lines that 3.0.6 accepts and then handles in a way nobody means (`failover.md` 1.4).

use std::collections::HashMap;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::pattern::special;
use crate::source::Mark;

use super::Reading;
use super::group::LogicalLine;

/// Looks for all of them.
pub(super) fn warn(reading: &mut Reading<'_>, lines: &[LogicalLine]) {
    let first_keys = keys(reading, lines);
    key_patterns(reading, lines, &first_keys);
    twice(reading, lines, &first_keys);
    for line in lines {
        home(reading, line);
        nodes_as_resources(reading, line);
    }
}

/// A group's first resource must not occur anywhere else.
fn keys<'l>(reading: &mut Reading<'_>, lines: &'l [LogicalLine]) -> HashMap<&'l [u8], Mark> {
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
    first_keys
}

/// Words that a key matches as the pattern for which 3.0.6 takes it, and keys with other special characters.
fn key_patterns(reading: &mut Reading<'_>, lines: &[LogicalLine], keys: &HashMap<&[u8], Mark>) {
    let mut shapes = Shapes::default();
    for (key, mark) in lines.iter().filter_map(|line| line.resources.first()).map(|key| (&key.text, key.mark))
    {
        if let Some(special) = special(key) {
            reading.warning(mark, || {
                let message = format!(
                    "3.0.6 takes the first resource {} for a pattern because of `{special}`",
                    quoted(key)
                );
                Diagnostic::warning(Code::KeyPattern, message).hint("put another resource first")
            });
        }
        shapes.add(key);
    }
    for word in lines.iter().flat_map(|line| &line.resources) {
        for key in shapes.keys_matching(&word.text) {
            let Some(place) = keys.get(key).filter(|_| key != word.text.as_slice()) else { continue };
            let (source, place) = (reading.source, *place);
            reading.warning(word.mark, || {
                let (word, key) = (quoted(&word.text), quoted(key));
                let message = format!("as a pattern of 3.0.6, the first resource {key} also matches {word}");
                Diagnostic::warning(Code::KeyPattern, message)
                    .second(source.place(place), "names its group")
                    .hint("a 3.0.6 peer would start and stop both lines together")
            });
        }
    }
}

/// Resources behind the first that stand in two places. Names of nodes among them have a warning of their own.
fn twice(reading: &mut Reading<'_>, lines: &[LogicalLine], keys: &HashMap<&[u8], Mark>) {
    let mut seen: HashMap<&[u8], Mark> = HashMap::new();
    for word in lines.iter().flat_map(|line| line.resources.iter().skip(1)) {
        let is_node = reading.known.is_some_and(|known| known.has_node(&word.text));
        if is_node || keys.contains_key(word.text.as_slice()) {
            continue;
        }
        let Some(earlier) = seen.get(word.text.as_slice()) else {
            seen.insert(&word.text, word.mark);
            continue;
        };
        let (source, earlier) = (reading.source, *earlier);
        reading.warning(word.mark, || {
            Diagnostic::warning(
                Code::ResourceTwice,
                format!("resource {} stands in two places", quoted(&word.text)),
            )
            .second(source.place(earlier), "the other one")
            .hint("when one of the two is stopped, the other one stops with it")
        });
    }
}

/// Keys with dots by length and places of their dots, so that one look-up finds all keys of a shape that match a word.
#[derive(Default)]
struct Shapes<'k> {
    by_length: HashMap<usize, Vec<Shape<'k>>>,
    count: usize,
}

struct Shape<'k> {
    dots: Vec<usize>,
    keys: HashMap<Vec<u8>, &'k [u8]>,
}

impl<'k> Shapes<'k> {
    fn add(&mut self, key: &'k [u8]) {
        let dots: Vec<usize> = (0..key.len()).filter(|at| key.get(*at) == Some(&b'.')).collect();
        if dots.is_empty() || key.len() > LONGEST_KEY {
            return;
        }
        let shapes = self.by_length.entry(key.len()).or_default();
        let known = shapes.iter_mut().find(|shape| shape.dots == dots);
        if let Some(shape) = known {
            shape.keys.insert(key.to_vec(), key);
        } else if self.count < MOST_SHAPES {
            self.count += 1;
            shapes.push(Shape { dots, keys: HashMap::from([(key.to_vec(), key)]) });
        }
    }

    /// The keys that match `word`, dots standing for any byte.
    fn keys_matching(&self, word: &[u8]) -> impl Iterator<Item = &'k [u8]> {
        let shapes = self.by_length.get(&word.len()).map(Vec::as_slice).unwrap_or_default();
        shapes.iter().filter_map(|shape| {
            let mut dotted = word.to_vec();
            for at in &shape.dots {
                if let Some(byte) = dotted.get_mut(*at) {
                    *byte = b'.';
                }
            }
            shape.keys.get(&dotted).copied()
        })
    }
}

/// Different shapes of keys that are looked at, and the longest key; real files have a handful.
const MOST_SHAPES: usize = 32;
const LONGEST_KEY: usize = 200;

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
