//! The fuzz targets: built and run for a while each. A target that crashes, hangs or swells is a failure.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::time::Duration;

use super::tools::{self, Tool};
use super::{Context, Counts, Depth, Done, Failure};
use crate::command::{self, minutes};
use crate::error::Error;

/// Builds every target below `fuzz/` and runs each.
pub(super) fn perform(context: &Context) -> Result<Done, Failure> {
    let folder = context.workspace.root.join("fuzz");
    if !folder.join("Cargo.toml").is_file() {
        return Ok(Done::note("this tree has no fuzz targets yet, nothing was run"));
    }
    tools::ensure(context, &FUZZ)?;
    let mut list = tools::cargo(context);
    let answer = command::answer(list.current_dir(&context.workspace.root).args(["fuzz", "list"]))?;
    let targets: Vec<&str> = answer.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let time = time_for_each(context.depth);
    context.demand(&mut fuzz(context, &["build"]), "fuzz-build", minutes(15))?;
    let mut counts = Counts::default();
    for together in targets.chunks(AT_ONCE) {
        let ends: Vec<_> = std::thread::scope(|scope| {
            let runs: Vec<_> =
                together.iter().map(|target| scope.spawn(|| run_one(context, target, time))).collect();
            runs.into_iter().map(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        for end in ends {
            end.map_err(|failure| Failure { counts: Counts { failed: 1, ..counts }, ..failure })?;
            counts += Counts::one_passed();
        }
    }
    Ok(Done { counts, note: format!("{}, {} s each", targets.join(", "), time.as_secs()) })
}

fn run_one(context: &Context, target: &str, time: Duration) -> Result<(), Failure> {
    let mut run = fuzz(context, &["run", target]);
    run.args(corpora(context, target)?)
        .arg("--")
        .arg(format!("-max_total_time={}", time.as_secs()))
        .args(["-timeout=10", "-rss_limit_mb=1024"]);
    if context.depth != Depth::Slow {
        // The same inputs in the same order at each run, and as many of them on a faster machine: a change that breaks one
        // is blamed, not the dice. `--slow` looks for new ones.
        run.arg("-seed=1");
        if let Some((_, runs)) = RUNS.iter().find(|(name, _)| *name == target) {
            run.arg(format!("-runs={runs}"));
        }
    }
    context.demand(&mut run, &format!("fuzz-{target}"), time + minutes(5)).map(drop)
}

/// Where a run starts: a folder of its own for what it finds, then seeds, then the packets of the tests where
/// the target reads packets.
fn corpora(context: &Context, target: &str) -> Result<Vec<PathBuf>, Error> {
    let own = context.workspace.logs().join("corpus").join(target);
    std::fs::create_dir_all(&own).map_err(|source| Error::File { path: own.clone(), source })?;
    let root = &context.workspace.root;
    let mut given = vec![root.join("fuzz/seeds").join(target)];
    if PACKETS.contains(&target) {
        given.push(root.join("crates/hb-wire/tests/vectors"));
    }
    Ok([own].into_iter().chain(given.into_iter().filter(|folder| folder.is_dir())).collect())
}

/// The sanitizer and the coverage marks need switches that a stable compiler takes only when told that we know.
fn fuzz(context: &Context, arguments: &[&str]) -> std::process::Command {
    let mut cargo = tools::cargo(context);
    cargo.arg("fuzz").args(arguments).env("RUSTC_BOOTSTRAP", "1");
    cargo
}

/// CI has a budget.
fn time_for_each(depth: Depth) -> Duration {
    if depth == Depth::Slow { minutes(10) } else { Duration::from_secs(30) }
}

/// Targets whose inputs are packets.
const PACKETS: [&str; 3] = ["netstring", "classic", "open"];
const FUZZ: Tool = Tool { subcommand: "fuzz", package: "cargo-fuzz@0.13.2" };
/// How many inputs each target gets, where the time does not end it before: what two cores do in about 30 s.
const RUNS: [(&str, u32); 14] = [
    ("authkeys", 10_000),
    ("capture", 1_500_000),
    ("classic", 300_000),
    ("compressed", 4_500),
    ("engine", 1_500),
    ("fifo", 30_000),
    ("ha_cf", 9_000),
    ("haresources", 5_500),
    ("hb_toml", 12_000),
    ("icmp", 40_000),
    ("netstring", 1_300_000),
    ("open", 800_000),
    ("ppp", 8_000),
    ("stream", 5_000),
];
/// Targets that run side by side.
const AT_ONCE: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_its_time() {
        assert_eq!(time_for_each(Depth::Full), Duration::from_secs(30));
        assert_eq!(time_for_each(Depth::Slow), minutes(10));
    }
}
