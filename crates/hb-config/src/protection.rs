//! What keeps a node that hangs from answering for addresses which the other node has taken, by what the files say, in words.
//!
//! Whether the kernel grants it is seen at the start only; the daemon's status says so.

use crate::checked::{Checked, ResourceKind};

/// For the timers of the kernel (`hb_resource::lease::MARGIN`), in milliseconds.
pub(crate) const LEASE_MARGIN: u64 = 30;

/// The protection that these files ask for, what it does not cover, and for which groups it is another one; a line each.
/// Nothing for a node alone, or without groups.
#[must_use]
pub fn protection(checked: &Checked) -> Vec<String> {
    if checked.nodes.len() < 2 || checked.groups.is_empty() {
        return Vec::new();
    }
    let keepalives = checked.keepalive.as_millis() * 2;
    let room = checked.deadtime.as_millis().saturating_sub(keepalives + u128::from(LEASE_MARGIN));
    let without = |why| format!("no lease ({why}): a heart that hangs keeps answering for its addresses");
    if !checked.lease.enabled {
        return vec![without("switched off in hb.toml")];
    }
    if room < keepalives {
        return vec![without("keepalive and dead time leave no room for one")];
    }
    let lease = format!(
        "lease of {room} ms in the kernel, where it has nf_tables (`hb-ctl status` says whether): a heart that hangs or is \
         killed loses its addresses before the other node takes them; not covered: cut links, a paused virtual machine, \
         programs on this machine"
    );
    std::iter::once(lease).chain(unleased(checked)).collect()
}

/// The groups that a lease does not protect although others are, and why; a line each.
#[must_use]
pub fn unleased(checked: &Checked) -> Vec<String> {
    let mut lines = Vec::new();
    for group in &checked.groups {
        let Some(first) = group.resources.first() else { continue };
        let has_address = group.resources.iter().any(|one| matches!(one.kind, ResourceKind::Address(_)));
        let why = if checked.lease.except.contains(&first.spelled) {
            "excepted in hb.toml: a heart that hangs keeps answering for its addresses"
        } else if has_address {
            continue;
        } else {
            "it has no address that hb puts up itself; what scripts have put up stays when the heart hangs"
        };
        lines.push(format!("group {} is not leased: {why}", first.spelled));
    }
    lines
}
