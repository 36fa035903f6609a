//! The Markdown documents, held against what is there: links to files, commands and options that are shown.

mod commands;
mod links;
pub(crate) mod options;
pub(crate) mod outputs;

use std::path::Path;

use crate::error::Error;
use crate::tree;
use options::Program;

/// Every link to a file that is not there, one line each.
pub(crate) fn broken_links(root: &Path) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for path in tree::files(root, "md")? {
        let folder = path.parent().unwrap_or(root);
        for (line, target) in links::targets(&tree::read(&path)?) {
            if !folder.join(&target).exists() {
                found.push(format!("{}:{line}: there is no `{target}`", tree::shown(root, &path)));
            }
        }
    }
    Ok(found)
}

/// Every command of ours that a document shows and that does not exist so, and every option of a program that its
/// manual page leaves out, one line each.
pub(crate) fn wrong_commands(root: &Path, programs: &[Program]) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for path in tree::files(root, "md")? {
        let name = tree::shown(root, &path);
        let text = tree::read(&path)?;
        for (line, command) in commands::shown(&text) {
            if let Some(wrong) = commands::offence(&command, programs) {
                found.push(format!("{name}:{line}: `{command}`: {wrong}"));
            }
        }
    }
    for program in programs {
        let page = root.join("docs").join("man").join(format!("{}.8.md", program.name));
        let text = tree::read(&page)?;
        let missing = program.words().into_iter().filter(|word| !text.contains(&format!("`{word}")));
        found.extend(missing.map(|word| format!("{}: says nothing of `{word}`", tree::shown(root, &page))));
    }
    Ok(found)
}
