//! The cluster tests: real processes in namespaces, alone and with the real 3.0.6, all built for release.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Context, Counts, Depth, Done, Failure, units};
use crate::command::{self, minutes};
use crate::console;

/// Builds the programs for release and runs every test target of the lab, one after the other.
pub(super) fn perform(context: &Context) -> Result<Done, Failure> {
    let lab = context.workspace.package(LAB);
    let targets = lab.map_or(&[][..], |package| &package.test_targets);
    if targets.is_empty() {
        return Ok(Done::note("this tree has no cluster tests yet, nothing was run"));
    }
    let programs = programs(context)?;
    forget_matrix(context);
    let mut counts = Counts::default();
    // One failure does not hide the others.
    let mut failure: Option<(String, PathBuf)> = None;
    for target in targets {
        let mut cargo = command::cargo();
        cargo.args(["test", "-p", LAB, "--release", "--no-fail-fast", "--test", target, "--"]);
        cargo.arg(format!("--test-threads={}", threads(target))).env("HB_BIN_DIR", &programs);
        if context.depth == Depth::Slow {
            cargo.env("HB_RELOAD_SECONDS", "60");
            cargo.env("HB_NOISY_SECONDS", "600");
            cargo.env("HB_LEASE_RUNS", "200");
        }
        let outcome = context.attempt(&mut cargo, &format!("cluster-{target}"), LIMIT)?;
        let of_target = Counts::of_cargo(&outcome.text()?);
        counts += of_target;
        if !outcome.good {
            let message =
                format!("{target}: {} of {} failed, {}", of_target.failed, of_target.all(), outcome.ending());
            console::line(&format!("    {message}"));
            failure.get_or_insert((message, outcome.log));
            continue;
        }
        console::line(&format!("    {target}: {} passed", of_target.passed));
    }
    if let Some((message, log)) = failure {
        return Err(Failure { counts, message, log: Some(log) });
    }
    let written = units::written(context, |package, path| package == LAB && is_integration(path))?;
    if counts.all() < written {
        return Err(Failure { counts, ..Failure::plain(units::left_out(written, counts)) });
    }
    // After the comparison: these are tests that were counted already.
    if context.depth == Depth::Slow {
        counts += with_two_real_ones(context, &programs)?;
        print_matrix(context);
    }
    Ok(Done { counts, note: format!("{} tests", counts.passed) })
}

/// Two real Heartbeats play the stories too, for comparison: all but those that tell what only hb does.
fn with_two_real_ones(context: &Context, programs: &Path) -> Result<Counts, Failure> {
    let mut cargo = command::cargo();
    cargo.args(["test", "-p", LAB, "--release", "--no-fail-fast", "--test", "cluster", "--", "both_ours"]);
    for only_ours in ["killed", "reload", "beside_a_legacy_node"] {
        cargo.args(["--skip", only_ours]);
    }
    cargo.arg("--test-threads=6").env("HB_BIN_DIR", programs).env("HB_CLUSTER_PAIR", "306");
    let outcome = context.attempt(&mut cargo, "cluster-306", LIMIT)?;
    let counts = Counts::of_cargo(&outcome.text()?);
    if !outcome.good {
        let message = format!("two real ones: {} of {} failed", counts.failed, counts.all());
        return Err(Failure { counts, message, log: Some(outcome.log) });
    }
    console::line(&format!("    two real ones: {} passed", counts.passed));
    Ok(counts)
}

/// Where each story leaves its line.
fn matrix(context: &Context) -> PathBuf {
    context.workspace.target.join("tmp").join("cluster").join("matrix")
}

/// Removes the lines of earlier runs.
fn forget_matrix(context: &Context) {
    // Most often there is none.
    let _ = std::fs::remove_dir_all(matrix(context));
}

/// Who had what when, in order, with times: a line for each story and pair.
fn print_matrix(context: &Context) {
    let entries = std::fs::read_dir(matrix(context)).into_iter().flatten().flatten();
    let mut lines: Vec<_> = entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).collect();
    lines.sort();
    for line in lines {
        console::line(&format!("    {}", line.trim_end()));
    }
}

/// Hosts mostly wait, so the many stories of `cluster` are told side by side. The others measure times, or pull out
/// serial devices whose numbers the machine gives to whoever asks next.
fn threads(target: &str) -> usize {
    if target == "cluster" { 6 } else { 1 }
}

/// Whether a file, relative to its package, belongs to an integration test.
pub(super) fn is_integration(path: &Path) -> bool {
    path.starts_with("tests")
}

/// Builds `hb-node` and `hb-ctl` for release and tells the folder they are in.
pub(super) fn programs(context: &Context) -> Result<PathBuf, Failure> {
    let mut cargo = command::cargo();
    cargo.args(["build", "--release", "-p", "hb-node", "-p", "hb-ctl"]);
    context.demand(&mut cargo, "programs", minutes(15))?;
    Ok(context.workspace.target.join("release"))
}

/// The package whose integration tests are cluster tests; its unit tests run with all others.
pub(super) const LAB: &str = "hb-lab";
const LIMIT: Duration = minutes(30);
