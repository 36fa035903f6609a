//! The two methods of 3.0.6, each into a bounded buffer.
//!
//! Knows nothing about messages.

use std::fmt;
use std::str::FromStr;

use bzip2::{Action, Compress, Compression, Decompress, Status};
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::{DecompressError, TINFLStatus, decompress_to_vec_zlib_with_limit};
use thiserror::Error;

/// How a message is packed (directive `compression`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// One zlib stream (RFC 1950).
    #[default]
    Zlib,
    /// One bzip2 stream.
    Bz2,
}

/// Not a method of 3.0.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no compression method of that name")]
pub struct UnknownMethod;

/// Why bytes could not be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// Not one whole stream of that method.
    Damaged,
    /// More comes out than may.
    TooLong,
}

impl Method {
    /// The name in `ha.cf` and in the field `_compression_algorithm`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zlib => "zlib",
            Self::Bz2 => "bz2",
        }
    }

    /// The packed bytes. Nothing if the method fails, which no content makes it do.
    pub(crate) fn deflate(self, plain: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Zlib => Some(compress_to_vec_zlib(plain, ZLIB_LEVEL)),
            Self::Bz2 => deflate_bz2(plain),
        }
    }

    /// What was packed, if that is at most `limit` bytes. Never reserves more than `limit` for it; bzip2 needs up to 4 MB
    /// besides, by its format.
    pub(crate) fn inflate(self, packed: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
        match self {
            Self::Zlib => decompress_to_vec_zlib_with_limit(packed, limit).map_err(
                |DecompressError { status, .. }| {
                    if status == TINFLStatus::HasMoreOutput {
                        InflateError::TooLong
                    } else {
                        InflateError::Damaged
                    }
                },
            ),
            Self::Bz2 => inflate_bz2(packed, limit),
        }
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(name: &str) -> Result<Self, UnknownMethod> {
        [Self::Zlib, Self::Bz2].into_iter().find(|method| method.name() == name).ok_or(UnknownMethod)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn deflate_bz2(plain: &[u8]) -> Option<Vec<u8>> {
    // Blocks of 100 kB, as 3.0.6 makes them: whoever reads them needs less memory.
    let mut state = Compress::new(Compression::fast(), 0);
    // The bound that the library's manual gives for what cannot be packed.
    let mut packed = Vec::with_capacity(plain.len() + plain.len() / 100 + 600);
    loop {
        let done = usize::try_from(state.total_in()).ok()?;
        match state.compress_vec(plain.get(done..)?, &mut packed, Action::Finish) {
            Ok(Status::StreamEnd) => return Some(packed),
            Ok(_) if packed.len() < packed.capacity() => {}
            Ok(_) | Err(_) => return None,
        }
    }
}

fn inflate_bz2(packed: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    let mut state = Decompress::new(false);
    let mut plain = Vec::with_capacity(limit.min(packed.len().saturating_mul(FIRST_GUESS)));
    loop {
        let (taken, made) = (state.total_in(), plain.len());
        let rest = usize::try_from(taken).ok().and_then(|taken| packed.get(taken..)).unwrap_or_default();
        match state.decompress_vec(rest, &mut plain) {
            Ok(Status::StreamEnd) => return Ok(plain),
            Ok(_) if plain.len() < plain.capacity() && (taken, made) != (state.total_in(), plain.len()) => {}
            Ok(_) if plain.len() < plain.capacity() => return Err(InflateError::Damaged),
            Ok(_) if plain.len() >= limit => return Err(InflateError::TooLong),
            Ok(_) => plain.reserve_exact(plain.len().min(limit - plain.len()).max(1)),
            Err(_) => return Err(InflateError::Damaged),
        }
    }
}

/// Of 0 to 10; what zlib itself does if nothing is said.
const ZLIB_LEVEL: u8 = 6;
/// Text of messages shrinks to about that part.
const FIRST_GUESS: usize = 8;

#[cfg(test)]
mod tests {
    use super::{InflateError, Method};

    const METHODS: [Method; 2] = [Method::Zlib, Method::Bz2];

    #[test]
    fn names() {
        for method in METHODS {
            assert_eq!(method.name().parse(), Ok(method));
        }
        assert!("gzip".parse::<Method>().is_err());
        assert!("ZLIB".parse::<Method>().is_err());
    }

    #[test]
    fn what_is_packed_comes_out_again() {
        let noise: Vec<u8> =
            (0_u32..70_000).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        for method in METHODS {
            for plain in [&b""[..], b"a", &noise, &vec![b'a'; 300_000]] {
                let packed = method.deflate(plain).unwrap();
                assert_eq!(method.inflate(&packed, plain.len()).as_deref(), Ok(plain), "{method}");
            }
        }
    }

    #[test]
    fn one_byte_more_than_the_limit_is_too_much() {
        for method in METHODS {
            for length in [1, 1000, 100_000] {
                let packed = method.deflate(&vec![7; length]).unwrap();
                assert_eq!(
                    method.inflate(&packed, length - 1),
                    Err(InflateError::TooLong),
                    "{method} {length}"
                );
                assert!(method.inflate(&packed, length).is_ok());
            }
        }
    }

    #[test]
    fn a_bomb_reserves_no_more_than_the_limit() {
        for method in METHODS {
            let bomb = method.deflate(&vec![0; 8_000_000]).unwrap();
            assert!(bomb.len() < 10_000, "{method}");
            assert_eq!(method.inflate(&bomb, 65_536), Err(InflateError::TooLong));
        }
    }

    #[test]
    fn every_cut_and_a_changed_byte_is_noticed() {
        for method in METHODS {
            let plain: Vec<u8> =
                (0_u32..3000).map(|n| b'a' + n.wrapping_mul(n).to_le_bytes()[1] % 7).collect();
            let packed = method.deflate(&plain).unwrap();
            for cut in 0..packed.len() {
                assert_eq!(
                    method.inflate(&packed[..cut], 10_000),
                    Err(InflateError::Damaged),
                    "{method} {cut}"
                );
            }
            let mut damaged = packed.clone();
            damaged[packed.len() / 2] ^= 0x10;
            assert!(method.inflate(&damaged, 10_000).is_err(), "{method}");
        }
    }
}
