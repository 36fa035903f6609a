//! Rules about source files that no lint of the compiler holds: how a file opens, how long it is, what may not be in
//! it, where `unsafe` may stand, which crates do without the standard library, and which crate may use which.

pub(crate) mod file;
pub(crate) mod layers;

use crate::error::Error;
use crate::tree;
use crate::workspace::Workspace;

/// Every offence against the rules about files, one line each with its place, and how many files were looked at.
pub(crate) fn sources(workspace: &Workspace) -> Result<(Vec<String>, usize), Error> {
    let mut offences = Vec::new();
    let files = tree::files(&workspace.root, "rs")?;
    for path in &files {
        let text = tree::read(path)?;
        offences.extend(file::offences(&tree::shown(&workspace.root, path), &text));
    }
    for name in WITHOUT_STD {
        if let Some(package) = workspace.package(name) {
            let path = package.folder.join("src").join("lib.rs");
            if !tree::read(&path)?.lines().any(|line| line == "#![no_std]") {
                offences.push(format!("{}: needs `#![no_std]`", tree::shown(&workspace.root, &path)));
            }
        }
    }
    Ok((offences, files.len()))
}

/// Crates that decide or decode, and so must not even be able to reach a clock, a socket or a thread.
pub(crate) const WITHOUT_STD: [&str; 2] = ["hb-wire", "hb-engine"];
