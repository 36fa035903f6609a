//! The three digests, as text (`wire.md` 3.2).
//!
//! HMAC keys are prepared once: a digest starts from a copy of the prepared state, which saves two of the block
//! computations of each packet, and no raw key stays in memory.

use crc::{CRC_32_CKSUM, Crc, Table};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::Method;

/// The POSIX `cksum` polynomial without the appended length.
static CKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_CKSUM);

/// A method with its prepared key. Wiped when it is dropped.
#[derive(Clone)]
pub(crate) enum Digester {
    Crc,
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
}

impl Digester {
    /// A key of any length; a crc ignores it.
    pub(crate) fn new(method: Method, key: &[u8]) -> Self {
        match method {
            Method::Crc => Self::Crc,
            Method::Md5 => Self::Md5(Hmac::new((&*block::<Md5>(key)).into())),
            Method::Sha1 => Self::Sha1(Hmac::new((&*block::<Sha1>(key)).into())),
        }
    }

    pub(crate) const fn method(&self) -> Method {
        match self {
            Self::Crc => Method::Crc,
            Self::Md5(_) => Method::Md5,
            Self::Sha1(_) => Method::Sha1,
        }
    }

    /// Appends the text of the digest of `covered`.
    pub(crate) fn append(&self, covered: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Crc => append_crc(covered, out),
            Self::Md5(state) => {
                append_hex(&state.clone().chain_update(covered).finalize().into_bytes(), out);
            }
            Self::Sha1(state) => {
                append_hex(&state.clone().chain_update(covered).finalize().into_bytes(), out);
            }
        }
    }

    /// Whether `text` is the digest of `covered`, letter by letter. Keyed digests are compared in constant time:
    /// the text is read first, which depends on nothing secret.
    pub(crate) fn matches(&self, covered: &[u8], text: &[u8]) -> bool {
        match self {
            Self::Crc => {
                let mut expected = Vec::with_capacity(8);
                append_crc(covered, &mut expected);
                expected == text
            }
            Self::Md5(state) => bytes::<16>(text)
                .is_some_and(|tag| state.clone().chain_update(covered).verify_slice(&tag).is_ok()),
            Self::Sha1(state) => bytes::<20>(text)
                .is_some_and(|tag| state.clone().chain_update(covered).verify_slice(&tag).is_ok()),
        }
    }
}

/// The key as HMAC begins with it (RFC 2104, 2): a long one is hashed, what is short of a block is zero. In this form
/// it always has the right length, so that no error is left that would need an answer.
fn block<D: Digest>(key: &[u8]) -> Zeroizing<[u8; BLOCK]> {
    let mut block = Zeroizing::new([0; BLOCK]);
    if key.len() > BLOCK {
        fill(&mut block, &D::digest(key));
    } else {
        fill(&mut block, key);
    }
    block
}

fn fill(block: &mut [u8; BLOCK], start: &[u8]) {
    for (place, byte) in block.iter_mut().zip(start) {
        *place = *byte;
    }
}

/// Bytes of a block of both hash functions.
const BLOCK: usize = 64;

/// Without leading zeros.
fn append_crc(covered: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    append_hex(&CKSUM.checksum(covered).to_be_bytes(), out);
    let zeros = out.iter().skip(start).take_while(|digit| **digit == b'0').count().min(7);
    out.drain(start..start + zeros);
}

fn append_hex(bytes: &[u8], out: &mut Vec<u8>) {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    let (pairs, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
}

/// Reads exactly `N` bytes of lower case hex.
fn bytes<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Digester;
    use crate::Method;

    fn digest(method: Method, key: &[u8], covered: &[u8]) -> String {
        let mut out = b"x".to_vec();
        Digester::new(method, key).append(covered, &mut out);
        String::from_utf8(out).unwrap().split_off(1)
    }

    #[test]
    fn crc_without_leading_zeros() {
        assert_eq!(digest(Method::Crc, b"", b"123456789"), "765e7680");
        assert_eq!(digest(Method::Crc, b"", b""), "ffffffff");
        // Found by trying numbers: checksums below 2^24, 2^12.
        let short = (0_u32..).map(|n| digest(Method::Crc, b"", n.to_string().as_bytes()));
        assert!(short.take(2000).any(|text| text.len() < 8 && !text.starts_with('0')));
    }

    /// RFC 2202, test cases 1, 2, 6.
    #[test]
    fn hmac_known_answers() {
        assert_eq!(digest(Method::Md5, &[0x0b; 16], b"Hi There"), "9294727a3638bb1c13f48ef8158bfc9d");
        assert_eq!(
            digest(Method::Sha1, &[0x0b; 20], b"Hi There"),
            "b617318655057264e28bc0b6fb378c8ef146be00"
        );
        let jefe = b"what do ya want for nothing?";
        assert_eq!(digest(Method::Md5, b"Jefe", jefe), "750c783e6ab0b503eaa86e310a5db738");
        assert_eq!(digest(Method::Sha1, b"Jefe", jefe), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let long = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(digest(Method::Md5, &[0xaa; 80], long), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
        assert_eq!(digest(Method::Sha1, &[0xaa; 80], long), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
    }

    #[test]
    fn only_the_exact_text_matches() {
        for method in Method::ALL {
            let digester = Digester::new(method, b"secret");
            let text = digest(method, b"secret", b"covered");
            assert!(digester.matches(b"covered", text.as_bytes()));
            assert!(!digester.matches(b"Covered", text.as_bytes()));
            let mut wrong = vec![String::new(), format!("{text}0"), format!("0{text}"), format!("{text} ")];
            wrong.extend([text.to_uppercase(), text[1..].to_owned(), text[..text.len() - 1].to_owned()]);
            wrong.extend([format!("+{}", &text[1..]), format!("{text}{text}")]);
            for text in wrong {
                assert!(!digester.matches(b"covered", text.as_bytes()), "{method} {text}");
            }
        }
    }
}
