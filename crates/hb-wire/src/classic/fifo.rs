//! Messages that shell scripts write into a FIFO (`client-api.md` 12): classic text, line by line, without `auth`.
//!
//! Finds whole messages only. A script writes a message in pieces, and two scripts may write at a time: what then
//! belongs together cannot be told, so both messages are lost, as is one whose end does not come. Tolerates what 3.0.6
//! tolerates, with two differences: 3.0.6 takes a message without end for a whole one after a second, and loses one with a
//! line above 511 bytes. Knows no time: how long a rest is waited for is decided by the caller, who then calls
//! [`Fifo::give_up`].
//!
//! ```
//! use hb_wire::classic::fifo::{Fifo, Loss};
//!
//! let mut fifo = Fifo::new();
//! let mut input = &b">>>\nt=first\n>>>\nt=second\n<<<\n<<<\n>>>\nt=third\nfoo=a=b \n<<<\n"[..];
//! assert_eq!(fifo.next_message(&mut input), Some(Err(Loss::Mixed)));
//! let third = fifo.next_message(&mut input).expect("it is whole")?;
//! assert_eq!((third.kind(), third.text("foo")), (Some("third"), Some("a=b ")));
//! assert_eq!(fifo.next_message(&mut input), None);
//! # Ok::<(), Loss>(())
//! ```

use alloc::vec::Vec;

use thiserror::Error;

use super::{END, START};
use crate::{DecodeError, Message, netstring};

/// Longest message in a FIFO, its markers included: what goes out in one datagram, whatever is added.
pub const MAX_MESSAGE: usize = 32 * 1024;

/// Takes what comes out of a FIFO apart. Never holds more than twice [`MAX_MESSAGE`] bytes.
#[derive(Clone, Debug, Default)]
pub struct Fifo {
    state: State,
    /// The lines of the present message so far.
    message: Vec<u8>,
    /// The present line, unless it is too long.
    line: Vec<u8>,
    line_is_too_long: bool,
}

/// What became of bytes that are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Loss {
    /// A line that belongs to no message.
    #[error("a line outside of messages")]
    Outside,
    /// The end of a message did not come.
    #[error("a message without end")]
    Unfinished,
    /// Another message began inside of one, or one has two types: two scripts have written at the same time.
    #[error("mixed messages of two scripts")]
    Mixed,
    /// A message is longer than [`MAX_MESSAGE`].
    #[error("a message that is too long")]
    TooLong,
    /// A line in a message has no `=`, or nothing before it.
    #[error("a message with a line that is no name=value")]
    NoField,
    /// A message has no type (field `t`).
    #[error("a message without type")]
    NoType,
    /// A field has no legal value.
    #[error("a malformed message: {0}")]
    Malformed(DecodeError),
}

impl Loss {
    /// The cause in a few words, one for each variant; a name to count by.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Outside => "outside of messages",
            Self::Unfinished => "without end",
            Self::Mixed => "mixed",
            Self::TooLong => "too long",
            Self::NoField => "no field",
            Self::NoType => "without type",
            Self::Malformed(_) => "malformed",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No message has begun.
    #[default]
    Outside,
    /// A message has begun.
    Inside,
    /// The next line is a message in the other encoding.
    Netstring,
    /// What comes is lost, until as many messages have ended.
    Lost { begun: u32 },
}

impl Fifo {
    /// Nothing came yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::Outside, message: Vec::new(), line: Vec::new(), line_is_too_long: false }
    }

    /// Reads on in `input`, up to the next message or loss, or to the end of the input; what was read is cut off `input`.
    /// Nothing when `input` is used up. The cost is linear in the input.
    ///
    /// Every message has a type, and none has two.
    pub fn next_message(&mut self, input: &mut &[u8]) -> Option<Result<Message, Loss>> {
        while !input.is_empty() {
            let end = input.iter().position(|byte| *byte == b'\n');
            let (part, rest) = input.split_at(end.unwrap_or(input.len()));
            *input = rest.get(1..).unwrap_or_default();
            // The line's end must fit in as well.
            if !self.line_is_too_long && self.line.len() + part.len() < MAX_MESSAGE {
                self.line.extend_from_slice(part);
            } else {
                self.line_is_too_long = true;
                self.line.clear();
            }
            if end.is_some()
                && let Some(found) = self.end_line()
            {
                return Some(found);
            }
        }
        None
    }

    /// Whether more is needed to tell what came last.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.state != State::Outside || !self.line.is_empty() || self.line_is_too_long
    }

    /// The rest of what came last is no longer waited for: what comes next is new. What that loses, if it was not told
    /// already.
    pub fn give_up(&mut self) -> Option<Loss> {
        let has_line = !self.line.is_empty() || self.line_is_too_long;
        let loss = match self.state {
            State::Inside | State::Netstring => Some(Loss::Unfinished),
            State::Outside if has_line => Some(Loss::Outside),
            State::Outside | State::Lost { .. } => None,
        };
        *self = Self::new();
        loss
    }

    /// A line is complete.
    fn end_line(&mut self) -> Option<Result<Message, Loss>> {
        let mut line = core::mem::take(&mut self.line);
        let is_too_long = core::mem::take(&mut self.line_is_too_long);
        // Whatever stands there, it is no marker.
        let text = if is_too_long { TOO_LONG } else { line.as_slice() };
        let found = match (self.state, text) {
            (State::Inside, START) => Some(self.lose(Loss::Mixed, 2)),
            (State::Inside, END) => Some(self.end_message()),
            (State::Inside, line) => self.collect(line, is_too_long).err().map(|loss| self.lose(loss, 1)),
            (State::Lost { begun }, START) => {
                self.state = State::Lost { begun: begun.saturating_add(1) };
                None
            }
            (State::Lost { begun }, END) => {
                self.state = if begun > 1 { State::Lost { begun: begun - 1 } } else { State::Outside };
                None
            }
            (State::Lost { .. }, _) => None,
            (State::Outside | State::Netstring, START) => {
                self.message.clear();
                self.message.extend_from_slice(b">>>\n");
                self.state = State::Inside;
                None
            }
            (State::Netstring, line) => {
                self.state = State::Outside;
                Some(if is_too_long { Err(Loss::TooLong) } else { in_netstrings(line) })
            }
            (State::Outside, b"###") => {
                self.state = State::Netstring;
                None
            }
            (State::Outside, []) if !is_too_long => None,
            (State::Outside, _) => Some(Err(Loss::Outside)),
        };
        line.clear();
        self.line = line;
        found
    }

    /// A line of a message.
    fn collect(&mut self, line: &[u8], is_too_long: bool) -> Result<(), Loss> {
        // Room for the end marker must be left.
        if is_too_long || self.message.len() + line.len() + END.len() + 2 > MAX_MESSAGE {
            return Err(Loss::TooLong);
        }
        if matches!(line.iter().position(|byte| *byte == b'='), None | Some(0)) {
            return Err(Loss::NoField);
        }
        self.message.extend_from_slice(line);
        self.message.push(b'\n');
        Ok(())
    }

    fn end_message(&mut self) -> Result<Message, Loss> {
        self.state = State::Outside;
        self.message.extend_from_slice(b"<<<\n");
        let message = super::decode(&self.message).map_err(Loss::Malformed)?;
        of_one_type(message)
    }

    /// Nothing counts before as many messages have ended.
    fn lose(&mut self, loss: Loss, begun: u32) -> Result<Message, Loss> {
        self.state = State::Lost { begun };
        Err(loss)
    }
}

/// The line behind `###`.
fn in_netstrings(line: &[u8]) -> Result<Message, Loss> {
    let text = [b"###\n", line, b"\n"].concat();
    of_one_type(netstring::decode(&text).map_err(Loss::Malformed)?)
}

fn of_one_type(message: Message) -> Result<Message, Loss> {
    if message.kind().is_none() {
        return Err(Loss::NoType);
    }
    let types = message.fields().iter().filter(|field| *field.name == *b"t").count();
    if types > 1 { Err(Loss::Mixed) } else { Ok(message) }
}

/// In the place of a line that is too long to be kept.
const TOO_LONG: &[u8] = b"...";

#[cfg(test)]
mod tests;
