//! "Did you mean": the nearest of a few known words by edit distance.

/// Longest word that is compared; longer ones are no typing errors.
const LONGEST: usize = 40;

/// The candidate nearest to `word`, if one is near enough to be meant; case does not count.
pub(crate) fn nearest<'a>(word: &[u8], candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let allowed = match word.len() {
        0..=4 => 1,
        5..=7 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate.to_ascii_lowercase().as_bytes()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of `allowed` that is nearest to `value`.
pub(crate) fn nearest_number(value: i32, allowed: &[i32]) -> Option<i32> {
    allowed.iter().copied().min_by_key(|candidate| candidate.abs_diff(value))
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (row, &byte_a) in a.iter().enumerate() {
        let mut current = vec![row + 1];
        let mut previous_b = None;
        for (column, &byte_b) in b.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, column) + usize::from(byte_a != byte_b);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            if previous_a == Some(byte_b) && previous_b == Some(byte_a) && column > 0 {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
            previous_b = Some(byte_b);
        }
        previous_a = Some(byte_a);
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest, nearest_number};

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 1), ("same", "same", 0), ("x", "", 1)]
        {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_word_is_found_and_far_ones_are_not() {
        let words = ["logfacility", "logfile", "udp", "udpport", "node", "deadtime"];
        assert_eq!(nearest(b"logacility", words), Some("logfacility"));
        assert_eq!(nearest(b"Udp", words), Some("udp"));
        assert_eq!(nearest(b"deadtme", words), Some("deadtime"));
        assert_eq!(nearest(b"nodes", words), Some("node"));
        assert_eq!(nearest(b"frobnicate", words), None);
        assert_eq!(nearest(&[b'n'; 5000], words), None);
        assert_eq!(nearest_number(19600, &[9600, 19200, 38400]), Some(19200));
    }
}
