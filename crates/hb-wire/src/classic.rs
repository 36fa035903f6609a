//! The classic encoding (`wire.md` 2.2): lines of text, sent on serial media and, with a NUL behind them, by
//! versions before 3.0 on datagram media.
//!
//! ```text
//! message = ">>>" LF *( line LF ) "<<<" LF
//! line    = [ "(" type ")" ] name "=" value
//! ```
//!
//! A nested message is one value: its line ends are replaced by a byte that tells its depth.

mod decode;
mod encode;
pub mod fifo;
mod split;
pub mod stream;
#[cfg(test)]
mod tests;

pub use decode::{decode, decode_first};
pub use encode::{auth_text, auth_text_into, encode, encode_into};
pub use split::{Split, split};

const START: &[u8] = b">>>";
const END: &[u8] = b"<<<";

/// Stands for LF in string values.
const LF_IN_TEXT: u8 = 0x13;

/// What ends the lines of a message that is nested in 0, 1, … others, seen in the outermost text.
const LINE_ENDS: [u8; crate::MAX_DEPTH + 1] =
    [b'\n', 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x0f, 0x10, 0x11, 0x12];

fn line_end(depth: usize) -> u8 {
    LINE_ENDS.get(depth).copied().unwrap_or(b'\n')
}

/// Whether a line that begins with this name (behind a type prefix, if any) is read back with the same name.
/// An LF inside is legal: a line without `=` joins with the next one.
fn is_name(name: &[u8]) -> bool {
    let misread = matches!(name, [] | [b'\n', ..] | [b'<', b'<', b'<', ..] | [b'(', _, b')', ..]);
    !misread && !name.iter().any(|byte| matches!(byte, b'=' | 0))
}
