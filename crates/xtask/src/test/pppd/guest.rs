//! What the emulated machine consists of: Debian's kernel, unpacked and not installed, and a first file system with pppd.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::archive::Archive;
use crate::command::{self, minutes};
use crate::error::Error;
use crate::test::{Context, Failure, machine};
use crate::tree;

/// A machine that can be started.
pub(super) struct Guest {
    pub(super) kernel: PathBuf,
    pub(super) first_files: PathBuf,
    /// Of the kernel.
    pub(super) release: String,
}

/// Builds it below `target/xtask/pppd`. A kernel that is there is taken.
pub(super) fn prepare(context: &Context) -> Result<Guest, Failure> {
    let folder = context.workspace.logs().join("pppd");
    std::fs::create_dir_all(&folder).map_err(|source| Error::File { path: folder.clone(), source })?;
    if kernel(&folder)?.is_none() {
        unpack_kernel(context, &folder)?;
    }
    let kernel = kernel(&folder)?.ok_or_else(|| Failure::plain("no kernel in Debian's package"))?;
    let name = kernel.file_name().unwrap_or_default().to_string_lossy();
    let release = name.trim_start_matches("vmlinuz-").to_owned();
    let first_files = folder.join("first-files");
    let bytes = pack(&folder)?;
    std::fs::write(&first_files, bytes)
        .map_err(|source| Error::File { path: first_files.clone(), source })?;
    Ok(Guest { kernel, first_files, release })
}

fn unpack_kernel(context: &Context, folder: &Path) -> Result<(), Failure> {
    context.demand(&mut machine::apt(&["update"]), "pppd-update", minutes(10))?;
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
    context.demand(&mut download, "pppd-kernel", minutes(10))?;
    Ok(())
}

fn pack(folder: &Path) -> Result<Vec<u8>, Failure> {
    let mut archive = Archive::new();
    for name in ["bin", "proc", "sys", "run", "tmp", "etc", "etc/ppp", "var", "modules"] {
        archive.folder(name);
    }
    archive.folder("var/run");
    for program in ["/usr/sbin/pppd", "/usr/bin/socat"] {
        archive.copy(Path::new(program))?;
        for library in command::answer(Command::new("ldd").arg(program))?.split_whitespace() {
            if library.starts_with('/') {
                archive.copy(Path::new(library))?;
            }
        }
    }
    archive.copy(Path::new("/bin/busybox"))?;
    let modules = tree::files(folder, "ko")?;
    for module in MODULES {
        let path = modules.iter().find(|path| path.ends_with(module));
        let path = path.ok_or_else(|| Failure::plain(format!("the kernel has no {module}")))?.clone();
        let content = std::fs::read(&path).map_err(|source| Error::File { path, source })?;
        archive.file(&format!("modules/{module}"), &content);
    }
    archive.file("etc/ppp/options", b"");
    archive.file("init", INIT.as_bytes());
    Ok(archive.finish())
}

/// The kernel that was unpacked.
fn kernel(folder: &Path) -> Result<Option<PathBuf>, Error> {
    let boot = folder.join("boot");
    if !boot.is_dir() {
        return Ok(None);
    }
    let entries = std::fs::read_dir(&boot).map_err(|source| Error::File { path: boot.clone(), source })?;
    let mut paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(paths.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))))
}

/// In this order.
const MODULES: [&str; 3] = ["slhc.ko", "ppp_generic.ko", "ppp_async.ko"];
/// pppd is called as the releases that had `ppp-udp` called it, but does not end with the first link.
const INIT: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin:/usr/sbin
mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys
for module in slhc ppp_generic ppp_async; do insmod /modules/$module.ko; done
ifconfig lo 127.0.0.1 up
socat UDP4-RECVFROM:26694,fork EXEC:cat &
echo guest is up
pppd /dev/ttyS1 19200 noauth lcp-echo-failure 3 lcp-echo-interval 2 nodefaultroute nodetach local debug persist maxfail 0 \\
    holdoff 1 10.0.0.2:
echo pppd has ended
sleep 10000
";
