//! `hb-sim`: plays one seed with its timeline, or many with a summary. Exit code 1: a rule was broken; 2: usage.

use std::io::{self, Write as _};
use std::process::ExitCode;

use hb_engine::Failback;
use hb_sim::campaign::campaign;
use hb_sim::explore::{Budget, explore};
use hb_sim::{Mix, Scenario, promise, run, shrink};

const USAGE: &str =
    "usage: hb-sim --seed N [--mix pair|one-way|fencing|fencing-mixed|mixed|classic|legacy|many|all] [--whole]
       hb-sim --runs N [--first N] [--mix ..] [--failures N]
       hb-sim --promise N --into FOLDER
       hb-sim --explore DEPTH";

/// What was asked for.
struct Wish {
    seed: Option<u64>,
    runs: u64,
    first: u64,
    mix: Mix,
    whole: bool,
    promise: u64,
    explore: u32,
    failures: usize,
    into: Option<std::path::PathBuf>,
}

fn main() -> ExitCode {
    let Some(wish) = read(std::env::args().skip(1)) else {
        let _ = writeln!(io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    let good = match (wish.seed, &wish.into) {
        (Some(seed), _) => replay(seed, wish.mix, wish.whole),
        (None, _) if wish.explore > 0 => explored(wish.explore),
        (None, Some(folder)) => promise(wish.promise, folder),
        (None, None) => many(&wish),
    };
    match good {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn read(mut words: impl Iterator<Item = String>) -> Option<Wish> {
    let mut wish = Wish {
        seed: None,
        runs: 0,
        first: 1,
        mix: Mix::All,
        whole: false,
        promise: 0,
        explore: 0,
        failures: 50,
        into: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next();
        match word.as_str() {
            "--seed" => wish.seed = Some(value()?.parse().ok()?),
            "--runs" => wish.runs = value()?.parse().ok()?,
            "--first" => wish.first = value()?.parse().ok()?,
            "--failures" => wish.failures = value()?.parse().ok()?,
            "--explore" => wish.explore = value()?.parse().ok()?,
            "--promise" => wish.promise = value()?.parse().ok()?,
            "--into" => wish.into = Some(value()?.into()),
            "--whole" => wish.whole = true,
            "--mix" => {
                wish.mix = match value()?.as_str() {
                    "pair" => Mix::Pair,
                    "fencing" => Mix::Fencing,
                    "fencing-mixed" => Mix::FencingMixed,
                    "one-way" => Mix::OneWay,
                    "mixed" => Mix::Mixed,
                    "classic" => Mix::Classic,
                    "legacy" => Mix::Legacy,
                    "many" => Mix::Many,
                    "all" => Mix::All,
                    _ => return None,
                };
            }
            _ => return None,
        }
    }
    let promises = wish.explore > 0 || wish.promise > 0 && wish.into.is_some();
    (wish.seed.is_some() || wish.runs > 0 || promises).then_some(wish)
}

/// Plays one seed and prints its (shrunk) faults and its timeline.
fn replay(seed: u64, mix: Mix, whole: bool) -> io::Result<bool> {
    let drawn = Scenario::draw(seed, mix);
    let scenario = if whole { drawn } else { shrink(&drawn) };
    let report = run(&scenario, true);
    let mut out = io::stdout().lock();
    writeln!(out, "seed {seed}\n{:#?}", scenario.setup)?;
    for fault in &scenario.faults {
        writeln!(out, "{fault:?}")?;
    }
    for line in &report.story {
        writeln!(out, "{line}")?;
    }
    match &report.violation {
        Some(violation) => writeln!(out, "seed {seed}: {violation}")?,
        None => writeln!(out, "seed {seed}: every rule held, trace {:016x}", report.trace)?,
    }
    Ok(report.violation.is_none())
}

/// Explores with each kind of trouble, alone and together.
fn explored(depth: u32) -> io::Result<bool> {
    let none = Budget { losses: 0, crashes: 0, failures: 0, commands: 0 };
    let budgets = [
        Budget { commands: 2, ..none },
        Budget { crashes: 1, ..none },
        Budget { losses: 1, commands: 1, ..none },
        Budget { crashes: 1, commands: 1, ..none },
        Budget { failures: 1, commands: 1, ..none },
        Budget { losses: 1, crashes: 1, failures: 1, commands: 1 },
    ];
    let mut good = true;
    for failback in [Failback::On, Failback::Off] {
        for budget in budgets {
            let found = explore(failback, depth, budget);
            writeln!(
                io::stdout(),
                "{failback:?} depth {depth} {budget:?}: {} states, {} moves, {} closed",
                found.states,
                found.moves,
                found.closed
            )?;
            if let Some((why, path)) = found.broken {
                good = false;
                writeln!(io::stdout(), "  {why}\n  {}", path.join("\n  "))?;
            }
        }
    }
    Ok(good)
}

/// Writes the promise table and its chart.
fn promise(runs: u64, folder: &std::path::Path) -> io::Result<bool> {
    let cells = promise::table(runs);
    std::fs::write(folder.join("promise-table.txt"), promise::text(&cells))?;
    std::fs::write(folder.join("promise-table.svg"), promise::chart(&cells))?;
    Ok(true)
}

fn many(wish: &Wish) -> io::Result<bool> {
    let sum = campaign(wish.first, wish.runs, wish.mix, wish.failures);
    let mut out = io::stdout().lock();
    for (seed, violation) in &sum.failed {
        writeln!(out, "seed {seed}: {violation}")?;
    }
    write!(out, "{}", sum.text())?;
    Ok(sum.failed.is_empty())
}
