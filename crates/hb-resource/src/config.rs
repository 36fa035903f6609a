//! What an actuator needs to know before it starts.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use hb_sys::sched::Crew;
use serde::{Deserialize, Serialize};

use crate::agent::Operation;
use crate::beat::Beat;
use crate::fence::FenceSpec;
use crate::lease::{Lifetimes, Stage};
use crate::spec::GroupSpec;

/// Everything that the actuator is told; it reads no file and no environment of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActuatorConfig {
    /// The groups; jobs name them by their index in this list.
    pub groups: Vec<GroupSpec>,
    /// Where scripts are looked up, in this order: `resource.d`, then the directory of init scripts (failover.md
    /// 2.1). Relative paths are taken from the working directory at the start.
    pub agent_dirs: Vec<PathBuf>,
    /// Below it, in `resource.d`, are the OCF agents, by providers. Default [`OCF_ROOT`].
    pub ocf_root: PathBuf,
    /// The whole environment of scripts (failover.md 2.2 names what 3.0.6 sets); to it are added only
    /// the number of the start and what OCF asks for. By its `PATH` `systemctl` is found.
    pub environment: Vec<(OsString, OsString)>,
    /// Working directory of scripts; `/` when it does not exist.
    pub working_dir: PathBuf,
    /// Longest run of a `start`. Default [`START_TIMEOUT`].
    pub start_timeout: Duration,
    /// Longest run of a `stop`. Default [`STOP_TIMEOUT`].
    pub stop_timeout: Duration,
    /// Longest run of a `status`. Default [`STATUS_TIMEOUT`].
    pub status_timeout: Duration,
    /// Longest run of a `status` that is one of many ([`JobAction::Check`](crate::JobAction::Check)). Default [`STATUS_TIMEOUT`].
    pub monitor_timeout: Duration,
    /// Pause between these, of which OCF agents are told. Default none.
    pub monitor_interval: Duration,
    /// From SIGTERM to SIGKILL for a script that ran into its limit. Default [`KILL_GRACE`].
    pub kill_grace: Duration,
    /// How often a failed `stop` is repeated (`HA_STOPRETRYMAX`, failover.md 1.5). `None`: for ever. Default
    /// [`STOP_RETRIES`].
    pub stop_retries: Option<u32>,
    /// Pause before a failed `stop` is repeated. Default [`STOP_PAUSE`].
    pub stop_pause: Duration,
    /// The directory of `harc` and `rc.d`, whose scripts hear of events; `None`: there are no hooks.
    pub hook_dir: Option<PathBuf>,
    /// What switches another node off; `None`: nothing does.
    pub fence: Option<FenceSpec>,
    /// What resets this node itself when a group cannot be stopped; `None`: nothing does.
    pub fence_self: Option<FenceSpec>,
    /// The name of this node, as the fencing device knows it.
    pub node: String,
    /// Programs that run beside the node, from [`Actuator::start_clients`](crate::Actuator::start_clients) on.
    pub clients: Vec<ClientSpec>,
    /// A directory with a working directory for the programs of each user, named as the user; `/` where there is none.
    pub client_dirs: PathBuf,
    /// Program, by its absolute path, and arguments that are run when a group cannot be stopped, with its key as
    /// `HB_GROUP`; limited like a `stop`. Empty: nothing is.
    pub stop_failed: Vec<String>,
    /// Command line that starts the guard process, program first: it must call [`crate::guard::run`]. May be empty
    /// when no group has a script.
    pub guard_command: Vec<OsString>,
    /// A file that the guard holds locked as long as it lives ([`crate::guard::is_held`]).
    pub guard_lock: Option<PathBuf>,
    /// The groups, by their keys, of which an earlier life may have left something: [`crate::guard::left_behind`].
    pub left_behind: BTreeSet<String>,
    /// Given to the guard's own reports (see [`crate::guard::run`]) as it is: where they go, say.
    pub guard_log: String,
    /// Where the heart's beats go, from its first one to its end ([`Beating`](crate::Beating)). `None`: nobody feels them.
    #[serde(skip)]
    pub beat: Option<Beat>,
    /// Silence of the beats after which the guard ends this process, and then does as after any death of it. `None`: it never
    /// does.
    pub hangs_after: Option<Duration>,
    /// What the actuator's thread joins: with a real-time priority a loaded machine does not delay a takeover. Scripts and
    /// the guard are always ordinary.
    #[serde(skip)]
    pub crew: Crew,
    /// The interfaces that heartbeats go over. One that is down is not switched on for an address, as others are.
    pub media: BTreeSet<String>,
    /// Which addresses have a lifetime, now or later. `None`: none ever. Not known to the guard, which only takes addresses away.
    #[serde(skip)]
    pub lifetimes: Option<Lifetimes>,
    /// By what staged addresses are closed. Without a table none is staged, whatever `staged` says. Not known to the guard,
    /// as above.
    #[serde(skip)]
    pub stage: Stage,
    /// The addresses that are staged: here, and closed, while their groups are not.
    pub staged: BTreeSet<IpAddr>,
}

/// A program that runs beside the node: it is started again when it ends (failover.md 8.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSpec {
    /// Whether its failure is told with [`Report::FailfastEnded`](crate::Report::FailfastEnded).
    pub failfast: bool,
    /// The name of the user that it runs as.
    pub user_name: String,
    /// That user's number.
    pub user: u32,
    /// The number of the user's own group.
    pub group: u32,
    /// All other groups of the user.
    pub groups: Vec<u32>,
    /// What the shell executes; the first word is the path of a program.
    pub command: OsString,
}

impl ActuatorConfig {
    /// A configuration with these groups, no scripts and defaults otherwise.
    #[must_use]
    pub fn new(groups: Vec<GroupSpec>) -> Self {
        Self {
            groups,
            agent_dirs: Vec::new(),
            ocf_root: PathBuf::from(OCF_ROOT),
            environment: Vec::new(),
            working_dir: PathBuf::from("/"),
            start_timeout: START_TIMEOUT,
            stop_timeout: STOP_TIMEOUT,
            status_timeout: STATUS_TIMEOUT,
            monitor_timeout: STATUS_TIMEOUT,
            monitor_interval: Duration::ZERO,
            kill_grace: KILL_GRACE,
            stop_retries: Some(STOP_RETRIES),
            stop_pause: STOP_PAUSE,
            hook_dir: None,
            fence: None,
            fence_self: None,
            node: String::new(),
            clients: Vec::new(),
            client_dirs: PathBuf::from("/"),
            stop_failed: Vec::new(),
            guard_command: Vec::new(),
            guard_lock: None,
            left_behind: BTreeSet::new(),
            guard_log: String::new(),
            beat: None,
            hangs_after: None,
            crew: Crew::default(),
            media: BTreeSet::new(),
            lifetimes: None,
            stage: Stage::default(),
            staged: BTreeSet::new(),
        }
    }

    /// How long an operation may take.
    pub(crate) const fn limit(&self, operation: Operation) -> Duration {
        match operation {
            Operation::Start => self.start_timeout,
            Operation::Stop => self.stop_timeout,
            Operation::Status => self.status_timeout,
            Operation::Monitor => self.monitor_timeout,
        }
    }

    /// The pause between two operations of this kind; nothing for one that comes alone.
    pub(crate) const fn interval(&self, operation: Operation) -> Duration {
        match operation {
            Operation::Start | Operation::Stop | Operation::Status => Duration::ZERO,
            Operation::Monitor => self.monitor_interval,
        }
    }
}

impl Default for ActuatorConfig {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// Where OCF agents are unless configured, as 3.0.6 and Debian's packages have it.
pub const OCF_ROOT: &str = "/usr/lib/ocf";
/// Longest run of a `start` unless configured. 3.0.6 has no limits, so this leaves room for a file system check
/// of a journal or a database's recovery.
pub const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest run of a `stop` unless configured.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest run of a `status` unless configured; it "must be quick" (failover.md 2.3).
pub const STATUS_TIMEOUT: Duration = Duration::from_secs(20);
/// From SIGTERM to SIGKILL unless configured.
pub const KILL_GRACE: Duration = Duration::from_secs(5);
/// Repetitions of a failed `stop` unless configured: 11 runs, as 3.0.6.
pub const STOP_RETRIES: u32 = 10;
/// Pause between them unless configured, as 3.0.6.
pub const STOP_PAUSE: Duration = Duration::from_secs(1);
