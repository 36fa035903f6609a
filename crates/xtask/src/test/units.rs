//! Unit, property and documentation tests, and the proof that they ran.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::cluster;
use super::{Context, Counts, Depth, Done, Failure};
use crate::command::{self, minutes};
use crate::error::Error;
use crate::tidy::{WITHOUT_STD, file};
use crate::tree;
use crate::workspace::Workspace;

/// Runs the tests that belong to the depth.
pub(super) fn perform(context: &Context) -> Result<Done, Failure> {
    if context.depth == Depth::Fast { fast(context) } else { whole(context) }
}

/// Pure crates and those with uncommitted changes.
fn fast(context: &Context) -> Result<Done, Failure> {
    let names = chosen(&context.workspace, &changed_files(&context.workspace));
    let mut cargo = command::cargo();
    cargo.args(["test", "--no-fail-fast", "--lib", "--bins"]);
    for name in &names {
        cargo.args(["-p", name]);
    }
    let counts = counted(context, &mut cargo, "tests")?;
    Ok(Done { counts, note: format!("{} tests of {}", counts.all(), names.join(", ")) })
}

/// Everything but the cluster tests.
fn whole(context: &Context) -> Result<Done, Failure> {
    let mut cargo = command::cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins"]);
    let others = context.workspace.packages.iter().filter(|package| package.name != cluster::LAB);
    // Several packages may have a target of the same name; cargo then takes all of them.
    for target in others.flat_map(|package| &package.test_targets).collect::<BTreeSet<_>>() {
        cargo.args(["--test", target]);
    }
    if context.depth == Depth::Slow {
        cargo.env("PROPTEST_CASES", SLOW_CASES);
    }
    let mut counts = counted(context, &mut cargo, "tests")?;
    let written =
        written(context, |package, path| package != cluster::LAB || !cluster::is_integration(path))?;
    if counts.all() < written {
        return Err(Failure { counts, ..Failure::plain(left_out(written, counts)) });
    }
    let mut cargo = command::cargo();
    let documentation =
        counted(context, cargo.args(["test", "--workspace", "--doc", "--no-fail-fast"]), "tests-doc");
    let documentation = documentation.map_err(|mut failure| {
        failure.counts += counts;
        failure
    })?;
    counts += documentation;
    Ok(Done {
        counts,
        note: format!("{} tests, {} of them in documentation", counts.all(), documentation.all()),
    })
}

fn counted(context: &Context, cargo: &mut Command, log: &str) -> Result<Counts, Failure> {
    let outcome = context.attempt(cargo, log, LIMIT)?;
    let counts = Counts::of_cargo(&outcome.text()?);
    if outcome.good {
        Ok(counts)
    } else {
        let message = format!("`{}`: {}", command::shown(cargo), outcome.ending());
        Err(Failure { counts, message, log: Some(outcome.log) })
    }
}

/// How many `#[test]` stand in the files that are wanted, by package and path inside the package.
pub(super) fn written(context: &Context, is_wanted: impl Fn(&str, &Path) -> bool) -> Result<u32, Error> {
    let mut sum = 0;
    for package in &context.workspace.packages {
        for path in tree::files(&package.folder, "rs")? {
            if is_wanted(&package.name, path.strip_prefix(&package.folder).unwrap_or(&path)) {
                sum += file::tests(&tree::read(&path)?);
            }
        }
    }
    Ok(sum)
}

/// What to say when fewer tests ran than are written.
pub(super) fn left_out(written: u32, counts: Counts) -> String {
    format!("{written} tests are written, but only {} were run: is a module left out?", counts.all())
}

/// Paths with uncommitted changes, as git prints them; none if git does not answer.
fn changed_files(workspace: &Workspace) -> String {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root).args(["status", "--porcelain", "--untracked-files=all"]);
    command::answer(&mut git).unwrap_or_default()
}

/// Names of the packages that the fast run tests.
fn chosen(workspace: &Workspace, changes: &str) -> Vec<String> {
    let is_changed = |folder: &Path| {
        let prefix = tree::shown(&workspace.root, folder) + "/";
        changes.lines().filter_map(|line| line.get(3..)).any(|path| path.starts_with(&prefix))
    };
    let wanted = workspace.packages.iter().filter(|package| {
        WITHOUT_STD.contains(&package.name.as_str())
            || PURE.contains(&package.name.as_str())
            || is_changed(&package.folder)
    });
    wanted.map(|package| package.name.clone()).collect()
}

/// Crates besides those without std whose tests touch nothing of the machine and so take no time.
const PURE: [&str; 3] = ["hb-auth", "hb-compress", "hb-config"];
const SLOW_CASES: &str = "4096";
const LIMIT: Duration = minutes(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Package;

    #[test]
    fn changed_crates_are_chosen() {
        let package = |name: &str| Package {
            name: name.to_owned(),
            folder: format!("/w/crates/{name}").into(),
            dependencies: Vec::new(),
            test_targets: Vec::new(),
        };
        let packages = ["hb-wire", "hb-auth", "hb-daemon", "hb-lab"].map(package);
        let workspace =
            Workspace { root: "/w".into(), target: "/w/target".into(), packages: packages.into() };
        assert_eq!(chosen(&workspace, ""), ["hb-wire", "hb-auth"]);
        let changes = " M crates/hb-daemon/src/lib.rs\n?? crates/hb-labs/x.rs\n M README.md\n";
        assert_eq!(chosen(&workspace, changes), ["hb-wire", "hb-auth", "hb-daemon"]);
    }
}
