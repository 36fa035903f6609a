//! Which agent the script `datadisk` works by on this machine (`failover.md` 8.7), in words.
//!
//! It looks where `dist/resource.d/datadisk` looks; that a script of that name is there is checked with all scripts.

use std::path::{Path, PathBuf};

use crate::checked::{Checked, ResourceKind};
use crate::host::{Host, PathKind};

/// By what `datadisk` changes the role of DRBD's devices; nothing if no group has it.
///
/// `dir` is the configuration directory.
#[must_use]
pub fn datadisk(checked: &Checked, dir: &Path, host: &dyn Host) -> Option<String> {
    let is_it = |kind: &ResourceKind| matches!(kind, ResourceKind::Script { name, .. } if name == NAME);
    let mut resources = checked.groups.iter().flat_map(|group| &group.resources);
    if !resources.any(|resource| is_it(&resource.kind)) {
        return None;
    }
    let drbddisk = dir.join("resource.d/drbddisk");
    let agents = ["/usr/lib/ocf/resource.d/linbit/drbd", "/usr/lib/ocf/resource.d/heartbeat/drbd"];
    let tools = ["/usr/sbin/drbdadm", "/sbin/drbdadm", "/usr/local/sbin/drbdadm", "/usr/bin/drbdadm"];
    let mut found = std::iter::once(drbddisk).chain(agents.iter().chain(&tools).map(PathBuf::from));
    let is_there = |path: &PathBuf| {
        host.metadata(path).is_ok_and(|facts| facts.kind == PathKind::File && facts.is_executable())
    };
    Some(match found.find(is_there) {
        Some(path) => format!("by {}, if the script is the one that comes with hb", path.display()),
        None => "nothing that it could work by: neither drbddisk, an OCF agent drbd nor drbdadm".to_owned(),
    })
}

const NAME: &str = "datadisk";
