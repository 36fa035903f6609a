//! The cluster tests: real processes in namespaces, alone and with the real 3.0.6, all built for release.

use std::path::{Path, PathBuf};
use std::time::Duration;

mod matrix;

use super::{Context, Counts, Depth, Done, Failure, units};
use crate::command::{self, minutes};
use crate::{console, tree};

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
        } else if target == STORIES {
            cargo.args(SLOW.iter().flat_map(|name| ["--skip", name]));
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
        let more = match of_target.left_out {
            0 => String::new(),
            number => format!(", {number} more with --slow"),
        };
        console::line(&format!("    {target}: {} passed{more}", of_target.passed));
    }
    if let Some((message, log)) = failure {
        return Err(Failure { counts, message, log: Some(log) });
    }
    let written = units::written(context, |package, path| package == LAB && is_integration(path))?;
    if counts.all() < written {
        return Err(Failure { counts, ..Failure::plain(units::left_out(written, counts)) });
    }
    show_matrix(context, counts)?;
    Ok(Done { counts, note: format!("{} tests", counts.passed) })
}

/// Where each story leaves its line.
fn folder(context: &Context) -> PathBuf {
    context.workspace.target.join("tmp").join("cluster").join("matrix")
}

/// Removes the lines of earlier runs.
fn forget_matrix(context: &Context) {
    // Most often there is none.
    let _ = std::fs::remove_dir_all(folder(context));
}

/// Who had what when, in order, with times: a table for each story.
fn show_matrix(context: &Context, counts: Counts) -> Result<(), Failure> {
    let reasons = tree::read(&context.workspace.root.join(REASONS))?;
    let matrix = matrix::read(&folder(context), &reasons, context.depth)?;
    for line in matrix.text.lines() {
        console::line(line);
    }
    if matrix.unexplained.is_empty() {
        return Ok(());
    }
    let message =
        format!("no line in the matrix, and no reason in {REASONS}: {}", matrix.unexplained.join("; "));
    Err(Failure { counts, ..Failure::plain(message) })
}

/// Hosts mostly wait, so stories are told side by side: as many as leave two processors free to keep the times that the
/// stories assert, which in `cluster` are seconds, in `media` the dead time, in `lease` what a client sees. The others measure
/// what a single node can do.
fn threads(target: &str) -> usize {
    match target {
        STORIES => 6,
        "media" => 3,
        "lease" => 2,
        _ => 1,
    }
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
/// The target whose stories leave lines in the matrix.
const STORIES: &str = "cluster";
/// In the names of stories that only `--slow` plays: those of two real Heartbeats, and what takes long.
const SLOW: [&str; 2] = ["both_306", "_slow"];
/// Why some pairs play no part in a story.
const REASONS: &str = "crates/hb-lab/tests/cluster/matrix.txt";
const LIMIT: Duration = minutes(30);
