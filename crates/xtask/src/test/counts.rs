//! How many tests ran and how they ended, from the lines that cargo's test programs print.

use std::ops::AddAssign;

/// Tests by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Ended well.
    pub(super) passed: u32,
    /// Ended badly.
    pub(super) failed: u32,
    /// Marked with `#[ignore]` and not run.
    pub(super) ignored: u32,
    /// Not wanted in this run, by their names.
    pub(super) left_out: u32,
}

impl Counts {
    /// The sum of all `test result:` lines in the output of `cargo test`.
    pub(super) fn of_cargo(output: &str) -> Self {
        let mut sum = Self::default();
        for line in output.lines() {
            if let Some((_, result)) = line.split_once("test result: ") {
                sum += Self {
                    passed: before(result, " passed"),
                    failed: before(result, " failed"),
                    ignored: before(result, " ignored"),
                    left_out: before(result, " filtered out"),
                };
            }
        }
        sum
    }

    /// One test that ended well.
    pub(super) const fn one_passed() -> Self {
        Self { passed: 1, failed: 0, ignored: 0, left_out: 0 }
    }

    /// One test that ended badly.
    pub(super) const fn one_failed() -> Self {
        Self { passed: 0, failed: 1, ignored: 0, left_out: 0 }
    }

    /// All that ran or are marked.
    pub(super) const fn all(self) -> u32 {
        self.passed + self.failed + self.ignored
    }

    /// The last line of a run: `N passed, N failed`.
    pub(super) fn closing_line(self) -> String {
        let skipped = if self.ignored > 0 { format!(", {} skipped", self.ignored) } else { String::new() };
        format!("{} passed, {} failed{skipped}", self.passed, self.failed)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.left_out += other.left_out;
    }
}

/// The number that stands right before `word`; 0 if there is none.
fn before(text: &str, word: &str) -> u32 {
    let head = text.split_once(word).map_or("", |(head, _)| head);
    let start = head.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    head.get(start..).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_lines_are_summed() {
        let output = "running 3 tests\ntest a ... ok\ntest result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; \
                      4 filtered out; finished in 0.00s\n\ntest result: FAILED. 2 passed; 1 failed; 0 ignored; 0 \
                      measured; 0 filtered out; finished in 0.10s\n";
        assert_eq!(Counts::of_cargo(output), Counts { passed: 14, failed: 1, ignored: 1, left_out: 4 });
        assert_eq!(Counts::of_cargo("error: could not compile"), Counts::default());
    }

    #[test]
    fn the_closing_line_is_the_agreed_one() {
        let counts = Counts { passed: 14, failed: 1, ignored: 0, left_out: 0 };
        assert_eq!(counts.closing_line(), "14 passed, 1 failed");
        let skipped = Counts { ignored: 2, ..counts };
        assert_eq!(skipped.closing_line(), "14 passed, 1 failed, 2 skipped");
    }
}
