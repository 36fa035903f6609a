//! What users copy: the example configurations, and what the documents show of the programs.
//!
//! A configuration is checked as each of its nodes, on an imitated machine: it is good or bad whatever machine the
//! tests run on.

mod imitation;

use std::path::{Path, PathBuf};

use super::{Context, Counts, Done, Failure, cluster};
use crate::command::minutes;
use crate::documents;
use crate::documents::options::Program;
use crate::documents::outputs;
use crate::error::Error;
use crate::tree;
use imitation::Imitation;

/// Checks every example configuration with `hb-ctl check`, the documents against the programs' help, and the outputs
/// that the README shows.
pub(super) fn perform(context: &Context) -> Result<Done, Failure> {
    let programs = cluster::programs(context)?;
    let known = [Program::ask(&programs, "hb-ctl")?, Program::ask(&programs, "hb-node")?];
    let offences = documents::wrong_commands(&context.workspace.root, &known)?;
    if !offences.is_empty() {
        return Err(Failure::list(&offences));
    }
    let copy = imitation::copy(&context.workspace.root, &context.workspace.logs())?;
    let mut counts = Counts::default();
    let result = check_all(context, &programs, &copy, &mut counts);
    match result {
        Ok(note) => Ok(Done { counts, note }),
        Err(failure) => Err(Failure { counts: Counts { failed: 1, ..counts }, ..failure }),
    }
}

fn check_all(
    context: &Context,
    programs: &Path,
    copy: &Path,
    counts: &mut Counts,
) -> Result<String, Failure> {
    let configurations = check_configurations(context, programs, copy, counts)?;
    let outputs = compare_outputs(context, programs, copy, counts)?;
    Ok(format!(
        "{configurations} configurations, {outputs} shown outputs, every command that a document names"
    ))
}

/// Checks the configurations below `examples/conf` as each of their nodes.
fn check_configurations(
    context: &Context,
    programs: &Path,
    copy: &Path,
    counts: &mut Counts,
) -> Result<usize, Failure> {
    let folders = configurations(&copy.join("examples").join("conf"))?;
    for folder in &folders {
        let machine = Imitation::of(&tree::read(&folder.join("ha.cf"))?, programs, copy);
        for node in &machine.nodes {
            let dir = tree::shown(copy, folder);
            let mut check = machine.command(node, &["hb-ctl", "check", "--dir", &dir]);
            let outcome = context.attempt(&mut check, &format!("check-{node}"), minutes(1))?;
            if !outcome.good {
                let message = format!("`hb-ctl check --dir {dir}` as {node}: {}", outcome.ending());
                return Err(Failure { log: Some(outcome.log), ..Failure::plain(message) });
            }
            *counts += Counts::one_passed();
        }
    }
    if folders.is_empty() {
        Err(Failure::plain("no example configuration was found"))
    } else {
        Ok(folders.len())
    }
}

/// Runs every `hb-ctl check` whose output the README shows and compares.
fn compare_outputs(
    context: &Context,
    programs: &Path,
    copy: &Path,
    counts: &mut Counts,
) -> Result<usize, Failure> {
    let readme = tree::read(&context.workspace.root.join("README.md"))?;
    let mut compared = 0;
    for shown in outputs::shown(&readme) {
        let words: Vec<&str> = shown.command.split_whitespace().collect();
        let ["hb-ctl", "check", "--dir", dir] = words.as_slice() else { continue };
        let machine = Imitation::of(&tree::read(&copy.join(dir).join("ha.cf"))?, programs, copy);
        let node = machine.nodes.first().map_or("alpha", String::as_str);
        let outcome = context.attempt(&mut machine.command(node, &words), "shown", minutes(1))?;
        if !is_same(&outcome.text()?, &shown.output) {
            let message =
                format!("README.md:{}: `{}` prints something else, see above", shown.line, shown.command);
            return Err(Failure { log: Some(outcome.log), ..Failure::plain(message) });
        }
        *counts += Counts::one_passed();
        compared += 1;
    }
    Ok(compared)
}

/// Whether two texts agree but for blanks at the ends of lines and of the text.
fn is_same(one: &str, other: &str) -> bool {
    one.trim_end().lines().map(str::trim_end).eq(other.trim_end().lines().map(str::trim_end))
}

/// The folders that hold an `ha.cf`.
fn configurations(below: &Path) -> Result<Vec<PathBuf>, Error> {
    let files = tree::files(below, "cf")?;
    let files = files.iter().filter(|path| path.ends_with("ha.cf"));
    Ok(files.filter_map(|path| path.parent()).map(Path::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_at_ends_do_not_matter() {
        assert!(is_same("a \nb\n\n", "a\nb"));
        assert!(!is_same("a\n\nb", "a\nb"));
    }
}
