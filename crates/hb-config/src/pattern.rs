//! How the scripts of 3.0.6 compare names of groups and nodes: as patterns in which a dot stands for any character
//! (`failover.md` 1.4). hb compares words; this is only for warnings.

/// Whether `pattern`, its dots standing for any byte, matches the whole of `text`.
pub(crate) fn matches_with_dots(pattern: &[u8], text: &[u8]) -> bool {
    pattern.len() == text.len()
        && pattern.iter().zip(text).all(|(wanted, found)| *wanted == b'.' || wanted == found)
}

/// The first character that means something else than itself in a pattern, a dot excepted.
pub(crate) fn special(pattern: &[u8]) -> Option<char> {
    pattern.iter().copied().find(|byte| matches!(byte, b'*' | b'[' | b'\\' | b'^' | b'$')).map(char::from)
}

#[cfg(test)]
mod tests {
    use super::{matches_with_dots, special};

    #[test]
    fn dots_match_anything_and_the_rest_itself() {
        for (pattern, text, expected) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10x0-0.1", true),
            ("10.0.0.1", "10.0.0.12", false),
            ("10.0.0.1", "11.0.0.1", false),
            ("", "", true),
        ] {
            assert_eq!(matches_with_dots(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        assert_eq!(special(b"a.b"), None);
        assert_eq!(special(b"a*b"), Some('*'));
    }
}
