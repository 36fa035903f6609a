//! The key ring: up to 16 numbered keys, one of them active (`wire.md` 3.1).

use std::fmt;
use std::io::Write;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::Method;
use crate::digest::Digester;

/// The highest number of a key line.
pub const MAX_INDEX: u8 = 15;

/// The keys that a node accepts, and the one with which it signs.
///
/// Keys are kept as prepared digest states and wiped on drop; nothing here prints them.
///
/// ```
/// use hb_auth::{InnerAuth, KeyRing, Method};
/// let ring = KeyRing::new(1, [(1, Method::Sha1, b"alpha".to_vec()), (3, Method::Crc, Vec::new())])?;
/// let packet = ring.seal(&hb_wire::Message::new("status"), InnerAuth::No);
/// assert_eq!(ring.open(&packet)?.kind(), Some("status"));
/// assert_eq!(format!("{ring:?}"), "KeyRing { active: 1, lines: [(1, Sha1), (3, Crc)] }");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct KeyRing {
    pub(crate) active: Line,
    /// Ordered by index; the active one is among them.
    pub(crate) lines: Vec<Line>,
}

/// One key with its method.
#[derive(Clone)]
pub struct Key {
    digester: Digester,
}

/// A line of `authkeys`.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) index: u8,
    pub(crate) key: Key,
    /// The method of this line with the key of the active line: what 3.0.6 takes for netstring packets
    /// (`wire.md` 3.5). Nothing where that is the same key, or no key.
    pub(crate) with_active_key: Option<Key>,
}

/// Why a method and a key do not make a key line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// `md5` or `sha1` without a key.
    #[error("method {0} needs a key")]
    Missing(Method),
    /// `crc` with a key.
    #[error("method {0} has no key")]
    Unneeded(Method),
}

/// Why lines do not make a key ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyRingError {
    /// A number above [`MAX_INDEX`].
    #[error("key number {0} is above {MAX_INDEX}")]
    Index(u8),
    /// Method and key of a line do not fit.
    #[error("key {index} cannot be used")]
    Key {
        /// The number of the line.
        index: u8,
        /// What is wrong.
        source: KeyError,
    },
    /// There is no line with the active number.
    #[error("key {0} is active, but not there")]
    ActiveMissing(u8),
}

impl Key {
    /// Prepares a key; the bytes are wiped.
    ///
    /// # Errors
    ///
    /// If the method needs a key and there is none, or the other way round.
    pub fn new(method: Method, secret: Vec<u8>) -> Result<Self, KeyError> {
        Self::prepare(method, &Zeroizing::new(secret))
    }

    fn prepare(method: Method, secret: &[u8]) -> Result<Self, KeyError> {
        match (method.needs_key(), secret.is_empty()) {
            (true, true) => Err(KeyError::Missing(method)),
            (false, false) => Err(KeyError::Unneeded(method)),
            _ => Ok(Self { digester: Digester::new(method, secret) }),
        }
    }

    /// How it signs.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.digester.method()
    }

    pub(crate) fn append(&self, covered: &[u8], out: &mut Vec<u8>) {
        self.digester.append(covered, out);
    }

    pub(crate) fn matches(&self, covered: &[u8], text: &[u8]) -> bool {
        self.digester.matches(covered, text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("method", &self.method()).finish_non_exhaustive()
    }
}

impl KeyRing {
    /// A ring of these lines (number, method, key; an empty key where the method has none), of which number
    /// `active` signs. A later line replaces an earlier one of the same number. The bytes of the keys are wiped.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with a line, or that the active one is not there.
    pub fn new(
        active: u8,
        keys: impl IntoIterator<Item = (u8, Method, Vec<u8>)>,
    ) -> Result<Self, KeyRingError> {
        // All keys first get wiped on drop; only then anything may fail.
        let secrets: Vec<_> =
            keys.into_iter().map(|(index, method, secret)| (index, method, Zeroizing::new(secret))).collect();
        let active_secret = secrets.iter().rfind(|(index, ..)| *index == active).map(|(_, _, secret)| secret);
        let mut lines: Vec<Line> = Vec::new();
        for (index, method, secret) in &secrets {
            let index = *index;
            if index > MAX_INDEX {
                return Err(KeyRingError::Index(index));
            }
            let key = Key::prepare(*method, secret).map_err(|source| KeyRingError::Key { index, source })?;
            let with_active_key = active_secret
                .filter(|active_secret| *active_secret != secret && method.needs_key())
                .and_then(|active_secret| Key::prepare(*method, active_secret).ok());
            lines.retain(|line| line.index != index);
            lines.push(Line { index, key, with_active_key });
        }
        lines.sort_by_key(|line| line.index);
        let active = lines
            .iter()
            .find(|line| line.index == active)
            .ok_or(KeyRingError::ActiveMissing(active))?
            .clone();
        Ok(Self { active, lines })
    }

    /// The number of the line that signs.
    #[must_use]
    pub const fn active(&self) -> u8 {
        self.active.index
    }

    /// The same ring, signing with another line, if there is one of that number. What is accepted stays the same.
    #[must_use]
    pub fn signing_with(&self, index: i64) -> Option<Self> {
        Some(Self { active: self.line(index)?.clone(), lines: self.lines.clone() })
    }

    /// The key that signs.
    #[must_use]
    pub const fn active_key(&self) -> &Key {
        &self.active.key
    }

    /// The method of a line, if there is one of that number.
    #[must_use]
    pub fn method(&self, index: u8) -> Option<Method> {
        self.line(i64::from(index)).map(|line| line.key.method())
    }

    pub(crate) fn line(&self, index: i64) -> Option<&Line> {
        self.lines.iter().find(|line| i64::from(line.index) == index)
    }

    /// Appends index, blank and the digest of `covered`: the text of a trailer or an inner `auth` field.
    pub(crate) fn sign(&self, covered: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(43);
        // Never refused.
        let _ = write!(text, "{} ", self.active.index);
        self.active.key.append(covered, &mut text);
        text
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.lines.iter().map(|line| (line.index, line.key.method())).collect();
        f.debug_struct("KeyRing").field("active", &self.active.index).field("lines", &lines).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, KeyError, KeyRing, KeyRingError};
    use crate::Method;

    #[test]
    fn lines_that_make_no_ring() {
        let ring = |active, lines: &[(u8, Method, &str)]| {
            KeyRing::new(
                active,
                lines.iter().map(|(index, method, key)| (*index, *method, key.as_bytes().to_vec())),
            )
            .map(|ring| ring.active())
        };
        assert_eq!(ring(1, &[(1, Method::Sha1, "a")]), Ok(1));
        assert_eq!(ring(15, &[(15, Method::Crc, "")]), Ok(15));
        assert_eq!(ring(1, &[]), Err(KeyRingError::ActiveMissing(1)));
        assert_eq!(ring(2, &[(1, Method::Sha1, "a")]), Err(KeyRingError::ActiveMissing(2)));
        assert_eq!(ring(1, &[(1, Method::Sha1, "a"), (16, Method::Sha1, "a")]), Err(KeyRingError::Index(16)));
        let source = KeyError::Missing(Method::Md5);
        assert_eq!(ring(1, &[(1, Method::Md5, "")]), Err(KeyRingError::Key { index: 1, source }));
        let source = KeyError::Unneeded(Method::Crc);
        assert_eq!(ring(1, &[(1, Method::Crc, "a")]), Err(KeyRingError::Key { index: 1, source }));
    }

    #[test]
    fn a_later_line_replaces_an_earlier_one() {
        let ring =
            KeyRing::new(1, [(1, Method::Md5, b"a".to_vec()), (1, Method::Sha1, b"b".to_vec())]).unwrap();
        assert_eq!(ring.method(1), Some(Method::Sha1));
        let only = KeyRing::new(1, [(1, Method::Sha1, b"b".to_vec())]).unwrap();
        assert_eq!(ring.sign(b"text"), only.sign(b"text"));
    }

    #[test]
    fn debug_shows_no_secret() {
        let ring = KeyRing::new(1, [(1, Method::Md5, b"visible?".to_vec())]).unwrap();
        let shown =
            format!("{ring:?} {:?} {:?}", ring.active_key(), Key::new(Method::Sha1, b"visible?".to_vec()));
        assert_eq!(
            shown,
            "KeyRing { active: 1, lines: [(1, Md5)] } Key { method: Md5, .. } Ok(Key { method: Sha1, .. })"
        );
    }
}
