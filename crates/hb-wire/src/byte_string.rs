//! A string of bytes that needs no memory of its own while it is short: names and values of fields.
//!
//! Decides how the bytes are kept, not what they may be. A heartbeat has some fifteen fields of a few bytes each; with a
//! `Vec` for each name and value, half of the work of building, keeping and dropping one was the allocator's.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

/// The bytes of a name or a value. Up to [`ByteString::INLINE`] bytes stand in the value itself.
///
/// ```
/// use hb_wire::ByteString;
/// let name = ByteString::from("srcuuid");
/// assert_eq!(name, b"srcuuid");
/// assert_eq!(ByteString::written(format_args!("{:x}", 255)), b"ff");
/// ```
#[derive(Clone)]
pub struct ByteString(Repr);

#[derive(Clone)]
enum Repr {
    /// The first `length` of `bytes`; never more than there are.
    Inline { length: u8, bytes: [u8; ByteString::INLINE] },
    /// Longer ones.
    Heap(Box<[u8]>),
}

impl ByteString {
    /// So many bytes need no memory of their own: a node's UUID, a number and most names do.
    pub const INLINE: usize = 30;

    /// None.
    pub const EMPTY: Self = Self(Repr::Inline { length: 0, bytes: [0; Self::INLINE] });

    /// What formatting gives, without an intermediate `String` while it is short.
    #[must_use]
    pub fn written(text: fmt::Arguments<'_>) -> Self {
        let mut writer = Writer::Inline { length: 0, bytes: [0; Self::INLINE] };
        // Only a value's own formatting can fail; what it wrote until then stands.
        let _ = fmt::write(&mut writer, text);
        match writer {
            Writer::Inline { length, bytes } => {
                // At most `INLINE`, which fits.
                Self(Repr::Inline { length: u8::try_from(length).unwrap_or(u8::MAX), bytes })
            }
            Writer::Heap(bytes) => Self(Repr::Heap(bytes.into_boxed_slice())),
        }
    }

    /// A number as most fields have it: hexadecimal, lower case, without leading zeros (`wire.md` 4.3).
    #[must_use]
    pub fn hex(number: u64) -> Self {
        let mut bytes = [0; Self::INLINE];
        let digits = (u64::BITS - number.leading_zeros()).div_ceil(4).max(1);
        for (byte, place) in bytes.iter_mut().zip((0..digits).rev()) {
            let [digit, ..] = (number >> (4 * place) & 15).to_le_bytes();
            *byte = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        }
        // At most 16.
        Self(Repr::Inline { length: u8::try_from(digits).unwrap_or(u8::MAX), bytes })
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or(bytes),
            Repr::Heap(bytes) => bytes,
        }
    }
}

/// Bytes that come piece by piece.
enum Writer {
    Inline { length: usize, bytes: [u8; ByteString::INLINE] },
    Heap(Vec<u8>),
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match self {
            Self::Inline { length, bytes } => {
                let end = length.saturating_add(text.len());
                if let Some(place) = bytes.get_mut(*length..end) {
                    place.copy_from_slice(text.as_bytes());
                    *length = end;
                } else {
                    let mut long = bytes.get(..*length).unwrap_or_default().to_vec();
                    long.extend_from_slice(text.as_bytes());
                    *self = Self::Heap(long);
                }
            }
            Self::Heap(bytes) => bytes.extend_from_slice(text.as_bytes()),
        }
        Ok(())
    }
}

impl From<&[u8]> for ByteString {
    fn from(slice: &[u8]) -> Self {
        let mut bytes = [0; Self::INLINE];
        match (bytes.get_mut(..slice.len()), u8::try_from(slice.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(slice);
                Self(Repr::Inline { length, bytes })
            }
            _ => Self(Repr::Heap(slice.into())),
        }
    }
}

impl<const LENGTH: usize> From<&[u8; LENGTH]> for ByteString {
    fn from(array: &[u8; LENGTH]) -> Self {
        Self::from(array.as_slice())
    }
}

impl From<&str> for ByteString {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() > Self::INLINE {
            Self(Repr::Heap(bytes.into_boxed_slice()))
        } else {
            Self::from(bytes.as_slice())
        }
    }
}

impl From<ByteString> for Vec<u8> {
    fn from(string: ByteString) -> Self {
        match string.0 {
            Repr::Inline { .. } => string.as_slice().to_vec(),
            Repr::Heap(bytes) => bytes.into_vec(),
        }
    }
}

impl Default for ByteString {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Deref for ByteString {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for ByteString {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Borrow<[u8]> for ByteString {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl PartialEq for ByteString {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for ByteString {}

impl PartialEq<[u8]> for ByteString {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_slice() == other
    }
}

impl PartialEq<&[u8]> for ByteString {
    fn eq(&self, other: &&[u8]) -> bool {
        self.as_slice() == *other
    }
}

impl<const LENGTH: usize> PartialEq<[u8; LENGTH]> for ByteString {
    fn eq(&self, other: &[u8; LENGTH]) -> bool {
        self.as_slice() == other
    }
}

impl<const LENGTH: usize> PartialEq<&[u8; LENGTH]> for ByteString {
    fn eq(&self, other: &&[u8; LENGTH]) -> bool {
        self.as_slice() == *other
    }
}

impl PartialEq<Vec<u8>> for ByteString {
    fn eq(&self, other: &Vec<u8>) -> bool {
        self.as_slice() == other
    }
}

impl Hash for ByteString {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for ByteString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_short_ones_are_the_same_to_the_outside() {
        for length in [0, 1, 29, 30, 31, 32, 255, 256, 1000] {
            let bytes = alloc::vec![b'x'; length];
            let short = ByteString::from(bytes.as_slice());
            assert_eq!(short.as_slice(), bytes);
            assert_eq!(short, ByteString::from(bytes.clone()));
            assert_eq!(Vec::from(short.clone()), bytes);
            assert_eq!(matches!(short.0, Repr::Inline { .. }), length <= ByteString::INLINE, "{length}");
        }
    }

    #[test]
    fn numbers_are_written_as_by_formatting() {
        let powers = (0..64).map(|bit| 1_u64 << bit);
        for number in powers.flat_map(|power| [power - 1, power, power + 1]).chain([u64::MAX, 0x6b01_ed45]) {
            assert_eq!(ByteString::hex(number), ByteString::written(format_args!("{number:x}")));
        }
    }

    #[test]
    fn formatting_goes_over_to_the_heap_in_the_middle() {
        for length in [0, 3, 29, 30, 31, 64] {
            let text = "a".repeat(length);
            assert_eq!(ByteString::written(format_args!("{text}")), text.as_bytes());
            let (front, back) = text.split_at(length / 2);
            assert_eq!(ByteString::written(format_args!("{front}{back}")), text.as_bytes());
        }
    }

    /// A message holds thousands of them.
    #[test]
    fn one_is_as_large_as_four_words() {
        assert_eq!(size_of::<ByteString>(), 32);
    }
}
