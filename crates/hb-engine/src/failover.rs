//! Who holds what (`failover.md` 3): the two-node ownership protocol in nice mode, and its improvements.
//!
//! The table state × event -> action stands in `failover/table.txt`; a test walks each line of it. Hold sets are
//! spoken from the speaker's point of view. Different from 3.0.6, each with a line in `docs/differences.md`: what we
//! release stays announced until it is gone; nobody waits ten seconds when both nodes start together; a healed
//! partition costs no restart; groups that nobody owns are adopted.

mod claim;
mod fence;
pub(crate) mod groups;
mod ipfail;
mod legacy;
mod loans;
mod ownership;
mod partner;
mod resource;
mod standby;
mod stop;
mod stuck;
mod takeover;
#[cfg(test)]
pub(crate) mod tests;
mod unended;
mod unheard;

use alloc::vec::Vec;
use core::time::Duration;

use crate::config::Config;
use crate::engine::Engine;
use crate::id::{HoldSet, NodeId};
use crate::time::Tick;

pub(crate) use claim::Claims;
pub(crate) use fence::Fencing;
pub(crate) use groups::Groups;
pub(crate) use groups::homes::Asks;
pub(crate) use ipfail::Ipfail;
pub(crate) use legacy::{Requests, Rules};
pub(crate) use loans::{Loans, Place};
pub(crate) use takeover::Takeover;
pub(crate) use unended::Unended;
pub(crate) use unheard::Hearing;

/// How long we wait for a peer that never calls itself stable (`failover.md` 3.1 `local_deadline`).
pub(crate) const LOCAL_WAIT: Duration = Duration::from_secs(10);
/// How long the giver waits for an answer to its request.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// How long either side waits for the other's release or acquisition.
pub(crate) const HANDOVER_WAIT: Duration = Duration::from_secs(3600);
/// A taker that sees no sign of a release gives up after this (3.0.6: after an hour).
pub(crate) const RELEASE_SIGN_WAIT: Duration = Duration::from_secs(15);
/// A giver tells a taker of ours so often that the set is free, in case the taker no longer knew.
pub(crate) const DONE_AGAIN: Duration = Duration::from_secs(10);
/// A 3.0.6 peer that had lost sight of us begins to release two seconds after it hears us again (`failover.md` 3.8).
pub(crate) const CLASSIC_RESTART: Duration = Duration::from_secs(5);
/// Until a node that said more than it may is asked what it holds; an allowance of a second is then there again.
const ASK_LATER: Duration = Duration::from_secs(1);
/// A 3.0.6 peer is told again what we hold after this, twice this, and so on up to [`SAY_AGAIN_LAST`].
pub(crate) const SAY_AGAIN_FIRST: Duration = Duration::from_secs(1);
/// The longest pause before a repeated announcement.
pub(crate) const SAY_AGAIN_LAST: Duration = Duration::from_secs(8);
/// Pause before an unanswered `starting` is sent again.
pub(crate) const START_AGAIN: Duration = Duration::from_secs(2);
/// How long groups may be without an owner before a 3.0.6 peer is asked for a hand-over of them.
pub(crate) const ORPHANS_FIRST: Duration = Duration::from_secs(2);
/// Pause before a 3.0.6 peer is asked again for a hand-over of groups that nobody owns.
pub(crate) const ORPHANS_AGAIN: Duration = Duration::from_secs(15);
/// Pause before failback is tried again.
pub(crate) const FAILBACK_RETRY: Duration = Duration::from_millis(250);
/// Heartbeats and retransmissions go on for this long after the last word of an orderly stop.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// The field of an announcement that names the run of the receiver to which it is said (`docs/adr/0003`).
pub(crate) const RUN_FIELD: &str = "hb-run";

/// `rstate` of `failover.md` 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Communication is not up.
    Init,
    /// Our `starting` is sent.
    Starting,
    /// The peer's `starting` came as well.
    BothStarting,
    /// An announcement came.
    ResourcesReceived,
    /// The first decision is made.
    Stable,
    /// Orderly stop.
    Shutdown,
}

/// Where a hand-over stands; 3.0.6 calls the last two DONE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Standby {
    /// None is under way.
    Not,
    /// ME: we asked to give, or are giving.
    Giving,
    /// OTHER: the peer gives, we wait.
    Waiting,
    /// We have released and wait for the peer's acquisition.
    Given,
    /// The peer has released and we acquire.
    Taking,
}

/// What is to be done when a set of groups has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Goal {
    /// Hold the set: take-over, or our own at start.
    Own,
    /// Release as the giver of a hand-over.
    Give,
    /// Acquire as the taker of a hand-over.
    Take,
    /// Release what another node rightly holds.
    Yield,
    /// Release everything and stop.
    Stop,
}

impl Goal {
    /// Whether the groups shall run in the end.
    pub(crate) const fn is_up(self) -> bool {
        matches!(self, Self::Own | Self::Take)
    }
}

/// How far an orderly stop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stop {
    /// None was asked for.
    No,
    /// Asked for; waits for the running transition.
    Wanted,
    /// Releasing.
    Releasing,
    /// `shutdone` is sent; still answering until then.
    Lingering(Tick),
    /// The process may end.
    Ended,
}

/// What the partner said about itself.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what it said comes in messages of their own, in any combination"
)]
pub(crate) struct Partner {
    /// Its last announcement, in its own terms; `None` before the first one of its run.
    pub(crate) hold: Option<HoldSet>,
    /// Its last full announcement alone, without the reports of its take-over script.
    pub(crate) said: Option<HoldSet>,
    /// It calls that final, or it is dead or gone.
    pub(crate) stable: bool,
    /// Its `starting` of this run came.
    pub(crate) started: bool,
    /// How it decides, as far as we know.
    pub(crate) rules: Rules,
    /// One of ours: it announced that it is releasing for a hand-over, and has not called itself stable since.
    pub(crate) giving: bool,
    /// A 3.0.6 that agreed to take this set, in our terms, and was not given it: until then it takes part in nothing else, but
    /// takes this one.
    pub(crate) waits: Option<(HoldSet, Tick)>,
    /// It announced that it is releasing for a stop.
    pub(crate) leaving: bool,
    /// What it took because it declared us dead, in its own terms (`hb-taken`); `None` if it never lost sight of us.
    pub(crate) taken: Option<HoldSet>,
    /// Since when it holds what it holds, in its own terms (`hb-epochs`).
    pub(crate) claims: Claims,
    /// A 3.0.6 that declared us dead: its scripts.
    pub(crate) takeover: Takeover,
    /// A 3.0.6: what it goes on with though we have dropped it.
    pub(crate) unended: Unended,
    /// The number of the newest announcement of its run: what is older and comes later is void.
    pub(crate) newest: u64,
    /// Whether it hears us.
    pub(crate) hearing: Hearing,
    /// The files named it when everything was here already: until it is heard it has nothing.
    pub(crate) is_new: bool,
    /// What it wants to know of the homes that we work by.
    pub(crate) asks_homes: Asks,
}

/// Everything this layer remembers.
#[derive(Clone, Debug)]
pub(crate) struct Failover {
    pub(crate) phase: Phase,
    /// What we hold, are acquiring, or have not yet wholly released.
    pub(crate) hold: HoldSet,
    /// Since when.
    pub(crate) claims: Claims,
    /// The other node of this layer: two nodes only (`failover.md` 11.32).
    pub(crate) partner_id: Option<NodeId>,
    pub(crate) partner: Partner,
    pub(crate) standby: Standby,
    pub(crate) standby_set: HoldSet,
    pub(crate) standby_deadline: Option<Tick>,
    /// When a giver whose set nobody took takes it back.
    pub(crate) given_until: Option<Tick>,
    /// Steps of a hand-over with this number of the partner, or a lower one, belong to an earlier hand-over.
    pub(crate) floor: u64,
    pub(crate) needs_failback: bool,
    pub(crate) failback_retry: Option<Tick>,
    pub(crate) local_deadline: Option<Tick>,
    /// What we took because we declared the partner's present run dead; `None` if we did not.
    pub(crate) taken: Option<HoldSet>,
    /// A 3.0.6 peer that still claims what we claim then did not start anew, so it never will.
    pub(crate) conflict_until: Option<Tick>,
    /// When a 3.0.6 peer is told again what we hold, and the pause after that: it takes the announcement that comes last
    /// for the newest, also if that one was lost and sent again.
    pub(crate) say_again: Option<(Tick, Duration)>,
    /// When a peer of ours is asked what it holds, because something that it said was too much to be acted on.
    pub(crate) ask_later: Option<Tick>,
    /// When `starting` is sent again if nobody answered: 3.0.6 has no memory for what it never missed.
    pub(crate) start_again: Option<Tick>,
    /// When a hand-over of groups that nobody owns is tried again with a 3.0.6 peer.
    pub(crate) orphans_again: Option<Tick>,
    /// When it is looked whether a group that cannot be started here can be offered to the other node.
    pub(crate) offer_due: Option<Tick>,
    pub(crate) fencing: Fencing,
    pub(crate) ipfail: Ipfail,
    /// With a peer in legacy mode.
    pub(crate) requests: Requests,
    pub(crate) groups: Groups,
    pub(crate) loans: Loans,
    pub(crate) goals: Vec<(Goal, HoldSet)>,
    pub(crate) stop: Stop,
}

impl Engine {
    /// After a change of nodes: the other node of this layer is one that there is.
    pub(crate) fn choose_partner(&mut self) {
        let me = self.config.local;
        let before = self.failover.partner_id;
        let stays = self.node_ids().find(|id| Some(*id) == before);
        let next = stays.or_else(|| self.node_ids().find(|id| *id != me));
        if next != before {
            self.end_loans();
            // Another node counts its messages from one.
            self.failover.floor = 0;
            self.forget_reach();
            // Of nobody there is nothing to wait for.
            self.failover.partner = Partner { stable: next.is_none(), ..Partner::default() };
        }
        self.failover.partner_id = next;
    }
}

impl Failover {
    pub(crate) fn new(config: &Config, now: Tick) -> Self {
        let partner_id = (0..config.nodes.len()).filter_map(|n| u16::try_from(n).ok()).map(NodeId);
        Self {
            phase: Phase::Init,
            hold: HoldSet::NONE,
            claims: Claims::default(),
            partner_id: partner_id.filter(|id| *id != config.local).take(1).next(),
            partner: Partner::default(),
            standby: Standby::Not,
            standby_set: HoldSet::ALL,
            standby_deadline: None,
            given_until: None,
            floor: 0,
            needs_failback: false,
            failback_retry: None,
            local_deadline: None,
            taken: None,
            conflict_until: None,
            say_again: None,
            ask_later: None,
            start_again: None,
            orphans_again: None,
            offer_due: None,
            fencing: Fencing::default(),
            ipfail: Ipfail::new(now),
            requests: Requests::default(),
            groups: Groups::new(config),
            loans: Loans::default(),
            goals: Vec::new(),
            stop: Stop::No,
        }
    }

    /// Whether an orderly stop was begun (waiting for one does not count).
    pub(crate) const fn is_stopping(&self) -> bool {
        !matches!(self.stop, Stop::No | Stop::Wanted)
    }

    /// `stable()` of `failover.md` 3.1.
    pub(crate) fn is_stable(&self) -> bool {
        self.is_quiet()
            && !self.requests.are_open()
            && !self.fencing.is_pending()
            && self.partner.stable
            && matches!(self.phase, Phase::Init | Phase::Stable | Phase::Shutdown)
    }

    /// Whether nothing of our own is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.standby == Standby::Not && self.goals.is_empty() && !self.groups.is_busy()
    }

    /// When this layer wants to be woken.
    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        let linger = match self.stop {
            Stop::Lingering(until) => Some(until),
            Stop::No | Stop::Wanted | Stop::Releasing | Stop::Ended => None,
        };
        let local = self.local_deadline.filter(|_| self.phase == Phase::ResourcesReceived);
        let again = self.say_again.map(|(at, _)| at);
        [
            self.standby_deadline,
            self.failback_retry,
            self.conflict_until,
            self.partner.takeover.until,
            self.partner.unended.takes.map(|(.., look)| look),
            self.start_again,
            self.ask_later,
            self.orphans_again,
            self.offer_due,
            self.requests.again,
            self.requests.sort_out.map(|(at, _)| at),
            again,
            local,
            linger,
            self.groups.next_deadline(),
            self.fencing.next_deadline(),
            self.ipfail.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
