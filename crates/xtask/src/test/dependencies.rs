//! What we depend on: licences, sources, who may use what (`deny.toml`), and the budget of ADR 0004.

use std::collections::BTreeSet;

use super::tools::{self, Tool};
use super::{Context, Done, Failure};
use crate::command::{self, minutes};
use crate::error::Error;

/// Checks `deny.toml` and the budget.
pub(super) fn perform(context: &Context) -> Result<Done, Failure> {
    let crates = crates_of(context, "hb-node")?;
    if crates > MOST_CRATES {
        return Err(Failure::plain(format!(
            "hb-node is built from {crates} crates of others, the budget of docs/adr/0004-dependencies.md is {MOST_CRATES}"
        )));
    }
    tools::ensure(context, &DENY)?;
    let mut deny = tools::cargo(context);
    deny.args(["deny", "--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    context.demand(&mut deny, "dependencies", minutes(5))?;
    Ok(Done::note(format!("hb-node is built from {crates} crates of others, budget {MOST_CRATES}")))
}

/// How many crates of others a program is built from on this machine, procedural macros and build scripts included.
fn crates_of(context: &Context, program: &str) -> Result<usize, Error> {
    let mut tree = command::cargo();
    tree.current_dir(&context.workspace.root);
    tree.args([
        "tree",
        "--locked",
        "-p",
        program,
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let text = command::answer(&mut tree)?;
    Ok(others(&text).len())
}

/// Name and version of every crate in the answer of `cargo tree` that does not lie in this workspace.
fn others(text: &str) -> BTreeSet<(&str, &str)> {
    text.lines()
        .filter(|line| !line.contains("(/"))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect()
}

const DENY: Tool = Tool { subcommand: "deny", package: "cargo-deny@0.20.2" };

/// Raising it takes a change of the decision record.
const MOST_CRATES: usize = 92;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_counted_once_ours_never() {
        let text = "hb-node v0.1.0 (/w/bins/hb-node)\nclap v4.6.7\nserde v1.0.1 (*)\nserde v1.0.1\n\
                    hb-wire v0.1.0 (/w/crates/hb-wire)\nserde_derive v1.0.1 (proc-macro)\n";
        assert_eq!(others(text).len(), 3);
    }
}
