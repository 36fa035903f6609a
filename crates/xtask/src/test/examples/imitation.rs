//! A machine as a configuration expects it: host name and interfaces, in namespaces; and a copy of the examples with
//! the file modes that git does not keep.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;

/// What a configuration expects of the machines it is for.
pub(super) struct Imitation {
    /// The nodes.
    pub(super) nodes: Vec<String>,
    interfaces: Vec<String>,
    programs: PathBuf,
    folder: PathBuf,
}

impl Imitation {
    /// Reads what an `ha.cf` expects. `programs` is where ours are found, `folder` where commands are run.
    pub(super) fn of(ha_cf: &str, programs: &Path, folder: &Path) -> Self {
        let (mut nodes, mut interfaces) = (Vec::new(), Vec::new());
        for line in ha_cf.lines() {
            let words: Vec<&str> = line.split('#').next().unwrap_or("").split_whitespace().collect();
            let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            match words.as_slice() {
                ["node", names @ ..] => nodes.extend(owned(names)),
                ["bcast", names @ ..] => interfaces.extend(owned(names)),
                ["ucast", name, ..] => interfaces.extend(owned(&[name])),
                _ => {}
            }
        }
        interfaces.sort();
        interfaces.dedup();
        Self { nodes, interfaces, programs: programs.to_owned(), folder: folder.to_owned() }
    }

    /// A command that makes the machine and runs `words` on it.
    pub(super) fn command(&self, node: &str, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "--uts", "sh", "-eu", "-c", SCRIPT, "imitation"]);
        command.arg(&self.programs).arg(&self.folder).arg(node).args(&self.interfaces).arg("--").args(words);
        command
    }
}

/// Copies `examples` below `root` to a folder below `logs` and returns that folder; `authkeys` become private.
pub(super) fn copy(root: &Path, logs: &Path) -> Result<PathBuf, Error> {
    let to = logs.join("copy");
    if to.exists() {
        std::fs::remove_dir_all(&to).map_err(|source| Error::File { path: to.clone(), source })?;
    }
    copy_folder(&root.join("examples"), &to.join("examples"))?;
    Ok(to)
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Error> {
    let error_at = |path: &Path| {
        let path = path.to_owned();
        |source| Error::File { path, source }
    };
    std::fs::create_dir_all(to).map_err(error_at(to))?;
    for entry in std::fs::read_dir(from).map_err(error_at(from))? {
        let entry = entry.map_err(error_at(from))?;
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        if here.is_dir() {
            copy_folder(&here, &there)?;
        } else {
            std::fs::copy(&here, &there).map_err(error_at(&here))?;
            let mode = if entry.file_name() == "authkeys" { 0o600 } else { 0o644 };
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&there, mode).map_err(error_at(&there))?;
        }
    }
    Ok(())
}

const SCRIPT: &str = r#"
PATH=$1:$PATH; cd "$2"; hostname "$3"; shift 3
number=1
while [ "$1" != -- ]; do
    ip link add "$1" type veth peer name "p-$1"
    ip address add "10.77.$((number - 1)).1/24" broadcast + dev "$1"
    ip link set "$1" up
    number=$((number + 1)); shift
done
shift
exec "$@"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_and_interfaces_are_found() {
        let text = "# node no\nbcast eth0 # x\nucast eth1 10.0.0.2\nucast eth1 10.0.0.3\nnode alpha beta\n";
        let machine = Imitation::of(text, Path::new("/p"), Path::new("/f"));
        assert_eq!(machine.nodes, ["alpha", "beta"]);
        assert_eq!(machine.interfaces, ["eth0", "eth1"]);
    }
}
