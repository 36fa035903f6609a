//! Why bytes are no message, and why a message cannot become bytes.
//!
//! One variant per cause, so that each cause can have its counter; the texts are for people.

use thiserror::Error;

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum DecodeError {
    /// The start marker (`###` or `>>>` and the line end) is not there.
    #[error("start marker is missing")]
    Start,
    /// No end marker where a field could begin, or something stands on its line.
    #[error("end marker is missing or not alone on its line")]
    End,
    /// No decimal number followed by `:` where a length must be.
    #[error("length is not a decimal number")]
    Length,
    /// A length reaches beyond the end of the input.
    #[error("length reaches beyond the end")]
    Truncated,
    /// The `,` behind a length-prefixed string is missing.
    #[error("comma behind a length-prefixed string is missing")]
    Comma,
    /// The type code is missing or not one that this encoding has (`wire.md` 1.2).
    #[error("type code of a field is missing or unknown")]
    FieldType,
    /// A field without `=`, with an empty name or with NUL in its name.
    #[error("name of a field is missing, empty or holds NUL")]
    Name,
    /// A string value holds NUL (`wire.md` 1.5: it kills a 3.0.6 node).
    #[error("string value holds NUL")]
    Nul,
    /// A list is not a sequence of length-prefixed strings.
    #[error("list is not a sequence of length-prefixed strings")]
    List,
    /// A binary value in classic form is not base64 in its canonical form.
    #[error("binary value is not base64")]
    Base64,
    /// Messages nested deeper than [`crate::MAX_DEPTH`].
    #[error("messages are nested too deep")]
    Depth,
    /// Bytes behind a nested message, inside its field.
    #[error("bytes behind a nested message")]
    Trailing,
    /// A netstring body without a trailer.
    #[error("authentication trailer is missing")]
    TrailerMissing,
    /// A trailer longer than [`crate::netstring::MAX_TRAILER`].
    #[error("authentication trailer is too long")]
    TrailerTooLong,
}

impl DecodeError {
    /// A stable short name for counters and machine-readable output.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Start => "start-marker",
            Self::End => "end-marker",
            Self::Length => "length",
            Self::Truncated => "truncated",
            Self::Comma => "comma",
            Self::FieldType => "field-type",
            Self::Name => "field-name",
            Self::Nul => "nul-in-string",
            Self::List => "list",
            Self::Base64 => "base64",
            Self::Depth => "depth",
            Self::Trailing => "trailing-bytes",
            Self::TrailerMissing => "trailer-missing",
            Self::TrailerTooLong => "trailer-too-long",
        }
    }
}

/// Why a message has no encoded form. None of these happens to a message that keeps the rules of
/// [`crate::Field`] and [`crate::Value`] and is nested at most [`crate::MAX_DEPTH`] deep, except where a variant
/// says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum EncodeError {
    /// An empty name, one with `=` or NUL, or (classic) one that would be read as something else.
    #[error("name of a field cannot be encoded")]
    Name,
    /// A string or an item of a list holds NUL.
    #[error("string holds NUL")]
    Nul,
    /// A packed list of [`crate::netstring::MAX_LIST`] bytes or more, or (classic) an item with a line end.
    #[error("list cannot be encoded")]
    List,
    /// Messages nested deeper than [`crate::MAX_DEPTH`].
    #[error("messages are nested too deep")]
    Depth,
    /// Classic only: the text of a nested message already holds the byte that replaces its line ends.
    #[error("nested message holds a byte that the classic encoding needs")]
    Reserved,
    /// Classic only: type 5 has no classic form (`wire.md` 1.2).
    #[error("message to be compressed has no classic form")]
    Uncompressed,
}
