//! Many runs, and their sum.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::draw::Mix;
use crate::report::{ClassicDefect, Numbers, Violation, quantile};
use crate::scenario::Scenario;
use crate::world::run;

/// The sum of many runs.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    /// How many runs.
    pub runs: u64,
    /// What was counted in all of them.
    pub numbers: Numbers,
    /// Runs with a 3.0.6 peer that ended badly because of it.
    pub as_3_0_6: BTreeMap<ClassicDefect, u64>,
    /// Seeds that broke a rule, and the rule.
    pub failed: Vec<(u64, Violation)>,
    /// Real time.
    pub took: Duration,
}

/// Plays the seeds from `first` on, `runs` of them, on all processors; each processor stops at `most_failures` broken
/// rules. The sum does not depend on how many processors there are, unless one stopped early.
#[must_use]
pub fn campaign(first: u64, runs: u64, mix: Mix, most_failures: usize) -> Sum {
    let begin = Instant::now();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut sum = Sum::default();
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..workers)
            .map(|worker| {
                let seeds = (first..first + runs).skip(worker).step_by(workers);
                scope.spawn(move || part(seeds, mix, most_failures))
            })
            .collect();
        for part in parts {
            match part.join() {
                Ok(part) => sum.add(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    sum.failed.sort_by_key(|(seed, _)| *seed);
    sum.numbers.detections.sort_unstable();
    sum.took = begin.elapsed();
    sum
}

fn part(seeds: impl Iterator<Item = u64>, mix: Mix, most_failures: usize) -> Sum {
    let mut sum = Sum::default();
    for seed in seeds {
        let scenario = Scenario::draw(seed, mix);
        let report = run(&scenario, false);
        sum.runs += 1;
        sum.numbers.add(&report.numbers);
        let Some(violation) = report.violation else { continue };
        if let Some(defect) = violation.classic {
            *sum.as_3_0_6.entry(defect).or_default() += 1;
            continue;
        }
        sum.failed.push((seed, violation));
        if sum.failed.len() >= most_failures {
            break;
        }
    }
    sum
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.numbers.add(&other.numbers);
        for (defect, runs) in other.as_3_0_6 {
            *self.as_3_0_6.entry(defect).or_default() += runs;
        }
        self.failed.extend(other.failed);
    }

    /// Groups that moved because their node died or stopped.
    #[must_use]
    pub const fn failovers(&self) -> u64 {
        self.numbers.failovers + self.numbers.stops
    }

    /// A summary for people.
    #[must_use]
    pub fn text(&self) -> String {
        let numbers = &self.numbers;
        let mut detections = numbers.detections.clone();
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<28} {value}");
        };
        line("runs", self.runs.to_string());
        line("runs that broke a rule", self.failed.len().to_string());
        for defect in ClassicDefect::ALL {
            let runs = self.as_3_0_6.get(&defect).copied().unwrap_or(0);
            line(defect.text(), runs.to_string());
        }
        line("failovers after death", numbers.failovers.to_string());
        line("failovers after a stop", numbers.stops.to_string());
        line("hand-overs", numbers.handovers.to_string());
        line("starts of groups", numbers.starts.to_string());
        line("living declared dead", numbers.wrong_verdicts.to_string());
        line("inputs", numbers.inputs.to_string());
        line("messages", numbers.messages.to_string());
        line("simulated time", format!("{:.0} s", numbers.simulated.as_secs_f64()));
        line("time with two owners", format!("{:.3} s", numbers.overlap.as_secs_f64()));
        line("longest after healing", format!("{:.3} s", numbers.overlap_after_healing.as_secs_f64()));
        line("busiest second", format!("{} messages", numbers.busiest_second));
        line("longest answer", format!("{} outputs", numbers.longest_answer));
        for (name, share) in [("detection p50", 0.5), ("detection p99", 0.99), ("detection max", 1.0)] {
            line(name, format!("{:.3} s", quantile(&mut detections, share).as_secs_f64()));
        }
        line("real time", format!("{:.1} s", self.took.as_secs_f64()));
        text
    }
}
