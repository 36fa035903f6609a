//! Recorded parameters: what clients can ask for by name, as raw text (`config.md` 12).

use super::draft::Draft;

/// How a parameter that was not given is recorded.
enum Default {
    /// Not at all.
    Absent,
    /// With this text.
    Text(&'static str),
    /// With a time that was computed, in milliseconds.
    Time(fn(&Draft) -> u64),
    /// With the port of the services file.
    Port,
    /// `/dev/null` if a syslog facility is the destination.
    NullIfSyslog,
    /// `yes` if there is no other log destination.
    YesIfNoLog,
}

/// All of them in the order in which 3.0.6 lists them.
const PARAMETERS: [(&str, Default); 38] = [
    ("cluster", Default::Text("linux-ha")),
    ("hopfudge", Default::Text("1")),
    ("keepalive", Default::Text("1000ms")),
    ("deadtime", Default::Text("30000ms")),
    ("deadping", Default::Time(|draft| draft.times.deadping)),
    ("initdead", Default::Time(|draft| draft.times.initdead)),
    ("warntime", Default::Time(|draft| draft.times.warntime)),
    ("watchdog", Default::Absent),
    ("baud", Default::Text("19200")),
    ("udpport", Default::Port),
    ("logfacility", Default::Absent),
    ("logfile", Default::NullIfSyslog),
    ("debugfile", Default::NullIfSyslog),
    ("auto_failback", Default::Text("legacy")),
    ("rtprio", Default::Absent),
    ("hbgenmethod", Default::Text("file")),
    ("realtime", Default::Text("true")),
    ("debug", Default::Text("0")),
    ("msgfmt", Default::Text("classic")),
    ("use_logd", Default::YesIfNoLog),
    ("conn_logd_time", Default::Text("60")),
    ("log_badpack", Default::Text("true")),
    ("syslogmsgfmt", Default::Text("true")),
    ("coredumps", Default::Text("true")),
    ("coreroot", Default::Absent),
    ("crmd_spawns_pengine", Default::Absent),
    ("crm_daemon_dir", Default::Absent),
    ("pacemaker", Default::Text("false")),
    ("autojoin", Default::Text("none")),
    ("uuidfrom", Default::Text("file")),
    ("compression", Default::Text("zlib")),
    ("compression_threshold", Default::Text("2")),
    ("traditional_compression", Default::Text("no")),
    ("max_rexmit_delay", Default::Text("250")),
    ("record_config_changes", Default::Text("on")),
    ("record_pengine_inputs", Default::Text("on")),
    ("enable_config_writes", Default::Text("on")),
    ("memreserve", Default::Text("6500")),
];

/// The directives that have a default whatever else is given, with it, in the order of `config.md` 12.
pub fn defaults() -> impl Iterator<Item = (&'static str, &'static str)> {
    PARAMETERS.iter().filter_map(|(name, default)| match default {
        // Recorded, but no directive of which 3.0.6 lists the default.
        Default::Text(_) if *name == "debug" => None,
        Default::Text(text) => Some((*name, *text)),
        Default::Absent | Default::Time(_) | Default::Port | Default::NullIfSyslog | Default::YesIfNoLog => {
            None
        }
    })
}

/// The parameters with their texts.
pub(super) fn parameters(draft: &Draft) -> Vec<(String, String)> {
    let text = |name: &str, default: &Default| {
        if let Some(given) = draft.recorded.get(name) {
            return Some(given.clone());
        }
        match default {
            Default::Absent => None,
            Default::Text(text) => Some((*text).to_owned()),
            Default::Time(millis) => Some(format!("{}ms", millis(draft))),
            Default::Port => Some(draft.default_port.to_string()),
            Default::NullIfSyslog => draft.syslog().map(|_| "/dev/null".to_owned()),
            Default::YesIfNoLog => (!draft.has_log_destination()).then(|| "yes".to_owned()),
        }
    };
    let last = draft.recorded.get("quorum_server").map(|text| ("quorum_server".to_owned(), text.clone()));
    PARAMETERS
        .iter()
        .filter_map(|(name, default)| Some(((*name).to_owned(), text(name, default)?)))
        .chain(last)
        .collect()
}
