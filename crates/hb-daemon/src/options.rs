//! What `hb-node` is started with, and what its end means.

use std::ffi::OsString;
use std::path::PathBuf;

/// How to run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line, each on its own")]
pub struct Options {
    /// Stay in the foreground and write the log to stderr too.
    pub foreground: bool,
    /// Write debug lines whatever `ha.cf` says.
    pub debug: bool,
    /// Print the configuration in force on stdout before anything else.
    pub verbose: bool,
    /// Run without real-time scheduling and memory lock whatever `ha.cf` says.
    pub ordinary_priority: bool,
    /// Directory of `ha.cf`, `haresources`, `authkeys` and `resource.d`; `/etc/ha.d` unless told otherwise.
    pub config_dir: PathBuf,
    /// Directory of what must survive a restart: `hb_uuid`, `hb_generation`; `/var/lib/heartbeat` unless told otherwise.
    pub state_dir: PathBuf,
    /// Directory of the control socket; `/run/heartbeat` unless told otherwise. Made if it is not there.
    pub run_dir: PathBuf,
    /// Name of this node instead of what `nodeinfo` or the machine says.
    pub node_name: Option<String>,
    /// Command line that starts the guard process, program first: it must call [`crate::guard_main`]. This program
    /// with the argument `guard` unless told otherwise. For a daemon in the background `--background` is added.
    pub guard_command: Vec<OsString>,
}

/// `/etc/ha.d`
pub const DEFAULT_CONFIG_DIR: &str = "/etc/ha.d";
/// `/var/lib/heartbeat`
pub const DEFAULT_STATE_DIR: &str = "/var/lib/heartbeat";
/// `/run/heartbeat`
pub const DEFAULT_RUN_DIR: &str = "/run/heartbeat";

/// How a run of the daemon ended; with [`Exit::code`] for the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Started in the background, stopped in order, or already running (`config.md` 1).
    Good,
    /// Could not start: a medium, a directory, a file.
    Failed,
    /// Asked for its state: no daemon runs.
    NotRunning,
    /// `ha.cf` may not be read, a medium not opened, or a daemon not be signalled, by this user.
    NoPermission,
    /// The configuration has errors.
    ConfigurationRefused,
    /// A program without which the node shall not run has failed (`failfast`): stopped in order.
    FailfastEnded,
    /// The daemon itself failed.
    Internal,
}

impl Exit {
    /// The end that a process with this exit code means.
    pub(crate) const fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Good,
            3 => Self::NotRunning,
            4 => Self::NoPermission,
            6 => Self::ConfigurationRefused,
            69 => Self::FailfastEnded,
            70 => Self::Internal,
            _ => Self::Failed,
        }
    }

    /// The exit code of the process.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Failed => 1,
            Self::NotRunning => 3,
            Self::NoPermission => 4,
            Self::ConfigurationRefused => 6,
            Self::FailfastEnded => 69,
            Self::Internal => 70,
        }
    }
}

impl Options {
    /// The same with absolute paths, so that they hold wherever the process goes.
    pub(crate) fn made_absolute(mut self) -> std::io::Result<Self> {
        for path in [&mut self.config_dir, &mut self.state_dir, &mut self.run_dir] {
            *path = std::path::absolute(&*path)?;
        }
        Ok(self)
    }

    /// What guards hold locked.
    pub(crate) fn guard_lock(&self) -> PathBuf {
        self.run_dir.join("guard.lock")
    }

    /// The pid file: beside the run directory where administrators look for it, inside it if it is another one.
    pub(crate) fn pid_file(&self) -> PathBuf {
        if self.run_dir.as_os_str() == DEFAULT_RUN_DIR {
            PathBuf::from("/run/heartbeat.pid")
        } else {
            self.run_dir.join("heartbeat.pid")
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            foreground: false,
            debug: false,
            verbose: false,
            ordinary_priority: false,
            config_dir: DEFAULT_CONFIG_DIR.into(),
            state_dir: DEFAULT_STATE_DIR.into(),
            run_dir: DEFAULT_RUN_DIR.into(),
            node_name: None,
            guard_command: vec!["/proc/self/exe".into(), "guard".into()],
        }
    }
}
