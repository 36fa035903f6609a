//! What crosses the border between the heart and other threads.

use std::collections::BTreeMap;

use hb_engine::{Command, JobId, Membership, Outcome, Snapshot};
use hb_transport::Hint;
use hb_wire::Message;

use super::change::{Change, Discarded};
use super::hooks::Told;
use super::lease::LeaseCounts;
use super::watchdog::WatchdogState;

/// A job ended.
#[derive(Debug)]
pub(crate) struct JobEnd {
    /// Which.
    pub(crate) job: JobId,
    /// How.
    pub(crate) outcome: Outcome,
}

impl JobEnd {
    /// How many may wait with so many groups: of each the end of a job, that of a check, and that of a check which counts no
    /// more because a job began.
    pub(crate) const fn room(groups: usize) -> usize {
        groups * 3 + 16
    }
}

/// What others ask of the heart.
#[derive(Debug)]
pub(crate) enum ToHeart<P = hb_transport::Medium> {
    /// For the engine.
    Command(Command),
    /// Work by this configuration from now on.
    Change(Box<Change<P>>),
    /// Other nodes from now on.
    Members(MemberChange),
    /// Send a program's message.
    Say(Message),
    /// The table of the lease was built anew.
    LeaseTable,
    /// Tell how things are.
    Status {
        /// Comes back with the answer.
        ticket: u64,
    },
}

/// Nodes that come or go, or are described, because somebody says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MemberChange {
    /// These come.
    Add(Vec<String>),
    /// These go.
    Delete(Vec<String>),
    /// This one has this weight.
    Weight {
        /// Its name.
        node: String,
        /// For whoever counts votes.
        weight: u32,
    },
    /// This one is at this site.
    Site {
        /// Its name.
        node: String,
        /// The site's name; may be empty.
        site: String,
    },
}

/// What the heart answers.
#[derive(Debug)]
pub(crate) enum FromHeart {
    /// The answer to [`ToHeart::Status`].
    Status {
        /// As asked.
        ticket: u64,
        /// How things are.
        report: Box<HeartStatus>,
    },
    /// Starts of groups come near to the number in the file `hb_epoch`: this one is to be written.
    Epoch(u64),
    /// Every node was heard or declared dead.
    CommunicationUp,
    /// An event for scripts.
    Hook(Told),
    /// What the host cache files should say from now on.
    Members(Box<Membership>),
    /// No longer needed.
    Discarded(Discarded),
    /// The last message: the heart has stopped, in order unless there is an error.
    Ended(std::io::Result<()>),
}

/// How things are.
#[derive(Clone, Debug)]
pub(crate) struct HeartStatus {
    /// The engine's state.
    pub(crate) snapshot: Snapshot,
    /// The media, in the order of the engine's links.
    pub(crate) media: Vec<MediumReport>,
    /// The ping members, in the order of the engine's.
    pub(crate) asked: Vec<MediumReport>,
    /// Log lines left out because their cause had just been logged.
    pub(crate) suppressed: u64,
    /// What befell the lease.
    pub(crate) lease: LeaseCounts,
    /// How the watchdog device is.
    pub(crate) watchdog: WatchdogState,
}

/// A medium and what went over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediumReport {
    /// `bcast`, `ucast`, `ping` and so on.
    pub(crate) kind: &'static str,
    /// Interface, tty or host.
    pub(crate) name: String,
    /// What went over it since the start.
    pub(crate) counts: Counts,
    /// What the network says about it, which decides nothing.
    pub(crate) hints: Vec<Hint>,
}

/// What went over a medium since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Packets sent.
    pub(crate) sent: u64,
    /// Packets that could not be sent.
    pub(crate) send_errors: u64,
    /// Authentic messages.
    pub(crate) received: u64,
    /// Failed attempts to read.
    pub(crate) receive_errors: u64,
    /// Refused packets by cause.
    pub(crate) refused: BTreeMap<&'static str, u64>,
}
