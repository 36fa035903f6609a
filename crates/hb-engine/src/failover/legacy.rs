//! A 3.0.6 peer in legacy mode (`failover.md` 3.9): no hold sets; a node that starts asks for its own groups one by one,
//! and whoever runs one stops it first.
//!
//! Which rules a 3.0.6 peer follows is found out from what it says, whatever our own `auto_failback` is: a pair of
//! different modes, in which 3.0.6 never starts anything (`failover.md` 3.10), works. Nodes of ours follow the nice rules
//! among themselves in every mode.

use alloc::vec::Vec;
use core::time::Duration;

use hb_wire::Message;

use super::{Goal, LOCAL_WAIT, Phase, SAY_AGAIN_LAST, Standby, Stop};
use crate::config::Failback;
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{GroupId, HoldSet, NodeId};
use crate::liveness::node::STATUS_ACTIVE;
use crate::time::Tick;

/// Pause before a group is asked for again; 3.0.6 asks once and, without an answer, never starts it.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// A nice peer answers `starting` at its next poll, after 250 ms; this is what it gets where legacy is expected.
const NICE_ANSWER: Duration = Duration::from_secs(1);

/// What each side runs is sorted out again after twice this, four times this, and so on up to [`SAY_AGAIN_LAST`]: not
/// while a peer that had lost sight of us waits for the end of its scripts to start anew ([`super::CLASSIC_RESTART`]).
const SORT_OUT_FIRST: Duration = Duration::from_millis(2500);

/// By which rules a peer decides who holds what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Rules {
    /// Nothing that it said tells.
    #[default]
    Unknown,
    /// It announces hold sets.
    Nice,
    /// It asks for single groups, and announces nothing.
    Legacy,
}

/// What we ask of a peer in legacy mode, and owe it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    /// When a peer that announces nothing is taken for one in legacy mode; looked at with each heartbeat.
    pub(crate) verdict: Option<Tick>,
    /// The peer's run before this one was in legacy mode.
    expected: bool,
    /// Own groups that it has not said yes to.
    pub(crate) asked: Vec<GroupId>,
    /// When to ask again for those.
    pub(crate) again: Option<Tick>,
    /// When what each side runs is sorted out again, and the pause after that.
    pub(crate) sort_out: Option<(Tick, Duration)>,
    /// Groups that it asked for and that are not gone yet.
    owed: Vec<GroupId>,
}

impl Requests {
    /// Whether somebody waits for an answer.
    pub(crate) fn are_open(&self) -> bool {
        !(self.asked.is_empty() && self.owed.is_empty())
    }

    /// Adds the state to a hash (see `digest`).
    pub(crate) fn digest<H: core::hash::Hasher>(&self, hasher: &mut H) {
        use core::hash::Hash as _;
        (self.expected, &self.asked, &self.owed).hash(hasher);
    }

    /// No group is asked for any longer.
    pub(crate) fn give_up_asking(&mut self) {
        self.asked.clear();
        self.again = None;
    }

    /// Nothing is asked or owed any longer.
    pub(crate) fn forget(&mut self) {
        *self = Self { expected: self.expected, ..Self::default() };
    }
}

impl Engine {
    /// Whether the partner is in legacy mode.
    pub(crate) fn partner_is_legacy(&self) -> bool {
        self.failover.partner.rules == Rules::Legacy
    }

    /// The partner announced what it holds, or that it starts.
    pub(crate) fn partner_is_nice(&mut self) {
        self.failover.partner.rules = Rules::Nice;
        self.failover.requests = Requests::default();
    }

    /// Takes a living 3.0.6 peer that announces nothing for one in legacy mode, after a while; asks again for groups.
    pub(crate) fn watch_rules(&mut self) {
        let now = self.now.tick;
        if self.failover.requests.again.is_some_and(|due| due <= now) {
            self.ask_for_groups();
        }
        if let Some((_, pause)) = self.failover.requests.sort_out.filter(|(due, _)| *due <= now) {
            let doubt = self.local.doubt.filter(|doubt| now < doubt.until);
            self.failover.requests.sort_out = if let Some(doubt) = doubt {
                Some((doubt.until, pause))
            } else {
                self.sort_out_with_legacy_peer(pause > SORT_OUT_FIRST);
                (pause < SAY_AGAIN_LAST).then(|| (now.plus(pause * 2), pause * 2))
            };
        }
        let Some(partner) = self.failover.partner_id else { return };
        let node = self.node(partner);
        let silent = self.failover.partner.rules == Rules::Unknown
            && !node.speaks_hb
            && node.status == STATUS_ACTIVE
            && self.failover.phase != Phase::Init
            && self.failover.standby == Standby::Not
            && self.failover.stop == Stop::No
            // What is missing may be its announcement.
            && node.receiver.missing() == 0;
        if !silent {
            self.failover.requests.verdict = None;
            return;
        }
        let expected = self.failover.requests.expected || self.config.failback == Failback::Legacy;
        let wait = if expected { NICE_ANSWER } else { LOCAL_WAIT };
        let due = *self.failover.requests.verdict.get_or_insert(now.plus(wait));
        if due <= now {
            self.follow_legacy_rules(partner);
            // It is active and has not asked for its groups, so it has taken them without hearing us.
            self.legacy_peer_returned(self.failover.hold);
        }
    }

    /// The partner is in legacy mode: decides as 3.0.6 does there at its start.
    fn follow_legacy_rules(&mut self, partner: NodeId) {
        self.report(Event::LegacyPeer { node: partner });
        self.failover.requests = Requests { expected: true, ..Requests::default() };
        self.failover.partner.rules = Rules::Legacy;
        self.failover.partner.stable = true;
        self.failover.phase = Phase::Stable;
        (self.failover.local_deadline, self.failover.start_again) = (None, None);
        self.raise_floor();
        // Perhaps it has answered for some of them before it started anew.
        self.failover.requests.asked = self.failover.groups.not_wanted(HoldSet::LOCAL);
        if self.failover.requests.asked.is_empty() {
            self.claim(HoldSet::LOCAL);
        }
        self.assume_legacy_holdings();
        self.ask_for_groups();
        self.doubt_legacy_peer();
    }

    /// What a peer in legacy mode holds, as far as that can be known: everything that we do not.
    pub(crate) fn assume_legacy_holdings(&mut self) {
        if self.partner_is_legacy() {
            let rest = HoldSet::ALL.minus(self.failover.hold);
            self.failover.partner.hold = Some(rest.mirrored());
        }
    }

    /// A peer in legacy mode did not hear us for a while: its groups are its own, and it is to stop what it may run of ours.
    pub(crate) fn legacy_peer_returned(&mut self, taken: HoldSet) {
        self.failover.partner.stable = true;
        self.failover.taken = None;
        self.yield_set(taken.intersection(HoldSet::FOREIGN), "the other node was not dead");
        if self.failover.requests.asked.is_empty() && !self.failover.is_stopping() {
            // It died before it had answered for all of them, and nobody has taken them.
            self.failover.requests.asked = self.failover.groups.not_wanted(HoldSet::LOCAL);
            self.ask_for_groups();
        }
        self.assume_legacy_holdings();
        self.doubt_legacy_peer();
    }

    /// A peer in legacy mode may have missed what we said, or may not have heard us for so long that it has taken our
    /// groups over: it tells nobody what it runs, and if it hears us again within a moment it keeps them.
    pub(crate) fn doubt_legacy_peer(&mut self) {
        let requests = &mut self.failover.requests;
        // Where every heartbeat is late, the next time is soon enough.
        let is_new = !matches!(requests.sort_out, Some((_, SORT_OUT_FIRST)));
        if self.failover.partner.rules == Rules::Legacy && is_new {
            // What it said meanwhile may still wait to be read.
            requests.sort_out = Some((self.now.tick.plus(self.config.keepalive * 2), SORT_OUT_FIRST));
        }
    }

    /// Whatever the peer runs of what we hold, it is to stop; later, what is its own and not here it may start. Both do
    /// nothing where all is well.
    fn sort_out_with_legacy_peer(&mut self, later: bool) {
        if self.failover.is_stopping() {
            return;
        }
        if self.failover.hold.contains(HoldSet::LOCAL) {
            self.send_ip_requests(&self.failover.groups.members(HoldSet::LOCAL));
        }
        if later && !self.failover.hold.contains(HoldSet::FOREIGN) {
            let mut free = self.failover.groups.members(HoldSet::FOREIGN);
            free.retain(|group| self.failover.groups.is_gone(*group));
            for key in self.group_keys(&free) {
                self.answer_ip_request(&key, false);
            }
        }
    }

    fn send_ip_requests(&mut self, groups: &[GroupId]) {
        for key in self.group_keys(groups) {
            let mut message = Message::new("ip-request");
            message.push_text("ipaddr", &key);
            self.send(message);
        }
    }

    fn ask_for_groups(&mut self) {
        self.send_ip_requests(&self.failover.requests.asked.clone());
        let waits = !self.failover.requests.asked.is_empty();
        self.failover.requests.again = waits.then(|| self.now.tick.plus(ASK_AGAIN));
    }

    /// `ip-request`: a peer in legacy mode wants a group of its own.
    pub(crate) fn receive_ip_request(&mut self, node: NodeId, message: &Message) {
        let is_classic = self.failover.partner_id == Some(node) && !self.node(node).speaks_hb;
        if !is_classic || self.failover.phase == Phase::Init {
            return;
        }
        if !self.partner_is_legacy() && !self.failover.is_stopping() {
            self.forget_standby();
            self.follow_legacy_rules(node);
        }
        let Some(key) = message.text("ipaddr") else {
            return self.report(Event::BadMessage { why: "request for a group without its name" });
        };
        let Some((group, set)) = self.group_by_key(key) else {
            return self.answer_ip_request(key, false);
        };
        if set == HoldSet::LOCAL {
            return self.report(Event::BadMessage { why: "request for a group whose preferred node we are" });
        }
        if self.failover.groups.is_gone(group) && !self.failover.hold.contains(set) {
            return self.answer_ip_request(key, false);
        }
        if !self.failover.requests.owed.contains(&group) {
            self.failover.requests.owed.push(group);
        }
        if !self.failover.is_stopping() && !self.yielding().contains(set) {
            self.yield_set(set, "their preferred node is back");
        }
        self.answer_owed();
    }

    /// Says yes to what was asked for and is gone by now.
    pub(crate) fn answer_owed(&mut self) {
        if self.failover.requests.owed.is_empty() {
            return;
        }
        let owed = core::mem::take(&mut self.failover.requests.owed);
        let (gone, left): (Vec<_>, Vec<_>) =
            owed.into_iter().partition(|group| self.failover.groups.is_gone(*group));
        self.failover.requests.owed = left;
        for key in self.group_keys(&gone) {
            self.answer_ip_request(&key, true);
        }
    }

    fn answer_ip_request(&mut self, key: &str, had_it: bool) {
        let Some(partner) = self.failover.partner_id else { return };
        let mut message = Message::new("ip-request-resp");
        message.push_text("dest", &self.node(partner).name);
        message.push_text("ipaddr", key);
        message.push_text("weown", if had_it { "yes" } else { "no" });
        message.push_text("ok", "OK");
        self.send(message);
    }

    /// `ip-request-resp`: the peer does not run a group, or no longer.
    pub(crate) fn receive_ip_answer(&mut self, node: NodeId, seq: u64, message: &Message) {
        let is_answer = self.failover.partner_id == Some(node)
            && self.partner_is_legacy()
            && !self.failover.is_stopping()
            // Said before it may have taken over from us.
            && seq > self.failover.floor
            && message.text("ok") == Some("OK");
        let group = message.text("ipaddr").and_then(|key| self.group_by_key(key));
        let Some((group, _)) = group.filter(|_| is_answer) else { return };
        if !self.failover.requests.asked.contains(&group) {
            return;
        }
        self.failover.requests.asked.retain(|asked| *asked != group);
        self.claim(HoldSet::LOCAL);
        self.assume_legacy_holdings();
        if self.failover.requests.asked.is_empty() {
            self.failover.requests.again = None;
            self.acquire(HoldSet::LOCAL, Goal::Own, "the other node does not run them");
        } else {
            self.want_group(group, true);
        }
    }
}
