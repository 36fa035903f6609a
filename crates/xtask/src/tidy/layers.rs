//! Which crate may use which: a crate uses only crates below it, and every dependency that it names is used.

use crate::error::Error;
use crate::source::Source;
use crate::tree;
use crate::workspace::{Kind, Package, Workspace};

/// Every offence against the order of the crates, one line each.
pub(crate) fn offences(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let mut found = order(&workspace.packages);
    for package in &workspace.packages {
        found.extend(unused(package)?);
    }
    Ok(found)
}

fn order(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let Some(place) = place(&package.name) else {
            let line =
                format!("{}: stands in no layer: name it in crates/xtask/src/tidy/layers.rs", package.name);
            found.push(line);
            continue;
        };
        for dependency in &package.dependencies {
            let ours = packages.iter().any(|other| other.name == dependency.name);
            if ours && self::place(&dependency.name).is_none_or(|below| below >= place) {
                found.push(format!("{} uses {}, which is not below it", package.name, dependency.name));
            }
        }
    }
    found
}

/// Dependencies whose name occurs nowhere in the package's code.
fn unused(package: &Package) -> Result<Vec<String>, Error> {
    let mut code = String::new();
    for path in tree::files(&package.folder, "rs")? {
        let text = tree::read(&path)?;
        for shared in shared_modules(&text) {
            let shared = path.parent().unwrap_or(&package.folder).join(shared);
            code.push_str(&Source::new(&tree::read(&shared)?).code);
        }
        code.push_str(&Source::new(&text).code);
    }
    let words: std::collections::HashSet<&str> =
        code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let is_unused = |name: &str| !words.contains(library_name(name).as_str());
    let dependencies = package.dependencies.iter().filter(|dependency| dependency.kind != Kind::Build);
    let unused = dependencies.filter(|dependency| is_unused(&dependency.name));
    Ok(unused
        .map(|dependency| format!("{} names {} but does not use it", package.name, dependency.name))
        .collect())
}

/// The files that `#[path = "../.."]` brings in from another package's tests.
fn shared_modules(text: &str) -> impl Iterator<Item = &str> {
    let paths = text.lines().filter_map(|line| line.trim().strip_prefix("#[path = \"")?.strip_suffix("\"]"));
    paths.filter(|path| path.starts_with("../../"))
}

/// What a package is called in `use`; some choose another name than the usual one.
fn library_name(package: &str) -> String {
    match package {
        "md-5" => "md5".to_owned(),
        other => other.replace('-', "_"),
    }
}

fn place(name: &str) -> Option<usize> {
    ORDER.iter().position(|layer| layer.contains(&name))
}

/// From the ground up. Crates of one line do not use each other. `docs/architecture.md` says what each is for.
const ORDER: [&[&str]; 14] = [
    &["hb-ppp", "hb-sys", "xtask"],
    &["hb-wire"],
    &["hb-auth"],
    &["hb-compress"],
    &["hb-config"],
    &["hb-engine"],
    &["hb-transport"],
    &["hb-resource"],
    &["hb-client"],
    &["hb-daemon"],
    &["hb-sim"],
    &["hb-lab"],
    &["hb-examples"],
    &["hb-node", "hb-ctl"],
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependency = |name: &&str| Dependency { name: (*name).to_owned(), kind: Kind::Normal };
        Package {
            name: name.to_owned(),
            folder: std::path::PathBuf::new(),
            dependencies: dependencies.iter().map(dependency).collect(),
            test_targets: Vec::new(),
        }
    }

    #[test]
    fn down_is_fine_up_and_sideways_are_not() {
        let wire = package("hb-wire", &["nom", "hb-sys"]);
        let auth = package("hb-auth", &["hb-wire"]);
        assert_eq!(order(&[wire, auth]), Vec::<String>::new());
        let up = [package("hb-wire", &["hb-auth"]), package("hb-auth", &[])];
        assert_eq!(order(&up), ["hb-wire uses hb-auth, which is not below it"]);
        let sideways = [package("hb-node", &["hb-ctl"]), package("hb-ctl", &[])];
        assert_eq!(order(&sideways), ["hb-node uses hb-ctl, which is not below it"]);
    }

    #[test]
    fn a_crate_without_a_layer_is_an_offence() {
        let found = order(&[package("hb-extra", &[])]);
        assert!(
            matches!(found.as_slice(), [one] if one.starts_with("hb-extra: stands in no layer")),
            "{found:?}"
        );
    }

    #[test]
    fn libraries_of_another_name_are_known() {
        assert_eq!(library_name("md-5"), "md5");
        assert_eq!(library_name("futures-util"), "futures_util");
    }
}
