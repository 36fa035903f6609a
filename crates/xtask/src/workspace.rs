//! What cargo knows about the workspace: packages, what they depend on, their targets.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command;
use crate::error::Error;

/// The workspace that the task was called in.
pub(crate) struct Workspace {
    /// Where `Cargo.toml` of the workspace is.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// Our own packages.
    pub(crate) packages: Vec<Package>,
}

/// One of our packages.
pub(crate) struct Package {
    /// As in its `Cargo.toml`.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What it depends on, directly.
    pub(crate) dependencies: Vec<Dependency>,
    /// Names of its integration test files' targets.
    pub(crate) test_targets: Vec<String>,
}

/// A direct dependency.
pub(crate) struct Dependency {
    /// The other package.
    pub(crate) name: String,
    /// For what it is used.
    pub(crate) kind: Kind,
}

/// For what a dependency is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By the library or program itself.
    Normal,
    /// By tests, examples and benchmarks.
    Development,
    /// By the build script.
    Build,
}

impl Workspace {
    /// Asks cargo about the workspace around the current folder.
    pub(crate) fn read() -> Result<Self, Error> {
        let mut cargo = command::cargo();
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        let text = command::answer(&mut cargo)?;
        let program = command::shown(&cargo);
        Self::parse(&text).map_err(|message| Error::Answer { program, message })
    }

    /// The package of this name.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// Where the output of the steps' programs is kept.
    pub(crate) fn logs(&self) -> PathBuf {
        self.target.join("xtask")
    }

    fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let packages = array(&value, "packages")?.iter().map(Package::parse).collect::<Result<_, _>>()?;
        Ok(Self {
            root: PathBuf::from(string(&value, "workspace_root")?),
            target: PathBuf::from(string(&value, "target_directory")?),
            packages,
        })
    }
}

impl Package {
    fn parse(value: &Value) -> Result<Self, String> {
        let manifest = string(value, "manifest_path")?;
        let folder = Path::new(manifest).parent().ok_or("a manifest without a folder")?;
        let mut test_targets = Vec::new();
        for target in array(value, "targets")? {
            let kinds = array(target, "kind")?;
            if kinds.iter().any(|kind| kind == "test") {
                test_targets.push(string(target, "name")?.to_owned());
            }
        }
        Ok(Self {
            name: string(value, "name")?.to_owned(),
            folder: folder.to_owned(),
            dependencies: array(value, "dependencies")?
                .iter()
                .map(Dependency::parse)
                .collect::<Result<_, _>>()?,
            test_targets,
        })
    }
}

impl Dependency {
    fn parse(value: &Value) -> Result<Self, String> {
        let kind = match value.get("kind").and_then(Value::as_str) {
            None => Kind::Normal,
            Some("dev") => Kind::Development,
            Some("build") => Kind::Build,
            Some(other) => return Err(format!("a dependency of the kind `{other}`")),
        };
        Ok(Self { name: string(value, "name")?.to_owned(), kind })
    }
}

fn string<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value.get(key).and_then(Value::as_str).ok_or_else(|| format!("no text `{key}`"))
}

fn array<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    value.get(key).and_then(Value::as_array).ok_or_else(|| format!("no list `{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_answer_is_understood() {
        let text = r#"{"workspace_root":"/w","target_directory":"/w/target","packages":[{"name":"hb-auth",
            "manifest_path":"/w/crates/hb-auth/Cargo.toml","targets":[{"kind":["lib"],"name":"hb_auth"},
            {"kind":["test"],"name":"vectors"}],"dependencies":[{"name":"hb-wire","kind":null},
            {"name":"proptest","kind":"dev"}]}]}"#;
        let workspace = Workspace::parse(text).unwrap();
        let package = workspace.package("hb-auth").unwrap();
        assert_eq!(package.folder, Path::new("/w/crates/hb-auth"));
        assert_eq!(package.test_targets, ["vectors"]);
        let kinds: Vec<_> = package.dependencies.iter().map(|dependency| dependency.kind).collect();
        assert_eq!(kinds, [Kind::Normal, Kind::Development]);
        assert!(Workspace::parse("{}").is_err());
    }

    #[test]
    fn this_workspace_can_be_read() {
        let workspace = Workspace::read().unwrap();
        assert!(workspace.package("xtask").is_some());
    }
}
