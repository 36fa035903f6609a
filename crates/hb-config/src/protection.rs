//! What keeps two nodes from owning a group, and a node that hangs from answering for addresses which the other node has taken, by what
//! the files say, in words.
//!
//! Whether the kernel grants it is seen at the start only; the daemon's status says so.

use std::time::Duration;

use crate::checked::{Checked, LeaseBy, ResourceKind};

/// For the timers of the kernel (`hb_resource::lease::MARGIN`), in milliseconds.
pub(crate) const LEASE_MARGIN: u64 = 30;

/// How long after the heart asked for it addresses are still renewed; later they are not.
pub const RENEWED_WITHIN: Duration = Duration::from_millis(200);

/// The kernel removes addresses up to a second after the end of their lifetime.
const LATE: Duration = Duration::from_millis(LEASE_MARGIN + 1000).saturating_add(RENEWED_WITHIN);

/// The lifetime of addresses for this keepalive and the shortest dead time of those who judge this node: whole seconds, at
/// least two keepalives, and gone before that dead time is over although all of that is late and a heartbeat was lost.
///
/// # Errors
/// The dead time that would do, where there is no room for one.
pub fn length_of_life(keepalive: Duration, deadtime: Duration) -> Result<Duration, Duration> {
    let keepalives = keepalive.saturating_mul(2);
    let least = u64::try_from(keepalives.as_millis().div_ceil(1000).max(1)).unwrap_or(u64::MAX);
    let needed = Duration::from_secs(least).saturating_add(keepalives).saturating_add(LATE);
    let room = deadtime.saturating_sub(keepalives).saturating_sub(LATE);
    if deadtime < needed { Err(needed) } else { Ok(Duration::from_secs(room.as_secs())) }
}

/// Whether a device protects from two owners, and which; nothing for a node alone. Its parameters may be secret and are not said.
#[must_use]
pub fn fencing_in_words(checked: &Checked) -> Option<String> {
    if checked.nodes.len() < 2 {
        return None;
    }
    Some(if checked.fencing.is_on() {
        format!(
            "fencing by {}: a node that is not heard is reset before anything of it is taken; no vote: if every link \
             between the nodes is cut, they may reset each other, and a node without a device takes everything",
            checked.fencing.name()
        )
    } else {
        "no fencing device and no vote: if every link between the nodes is cut, both serve every group"
            .to_owned()
    })
}

/// What becomes of the services of a heart that hangs; nothing for a node alone, or without groups.
#[must_use]
pub fn services_in_words(checked: &Checked) -> Option<String> {
    if checked.nodes.len() < 2 || checked.groups.is_empty() {
        return None;
    }
    let words = if checked.watchdog.is_some() {
        "services of a heart that hangs run on until the watchdog resets this machine, those of one that is killed are stopped by \
         its guard"
            .to_owned()
    } else {
        let run_on = |why| {
            format!(
                "services of a heart that hangs run on beside those of the other node ({why}) until a watchdog or fencing ends \
                 them"
            )
        };
        match hangs_after(checked.keepalive, checked.deadtime) {
            _ if !checked.agents.end_hung_heart => run_on("`end-hung-heart` is false"),
            None => {
                run_on("keepalive and dead time are too near to each other to tell it from one that is late")
            }
            Some(limit) => format!(
                "services of a heart that hangs or is killed are stopped by its guard, {} ms before the dead time ends or \
                 earlier; not covered: a stop that takes longer than that, heart and guard that hang together (only fencing \
                 covers that)",
                checked.deadtime.saturating_sub(limit).as_millis()
            ),
        }
    };
    Some(words)
}

/// The length of a lease in the kernel, if there is room for one (`hb_resource::lease::length`).
pub(crate) fn length_of_lease(keepalive: Duration, deadtime: Duration) -> Option<Duration> {
    let keepalives = keepalive.saturating_mul(2);
    let length = deadtime.saturating_sub(keepalives.saturating_add(Duration::from_millis(LEASE_MARGIN)));
    (length >= keepalives).then_some(length)
}

/// The silence of a heart after which its guard ends it: its lease has run out then. Where none fits: a keepalive before the others
/// declare it dead. Nothing where that would be too near to a heart that is only late: its beats come each keepalive.
#[must_use]
pub fn hangs_after(keepalive: Duration, deadtime: Duration) -> Option<Duration> {
    let limit = length_of_lease(keepalive, deadtime).unwrap_or_else(|| deadtime.saturating_sub(keepalive));
    // The guard takes a sixteenth less for as long.
    let found = limit.saturating_sub(limit / 16);
    (found >= keepalive.saturating_add(LATE_BEAT.max(keepalive * 3 / 4))).then_some(limit)
}

/// A heart on a busy machine may be late by that.
const LATE_BEAT: Duration = Duration::from_millis(50);

/// The lease that these files ask for, what it does not cover, and for which groups it is another one; a line each.
/// Nothing for a node alone, or without groups.
#[must_use]
pub fn protection(checked: &Checked) -> Vec<String> {
    if checked.nodes.len() < 2 || checked.groups.is_empty() {
        return Vec::new();
    }
    let without = |why| format!("no lease ({why}): a heart that hangs keeps answering for its addresses");
    if !checked.lease.enabled {
        return vec![without("switched off in hb.toml")];
    }
    let no_room = "keepalive and dead time leave no room for one";
    let Some(length) = length_of_lease(checked.keepalive, checked.deadtime) else {
        return vec![without(no_room)];
    };
    let what = match checked.lease.by {
        LeaseBy::Nftables => {
            let length = length.as_millis();
            format!(
                "lease of {length} ms in the kernel, where it has nf_tables (`hb-ctl status` says whether)"
            )
        }
        LeaseBy::Lifetime => match length_of_life(checked.keepalive, checked.deadtime) {
            Ok(length) => format!("lease by lifetimes of addresses, of {} s", length.as_secs()),
            Err(_) => return vec![without(no_room)],
        },
    };
    let lease = format!("{what}: {}", lease_covers(checked.lease.by));
    let staged =
        checked.lease.staged.iter().map(|key| format!("group {key} is staged: {STAGED}, with Linux 6.9"));
    std::iter::once(lease).chain(unleased(checked)).chain(staged).collect()
}

/// What a lease of this kind protects from, and what it does not cover, in words.
#[must_use]
pub fn lease_covers(by: LeaseBy) -> String {
    let besides = match by {
        LeaseBy::Nftables => "programs on this machine",
        LeaseBy::Lifetime => "a whole process that stood still in the very moment of a renewal",
    };
    format!(
        "a heart that hangs or is killed loses its addresses before the other node takes them; not covered: services, cut \
         links, a paused virtual machine, {besides}"
    )
}

/// What it means for a group that it is staged, in words.
pub const STAGED: &str = "services can bind its addresses on the standby, which answers nobody for them";

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

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Whoever beats in time, or late by as much as a busy machine makes it, is never ended; who is has time left to stop in.
    #[test]
    fn a_heart_hangs_only_when_it_cannot_be_late() {
        for (keepalive, deadtime, after) in [
            (1000, 30_000, Some(27_970)),
            (200, 1000, Some(570)),
            (100, 430, Some(200)),
            // No room for a lease, but for this.
            (1000, 4000, Some(3000)),
            (1000, 2050, None),
            (100, 210, None),
            (100, 250, None),
            (50, 230, None),
            (10, 70, None),
        ] {
            let found = hangs_after(ms(keepalive), ms(deadtime));
            assert_eq!(found, after.map(ms), "{keepalive} {deadtime}");
            let is_late = |found: Duration| found >= found / 16 + ms(keepalive + keepalive / 2 + 25);
            assert!(found.is_none_or(|found| is_late(found) && found < ms(deadtime)));
        }
    }

    #[test]
    fn a_lifetime_is_whole_seconds_and_ends_in_time() {
        for (keepalive, deadtime, seconds) in
            [(1000, 30_000, 26), (200, 5000, 3), (100, 2430, 1), (2000, 30_000, 24)]
        {
            assert_eq!(length_of_life(ms(keepalive), ms(deadtime)), Ok(Duration::from_secs(seconds)));
        }
        for (keepalive, deadtime) in [(200, 1000), (100, 2420), (1000, 5220), (0, 0)] {
            let needed = length_of_life(ms(keepalive), ms(deadtime)).unwrap_err();
            assert!(needed > ms(deadtime), "{needed:?}");
            assert!(length_of_life(ms(keepalive), needed).is_ok(), "{needed:?}");
        }
    }
}
