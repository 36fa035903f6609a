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

/// The lease from now on. Which of it the heart holds at any moment is its own matter: it exchanges them when it can.
pub(super) fn tell_lease(now: &LeaseSettings, read: &LeaseSettings, tell: &mut Tell) {
    let except = |settings: &LeaseSettings| match &settings.except[..] {
        [] => "none".to_owned(),
        keys => keys.join(" "),
    };
    tell.change("lease.enabled", &now.enabled.to_string(), &read.enabled.to_string());
    tell.change("lease.by", by(now.by), by(read.by));
    tell.change("lease.except", &except(now), &except(read));
    if now.staged != read.staged {
        tell.info("lease.staged changed: addresses are staged accordingly".to_owned());
    }
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
