//! Classic messages in a stream of bytes that may be damaged: serial lines (`wire.md` 2.5).
//!
//! Finds where messages begin and end, and finds the next one after anything else; whether what lies between is a
//! message, and whose, is for the key ring to say. Finds every message that 3.0.6 would find, and three kinds more:
//!
//! - one behind a message whose end was lost (3.0.6 swallows it): a line that is just the start marker begins anew
//! - one with garbage before its start marker on the same line, when no message is being collected
//! - one with garbage behind its end marker on the same line; a start marker at the end of that line counts
//!
//! ```
//! use hb_wire::classic::stream::Stream;
//!
//! let mut stream = Stream::new();
//! let mut input = &b"noise>>>\nt=status\n<<<\n>>>\nt=re"[..];
//! assert_eq!(stream.next_message(&mut input), Some(&b">>>\nt=status\n<<<\n"[..]));
//! assert_eq!(stream.next_message(&mut input), None);
//! let mut input = &b"source\n<<<\n"[..];
//! assert_eq!(stream.next_message(&mut input), Some(&b">>>\nt=resource\n<<<\n"[..]));
//! assert_eq!(stream.counts().skipped_bytes, 5);
//! ```

use alloc::vec::Vec;

use super::{END, START};

/// Longest message in a stream, its markers included (`wire.md` 1.4: 256 KiB on a serial line). A longer one is
/// skipped.
pub const MAX_MESSAGE: usize = 256 * 1024;

/// Takes a stream of bytes apart. Never holds more than [`MAX_MESSAGE`] bytes.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// While a message is collected: its lines so far, the last one perhaps unfinished. Else the last bytes of the
    /// present line, as many as a start marker has.
    buffer: Vec<u8>,
    /// Where the present line begins in `buffer`.
    line: usize,
    state: State,
    counts: Counts,
}

/// What was lost in a stream so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes outside of messages.
    pub skipped_bytes: u64,
    /// Messages without an end: the next one began before it.
    pub unfinished: u64,
    /// Messages that were longer than [`MAX_MESSAGE`].
    pub too_long: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No message has begun.
    #[default]
    Outside,
    /// A message has begun.
    Inside,
    /// A whole one was handed out from `buffer`; the next one has begun behind it, or not.
    HandedOut { next_began: bool },
}

impl Stream {
    /// Nothing came yet.
    #[must_use]
    pub const fn new() -> Self {
        let counts = Counts { skipped_bytes: 0, unfinished: 0, too_long: 0 };
        Self { buffer: Vec::new(), line: 0, state: State::Outside, counts }
    }

    /// Reads on in `input`, up to the end of the next message or to the end of the input; what was read is cut off
    /// `input`. Returns the message, from start marker to end marker, in exactly the form that
    /// [`super::split()`] and [`super::decode()`] want; nothing when `input` is used up.
    ///
    /// The message may be anything between two markers. The cost is linear in the input.
    pub fn next_message(&mut self, input: &mut &[u8]) -> Option<&[u8]> {
        if let State::HandedOut { next_began } = self.state {
            self.leave();
            if next_began {
                self.begin();
            }
        }
        while !input.is_empty() {
            let (part, rest, is_whole) = match input.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    let (part, rest) = input.split_at(end);
                    (part, rest.get(1..).unwrap_or_default(), true)
                }
                None => (*input, &[][..], false),
            };
            *input = rest;
            match self.state {
                State::Inside => self.collect(part),
                State::Outside | State::HandedOut { .. } => self.skip(part),
            }
            if is_whole && self.end_line() {
                return Some(&self.buffer);
            }
        }
        None
    }

    /// Forgets what was collected: the line was opened anew. The counts stay.
    pub fn reset(&mut self) {
        self.leave();
    }

    /// What was lost so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// More of a line inside a message.
    fn collect(&mut self, part: &[u8]) {
        // The line's end must fit in as well.
        if self.buffer.len() + part.len() < MAX_MESSAGE {
            self.buffer.extend_from_slice(part);
            return;
        }
        self.counts.too_long += 1;
        let line = self.buffer.split_off(self.line.min(self.buffer.len()));
        self.counts.skipped_bytes += to_u64(self.buffer.len());
        self.leave();
        self.skip(&line);
        self.skip(part);
    }

    /// More of a line outside of messages.
    fn skip(&mut self, part: &[u8]) {
        self.counts.skipped_bytes += to_u64(part.len());
        self.buffer.extend_from_slice(part.get(part.len().saturating_sub(START.len())..).unwrap_or_default());
        let surplus = self.buffer.len().saturating_sub(START.len());
        self.buffer.drain(..surplus);
    }

    /// A line is complete. True if that makes a message complete.
    fn end_line(&mut self) -> bool {
        if self.state != State::Inside {
            if self.buffer == START {
                // The marker itself is no garbage.
                self.counts.skipped_bytes -= to_u64(START.len());
                self.begin();
            } else {
                self.counts.skipped_bytes += 1;
                self.leave();
            }
            return false;
        }
        let line = self.buffer.get(self.line..).unwrap_or_default();
        if let Some(behind) = line.strip_prefix(END) {
            let next_began = behind.ends_with(START);
            let garbage = behind.len() - if next_began { START.len() } else { 0 };
            self.counts.skipped_bytes += to_u64(garbage);
            self.buffer.truncate(self.line + END.len());
            self.buffer.push(b'\n');
            self.state = State::HandedOut { next_began };
            return true;
        }
        if line == START {
            self.counts.unfinished += 1;
            self.counts.skipped_bytes += to_u64(self.line);
            self.begin();
            return false;
        }
        self.buffer.push(b'\n');
        self.line = self.buffer.len();
        false
    }

    fn begin(&mut self) {
        self.buffer.clear();
        self.buffer.extend_from_slice(START);
        self.buffer.push(b'\n');
        self.line = self.buffer.len();
        self.state = State::Inside;
    }

    fn leave(&mut self) {
        self.buffer.clear();
        self.line = 0;
        self.state = State::Outside;
    }
}

fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
