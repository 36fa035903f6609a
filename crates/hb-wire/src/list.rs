//! Lists of strings (type 3), packed alike in both encodings (`wire.md` 1.2).

use alloc::vec::Vec;

use crate::netstring::length::{put_sized, sized, sized_len};
use crate::{DecodeError, EncodeError};

/// The items of a packed list.
pub(crate) fn decode(packed: &[u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
    // Counting first makes one exact reservation possible.
    let mut count = 0;
    let mut rest = packed;
    while !rest.is_empty() {
        (rest, _) = sized(rest).map_err(|_| DecodeError::List)?;
        count += 1;
    }
    let mut items = Vec::with_capacity(count);
    rest = packed;
    for _ in 0..count {
        let (behind, item) = sized(rest)?;
        if item.contains(&0) {
            return Err(DecodeError::Nul);
        }
        items.push(item.to_vec());
        rest = behind;
    }
    Ok(items)
}

/// Whether the items are strings.
pub(crate) fn check(items: &[Vec<u8>]) -> Result<(), EncodeError> {
    if items.iter().any(|item| item.contains(&0)) { Err(EncodeError::Nul) } else { Ok(()) }
}

/// How many bytes [`put`] appends.
pub(crate) fn packed_len(items: &[Vec<u8>]) -> usize {
    items.iter().map(|item| sized_len(item.len())).sum()
}

/// Appends the packed form.
pub(crate) fn put(items: &[Vec<u8>], out: &mut Vec<u8>) {
    for item in items {
        put_sized(item, out);
    }
}
