//! `cargo xtask lab`: builds the two programs for release and becomes `hb-ctl lab`.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::command;
use crate::error::Error;
use crate::workspace::Workspace;

/// Builds, then hands this process over to `hb-ctl lab ARGUMENTS`. Returns only if one of the two failed.
pub(crate) fn run(arguments: &[String]) -> Result<bool, Error> {
    let workspace = Workspace::read()?;
    let mut build = command::cargo();
    build.current_dir(&workspace.root).args(["build", "--release", "-p", "hb-node", "-p", "hb-ctl"]);
    let status =
        build.status().map_err(|source| Error::Program { program: command::shown(&build), source })?;
    if !status.success() {
        return Ok(false);
    }
    let mut lab = Command::new(workspace.target.join("release").join("hb-ctl"));
    lab.arg("lab").args(arguments);
    let source = lab.exec();
    Err(Error::Program { program: command::shown(&lab), source })
}
