//! The methods of `authkeys` (`wire.md` 3.1, 3.2).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How a packet is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A checksum without key: finds damage, stops nobody.
    Crc,
    /// HMAC-MD5, RFC 2104.
    Md5,
    /// HMAC-SHA1, RFC 2104.
    Sha1,
}

/// A word that is none of `crc`, `md5`, `sha1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("unknown authentication method")]
pub struct UnknownMethod;

impl Method {
    /// All methods, weakest first.
    pub const ALL: [Self; 3] = [Self::Crc, Self::Md5, Self::Sha1];

    /// The word in `authkeys`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc => "crc",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
        }
    }

    /// Whether a line with this method needs a key; the others must not have one.
    #[must_use]
    pub const fn needs_key(self) -> bool {
        match self {
            Self::Crc => false,
            Self::Md5 | Self::Sha1 => true,
        }
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    /// Lower case only, as 3.0.6.
    fn from_str(word: &str) -> Result<Self, UnknownMethod> {
        Self::ALL.into_iter().find(|method| method.name() == word).ok_or(UnknownMethod)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
