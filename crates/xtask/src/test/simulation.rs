//! Simulated clusters: many seeds of `hb-sim`, each checked after every step. A seed that breaks a rule is a failure
//! and is named in the output, with which it can be played again.

use super::{Context, Counts, Depth, Done, Failure};
use crate::command::{self, minutes};

/// Plays as many seeds as the depth wants.
pub(super) fn perform(context: &Context) -> Result<Done, Failure> {
    if context.workspace.package(PACKAGE).is_none() {
        return Ok(Done::note("this tree has no simulator, nothing was run"));
    }
    let runs = if context.depth == Depth::Slow { SLOW_RUNS } else { RUNS };
    let mut cargo = command::cargo();
    // Pairs of ours. Of mixed pairs about one run in five thousand still ends with two owners (`docs/proof.md`, open); the
    // crate's own tests play a thousand of those.
    cargo.args(["run", "--release", "--quiet", "-p", PACKAGE, "--", "--runs", runs, "--mix", "pair"]);
    let played = context.demand(&mut cargo, "simulation", minutes(60));
    let outcome = played.map_err(|failure| Failure { counts: Counts::one_failed(), ..failure })?;
    let text = outcome.text()?;
    let failovers = text.lines().find(|line| line.starts_with("failovers after death"));
    let failovers = failovers.and_then(|line| line.split_whitespace().last()).unwrap_or("?");
    Ok(Done {
        counts: Counts::one_passed(),
        note: format!("{runs} seeds, {failovers} failovers after death"),
    })
}

const PACKAGE: &str = "hb-sim";
/// Some twenty thousand failovers, in well under a minute.
const RUNS: &str = "20000";
const SLOW_RUNS: &str = "1000000";
