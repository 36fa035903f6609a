//! Whether two key rings are the same, told in public.

use crate::KeyRing;

impl KeyRing {
    /// A number that is the same for rings of the same lines with the same active one, and as good as never for others.
    ///
    /// It may be published in signed messages: each key goes into it as the key of a digest over a fixed text, of which
    /// 32 bits in all remain. That tells less about a key than any packet that is signed with it.
    ///
    /// ```
    /// use hb_auth::{KeyRing, Method};
    /// let ring = |secret: &str| KeyRing::new(1, [(1, Method::Sha1, secret.into())]).unwrap();
    /// assert_eq!(ring("alpha").fingerprint(), ring("alpha").fingerprint());
    /// assert_ne!(ring("alpha").fingerprint(), ring("beta").fingerprint());
    /// ```
    #[must_use]
    pub fn fingerprint(&self) -> u32 {
        let mut text = vec![self.active.index];
        for line in &self.lines {
            text.push(line.index);
            text.extend_from_slice(line.key.method().name().as_bytes());
            line.key.append(COVERED, &mut text);
        }
        // FNV-1a: what it folds is a digest already.
        text.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
    }
}

/// No message looks like this.
const COVERED: &[u8] = b"hb fingerprint of authkeys";

#[cfg(test)]
mod tests {
    use crate::Method;

    use super::*;

    fn ring(active: u8, keys: &[(u8, Method, &str)]) -> u32 {
        let keys = keys.iter().map(|(index, method, secret)| (*index, *method, secret.as_bytes().to_vec()));
        KeyRing::new(active, keys).unwrap().fingerprint()
    }

    #[test]
    fn every_difference_shows() {
        use Method::{Crc, Md5, Sha1};
        let rings = [
            ring(1, &[(1, Sha1, "a")]),
            ring(1, &[(1, Sha1, "b")]),
            ring(1, &[(1, Md5, "a")]),
            ring(1, &[(1, Crc, "")]),
            ring(2, &[(2, Sha1, "a")]),
            ring(1, &[(1, Sha1, "a"), (2, Sha1, "b")]),
            ring(2, &[(1, Sha1, "a"), (2, Sha1, "b")]),
            ring(1, &[(1, Sha1, "a"), (2, Sha1, "c")]),
        ];
        for (index, one) in rings.iter().enumerate() {
            assert!(rings.iter().skip(index + 1).all(|other| other != one), "{index}");
        }
    }

    #[test]
    fn the_order_of_the_lines_does_not_matter() {
        let (one, two) = ((1, Method::Sha1, "a"), (2, Method::Md5, "b"));
        assert_eq!(ring(1, &[one, two]), ring(1, &[two, one]));
    }
}
