//! Lays two lists of messages side by side so that as many as possible agree in their order.

use std::fmt;
use std::time::Duration;

use super::label::Said;

/// Two equal messages that lie further apart in time are a difference: more than 3.0.6's longest poll and a script.
const SAME_TIME: Duration = Duration::from_secs(3);

/// Which side a difference is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Only the real node said it.
    OnlyTheirs,
    /// Only the shadow would have said it.
    OnlyOurs,
    /// Both say it, the shadow much earlier.
    Earlier,
    /// Both say it, the shadow much later.
    Later,
}

/// A message on which node and shadow differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How they differ.
    pub turn: Turn,
    /// Type and decisive fields of the message.
    pub text: String,
    /// When it was said, since 1970.
    pub at: Duration,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.turn {
            Turn::OnlyTheirs => '-',
            Turn::OnlyOurs => '+',
            Turn::Earlier => '<',
            Turn::Later => '>',
        };
        write!(f, "{sign} {}", self.text)
    }
}

/// How many messages agree in type, order and time, and everything else.
pub(super) fn compare(theirs: &[Said], ours: &[Said]) -> (usize, Vec<Difference>) {
    let common = common(theirs, ours);
    let (mut left, mut right) = (0, 0);
    let mut predicted = 0;
    let mut differences = Vec::new();
    let mut push =
        |turn, said: &Said| differences.push(Difference { turn, text: said.text.clone(), at: said.at });
    while left < theirs.len() || right < ours.len() {
        match (theirs.get(left), ours.get(right)) {
            (Some(their), Some(our)) if their.text == our.text => {
                if our.at + SAME_TIME < their.at {
                    push(Turn::Earlier, their);
                } else if their.at + SAME_TIME < our.at {
                    push(Turn::Later, their);
                } else {
                    predicted += 1;
                }
                (left, right) = (left + 1, right + 1);
            }
            (Some(their), our) if our.is_none() || common[left + 1][right] >= common[left][right + 1] => {
                push(Turn::OnlyTheirs, their);
                left += 1;
            }
            (_, Some(our)) => {
                push(Turn::OnlyOurs, our);
                right += 1;
            }
            (_, None) => break,
        }
    }
    (predicted, differences)
}

/// The length of the longest common subsequence of what is left from each pair of places on.
fn common(theirs: &[Said], ours: &[Said]) -> Vec<Vec<usize>> {
    let mut table = vec![vec![0; ours.len() + 1]; theirs.len() + 1];
    for left in (0..theirs.len()).rev() {
        for right in (0..ours.len()).rev() {
            table[left][right] = if theirs[left].text == ours[right].text {
                table[left + 1][right + 1] + 1
            } else {
                table[left + 1][right].max(table[left][right + 1])
            };
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &str) -> Vec<Said> {
        let said = |(at, text): (u64, &str)| Said { at: Duration::from_secs(at), text: text.to_owned() };
        (10..).zip(words.split(' ')).map(said).collect()
    }

    fn differences(theirs: &str, ours: &str) -> (usize, String) {
        let (predicted, list) = compare(&list(theirs), &list(ours));
        (predicted, list.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn what_is_equal_is_predicted() {
        assert_eq!(differences("a b c", "a b c"), (3, String::new()));
        assert_eq!(differences("a b c", "a x c"), (2, "- b,+ x".to_owned()));
        assert_eq!(differences("a b", "a b c d"), (2, "+ c,+ d".to_owned()));
        assert_eq!(differences("b", "a b"), (1, "+ a".to_owned()));
    }

    #[test]
    fn much_earlier_is_a_difference() {
        assert_eq!(differences("x x x x x a", "a"), (0, "- x,- x,- x,- x,- x,< a".to_owned()));
        assert_eq!(differences("a", "x x x x x a"), (0, "+ x,+ x,+ x,+ x,+ x,> a".to_owned()));
    }
}
