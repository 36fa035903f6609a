//! How urgent a log line is: the severities of syslog under the names of `config.md` 10.1.

/// A severity; the smaller, the more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Something outside of the program must be looked at now.
    Crit,
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warn,
    /// Normal and rare.
    Notice,
    /// Normal.
    Info,
    /// For whoever looks for a fault.
    Debug,
}

impl Level {
    /// The name in a line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Crit => "CRIT",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// The number that syslog has for it.
    pub(super) const fn severity(self) -> u8 {
        match self {
            Self::Crit => 2,
            Self::Error => 3,
            Self::Warn => 4,
            Self::Notice => 5,
            Self::Info => 6,
            Self::Debug => 7,
        }
    }

    /// The level of a syslog number, as it stands in the queue.
    pub(super) const fn from_severity(severity: u8) -> Option<Self> {
        Some(match severity {
            2 => Self::Crit,
            3 => Self::Error,
            4 => Self::Warn,
            5 => Self::Notice,
            6 => Self::Info,
            7 => Self::Debug,
            _ => return None,
        })
    }
}
