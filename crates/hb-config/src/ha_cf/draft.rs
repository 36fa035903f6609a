//! What `ha.cf` said so far, each value with its place; not yet checked as a whole.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::PathBuf;

use hb_compress::Method;

use crate::checked::{
    Autojoin, Client, Facility, Failback, FenceDevice, GenerationMethod, Medium, Notice, UuidFrom,
};
use crate::source::Mark;

use super::directives::Meant;
use super::late::Times;

/// The value of a directive of which the last one counts.
#[derive(Clone, Debug)]
pub(crate) struct Setting<T> {
    given: Option<(T, Mark)>,
    is_spoiled: bool,
}

impl<T> Default for Setting<T> {
    fn default() -> Self {
        Self { given: None, is_spoiled: false }
    }
}

impl<T> Setting<T> {
    /// Takes a value, or `None` for a bad one that was reported.
    pub(crate) fn set(&mut self, value: Option<T>, mark: Mark) {
        match value {
            Some(value) => self.given = Some((value, mark)),
            None => self.is_spoiled = true,
        }
    }

    /// A bad value was given, so nothing may be concluded from this setting.
    pub(crate) const fn is_spoiled(&self) -> bool {
        self.is_spoiled
    }

    pub(crate) const fn value(&self) -> Option<&T> {
        match &self.given {
            Some((value, _)) => Some(value),
            None => None,
        }
    }

    pub(crate) const fn mark(&self) -> Option<Mark> {
        match &self.given {
            Some((_, mark)) => Some(*mark),
            None => None,
        }
    }

    /// Nothing was given, neither good nor bad.
    pub(crate) const fn is_absent(&self) -> bool {
        self.given.is_none() && !self.is_spoiled
    }
}

/// Which follow-up errors would only repeat one that was reported already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Doubts {
    /// A line that could have been a medium was refused.
    pub(crate) media: bool,
    /// A line that could have been a node was refused.
    pub(crate) nodes: bool,
    /// A line that could have been a log destination was refused.
    pub(crate) log: bool,
}

impl Doubts {
    pub(crate) fn unknown_directive(&mut self, meant: Meant) {
        match meant {
            Meant::Medium | Meant::Unknown => self.media = true,
            Meant::Node => self.nodes = true,
            Meant::Log => self.log = true,
            Meant::Other => {}
        }
    }
}

/// An interface of a medium that is not there while the file is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AwaitedInterface {
    pub(crate) mark: Mark,
    /// Completes "network interface X ...".
    pub(crate) problem: &'static str,
    pub(crate) directive: &'static str,
}

/// UDP ports that the first medium of each kind fixed for its kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FixedPorts {
    pub(crate) bcast: Option<u16>,
    pub(crate) ucast: Option<u16>,
    pub(crate) ucast6: Option<u16>,
    pub(crate) ppp: Option<u16>,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) doubts: Doubts,
    pub(crate) notices: Vec<Notice>,
    /// The last good value of each directive of which the last one counts.
    pub(crate) given: HashMap<&'static str, Mark>,
    /// Parameters that were given, as raw text.
    pub(crate) recorded: HashMap<&'static str, String>,

    pub(crate) keepalive: Setting<u64>,
    pub(crate) deadtime: Setting<u64>,
    pub(crate) warntime: Setting<u64>,
    pub(crate) initdead: Setting<u64>,
    pub(crate) deadping: Setting<u64>,
    pub(crate) max_rexmit_delay: Setting<i32>,
    /// The times with their defaults, once all lines were read.
    pub(crate) times: Times,

    pub(crate) nodes: Vec<(String, Mark)>,
    pub(crate) ping_nodes: Vec<(String, Mark)>,
    /// Where a line asks for the rule of `ipfail`.
    pub(crate) ipfail: Option<Mark>,
    pub(crate) clients: Vec<Client>,
    /// Entries of the node list as 3.0.6 counts them: repeated names and ping nodes included.
    pub(crate) members: usize,
    pub(crate) hopfudge: Setting<i32>,
    pub(crate) autojoin: Setting<Autojoin>,

    pub(crate) media: Vec<(Medium, Mark)>,
    /// Of `media`, one for each that cannot be used yet.
    pub(crate) awaited: Vec<AwaitedInterface>,
    /// Addresses of other machines, which cannot be floating ones.
    pub(crate) fixed_addresses: HashMap<Ipv4Addr, Mark>,
    pub(crate) udpport: Setting<u16>,
    /// The port while no `udpport` was read.
    pub(crate) default_port: u16,
    pub(crate) ports: FixedPorts,
    pub(crate) baud: Option<Mark>,
    pub(crate) baud_rate: Option<u32>,
    pub(crate) serial: Option<Mark>,
    pub(crate) watchdog: Option<(PathBuf, Mark)>,
    /// The last fencing device that concerns this node.
    pub(crate) fencing: Option<(Mark, FenceDevice)>,
    /// A line names a fencing device for this node, be it good or refused.
    pub(crate) is_fencing_meant: bool,
    /// Nodes that `stonith_host` names, in lower case.
    pub(crate) fenced_from: Vec<(String, Mark)>,
    /// What may be a password and is not shown.
    pub(crate) hidden: Vec<Range<usize>>,

    pub(crate) facility: Setting<Facility>,
    pub(crate) logfile: Setting<PathBuf>,
    pub(crate) debugfile: Setting<PathBuf>,
    pub(crate) use_logd: Setting<bool>,
    pub(crate) syslog_format: Setting<bool>,
    pub(crate) log_badpack: Setting<bool>,
    pub(crate) debug: Setting<i32>,

    pub(crate) failback: Setting<Failback>,
    pub(crate) realtime: Setting<bool>,
    pub(crate) rtprio: Setting<i32>,
    pub(crate) generation_method: Setting<GenerationMethod>,
    pub(crate) uuid_from: Setting<UuidFrom>,
    pub(crate) inner_auth: Setting<bool>,
    pub(crate) compression: Setting<Method>,
    pub(crate) compression_threshold: Setting<i32>,
    pub(crate) traditional_compression: Setting<bool>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// `env STOPRETRYMAX`: repetitions of a failed stop; nothing inside: for ever.
    pub(crate) stop_retries: Setting<Option<u32>>,
    /// The first use of `pacemaker` or `crm`.
    pub(crate) pacemaker: Option<Mark>,
    /// It was switched on, which is refused; haresources is not looked at then.
    pub(crate) wants_pacemaker: bool,
    pub(crate) api_clients: HashSet<Vec<u8>>,
}

impl Draft {
    /// Whether nodes may join that are not named.
    pub(crate) fn is_open(&self) -> bool {
        self.autojoin.value().is_some_and(|autojoin| autojoin.is_open())
    }

    /// The syslog facility, if it is a destination: number 0 is none.
    pub(crate) fn syslog(&self) -> Option<Facility> {
        self.facility.value().copied().filter(|facility| facility.number() > 0)
    }

    /// Whether log messages have anywhere to go.
    pub(crate) fn has_log_destination(&self) -> bool {
        self.syslog().is_some() || self.logfile.value().is_some() || self.debugfile.value().is_some()
    }
}
