//! Base64 of binary values in classic form: RFC 4648 alphabet, padded, no line breaks (`wire.md` 1.2).
//!
//! Strict: only what [`encode_into`] writes is read, so that a message has one classic form.

use alloc::vec::Vec;

use crate::DecodeError;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends the text form of `bytes`.
pub(crate) fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        let [first, second, third] = group.map(u32::from);
        let bits = first << 16 | second << 8 | third;
        for position in 0..4 {
            out.push(if position <= chunk.len() { digit(bits >> (18 - 6 * position)) } else { b'=' });
        }
    }
}

/// The bytes behind a text form.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let (groups, []) = text.as_chunks::<4>() else { return Err(DecodeError::Base64) };
    let Some((last, whole)) = groups.split_last() else { return Ok(Vec::new()) };
    let mut bytes = Vec::with_capacity(groups.len() * 3);
    for group in whole {
        bytes.extend_from_slice(&triple(*group)?);
    }
    match *last {
        [a, b, b'=', b'='] => {
            let [first, second, _] = triple([a, b, b'A', b'A'])?;
            bytes.push(first);
            check_unused(second)?;
        }
        [a, b, c, b'='] => {
            let [first, second, third] = triple([a, b, c, b'A'])?;
            bytes.extend_from_slice(&[first, second]);
            check_unused(third)?;
        }
        group => bytes.extend_from_slice(&triple(group)?),
    }
    Ok(bytes)
}

fn triple(group: [u8; 4]) -> Result<[u8; 3], DecodeError> {
    let mut bits = 0;
    for byte in group {
        bits = bits << 6 | u32::from(value(byte).ok_or(DecodeError::Base64)?);
    }
    let [_, first, second, third] = bits.to_be_bytes();
    Ok([first, second, third])
}

/// The bits that the padding leaves over must be zero.
const fn check_unused(bits: u8) -> Result<(), DecodeError> {
    if bits == 0 { Ok(()) } else { Err(DecodeError::Base64) }
}

fn digit(bits: u32) -> u8 {
    ALPHABET.get((bits & 63) as usize).copied().unwrap_or(b'A')
}

const fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{decode, encode_into};
    use crate::DecodeError;

    /// RFC 4648, section 10.
    const KNOWN: [(&[u8], &[u8]); 8] = [
        (b"", b""),
        (b"f", b"Zg=="),
        (b"fo", b"Zm8="),
        (b"foo", b"Zm9v"),
        (b"foob", b"Zm9vYg=="),
        (b"fooba", b"Zm9vYmE="),
        (b"foobar", b"Zm9vYmFy"),
        (b"\xfb\xff\xbf", b"+/+/"),
    ];

    #[test]
    fn known_answers() {
        for (bytes, text) in KNOWN {
            let mut out = Vec::new();
            encode_into(bytes, &mut out);
            assert_eq!(out, text);
            assert_eq!(decode(text), Ok(bytes.to_vec()));
        }
    }

    #[test]
    fn what_no_encoder_writes() {
        let refused: [&[u8]; 9] =
            [b"Zg", b"Zg=", b"Z===", b"====", b"Zh==", b"Zm9=", b"Zg==Zg==", b"Zm\n9v", b"Zm9v="];
        for text in refused {
            assert_eq!(decode(text), Err(DecodeError::Base64), "{text:?}");
        }
    }
}
