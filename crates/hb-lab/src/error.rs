//! What can go wrong in the lab. Does not say what to do about it, except where the user can do something.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use hb_sys::namespace::LaunchError;

/// Why the lab, a host or a measurement failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The program that plays the lab's helper processes was not found.
    #[error("no helper program for the lab: {0}")]
    NoAgent(String),
    /// A program of this workspace that a test runs is not there.
    #[error(
        "{} is not there: build it (`cargo build -p hb-node -p hb-ctl`, with `--release` for tests with `--release`) or set \
         HB_BIN_DIR",
        path.display()
    )]
    NotBuilt {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file or directory of the lab could not be made, read or removed.
    #[error("{path}: {doing} failed")]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The kernel does not give this user the namespaces that test hosts are made of.
    #[error(
        "this system does not let this user make namespaces; run as root, or allow unprivileged user \
         namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces, AppArmor)"
    )]
    Namespaces(#[source] LaunchError),
    /// A helper process answered that it could not do what was asked.
    #[error("{who}: {reason}")]
    Refused {
        /// The helper process: the lab itself or a host's init.
        who: String,
        /// Its reason, for people.
        reason: String,
    },
    /// A helper process did not answer in time.
    #[error("{who} did not answer within {limit:?}")]
    Silent {
        /// The helper process.
        who: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// A helper process has ended (a crashed host, for example).
    #[error("{0} is not there")]
    Gone(String),
    /// A condition did not come true in time.
    #[error("{what} did not happen within {limit:?}{detail}")]
    NotReached {
        /// The condition.
        what: String,
        /// How long it was waited for.
        limit: Duration,
        /// What was seen instead, for people; may be empty.
        detail: String,
    },
    /// The real Heartbeat 3.0.6 cannot run here.
    #[error("cannot run Heartbeat 3.0.6: {0}")]
    NoHeartbeat(&'static str),
    /// The cluster's files or the options do not fit the lab.
    #[error("{0}")]
    Unfit(String),
    /// The terminal or the output failed.
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    /// The asynchronous runtime could not be started.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
}

impl LabError {
    /// For `map_err`: names the file and what was done with it.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}
