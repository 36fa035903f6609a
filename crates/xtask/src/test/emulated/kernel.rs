//! Debian's kernel and its modules, below `target/xtask/emulated`. One that is there is taken.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Archive;
use crate::command::{self, minutes};
use crate::error::Error;
use crate::test::{Context, Failure, machine};
use crate::tree;

/// A kernel that can be started.
pub(in crate::test) struct Kernel {
    pub(in crate::test) image: PathBuf,
    /// `6.1.0-37-amd64`.
    pub(in crate::test) release: String,
    modules: Vec<PathBuf>,
}

impl Kernel {
    /// Unpacks Debian's, if that has not been done before.
    pub(in crate::test) fn unpack(context: &Context) -> Result<Self, Failure> {
        let folder = context.workspace.logs().join("emulated");
        std::fs::create_dir_all(&folder).map_err(|source| Error::File { path: folder.clone(), source })?;
        if image(&folder)?.is_none() {
            download(context, &folder)?;
        }
        let image = image(&folder)?.ok_or_else(|| Failure::plain("no kernel in Debian's package"))?;
        let name = image.file_name().unwrap_or_default().to_string_lossy();
        let release = name.trim_start_matches("vmlinuz-").to_owned();
        Ok(Self { release, modules: tree::files(&folder, "ko")?, image })
    }

    /// Puts modules into an archive, as `/modules/NN-NAME.ko` in this order.
    pub(in crate::test) fn pack(&self, archive: &mut Archive, names: &[&str]) -> Result<(), Failure> {
        archive.folder("modules");
        for (number, name) in names.iter().enumerate() {
            let file = format!("{name}.ko");
            let path = self.modules.iter().find(|path| path.ends_with(&file));
            let path = path.ok_or_else(|| Failure::plain(format!("the kernel has no {file}")))?.clone();
            let content = std::fs::read(&path).map_err(|source| Error::File { path, source })?;
            archive.file(&format!("modules/{number:02}-{file}"), &content);
        }
        Ok(())
    }
}

fn download(context: &Context, folder: &Path) -> Result<(), Failure> {
    context.demand(&mut machine::apt(&["update"]), "emulated-update", minutes(10))?;
    let depends = command::answer(Command::new("apt-cache").args(["depends", "linux-image-amd64"]))?;
    let name = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    let name = name.ok_or_else(|| Failure::plain("Debian names no kernel"))?;
    let mut download = Command::new("sh");
    // Debian's downloader writes into the present folder only.
    download.args([
        "-c",
        "cd \"$1\" && apt-get -q download \"$2\" && dpkg-deb -x linux-image-*.deb . && rm linux-image-*.deb",
    ]);
    download.arg("sh").arg(folder).arg(name);
    context.demand(&mut download, "emulated-kernel", minutes(10))?;
    Ok(())
}

/// The kernel that was unpacked.
fn image(folder: &Path) -> Result<Option<PathBuf>, Error> {
    let boot = folder.join("boot");
    if !boot.is_dir() {
        return Ok(None);
    }
    let entries = std::fs::read_dir(&boot).map_err(|source| Error::File { path: boot.clone(), source })?;
    let mut paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(paths.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))))
}
