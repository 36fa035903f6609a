//! From a draft without errors to the checked configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hb_auth::KeyRing;

use crate::checked::{
    Checked, Compression, Failback, FenceSettings, GenerationMethod, Group, LogConfig, UuidFrom,
};
use crate::hb_toml::HbToml;

use super::draft::{Draft, Setting};
use super::record::parameters;

/// Puts everything together. Only called when no error was reported.
pub(crate) fn assemble(
    draft: Draft,
    own_name: &str,
    key_ring: KeyRing,
    hb_toml: HbToml,
    groups: Vec<Group>,
) -> Checked {
    let parameters = parameters(&draft);
    let log = log_config(&draft);
    let mut agents = hb_toml.agents;
    if let (None, Some(retries)) = (hb_toml.stop_retries, draft.stop_retries.value()) {
        agents.stop_retries = *retries;
    }
    let times = draft.times;
    let autojoin = draft.autojoin.value().copied().unwrap_or_default();
    let mut nodes: Vec<_> = draft.nodes.into_iter().map(|(name, _)| name).collect();
    if !nodes.iter().any(|name| name == own_name) {
        // `autojoin any`; else this was refused.
        nodes.push(own_name.to_owned());
    }
    Checked {
        node_name: own_name.to_owned(),
        nodes,
        autojoin,
        ping_nodes: draft.ping_nodes.into_iter().map(|(name, _)| name).collect(),
        media: draft.media.into_iter().map(|(medium, _)| medium).collect(),
        keepalive: Duration::from_millis(times.keepalive),
        deadtime: Duration::from_millis(times.deadtime),
        warntime: Duration::from_millis(times.warntime),
        initdead: Duration::from_millis(times.initdead),
        ipfail: draft.ipfail.is_some(),
        clients: draft.clients,
        deadping: Duration::from_millis(times.deadping),
        max_rexmit_delay: Duration::from_millis(small(&draft.max_rexmit_delay).unwrap_or(250)),
        hopfudge: small(&draft.hopfudge).unwrap_or(1),
        failback: draft.failback.value().copied().unwrap_or(Failback::Legacy),
        inner_auth: draft.inner_auth.value().copied().unwrap_or(true),
        compression: Compression {
            method: draft.compression.value().copied().unwrap_or_default(),
            threshold: small(&draft.compression_threshold).unwrap_or(2),
            traditional: draft.traditional_compression.value().copied().unwrap_or(false),
        },
        realtime: draft.realtime.value().copied().unwrap_or(true),
        rtprio: draft.rtprio.value().copied(),
        watchdog: draft.watchdog.map(|(path, _)| path),
        log,
        generation_method: draft.generation_method.value().copied().unwrap_or(GenerationMethod::File),
        uuid_from: draft.uuid_from.value().copied().unwrap_or(UuidFrom::File),
        key_ring,
        agents,
        lease: hb_toml.lease,
        monitor: hb_toml.monitor,
        fencing: FenceSettings { device: draft.fencing.map(|(_, device)| device), ..hb_toml.fencing },
        groups,
        environment: draft.environment,
        parameters,
        not_in_force: draft.notices,
    }
}

fn log_config(draft: &Draft) -> LogConfig {
    LogConfig {
        facility: draft.syslog(),
        logfile: written_file(&draft.logfile),
        debugfile: written_file(&draft.debugfile),
        use_logd: draft.use_logd.value().copied().unwrap_or(!draft.has_log_destination()),
        debug: small(&draft.debug).unwrap_or(0),
        log_badpack: draft.log_badpack.value().copied().unwrap_or(true),
        syslog_format: draft.syslog_format.value().copied().unwrap_or(true),
    }
}

/// `/dev/null` means no file.
fn written_file(setting: &Setting<PathBuf>) -> Option<PathBuf> {
    setting.value().filter(|path| path.as_path() != Path::new("/dev/null")).cloned()
}

/// A number whose range was checked when it was read.
fn small<T: TryFrom<i32>>(setting: &Setting<i32>) -> Option<T> {
    setting.value().and_then(|value| T::try_from(*value).ok())
}
