//! The engine's face: what goes in, what comes out.
//!
//! None of these is `#[non_exhaustive]`: a new action must break every driver at compile time.

use alloc::string::String;

use hb_wire::Message;

use crate::event::Event;
use crate::id::{GroupId, HoldSet, JobId, LinkId, NodeId, PingId};

/// What happened. The driver stamps it with the time at which it was read.
#[derive(Clone, Debug)]
pub enum Input {
    /// An authentic message came in.
    Message {
        /// The medium on which it came.
        link: LinkId,
        /// Verified and decoded.
        message: Message,
    },
    /// The last message that was sent came back by a broadcast medium, byte for byte: the short form of
    /// [`Input::Message`] for what needs neither verification nor decoding.
    Echo {
        /// The medium on which it came.
        link: LinkId,
    },
    /// A ping member answered: the answer is authentic, and its request was not answered before.
    Ping {
        /// Which.
        ping: PingId,
    },
    /// The job of an earlier [`Output::Do`] or [`Output::Fence`], or an [`Output::Check`], ended, or its end is unknown.
    Done {
        /// Which job.
        job: JobId,
        /// How it ended.
        outcome: Outcome,
    },
    /// An operator, a signal or a client asks for something.
    Command(Command),
    /// The load average for the field `ld`: the first line of `/proc/loadavg`.
    Load(String),
    /// A deadline passed, or the driver woke for no reason; both are harmless. The driver first hands over the
    /// datagrams that wait in its sockets, then wakes the engine: verdicts are only made here.
    Wake,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As wished: the group runs (start) or nothing of it is left (stop).
    Ok,
    /// A start or a stop did not succeed.
    Failed {
        /// What went wrong, for people.
        reason: String,
        /// Something of the group may still run: a stop failed, or a start failed and so did the stop that cleans up
        /// after it. A failed stop counts as that whatever is said here.
        residue: bool,
    },
}

/// What an operator can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Hand everything over and stop (SIGTERM). The end is [`Event::Stopped`].
    Stop,
    /// `hb_standby`: give this set (our view) to the peer.
    Standby(HoldSet),
    /// `hb_takeover`: ask the peer for this set (our view).
    Takeover(HoldSet),
    /// This node is off, an operator has seen to it: what waits for its reset goes on. Nothing if none does.
    ConfirmFenced(NodeId),
    /// Run one group here, or on the peer, whoever holds its set. Only between two nodes of ours.
    Move {
        /// Which.
        group: GroupId,
        /// On this node; else on the peer.
        here: bool,
    },
}

/// What the driver must do, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Sign, encode and send on every medium.
    Send(Message),
    /// Begin a job; its end comes back as [`Input::Done`]. Jobs of different groups may run side by side; there is
    /// never more than one unfinished job for a group.
    Do {
        /// The number under which the end is reported.
        job: JobId,
        /// What to do.
        action: Action,
    },
    /// Look whether every resource of a group runs, which it should; [`Input::Done`] tells: [`Outcome::Ok`] if so, else what is
    /// wrong. It changes nothing and belongs to no job: when a job of the group begins it is ended, and how it ended
    /// counts for nothing. There is never more than one that counts for a group.
    Check {
        /// The number under which the end is reported.
        job: JobId,
        /// Which.
        group: GroupId,
    },
    /// Begin to switch a node off, or to reset it; the end comes back as [`Input::Done`], and only after it is certain that
    /// nothing of the node runs any more with [`Outcome::Ok`]. There is never more than one unfinished such job.
    Fence {
        /// The number under which the end is reported.
        job: JobId,
        /// Which.
        node: NodeId,
    },
    /// Something to log, show and record.
    Report(Event),
}

/// A change of the world that takes time and can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start every resource of the group, first to last; on a failure stop the whole group again. What already runs
    /// is left alone.
    Start(GroupId),
    /// Stop every resource of the group, last to first. What does not run is no failure.
    Stop(GroupId),
    /// Tell the network again where the group's addresses are.
    Announce(GroupId),
}
