//! The steps that run no tests: form, rules, lints, documents.

use super::{Context, Done, Failure};
use crate::command::{self, minutes};
use crate::documents;
use crate::tidy;

/// The form of the code: of the workspace, and of the fuzz targets, which are a workspace of their own.
pub(super) fn format(context: &Context) -> Result<Done, Failure> {
    for (log, manifest) in [("format", "Cargo.toml"), ("fuzz-format", "fuzz/Cargo.toml")] {
        if !context.workspace.root.join(manifest).is_file() {
            continue;
        }
        context.demand(
            command::cargo()
                .args(["fmt", "--all", "--manifest-path", manifest])
                .args(["--check", "--", "--color", "never"]),
            log,
            minutes(2),
        )?;
    }
    Ok(Done::note("as rustfmt writes it"))
}

/// The rules about source files.
pub(super) fn sources(context: &Context) -> Result<Done, Failure> {
    let (offences, files) = tidy::sources(&context.workspace)?;
    if offences.is_empty() { Ok(Done::note(format!("{files} files"))) } else { Err(Failure::list(&offences)) }
}

/// Which crate uses which.
pub(super) fn layers(context: &Context) -> Result<Done, Failure> {
    let offences = tidy::layers::offences(&context.workspace)?;
    if offences.is_empty() {
        Ok(Done::note(format!("{} crates, each uses only those below it", context.workspace.packages.len())))
    } else {
        Err(Failure::list(&offences))
    }
}

/// Whether it compiles.
pub(super) fn check(context: &Context) -> Result<Done, Failure> {
    let mut cargo = command::cargo();
    context.demand(cargo.args(["check", "--workspace", "--all-targets"]), "check", minutes(10))?;
    Ok(Done::note("everything compiles"))
}

/// The compiler's and clippy's lints, as errors.
pub(super) fn lints(context: &Context) -> Result<Done, Failure> {
    let mut cargo = command::cargo();
    cargo.args(["clippy", "--workspace", "--all-targets", "--keep-going", "--", "-D", "warnings"]);
    context.demand(&mut cargo, "lints", minutes(15))?;
    Ok(Done::note("no warning"))
}

/// The documentation of the code, private items too, and the links between the documents.
pub(super) fn documents(context: &Context) -> Result<Done, Failure> {
    let offences = documents::broken_links(&context.workspace.root)?;
    if !offences.is_empty() {
        return Err(Failure::list(&offences));
    }
    let mut cargo = command::cargo();
    cargo
        .args(["doc", "--workspace", "--no-deps", "--document-private-items", "--keep-going"])
        .env("RUSTDOCFLAGS", "-D warnings");
    context.demand(&mut cargo, "documents", minutes(15))?;
    Ok(Done::note("no warning, no broken link"))
}
