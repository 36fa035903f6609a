//! The matrix of the cluster stories: who held which address when, a table for each story, a column for each pair.
//!
//! Reads the line that each story leaves (`hb-lab`, `tests/cluster/holdings.rs`) and the reasons why a pair plays no
//! part in a story (`tests/cluster/matrix.txt`). Whether a story ended well is judged by the story.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::Depth;
use crate::error::Error;
use crate::tree;

/// The tables, ready to be printed.
pub(super) struct Matrix {
    pub(super) text: String,
    /// Pairs that played no part in a story, and nobody says why.
    pub(super) unexplained: Vec<String>,
}

/// What was done, and who got or lost an address after it.
struct Step {
    act: String,
    /// `alpha+1 0.26`: who, got or lost, which one, seconds after the act.
    changes: Vec<String>,
}

/// A story of a pair.
struct Column {
    steps: Vec<Step>,
    /// `0.31 of 5.2`: seconds after the last act until both nodes were stable, and the bound.
    stable: String,
}

/// The columns of a story and mode.
type Columns = [Option<Column>; 4];

/// Reads what the stories left in `folder`. With less than [`Depth::Slow`] some pairs play no part.
pub(super) fn read(folder: &Path, reasons: &str, depth: Depth) -> Result<Matrix, Error> {
    let mut stories: BTreeMap<(String, String), Columns> = BTreeMap::new();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let text = tree::read(&entry.path())?;
        if let Some((story, mode, pair, of_pair)) = line(text.trim_end())
            && let Some(column) = stories.entry((story, mode)).or_default().get_mut(pair)
        {
            *column = Some(of_pair);
        }
    }
    Ok(of(&stories, reasons, depth))
}

fn of(stories: &BTreeMap<(String, String), Columns>, reasons: &str, depth: Depth) -> Matrix {
    let mut matrix = Matrix { text: LEGEND.to_owned(), unexplained: Vec::new() };
    for ((story, mode), columns) in stories {
        // Writing to a string does not fail.
        let _ = writeln!(matrix.text, "\n{story}, auto_failback {}", mode.to_lowercase());
        let mut cells = vec![vec!["    after".to_owned()]];
        cells.extend(PAIRS.iter().map(|(_, pair)| vec![(*pair).to_owned()]));
        row(&mut matrix.text, &cells);
        rows(&mut matrix.text, columns);
        let missing = PAIRS.iter().zip(columns).filter(|(_, column)| column.is_none());
        for ((_, pair), _) in missing {
            let reason = reason(reasons, story, pair).unwrap_or_else(|| {
                if depth == Depth::Slow {
                    matrix.unexplained.push(format!("{story}: {pair}"));
                    "and nobody says why"
                } else {
                    "only with --slow"
                }
            });
            let _ = writeln!(matrix.text, "    {pair} is not played: {reason}");
        }
    }
    matrix
}

/// `story-Pair-Mode: act: alpha+1 0.26 beta-1 0.27 | act: | .. | stable: 0.31 of 5.2`
fn line(text: &str) -> Option<(String, String, usize, Column)> {
    let (text, stable) = text.rsplit_once(" | stable: ")?;
    let (case, steps) = text.split_once(": ")?;
    let mut parts = case.rsplitn(3, '-');
    let (mode, pair, story) = (parts.next()?, parts.next()?, parts.next()?);
    let pair = PAIRS.iter().position(|(name, _)| *name == pair)?;
    let steps = steps.split(" | ").map(|step| {
        let (act, changes) = step.split_once(':').unwrap_or(("", step));
        let words: Vec<&str> = changes.split_whitespace().collect();
        Step { act: act.to_owned(), changes: words.chunks(2).map(|change| change.join(" ")).collect() }
    });
    let column = Column { steps: steps.collect(), stable: stable.to_owned() };
    Some((story.to_owned(), mode.to_owned(), pair, column))
}

/// A row for each act; where a pair has another act than the first one, it stands in its cell. Then how long the end took.
fn rows(text: &mut String, columns: &Columns) {
    let mut held = [[false; 4]; 4];
    let most = columns.iter().flatten().map(|column| column.steps.len()).max().unwrap_or_default();
    for index in 0..most {
        let first = columns.iter().flatten().find_map(|column| column.steps.get(index));
        let act = first.map_or("", |step| &step.act);
        let mut cells = vec![act.split_whitespace().map(str::to_owned).collect()];
        for (column, held) in columns.iter().zip(&mut held) {
            let step = column.as_ref().and_then(|column| column.steps.get(index));
            cells.push(step.map_or_else(Vec::new, |step| cell(step, act, held)));
        }
        if let Some(label) = cells.first_mut().and_then(|label: &mut Vec<String>| label.first_mut()) {
            label.insert_str(0, "    ");
        }
        row(text, &cells);
    }
    let stable = columns.iter().map(|column| column.iter().map(|column| column.stable.clone()).collect());
    let cells: Vec<_> = std::iter::once(vec!["    stable".to_owned()]).chain(stable).collect();
    row(text, &cells);
}

/// What each holds after the step, then the changes in their order.
fn cell(step: &Step, act: &str, held: &mut [bool; 4]) -> Vec<String> {
    let short = |change: &String| change.replace("alpha", "A").replace("beta", "B");
    for change in &step.changes {
        let bytes = change.trim_start_matches("alpha").trim_start_matches("beta").as_bytes();
        let other = if change.starts_with("beta") { 2 } else { 0 };
        if let [sign, number @ (b'1' | b'2'), ..] = bytes
            && let Some(held) = held.get_mut(other + usize::from(number - b'1'))
        {
            *held = *sign == b'+';
        }
    }
    let [a1, a2, b1, b2] = *held;
    let holds = |one: bool, two: bool| match (one, two) {
        (true, true) => "12",
        (true, false) => "1",
        (false, true) => "2",
        (false, false) => "-",
    };
    let mut words = vec![format!("{:5}", format!("{}/{}", holds(a1, a2), holds(b1, b2)))];
    if step.act != act {
        words.push(format!("({})", step.act));
    }
    words.extend(step.changes.iter().map(short));
    words
}

/// One row of cells; a cell that is too long goes on in the next line.
fn row(text: &mut String, cells: &[Vec<String>]) {
    let widths = std::iter::once(LABEL).chain(std::iter::repeat(CELL));
    let columns: Vec<_> =
        cells.iter().zip(widths).map(|(words, width)| (wrapped(words, width), width)).collect();
    let height = columns.iter().map(|(lines, _)| lines.len()).max().unwrap_or_default();
    for index in 0..height {
        let mut line = String::new();
        for (lines, width) in &columns {
            let part = lines.get(index).map_or("", String::as_str);
            let _ = write!(line, "{part:width$} ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn wrapped(words: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("      {word}")),
            None => lines.push(word.clone()),
        }
    }
    lines
}

/// Lines of the file: `story: pair, pair: reason`.
fn reason<'a>(reasons: &'a str, story: &str, pair: &str) -> Option<&'a str> {
    let lines = reasons.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(": ")).filter(|(name, _)| *name == story).find_map(|(_, rest)| {
        let (pairs, reason) = rest.split_once(": ")?;
        pairs.split(", ").any(|name| name == pair).then_some(reason)
    })
}

/// As the stories name them, and as they are shown: alpha's daemon first, C is Heartbeat 3.0.6.
const PAIRS: [(&str, &str); 4] =
    [("Both306", "C+C"), ("AlphaIs306", "C+ours"), ("BetaIs306", "ours+C"), ("BothOurs", "ours+ours")];
const LABEL: usize = 30;
const CELL: usize = 33;
const LEGEND: &str = "Columns: the daemons of alpha (A) and beta (B); C is Heartbeat 3.0.6. Address 1 is at home on alpha, 2 on beta.
1/2 A-1 0.26 B+1 0.29: what A and B have after the step; A lost 1 after 0.26 s, B got it after 0.29 s.
stable 0.31 of 5.2: after the last step nothing was under way any more after 0.31 s, and its bound is 5.2 s.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(lines: &[&str], reasons: &str, depth: Depth) -> Matrix {
        let mut stories: BTreeMap<_, Columns> = BTreeMap::new();
        for text in lines {
            let (story, mode, pair, column) = line(text).unwrap();
            stories.entry((story, mode)).or_default()[pair] = Some(column);
        }
        of(&stories, reasons, depth)
    }

    const MOVE: &str = "move-it-BothOurs-Off: start alpha: | start beta: beta+2 0.03 alpha+1 0.05 | give alpha all: \
                        beta+1 0.00 alpha-1 0.02 | stable: 0.31 of 5.2";

    #[test]
    fn a_column_for_each_pair_and_a_row_for_each_act() {
        let other = "move-it-AlphaIs306-Off: start alpha: | start beta: | give beta all: beta-2 0.26 | stable: 1.20 of 9.4";
        let text = matrix(&[MOVE, other], "move-it: C+C: too old\n", Depth::Fast).text;
        let lines: Vec<Vec<&str>> = text
            .lines()
            .skip(4)
            .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        let expected: [&[&str]; 8] = [
            &["move-it, auto_failback off"],
            &["after", "C+C", "C+ours", "ours+C", "ours+ours"],
            &["start alpha", "-/-", "-/-"],
            &["start beta", "-/-", "1/2", "B+2 0.03 A+1 0.05"],
            &["give beta all", "-/-", "B-2 0.26", "-/12", "(give alpha all) B+1 0.00"],
            &["A-1 0.02"],
            &["stable", "1.20 of 9.4", "0.31 of 5.2"],
            &["C+C is not played: too old"],
        ];
        assert_eq!(lines[..8], expected.map(<[&str]>::to_vec));
        assert!(text.contains("ours+C is not played: only with --slow"), "{text}");
    }

    #[test]
    fn with_slow_a_pair_that_is_missing_needs_a_reason() {
        let known = "# all\nmove-it: C+C, ours+C: it cannot\nmove: C+ours: another story\n";
        assert_eq!(matrix(&[MOVE], known, Depth::Slow).unexplained, ["move-it: C+ours"]);
        assert!(matrix(&[MOVE], known, Depth::Full).unexplained.is_empty());
    }
}
