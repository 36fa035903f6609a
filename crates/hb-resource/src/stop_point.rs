//! Points of a takeover at which a node stops itself in its tracks, so that tests can look what comes of it.
//!
//! Off unless the environment variable `HB_STOP_POINT` names one of them. The node then stops there, once, as soon as the
//! file exists that `HB_STOP_FILE` names; whoever wants it to go on sends SIGCONT.

use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::process::{Signal, getpid, kill_process};

/// A point of a takeover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopPoint {
    /// The heart has decided to start a group.
    Decided,
    /// Between the two steps of an acquisition of the lease.
    Armed,
    /// The lease is acquired, if it was not there before.
    Leased,
    /// The actuator was told.
    Submitted,
    /// The actuator is about to put an address up.
    BeforeAddress,
    /// It is up, and not yet announced.
    Unannounced,
    /// It is announced.
    Announced,
    /// The heart hears of it.
    Done,
}

impl StopPoint {
    /// All points in their order.
    pub const ALL: [Self; 8] = [
        Self::Decided,
        Self::Armed,
        Self::Leased,
        Self::Submitted,
        Self::BeforeAddress,
        Self::Unannounced,
        Self::Announced,
        Self::Done,
    ];

    /// Its name in `HB_STOP_POINT`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Armed => "armed",
            Self::Leased => "leased",
            Self::Submitted => "submitted",
            Self::BeforeAddress => "before-address",
            Self::Unannounced => "unannounced",
            Self::Announced => "announced",
            Self::Done => "done",
        }
    }

    /// Stops here if that is wanted.
    pub fn pass(self) {
        let wanted = WANTED.get_or_init(|| {
            let name = std::env::var("HB_STOP_POINT").ok()?;
            Some((name, PathBuf::from(std::env::var_os("HB_STOP_FILE")?)))
        });
        if let Some((name, file)) = wanted
            && name == self.name()
            && std::fs::remove_file(file).is_ok()
        {
            // Nobody forbids a process to stop itself.
            let _ = kill_process(getpid(), Signal::STOP);
        }
    }
}

static WANTED: OnceLock<Option<(String, PathBuf)>> = OnceLock::new();
