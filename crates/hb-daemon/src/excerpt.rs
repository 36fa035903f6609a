//! The beginning of a text that may be too long: cut between characters.

/// At most `limit` bytes of `text`.
pub(crate) fn excerpt(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn cuts_fall_between_characters() {
        assert_eq!(excerpt("short", 10), "short");
        assert_eq!(excerpt("aöb", 2), "a");
        assert_eq!(excerpt("aöb", 3), "aö");
        assert_eq!(excerpt("ö", 0), "");
    }
}
