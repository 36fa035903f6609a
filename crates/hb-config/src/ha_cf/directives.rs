//! The table of directives (`config.md` 4): name, kind, what it takes, and whether this version acts on it.

use crate::suggest::nearest;

use super::{
    HaCf, behaviour, children, clients, fencing, logging, media, media_line, nodes, obsolete, ppp, timing,
};
use crate::source::Word;

/// How a directive reads its line, and the function that applies it.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Called for each value.
    List(fn(&mut HaCf<'_>, Word<'_>)),
    /// Called once with the rest of the line.
    Line(fn(&mut HaCf<'_>, Word<'_>)),
}

/// Whether this version acts on a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Yes, or the directive says itself when it does not.
    InForce,
    /// A later version will; it hardly matters until then.
    LaterMinor,
    /// It belongs to something that hb does not have.
    NoEffect,
}

/// A directive.
pub(crate) struct Directive {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// Completes "takes ...".
    pub(crate) takes: &'static str,
    /// A line with a good value.
    pub(crate) example: &'static str,
    /// The parameter under which its raw text is recorded (`config.md` 12).
    pub(crate) recorded: Option<&'static str>,
    pub(crate) status: Status,
    /// More than one value has a meaning, or a refusal of its own; otherwise the last one counts.
    pub(crate) is_repeatable: bool,
}

impl Directive {
    const fn new(name: &'static str, shape: Shape, takes: &'static str, example: &'static str) -> Self {
        let recorded = Some(name);
        Self { name, shape, takes, example, recorded, status: Status::InForce, is_repeatable: false }
    }

    const fn list(
        name: &'static str,
        apply: fn(&mut HaCf<'_>, Word<'_>),
        takes: &'static str,
        example: &'static str,
    ) -> Self {
        Self::new(name, Shape::List(apply), takes, example)
    }

    const fn line(
        name: &'static str,
        apply: fn(&mut HaCf<'_>, Word<'_>),
        takes: &'static str,
        example: &'static str,
    ) -> Self {
        Self::new(name, Shape::Line(apply), takes, example).not_recorded()
    }

    const fn not_recorded(mut self) -> Self {
        self.recorded = None;
        self
    }

    const fn repeatable(mut self) -> Self {
        self.is_repeatable = true;
        self
    }

    const fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// A hint with a good line.
    pub(crate) fn hint(&self) -> String {
        format!("for example `{}`", self.example)
    }
}

/// Stands where no directive was read yet.
pub(crate) static NONE: Directive = Directive::list("", behaviour::nothing, "", "").not_recorded();

const TRUTH: &str = "`on` or `off`";
const TIME: &str = "a time above zero, in seconds or with `ms`";
const TIME_OR_ZERO: &str = "a time, in seconds or with `ms`";
const POSITIVE: &str = "a whole number above zero";
const POSITIVE_MS: &str = "milliseconds above zero";
const MCAST: &str = "an interface, a group, a port, a TTL from 0 to 4 and a loop flag of 0 or 1";
const CHILD: &str = "a user and a full path";

/// Every directive of 3.0.6, and `ppp-udp`.
static DIRECTIVES: &[Directive] = &[
    Directive::list("cluster", behaviour::cluster, "a name", "cluster linux-ha"),
    Directive::list("node", nodes::node, "names of nodes", "node alpha beta").repeatable().not_recorded(),
    Directive::list("hopfudge", behaviour::hopfudge, "a whole number from 0 to 255", "hopfudge 1"),
    Directive::list("keepalive", timing::keepalive, TIME, "keepalive 2"),
    Directive::list("deadtime", timing::deadtime, TIME_OR_ZERO, "deadtime 10"),
    Directive::list("deadping", timing::deadping, TIME_OR_ZERO, "deadping 10"),
    Directive::list("initdead", timing::initdead, TIME_OR_ZERO, "initdead 60"),
    Directive::list("warntime", timing::warntime, TIME, "warntime 5"),
    Directive::list("watchdog", behaviour::watchdog, "the path of one device", "watchdog /dev/watchdog")
        .repeatable(),
    Directive::list("baud", media::baud, "a line speed", "baud 19200").repeatable(),
    Directive::list("udpport", media::udpport, "a UDP port from 1 to 65535", "udpport 694").repeatable(),
    Directive::list("bcast", media::bcast, "names of network interfaces", "bcast eth0")
        .repeatable()
        .not_recorded(),
    Directive::list("udp", media::udp, "names of network interfaces", "bcast eth0")
        .repeatable()
        .not_recorded(),
    Directive::line("ucast", media_line::ucast, "an interface and a host", "ucast eth0 192.168.1.2"),
    Directive::line("ucast6", media_line::ucast6, "an interface and an IPv6 address", "ucast6 eth0 fd00::2"),
    Directive::line("mcast", media_line::mcast, MCAST, "mcast eth0 239.0.0.43 694 1 0"),
    Directive::line("mcast6", media_line::mcast6, MCAST, "mcast6 eth0 ff12::43:1 694 1 0"),
    Directive::list("serial", media::serial, "full paths of serial ports", "serial /dev/ttyS0")
        .repeatable()
        .not_recorded(),
    Directive::line(
        "ppp-udp",
        ppp::ppp_udp,
        "serial ports, each with an address",
        "ppp-udp /dev/ttyS0 10.0.0.1",
    ),
    Directive::list("ping", media::ping, "hosts", "ping 192.168.1.254").repeatable().not_recorded(),
    Directive::list("ping6", media::ping6, "IPv6 addresses", "ping6 fd00::fe").repeatable().not_recorded(),
    Directive::line(
        "ping_group",
        media_line::ping_group,
        "a name and hosts",
        "ping_group routers 10.0.0.1 10.0.0.2",
    ),
    Directive::list(
        "logfacility",
        logging::logfacility,
        "a syslog facility in lower case",
        "logfacility local0",
    ),
    Directive::list("logfile", logging::logfile, "a path", "logfile /var/log/ha-log"),
    Directive::list("debugfile", logging::debugfile, "a path", "debugfile /var/log/ha-debug"),
    Directive::list("use_logd", logging::use_logd, TRUTH, "use_logd off"),
    Directive::list("conn_logd_time", behaviour::positive, POSITIVE, "conn_logd_time 60")
        .status(Status::NoEffect),
    Directive::list("syslogmsgfmt", logging::syslogmsgfmt, TRUTH, "syslogmsgfmt on"),
    Directive::list("log_badpack", logging::log_badpack, TRUTH, "log_badpack on"),
    Directive::list("debug", logging::debug, "a whole number from 0 to 255", "debug 0"),
    Directive::list("auto_failback", behaviour::auto_failback, "`on`, `off` or `legacy`", "auto_failback on"),
    Directive::list("nice_failback", obsolete::nice_failback, TRUTH, "auto_failback off")
        .repeatable()
        .not_recorded(),
    Directive::list("realtime", behaviour::realtime, TRUTH, "realtime on"),
    Directive::list("rtprio", behaviour::rtprio, "a whole number from 1 to 99", "rtprio 1"),
    Directive::list("memreserve", behaviour::positive, POSITIVE, "memreserve 6500")
        .status(Status::LaterMinor),
    Directive::list("hbgenmethod", behaviour::hbgenmethod, "`file` or `time`", "hbgenmethod file"),
    Directive::list("uuidfrom", behaviour::uuidfrom, "`file` or `nodename`", "uuidfrom file"),
    Directive::list("msgfmt", behaviour::msgfmt, "`classic` or `netstring`", "msgfmt classic"),
    Directive::list("coredumps", behaviour::truth_value, TRUTH, "coredumps on").status(Status::LaterMinor),
    Directive::list("coreroot", behaviour::coreroot, "a directory", "coreroot /var/lib/heartbeat/cores")
        .status(Status::LaterMinor),
    Directive::list("use_apphbd", behaviour::truth_value, TRUTH, "use_apphbd off")
        .not_recorded()
        .status(Status::NoEffect),
    Directive::list("autojoin", nodes::autojoin, "`none`, `other` or `any`", "autojoin none"),
    Directive::list("compression", behaviour::compression, "`zlib` or `bz2`", "compression zlib"),
    Directive::list(
        "compression_threshold",
        behaviour::compression_threshold,
        POSITIVE,
        "compression_threshold 2",
    ),
    Directive::list(
        "traditional_compression",
        behaviour::traditional_compression,
        TRUTH,
        "traditional_compression off",
    ),
    Directive::list("max_rexmit_delay", timing::max_rexmit_delay, POSITIVE_MS, "max_rexmit_delay 250"),
    Directive::list("quorum_server", behaviour::nothing, "a host", "quorum_server q")
        .status(Status::NoEffect),
    Directive::list("record_config_changes", behaviour::truth_value, TRUTH, "record_config_changes on")
        .status(Status::NoEffect),
    Directive::list("record_pengine_inputs", behaviour::truth_value, TRUTH, "record_pengine_inputs on")
        .status(Status::NoEffect),
    Directive::list("enable_config_writes", behaviour::truth_value, TRUTH, "enable_config_writes on")
        .status(Status::NoEffect),
    Directive::list("env", behaviour::env, "NAME=VALUE", "env STOPRETRYMAX=3").repeatable().not_recorded(),
    Directive::list("pacemaker", obsolete::pacemaker, "`off`", "pacemaker off").repeatable(),
    Directive {
        recorded: Some("pacemaker"),
        ..Directive::list("crm", obsolete::pacemaker, "`off`", "crm off").repeatable()
    },
    Directive::list("crmd_spawns_pengine", obsolete::crmd_spawns_pengine, TRUTH, "crmd_spawns_pengine on")
        .status(Status::NoEffect),
    Directive::list("crm_daemon_dir", obsolete::crm_daemon_dir, "nothing useful", "pacemaker off")
        .repeatable()
        .status(Status::NoEffect),
    Directive::line(
        "apiauth",
        clients::apiauth,
        "a client and lists",
        "apiauth ipfail gid=haclient uid=hacluster",
    )
    .status(Status::LaterMinor),
    Directive::line("respawn", children::respawn, CHILD, "respawn hacluster /usr/libexec/heartbeat/ipfail"),
    Directive::line("failfast", children::respawn, CHILD, "failfast root /usr/sbin/vital"),
    Directive::line("stonith", fencing::stonith, "a type and a file", "stonith meatware /etc/ha.d/meatware"),
    Directive::line(
        "stonith_host",
        fencing::stonith_host,
        "a host, a type and parameters",
        "stonith_host * ssh alpha beta",
    ),
];

/// The directive of that name; case matters.
pub(crate) fn find(name: &[u8]) -> Option<&'static Directive> {
    DIRECTIVES.iter().find(|directive| directive.name.as_bytes() == name)
}

/// What an unknown directive was probably meant to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guess {
    /// Its kind.
    pub(crate) meant: Meant,
    nearest: Option<&'static str>,
    removed: Option<&'static str>,
}

/// The kind of line that an unknown directive probably was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    Medium,
    Node,
    Log,
    Other,
    Unknown,
}

/// Words that older releases knew, and what to do about them.
const REMOVED: [(&str, &str); 6] = [
    ("hbaping", "it needed a special network card and was dropped; `ping` asks an ordinary host"),
    ("openais", "it was dropped; use `ucast`, `bcast` or `mcast`"),
    ("tipc", "it was dropped; use `ucast`, `bcast` or `mcast`"),
    ("rds", "it was dropped; use `ucast`, `bcast` or `mcast`"),
    ("normalpoll", "it was dropped; delete the line"),
    ("hosts", "it was dropped; delete the line"),
];

/// A directive of older releases, whatever the case of `name`, and what to do about it.
pub(crate) fn removed(name: &[u8]) -> Option<(&'static str, &'static str)> {
    REMOVED.into_iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
}

/// Looks for what `name` was meant to be.
pub(crate) fn guess(name: &[u8]) -> Guess {
    let removed = removed(name).map(|(_, advice)| advice);
    let bare = name.strip_prefix(b"\xef\xbb\xbf").unwrap_or(name);
    let bare = bare.split(|byte| matches!(byte, b'=' | b':' | b',')).next().unwrap_or_default();
    let nearest = match removed {
        Some(_) => None,
        None => nearest(bare, DIRECTIVES.iter().map(|directive| directive.name)),
    };
    let meant = match nearest {
        Some(
            "bcast" | "udp" | "ucast" | "ucast6" | "mcast" | "mcast6" | "serial" | "ppp-udp" | "ping"
            | "ping6" | "ping_group",
        ) => Meant::Medium,
        Some("node") => Meant::Node,
        Some("logfile" | "debugfile" | "logfacility") => Meant::Log,
        Some(_) => Meant::Other,
        None => Meant::Unknown,
    };
    Guess { meant, nearest, removed }
}

impl Guess {
    /// Whether a fencing device was meant, whose parameters follow.
    pub(crate) fn is_fencing(&self) -> bool {
        self.nearest.is_some_and(|name| name.starts_with("stonith"))
    }

    /// What to write instead of `name`, which is followed by `rest` in its line.
    pub(crate) fn hint(self, name: &[u8], rest: &[u8]) -> Option<String> {
        if let Some(advice) = self.removed {
            return Some(advice.to_owned());
        }
        if name.starts_with(b"\xef\xbb\xbf") {
            return Some("remove the byte order mark at the beginning of the file".to_owned());
        }
        if name.starts_with(b";") || name.starts_with(b"//") {
            return Some("comments begin with `#`".to_owned());
        }
        let nearest = self.nearest?;
        if nearest == "udp" {
            let interface = rest.split(u8::is_ascii_whitespace).find(|word| !word.is_empty());
            let interface = interface.map_or_else(|| "eth0".into(), String::from_utf8_lossy);
            return Some(format!("did you mean `bcast {interface}`? `udp` is its old name"));
        }
        let separator = name.iter().copied().find(|byte| matches!(byte, b'=' | b':' | b','));
        Some(match separator {
            Some(separator) => format!(
                "separate name and value by a blank, not by `{}`: for example `{}`",
                char::from(separator),
                find(nearest.as_bytes()).map_or(nearest, |directive| directive.example)
            ),
            None => format!("did you mean `{nearest}`?"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{DIRECTIVES, Meant, find, guess};

    #[test]
    fn every_directive_is_found_once_and_has_an_example() {
        for directive in DIRECTIVES {
            let name = directive.name;
            assert_eq!(DIRECTIVES.iter().filter(|other| other.name == name).count(), 1, "{name}");
            assert!(
                find(name.as_bytes()).is_some() && find(name.to_uppercase().as_bytes()).is_none(),
                "{name}"
            );
            let first = directive.example.split(' ').next().unwrap();
            assert!(find(first.as_bytes()).is_some(), "{name}: {first}");
        }
    }

    #[test]
    fn hints_for_unknown_directives() {
        let hint = |name: &str, rest: &str| {
            let guess = guess(name.as_bytes());
            (guess.meant, guess.hint(name.as_bytes(), rest.as_bytes()).unwrap_or_default())
        };
        for (name, rest, meant, expected) in [
            ("logacility", " local0", Meant::Log, "did you mean `logfacility`?"),
            ("Udp", " eth1", Meant::Medium, "did you mean `bcast eth1`?"),
            ("keepalive=2", "", Meant::Other, "not by `=`"),
            ("keepalive:", " 2", Meant::Other, "not by `:`"),
            ("nodes", " a", Meant::Node, "did you mean `node`?"),
            ("ppp_udp", " /dev/ttyS0", Meant::Medium, "did you mean `ppp-udp`?"),
            ("hosts", " a", Meant::Unknown, "it was dropped"),
            (";", " x", Meant::Unknown, "comments begin with `#`"),
            ("\u{feff}node", " a", Meant::Node, "byte order mark"),
            ("frobnicate", "", Meant::Unknown, ""),
        ] {
            let (found, text) = hint(name, rest);
            assert_eq!(found, meant, "{name}");
            assert!(text.contains(expected), "{name}: {text}");
        }
    }
}
