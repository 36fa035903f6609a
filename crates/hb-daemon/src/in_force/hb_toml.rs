//! What becomes of another `hb.toml`.

use hb_config::{AgentLimits, Checked, LeaseBy, LeaseSettings, StopFailed};

use super::tell::{Tell, seconds};

/// Tells what of it is in force from now on.
pub(super) fn tell_changes(now: &Checked, read: &Checked, tell: &mut Tell) {
    let limits = |checked: &Checked| AgentLimits {
        stop_failed: StopFailed::Retry,
        stop_failed_command: Vec::new(),
        end_hung_heart: true,
        ..checked.agents.clone()
    };
    if limits(now) != limits(read) {
        tell.info("limits of scripts changed: in force from the next run of each on".to_owned());
    }
    tell.change("stop-failed", policy(now.agents.stop_failed), policy(read.agents.stop_failed));
    if now.agents.stop_failed_command != read.agents.stop_failed_command {
        tell.info("stop-failed-command changed: in force from the next failed stop on".to_owned());
    }
    let word = |checked: &Checked| if checked.agents.end_hung_heart { "true" } else { "false" };
    tell.change("end-hung-heart", word(now), word(read));
    match (&now.monitor, &read.monitor) {
        (None, Some(monitor)) => {
            let pause = seconds(monitor.interval);
            tell.info(format!("monitor changed: groups are looked at every {pause} from now on"));
        }
        (Some(_), None) => tell.info("monitor changed: groups are no longer looked at".to_owned()),
        (before, after) if before != after => {
            tell.info("monitor changed: groups are looked at accordingly from now on".to_owned());
        }
        _ => {}
    }
}

/// The lease from now on: of it only what is staged can change in a run, and only where the gate that is in force closes it.
pub(super) fn lease(now: &LeaseSettings, read: &LeaseSettings, tell: &mut Tell) -> LeaseSettings {
    tell.needs_restart("lease.enabled", &now.enabled.to_string(), &read.enabled.to_string());
    tell.needs_restart("lease.by", by(now.by), by(read.by));
    tell.needs_restart("lease.except", &now.except.join(" "), &read.except.join(" "));
    let (staged, open): (Vec<_>, Vec<_>) =
        read.staged.iter().cloned().partition(|key| !now.except.contains(key));
    for key in open {
        tell.waits(format!(
            "group {key} is staged after a restart: until then it is excepted from the lease"
        ));
    }
    if now.staged != staged {
        tell.info("lease.staged changed: addresses are staged accordingly".to_owned());
    }
    LeaseSettings { staged, ..now.clone() }
}

const fn policy(policy: StopFailed) -> &'static str {
    match policy {
        StopFailed::Retry => "retry",
        StopFailed::Keep => "keep",
        StopFailed::Reboot => "reboot",
        StopFailed::Fence => "fence",
    }
}

const fn by(by: LeaseBy) -> &'static str {
    match by {
        LeaseBy::Nftables => "nftables",
        LeaseBy::Lifetime => "lifetime",
    }
}
