//! What the file system of a host looks like: its own /proc and /sys, its own directories over the machine's.
//!
//! A directory that the machine does not have is made without touching the machine: a small tmpfs takes the
//! place of its parent and links to everything that was there.

use std::fs;
use std::path::Path;

use rustix::mount::{MountFlags, mount, mount_bind, mount_bind_recursive, mount_change};

use crate::chain;
use crate::keeper::private;
use crate::protocol::Bind;

/// Mounts everything. `hidden` is an empty directory where covered parents stay reachable.
pub(super) fn furnish(binds: &[Bind], hidden: &Path) -> Result<(), String> {
    mount_change("/", private()).map_err(chain("make mounts private"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None).map_err(chain(
        "mount /proc for the host (a container that hides parts of /proc forbids it: run as root or outside)",
    ))?;
    // Interfaces under /sys/class/net must be the host's own; who may not mount it sees the machine's.
    let _foreign_sys = mount("sysfs", "/sys", "sysfs", flags | MountFlags::RDONLY, None);
    for bind in binds {
        let target = &bind.target;
        if !target.exists() {
            make_room(target, hidden)?;
        }
        mount_bind(&bind.source, target).map_err(chain(format!("bind {}", target.display())))?;
    }
    quiet_syslog()
}

/// Makes a directory that does not exist below one that may belong to somebody else.
fn make_room(target: &Path, hidden: &Path) -> Result<(), String> {
    let name = |what: &str, path: &Path| format!("{what} {}", path.display());
    let parent = target
        .ancestors()
        .skip(1)
        .find(|candidate| candidate.is_dir())
        .ok_or_else(|| name("no parent of", target))?;
    let flat = parent.to_string_lossy().replace('/', "-");
    let old = hidden.join(flat.trim_start_matches('-'));
    if !old.exists() {
        fs::create_dir(&old).map_err(chain(name("make", &old)))?;
        mount_bind_recursive(parent, &old).map_err(chain(name("keep", parent)))?;
        mount("hb-lab", parent, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=755")
            .map_err(chain(name("cover", parent)))?;
        for entry in fs::read_dir(&old).map_err(chain(name("read", &old)))? {
            let file = entry.map_err(chain(name("read", &old)))?.file_name();
            std::os::unix::fs::symlink(old.join(&file), parent.join(&file))
                .map_err(chain(name("link into", parent)))?;
        }
    }
    fs::create_dir_all(target).map_err(chain(name("make", target)))
}

/// Log lines of test hosts do not belong into the machine's log.
fn quiet_syslog() -> Result<(), String> {
    use std::os::unix::fs::FileTypeExt;
    let log = Path::new("/dev/log");
    match fs::symlink_metadata(log) {
        Ok(found) if found.file_type().is_socket() => {
            mount_bind("/dev/null", log).map_err(chain("cover /dev/log"))
        }
        // A link into /run leads nowhere inside the host.
        Ok(_) | Err(_) => Ok(()),
    }
}
