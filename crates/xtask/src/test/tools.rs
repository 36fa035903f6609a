//! Cargo's own helpers that some steps need. What is not installed is built from crates.io into `target/xtask/tools`,
//! without optimisation: that takes a third of the time, and they have little to do here.

use std::process::Command;
use std::time::Instant;

use super::{Context, Failure};
use crate::command::{self, minutes};
use crate::console;

/// A sub-command of cargo that is a package of its own.
pub(super) struct Tool {
    /// As in `cargo NAME`.
    pub(super) subcommand: &'static str,
    /// The package, with the version that the checks were written for.
    pub(super) package: &'static str,
}

/// Makes sure that `cargo NAME` exists for [`cargo`]; any version that is there will do.
pub(super) fn ensure(context: &Context, tool: &Tool) -> Result<(), Failure> {
    if command::succeeds(cargo(context).args([tool.subcommand, "--version"])) {
        return Ok(());
    }
    console::line(&format!("    building {}", tool.package));
    let begin = Instant::now();
    let mut install = command::cargo();
    install.args(["install", "--locked", "--debug", tool.package, "--root"]).arg(folder(context));
    install.env("CARGO_PROFILE_DEV_DEBUG", "0");
    context.demand(&mut install, &format!("install-{}", tool.subcommand), minutes(20))?;
    console::line(&format!("    built in {}", console::seconds(begin.elapsed())));
    Ok(())
}

/// Cargo, with the helpers that were built here.
pub(super) fn cargo(context: &Context) -> Command {
    let mut cargo = command::cargo();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [folder(context).join("bin")].into_iter().chain(std::env::split_paths(&path));
    // Only a folder with a colon in its name cannot be joined; then there are no helpers but those of the user.
    cargo.env("PATH", std::env::join_paths(folders).unwrap_or(path));
    cargo
}

fn folder(context: &Context) -> std::path::PathBuf {
    context.workspace.logs().join("tools")
}
