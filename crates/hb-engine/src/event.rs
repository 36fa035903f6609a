//! What the engine tells people and programs about its decisions. One file of the driver turns these into log lines.

use alloc::string::String;
use core::time::Duration;

use crate::id::{GroupId, HoldSet, LinkId, NodeId, PingId};
use crate::membership::MembershipError;

/// Something worth a log line, a record or a notice to clients. Levels are the driver's choice; the suggested one
/// stands in each description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// info: our own status text changed (`init`, `up`, `active`, `dead`).
    LocalStatus {
        /// The new status.
        status: &'static str,
    },
    /// info: every node was heard or declared dead; resources are ours to decide about.
    CommunicationUp,
    /// info: a node's status text changed.
    NodeStatus {
        /// Whose.
        node: NodeId,
        /// The new text, as received.
        status: String,
    },
    /// warn: nothing was heard of a node for its dead time.
    NodeDead {
        /// Whose.
        node: NodeId,
        /// For how long nothing was heard.
        silence: Duration,
    },
    /// info: a node started anew (higher generation).
    NodeRestarted {
        /// Which.
        node: NodeId,
    },
    /// error: a node that was declared dead speaks again in the same generation: the links were cut, or it stalled.
    NodeReturned {
        /// Which.
        node: NodeId,
    },
    /// warn: the other node, which is heard here, does not hear this one and is about to take everything: this node
    /// releases what it holds.
    NotHeard {
        /// Which.
        node: NodeId,
        /// In how long it will declare this node dead.
        left: Duration,
    },
    /// info: the other node hears this one again.
    HeardAgain {
        /// Which.
        node: NodeId,
    },
    /// warn: a heartbeat came later than the warn time (error: later than the dead time).
    LateHeartbeat {
        /// Whose.
        node: NodeId,
        /// Time since the one before.
        interval: Duration,
        /// Whether that exceeds the dead time.
        beyond_deadtime: bool,
    },
    /// info: a node is heard on a link again.
    LinkUp {
        /// Whose.
        node: NodeId,
        /// Which link.
        link: LinkId,
    },
    /// warn: a node is no longer heard on a link.
    LinkDown {
        /// Whose.
        node: NodeId,
        /// Which link.
        link: LinkId,
    },
    /// info: a ping member answers; its only link is named as it is.
    PingLinkUp {
        /// Which.
        ping: PingId,
    },
    /// info: a ping member answers.
    PingAnswers {
        /// Which.
        ping: PingId,
    },
    /// warn: a ping member no longer answers.
    PingLinkDown {
        /// Which.
        ping: PingId,
    },
    /// warn: a ping member did not answer for its dead time.
    PingDead {
        /// Which.
        ping: PingId,
        /// For how long it did not answer.
        silence: Duration,
    },
    /// warn: we and the other node reach different numbers of ping members, and the rule of `ipfail` is in force.
    PingsDiffer {
        /// How many we reach.
        ours: u32,
        /// How many the other node reaches, as far as it told.
        theirs: u32,
    },
    /// info: both nodes reach as many ping members again.
    PingsBalanced,
    /// warn: the other node has told how many ping members it reaches, but the count is not compared with ours (rule of
    /// `ipfail`).
    PingListsDiffer {
        /// It has said that its members are others. Otherwise it does not say which it has, and ours have changed: its count
        /// waits until it starts anew, for ten minutes at most.
        told: bool,
    },
    /// info: the counts of ping members are compared again.
    PingListsAgree,
    /// warn: this node itself woke late; it judges nobody before it has listened again.
    WokeLate {
        /// How late.
        by: Duration,
    },
    /// info: messages of a node are missing and will be asked for.
    Gap {
        /// Whose.
        node: NodeId,
        /// How many.
        lost: u64,
        /// The last number before the gap.
        last: u64,
        /// The number that showed it.
        seen: u64,
    },
    /// info: all that was missing of a node has come.
    GapClosed {
        /// Whose.
        node: NodeId,
    },
    /// warn: more than 250 messages of a node are missing; they are given up.
    GapTooWide {
        /// Whose.
        node: NodeId,
        /// How many.
        lost: u64,
    },
    /// warn: a message can no longer be had from its sender.
    Irretrievable {
        /// Whose.
        node: NodeId,
        /// Which number.
        seq: u64,
    },
    /// warn: a peer asked for what we no longer have, or never sent.
    CannotRetransmit {
        /// Who asks.
        node: NodeId,
        /// For which number.
        seq: u64,
        /// Why not.
        why: &'static str,
    },
    /// warn: a message of an older generation than one already seen was dropped.
    Replay {
        /// The claimed sender.
        node: NodeId,
        /// Its generation.
        generation: u64,
        /// The one we know.
        known: u64,
    },
    /// info: a node joined, or was added.
    NodeAdded {
        /// Its number; perhaps that of a node deleted before.
        node: NodeId,
        /// Its name.
        name: String,
    },
    /// info: a node was deleted.
    NodeDeleted {
        /// What its number was.
        node: NodeId,
        /// Its name.
        name: String,
    },
    /// debug: what host cache files should say is something else now, see [`crate::Engine::membership`].
    MembersChanged,
    /// error: this node was deleted from the cluster and stops.
    Deleted,
    /// warn: nodes were to be added or deleted, and were not.
    NotChanged {
        /// Why.
        why: MembershipError,
    },
    /// warn: a message from a name that is not configured was dropped.
    UnknownNode {
        /// The claimed name.
        name: String,
    },
    /// debug: a message of a peer that asks for nothing here: of another program, or a report.
    OtherMessage,
    /// warn: an authentic message lacks what every message needs, or its numbers are no numbers.
    BadMessage {
        /// What is wrong with it.
        why: &'static str,
    },
    /// warn: a node asks for more than we do for one node; what is too much is not done.
    TooMuch {
        /// Which.
        node: NodeId,
    },
    /// warn: a node's configuration files say something else than ours.
    FilesDiffer {
        /// Whose.
        node: NodeId,
        /// Its digest, as received.
        theirs: String,
    },
    /// info: a node's files say the same as ours again.
    FilesAgree {
        /// Whose.
        node: NodeId,
    },
    /// warn: another node speaks under our name.
    NameClash {
        /// The other's UUID.
        uuid: [u8; 16],
    },
    /// info: a node announced what it holds.
    PeerHolds {
        /// Who.
        node: NodeId,
        /// What, in its own terms.
        hold: HoldSet,
        /// Whether it calls that final.
        stable: bool,
    },
    /// info: we begin to acquire groups.
    Acquiring {
        /// Which, in our terms.
        set: HoldSet,
        /// Why.
        why: &'static str,
    },
    /// info: we hold these groups now.
    Acquired {
        /// Which.
        set: HoldSet,
    },
    /// info: we begin to release groups.
    Releasing {
        /// Which of those that we hold.
        set: HoldSet,
        /// Why.
        why: &'static str,
    },
    /// info: nothing of these groups is left here.
    Released {
        /// Which.
        set: HoldSet,
    },
    /// info: a group is up here.
    GroupUp {
        /// Which.
        group: GroupId,
    },
    /// info: a group is down here.
    GroupDown {
        /// Which.
        group: GroupId,
    },
    /// error: a group could not be started or stopped.
    GroupFailed {
        /// Which.
        group: GroupId,
        /// What went wrong.
        reason: String,
    },
    /// info: the initial decision about resources is made, or a transition ended.
    TransitionComplete {
        /// What we hold now.
        hold: HoldSet,
    },
    /// info: a node wants to hand over groups.
    StandbyBegins {
        /// The giver.
        giver: NodeId,
        /// Which, in the giver's terms.
        set: HoldSet,
    },
    /// info: a hand-over ended.
    StandbyDone {
        /// The giver.
        giver: NodeId,
        /// Which, in the giver's terms.
        set: HoldSet,
    },
    /// warn: a hand-over was not begun or given up.
    StandbyRefused {
        /// Why.
        why: &'static str,
    },
    /// info: a group of ours is stopped here so that the other node can run it.
    Lending {
        /// Which.
        group: GroupId,
    },
    /// info: the other node shall give a group of ours back.
    Recalling {
        /// Which.
        group: GroupId,
    },
    /// info: the other node lends us a group of its own.
    Borrowing {
        /// Which.
        group: GroupId,
    },
    /// info: the other node wants a group back that it had lent us.
    Returning {
        /// Which.
        group: GroupId,
    },
    /// warn: a group that should run does not, or nobody can tell.
    CheckFailed {
        /// Which.
        group: GroupId,
        /// What is wrong.
        reason: String,
    },
    /// warn: a group that has failed is started again where it is.
    Restarting {
        /// Which.
        group: GroupId,
    },
    /// warn: a group cannot be started here; the other node shall try.
    Offering {
        /// Which.
        group: GroupId,
    },
    /// error: the other node cannot serve a group, or does not take it. It is tried here, and offered again after an hour.
    OfferRefused {
        /// Which.
        group: GroupId,
    },
    /// info: a peer released everything and stops.
    PeerShutdown {
        /// Who.
        node: NodeId,
    },
    /// info: a 3.0.6 peer is in legacy mode: each node asks the other for its own groups.
    LegacyPeer {
        /// Who.
        node: NodeId,
    },
    /// error: we and a peer both claim these groups.
    BothOwn {
        /// With whom.
        node: NodeId,
        /// Which, in our terms.
        set: HoldSet,
    },
    /// error: nobody owns these groups.
    NobodyOwns {
        /// Which, in our terms.
        set: HoldSet,
    },
    /// warn: no fencing device is configured; shared data is not protected against a node that only seems dead.
    NotFenced {
        /// The dead node.
        node: NodeId,
    },
    /// info: a dead node had given up everything; there is nothing to protect from it.
    FencingUnneeded {
        /// The dead node.
        node: NodeId,
    },
    /// warn: a dead node may still hold what it held; it is to be reset, and nothing is taken before.
    Fencing {
        /// Which.
        node: NodeId,
        /// How long after its death.
        delay: Duration,
    },
    /// error: the reset of a dead node failed; it is tried again.
    FencingFailed {
        /// Which.
        node: NodeId,
        /// What went wrong, for people.
        reason: String,
    },
    /// info: a dead node is switched off, or was reset; what it held is taken.
    Fenced {
        /// Which.
        node: NodeId,
        /// An operator says so.
        by_hand: bool,
    },
    /// info: a node that was to be reset is back or was deleted, or we stop: no new reset of it begins.
    FencingEnded {
        /// Which.
        node: NodeId,
    },
    /// info: an orderly stop was asked for but waits until the running transition ends.
    StopDelayed,
    /// info: the orderly stop began.
    Stopping,
    /// info: all is released and said; the driver may end now.
    Stopped,
}
