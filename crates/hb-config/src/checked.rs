//! The checked configuration: values that are wrong in themselves cannot be expressed here or are not put in.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use hb_auth::KeyRing;
use hb_compress::Method;

use crate::source::Place;

mod fencing;
mod lease;

pub use fencing::{FenceDevice, FenceSettings};
pub use lease::{LeaseBy, LeaseSettings};

/// Everything the files say, with defaults filled in.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Our own name, in lower case; one of `nodes`.
    pub node_name: String,
    /// The normal nodes in the order of the file, lower case, each once, at most 100 with the ping nodes.
    pub nodes: Vec<String>,
    /// Whether nodes that the files do not name may join. Only without groups. Default [`Autojoin::None`].
    pub autojoin: Autojoin,
    /// Ping nodes, named as written.
    pub ping_nodes: Vec<String>,
    /// The media in the order of the file, 1 to 63.
    pub media: Vec<Medium>,
    /// Time between two heartbeats; more than zero. Default 1 s.
    pub keepalive: Duration,
    /// Silence after which a node is dead; more than two keepalives. Default 30 s.
    pub deadtime: Duration,
    /// Silence after which a heartbeat is called late; more than zero. Default half of `deadtime`.
    pub warntime: Duration,
    /// Dead time while starting; at least `deadtime`. Default by `config.md` 7.
    pub initdead: Duration,
    /// Dead time of ping nodes. Default `deadtime`.
    pub deadping: Duration,
    /// Longest pause before a missing message is asked for; more than zero. Default 250 ms.
    pub max_rexmit_delay: Duration,
    /// Whether a `respawn` line asks for the rule of `ipfail`, which is built in: the node that reaches fewer ping nodes hands
    /// over to the one that reaches more. Without effect with [`Failback::Legacy`].
    pub ipfail: bool,
    /// Programs that run beside the node, in the order of the file.
    pub clients: Vec<Client>,
    /// `ttl` of messages is this plus the number of nodes, ping nodes included. Default 1.
    pub hopfudge: u8,
    /// What happens when a preferred node returns. Default [`Failback::Legacy`].
    pub failback: Failback,
    /// `msgfmt classic`, the default: messages carry the inner field `auth` (`wire.md` 2.3).
    pub inner_auth: bool,
    /// Which messages are sent compressed, and how.
    pub compression: Compression,
    /// Real-time scheduling and locked memory. Default yes.
    pub realtime: bool,
    /// Real-time priority, 1 to 99, if given.
    pub rtprio: Option<i32>,
    /// The watchdog device, if one is wanted. It may be missing: the node runs without it then.
    pub watchdog: Option<PathBuf>,
    /// Where log messages go.
    pub log: LogConfig,
    /// Where the generation number comes from. Default [`GenerationMethod::File`].
    pub generation_method: GenerationMethod,
    /// Where the node's UUID comes from. Default [`UuidFrom::File`].
    pub uuid_from: UuidFrom,
    /// The keys of `authkeys`.
    pub key_ring: KeyRing,
    /// Limits of resource scripts: `hb.toml`, table `agents`.
    pub agents: AgentLimits,
    /// The lease of the floating addresses: `hb.toml`, table `lease`.
    pub lease: LeaseSettings,
    /// `[monitor]` of `hb.toml`; `None`: groups are not looked at.
    pub monitor: Option<MonitorSettings>,
    /// What switches a dead node off before anything of it is taken: `ha.cf`, and `hb.toml`, table `fencing`.
    pub fencing: FenceSettings,
    /// Resource groups in the order of `haresources`, each with at least one resource.
    pub groups: Vec<Group>,
    /// Variables of `env` for children, named `HA_NAME` as children see them, in the order of the file.
    pub environment: Vec<(OsString, OsString)>,
    /// Parameters that clients can ask for, as raw text, in the order of `config.md` 12; without `hbversion`.
    pub parameters: Vec<(String, String)>,
    /// Accepted, but this version does not act on it; each directive once. Also among the diagnostics.
    pub not_in_force: Vec<Notice>,
}

impl Checked {
    /// Whether a medium that carries messages between nodes is among the media. With ping nodes alone a node hears nobody
    /// and would take every resource.
    #[must_use]
    pub fn has_working_medium(&self) -> bool {
        self.media.iter().any(|medium| !matches!(medium, Medium::Ping { .. }))
    }
}

/// `respawn` or `failfast`: a program that runs as long as the node does (`failover.md` 8.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Whether the node gives up its resources and stops when the program fails.
    pub failfast: bool,
    /// The name of the user that it runs as.
    pub user: String,
    /// What the shell is told to execute: the rest of the line.
    pub command: OsString,
}

/// A remark on something that is accepted but not acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The directive.
    pub directive: &'static str,
    /// What to tell people.
    pub message: String,
    /// Where it stands; nothing if a default caused it.
    pub place: Option<Place>,
}

/// A way to other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Broadcast on an interface.
    Bcast {
        /// The interface.
        interface: String,
        /// UDP port.
        port: u16,
    },
    /// To everybody who has joined a group: `mcast`, or `mcast6` if the group is an IPv6 address.
    Mcast {
        /// The interface.
        interface: String,
        /// The group.
        group: IpAddr,
        /// UDP port.
        port: u16,
        /// TTL of IPv4, hop limit of IPv6, 0 to 4.
        ttl: u8,
        /// Whether what is sent comes back to this node.
        loopback: bool,
    },
    /// By UDP in PPP over a serial line.
    PppUdp {
        /// The device.
        path: PathBuf,
        /// Bits per second, as of [`Medium::Serial`].
        baud: u32,
        /// The address of this end, a private one.
        local: Ipv4Addr,
        /// UDP port.
        port: u16,
    },
    /// Over a serial line.
    Serial {
        /// The device.
        path: PathBuf,
        /// Bits per second: 9600, 19200 (default) and so on up to 4000000.
        baud: u32,
    },
    /// To one peer: `ucast`, or `ucast6` if the peer is an IPv6 address.
    Ucast {
        /// The interface.
        interface: String,
        /// The peer's address.
        peer: IpAddr,
        /// UDP port.
        port: u16,
    },
    /// Asks hosts whether they answer, and is a ping node at the same time; carries nothing to other nodes.
    Ping {
        /// What is asked.
        kind: PingKind,
        /// Host or group, as written: the name of the medium and of the ping node.
        name: String,
        /// Whom to ask: one host, or those of the group that could be resolved.
        hosts: Vec<IpAddr>,
    },
}

/// `autojoin`: who may join without being named in the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Autojoin {
    /// Nobody.
    #[default]
    None,
    /// Every node but this one.
    Other,
    /// Every node; this one need not be named either.
    Any,
}

impl Autojoin {
    /// Whether others may join.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Other | Self::Any)
    }
}

/// Compression of whole messages (`wire.md` 10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// `compression`. Default zlib.
    pub method: Method,
    /// `compression_threshold` in KiB, more than zero: longer messages are compressed if `traditional` says so. Default 2.
    pub threshold: u32,
    /// `traditional_compression`: by length. Default no: only what fits into no datagram otherwise.
    pub traditional: bool,
}

/// The directive that names a ping node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PingKind {
    /// `ping`: one IPv4 host.
    Ping,
    /// `ping6`: one IPv6 host.
    Ping6,
    /// `ping_group`: it answers as long as one of its IPv4 hosts does.
    Group,
}

impl PingKind {
    /// The name of the directive.
    #[must_use]
    pub const fn directive(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Ping6 => "ping6",
            Self::Group => "ping_group",
        }
    }
}

/// How long resource scripts may run, and how often a failed stop is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentLimits {
    /// Longest run of a `start`. Default 60 s; 3.0.6 has no limits.
    pub start_timeout: Duration,
    /// Longest run of a `stop`. Default 60 s.
    pub stop_timeout: Duration,
    /// Longest run of a `status`. Default 20 s.
    pub status_timeout: Duration,
    /// From SIGTERM to SIGKILL for a script that ran into its limit. Default 5 s.
    pub kill_grace: Duration,
    /// Repetitions of a failed `stop`, nothing: for ever. Default 10, as 3.0.6; `env STOPRETRYMAX` in `ha.cf` sets it
    /// too.
    pub stop_retries: Option<u32>,
    /// Pause before a failed `stop` is repeated. Default 1 s, as 3.0.6.
    pub stop_pause: Duration,
    /// What follows when a group cannot be stopped. Default [`StopFailed::Retry`].
    pub stop_failed: StopFailed,
    /// Program, by its absolute path, and arguments that are run when a group cannot be stopped; default none, but for
    /// [`StopFailed::Reboot`] a reboot.
    pub stop_failed_command: Vec<String>,
    /// Whether the guard ends a heart that hangs, so that what it runs is stopped. Default yes.
    pub end_hung_heart: bool,
}

/// How groups are looked at while they run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorSettings {
    /// Pause between two checks of a group.
    pub interval: Duration,
    /// Longest run of a `status` for a check. Default 20 s.
    pub timeout: Duration,
    /// Failed checks in a row after which a group has failed, at least 1. Default 1.
    pub failures: u32,
    /// How often it is then started again where it is, within this time. Default 3 times ...
    pub restarts: u32,
    /// ... within ten minutes.
    pub within: Duration,
    /// Whether it is offered to the other node after that. Default yes.
    pub moves: bool,
    /// The first resources of the groups that are looked at; empty, the default: all.
    pub groups: Vec<String>,
}

impl MonitorSettings {
    /// Whether the group with this first resource is looked at.
    #[must_use]
    pub fn covers(&self, key: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|named| named == key)
    }
}

/// What follows when a group cannot be stopped (`failover.md` 2.6). The other node never gets it before it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopFailed {
    /// It is stopped again every 30 s.
    Retry,
    /// It stays as it is until somebody asks again for its end.
    Keep,
    /// The machine is rebooted.
    Reboot,
    /// The machine is reset by its own fence agent ([`FenceSettings::own_options`]).
    Fence,
}

impl Default for AgentLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            start_timeout: seconds(60),
            stop_timeout: seconds(60),
            status_timeout: seconds(20),
            kill_grace: seconds(5),
            stop_retries: Some(10),
            stop_pause: seconds(1),
            stop_failed: StopFailed::Retry,
            stop_failed_command: Vec::new(),
            end_hung_heart: true,
        }
    }
}

/// `auto_failback` (`failover.md` 3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failback {
    /// A returning preferred node gets its groups back, handed over in order.
    On,
    /// Groups stay where they are.
    Off,
    /// As before 1.2: always back.
    Legacy,
}

/// `hbgenmethod`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationMethod {
    /// A counter in a file.
    File,
    /// The time of the start.
    Time,
}

/// `uuidfrom`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UuidFrom {
    /// Random, kept in a file.
    File,
    /// Computed from the node name.
    NodeName,
}

/// Where log messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Syslog facility; `none` and `kern` (number 0) count as not given.
    pub facility: Option<Facility>,
    /// File for all messages except debug; `/dev/null` counts as not given.
    pub logfile: Option<PathBuf>,
    /// File for all messages; `/dev/null` counts as not given.
    pub debugfile: Option<PathBuf>,
    /// The logging daemon is asked for, explicitly or because there is no other destination.
    pub use_logd: bool,
    /// Debug level, 0 to 255.
    pub debug: u8,
    /// Log packets with bad authentication. Default yes.
    pub log_badpack: bool,
    /// Lines of log files look as in syslog (`config.md` 10.1). Default yes.
    pub syslog_format: bool,
}

/// A syslog facility with a number above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility {
    name: &'static str,
    number: u8,
}

impl Facility {
    /// Every name that `logfacility` takes; `kern` and `none` have number 0.
    pub(crate) const NAMES: [(&'static str, u8); 23] = [
        ("auth", 4),
        ("authpriv", 10),
        ("cron", 9),
        ("daemon", 3),
        ("ftp", 11),
        ("kern", 0),
        ("local0", 16),
        ("local1", 17),
        ("local2", 18),
        ("local3", 19),
        ("local4", 20),
        ("local5", 21),
        ("local6", 22),
        ("local7", 23),
        ("lpr", 6),
        ("mail", 2),
        ("mark", 24),
        ("news", 7),
        ("none", 0),
        ("security", 4),
        ("syslog", 5),
        ("user", 1),
        ("uucp", 8),
    ];

    /// The facility of that name. Those with number 0 never get into a [`LogConfig`].
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        let (name, number) = Self::NAMES.into_iter().find(|(known, _)| known.as_bytes() == name)?;
        Some(Self { name, number })
    }

    /// The name as written in `ha.cf`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The number: priority of a message = number × 8 + severity.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.number
    }
}

/// One line of `haresources`: resources that move together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The preferred node, lower case. Not always one of [`Checked::nodes`]: a ping node is accepted, and so is any word
    /// behind a continued line that the daemon of 3.0.6 does not look at.
    pub node: String,
    /// In the order in which they start; at least one. The first one's spelling names the group.
    pub resources: Vec<Resource>,
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The word of the file.
    pub spelled: String,
    /// What it means.
    pub kind: ResourceKind,
}

/// What a resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// An address to be put up without a script: a bare one, or `IPaddr`, `IPaddr2` or `IPv6addr` with good parameters,
    /// unless `hb.toml` says that scripts put addresses up.
    Address(AddressSpec),
    /// A script, `IPaddr` with parameters that it will refuse included.
    Script {
        /// Name, looked up in `resource.d` and `init.d`; `IPaddr` or `IPv6addr` for a bare address.
        name: String,
        /// Arguments before `start`, `stop` or `status`; none is empty.
        arguments: Vec<String>,
    },
    /// An OCF agent: `ocf:PROVIDER:AGENT::name=value`. 3.0.6 would look for a script of that name.
    Ocf(OcfAgent),
    /// A unit of systemd: `systemd::NAME`. 3.0.6 would look for a script `systemd`.
    Unit(String),
}

/// An OCF agent with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcfAgent {
    /// Its directory below `/usr/lib/ocf/resource.d`.
    pub provider: String,
    /// Its file name.
    pub agent: String,
    /// Names, which are fit for variables and of which none stands twice, and values, in the order of the file.
    pub parameters: Vec<(String, String)>,
}

/// An address to put up (`failover.md` 1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressSpec {
    /// The address.
    pub address: IpAddr,
    /// Length of the network mask, 1 to 32, or of the prefix, 1 to 128; nothing: that of the route.
    pub prefix: Option<u8>,
    /// Interface; nothing: that of the route.
    pub interface: Option<String>,
    /// Label written behind the interface's name; 3.0.6 drops it.
    pub label: Option<String>,
    /// Broadcast address of an IPv4 network; nothing: computed from the mask.
    pub broadcast: Option<Ipv4Addr>,
}
