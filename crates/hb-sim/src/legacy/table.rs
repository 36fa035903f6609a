//! The transition table of `failover.md` 3.3, nice mode; the numbers in the comments are its rows.

use std::time::Duration;

use hb_engine::{Event, Failback, HoldSet, Output, Tick};
use hb_wire::Message;

use super::children::Then;
use super::{Legacy, SECOND};

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Init,
    Starting,
    Received,
    Stable,
    Shutdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standby {
    Not,
    Me,
    Other,
    Done,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the variables of `failover.md` 3.1, one by one")]
pub(super) struct Table {
    state: State,
    pub(super) hold: HoldSet,
    pub(super) peer_hold: HoldSet,
    peer_stable: bool,
    takeover: bool,
    standby: Standby,
    standby_deadline: Option<Tick>,
    pub(super) standby_set: HoldSet,
    needs_failback: bool,
    failback_at: Option<Tick>,
    local_deadline: Option<Tick>,
    pub(super) shutdown: bool,
    pub(super) shutdown_wanted: bool,
    /// A healed partition: release and start anew then.
    pub(super) restart_at: Option<Tick>,
}

impl Table {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Init,
            hold: HoldSet::NONE,
            peer_hold: HoldSet::NONE,
            peer_stable: false,
            takeover: false,
            standby: Standby::Not,
            standby_deadline: None,
            standby_set: HoldSet::ALL,
            needs_failback: false,
            failback_at: None,
            local_deadline: None,
            shutdown: false,
            shutdown_wanted: false,
            restart_at: None,
        }
    }
}

impl Legacy {
    pub(super) fn is_stable(&self) -> bool {
        if self.has_no_hold_sets() {
            return self.children.count() == 0;
        }
        let table = &self.table;
        table.peer_stable
            && !table.takeover
            && table.standby == Standby::Not
            && table.standby_deadline.is_none()
            && self.children.count() == 0
            && matches!(table.state, State::Init | State::Stable | State::Shutdown)
    }

    pub(crate) fn hands_over(&self) -> bool {
        self.table.standby != Standby::Not
    }

    /// Row 1, and row 20 if the peer is dead already.
    pub(super) fn begin_table(&mut self) {
        if self.has_no_hold_sets() && self.peer.status != "dead" {
            return self.begin_requests();
        }
        if !self.has_no_hold_sets() {
            self.table.state = State::Starting;
            self.say(Message::new("starting"));
        }
        if self.peer.status == "dead" {
            self.peer_died();
        }
    }

    pub(super) fn announce(&mut self, stable: bool, info: Option<&str>) {
        if self.has_no_hold_sets() {
            return;
        }
        let mut message = Message::new("resource");
        message.push_text("rsc_hold", self.table.hold.as_str());
        message.push_text("rtype", "full");
        message.push_text("isstable", if stable { "1" } else { "0" });
        if let Some(info) = info {
            message.push_text("info", info);
        }
        self.say(message);
    }

    fn announce_state(&mut self) {
        self.announce(self.table.state == State::Stable, None);
    }

    fn req_local(&mut self, force: bool) {
        if self.table.shutdown {
            return;
        }
        let theirs = self.table.peer_hold.contains(HoldSet::FOREIGN);
        let have = self.table.hold.contains(HoldSet::LOCAL) && self.table.standby == Standby::Not;
        if !force && (theirs || have) {
            return;
        }
        self.table.hold = self.table.hold.union(HoldSet::LOCAL);
        self.begin_child(HoldSet::NONE, true, Then::Announce);
        self.queue_hook(HoldSet::LOCAL, Then::Nothing);
    }

    fn takeover_peer(&mut self) {
        if self.table.shutdown {
            return;
        }
        self.queue_hook(HoldSet::FOREIGN, Then::MachDown);
        self.table.hold = self.table.hold.union(HoldSet::FOREIGN);
        self.table.peer_hold = HoldSet::NONE;
        self.table.peer_stable = true;
        self.table.takeover = true;
        self.req_local(true);
    }

    /// Rows 17-21.
    pub(super) fn peer_died(&mut self) {
        if self.has_no_hold_sets() {
            return self.take_all();
        }
        if self.table.standby != Standby::Not {
            self.table.standby = Standby::Not;
            self.table.standby_deadline = None;
            if self.table.hold == HoldSet::ALL {
                self.table.peer_stable = true;
            }
        }
        if self.table.shutdown {
            return;
        }
        self.table.needs_failback = true;
        let unneeded = self.peer.heard_at.is_some() && self.table.peer_hold.is_empty();
        let mut message = Message::new("stonith");
        message.push_text("result", if unneeded { "unneeded" } else { "n_stnth" });
        self.say(message);
        if !unneeded {
            return self.takeover_peer();
        }
        if self.table.hold == HoldSet::ALL {
            self.table.peer_stable = true;
            return;
        }
        if !self.table.hold.contains(HoldSet::LOCAL) {
            self.req_local(true);
        }
        if !self.table.hold.contains(HoldSet::FOREIGN) {
            self.takeover_peer();
        }
    }

    pub(super) fn handle_peer(&mut self, kind: &str, message: &Message) {
        self.standby_over();
        if self.has_no_hold_sets() {
            return self.handle_request(kind, message);
        }
        match kind {
            "starting" => self.peer_starting(),
            "resource" => self.peer_resource(message),
            "shutdone" => self.peer_shutdone(),
            "ask_resources" => self.peer_asks(message),
            "hb_takeover" => {
                let set = message.text("rsc_hold").and_then(HoldSet::parse).unwrap_or(HoldSet::ALL);
                self.ask(set.mirrored(), "me");
            }
            _ => {}
        }
    }

    /// Rows 4-6.
    fn peer_starting(&mut self) {
        match self.table.state {
            State::Init => {}
            State::Starting => {
                self.table.peer_stable = false;
                self.announce(false, None);
            }
            State::Received | State::Stable | State::Shutdown => {
                self.table.peer_stable = false;
                self.announce_state();
            }
        }
    }

    fn received(&mut self) {
        if self.table.state == State::Starting {
            self.table.local_deadline.get_or_insert(self.now.tick.plus(10 * SECOND));
            self.table.state = State::Received;
        }
    }

    /// Rows 7-13.
    fn peer_resource(&mut self, message: &Message) {
        let Some(text) = message.text("rsc_hold").filter(|_| self.table.state != State::Init) else { return };
        self.received();
        let said = HoldSet::parse(text).unwrap_or_default();
        let replaces = message.text("rtype") == Some("full") || said.is_empty();
        self.table.peer_hold = if replaces { said } else { self.table.peer_hold.union(said) };
        match message.text("isstable") {
            Some("1") if !self.table.peer_stable => {
                self.table.peer_stable = true;
                self.announce_state();
                self.try_failback();
            }
            Some("1") | None => {}
            Some(_) => self.table.peer_stable = false,
        }
        if !matches!(self.table.state, State::Stable | State::Shutdown) && self.table.peer_stable {
            self.req_local(false);
            self.table.state = State::Stable;
            self.announce(true, None);
            self.try_failback();
        }
    }

    /// Row 23.
    fn peer_shutdone(&mut self) {
        self.table.peer_stable = true;
        self.table.peer_hold = HoldSet::NONE;
        if self.table.hold != HoldSet::ALL && !self.table.shutdown {
            self.table.standby = Standby::Done;
            let set = match self.table.hold {
                HoldSet::LOCAL => HoldSet::FOREIGN,
                HoldSet::FOREIGN => HoldSet::LOCAL,
                _ => HoldSet::ALL,
            };
            self.begin_child(set.mirrored(), true, Then::Done);
        }
        self.takeover_peer();
    }

    /// Rows 25-39 for the peer's messages.
    fn peer_asks(&mut self, message: &Message) {
        if self.table.state == State::Shutdown {
            return;
        }
        let set = message.text("rsc_hold").and_then(HoldSet::parse).unwrap_or(HoldSet::ALL);
        let now = self.now.tick;
        if self.table.standby == Standby::Me && message.text("info") != Some("me") {
            self.table.standby_set = set;
            self.table.standby_deadline = Some(now.plus(HOUR));
        }
        match (message.text("info"), self.table.standby) {
            // Row 28 comes before everything else: of two that ask at once both give up after ten seconds.
            (Some("me"), _) if !self.may_begin() => {}
            (Some("me"), Standby::Not) => {
                self.table.standby_set = set;
                self.table.peer_stable = false;
                self.table.standby_deadline = Some(now.plus(HOUR));
                self.table.standby = Standby::Other;
                self.ask(set, "other");
            }
            (Some("other"), Standby::Me) => {
                self.table.peer_stable = false;
                self.table.hold = self.table.hold.minus(set);
                self.announce(false, Some("standby"));
                self.begin_child(set, false, Then::Done);
            }
            (Some("done"), Standby::Other) => {
                self.table.standby = Standby::Done;
                self.table.standby_deadline = Some(now.plus(HOUR));
                self.begin_child(self.table.standby_set.mirrored(), true, Then::Done);
            }
            (Some("done"), Standby::Done) => {
                self.table.standby = Standby::Not;
                self.table.standby_deadline = None;
                self.outputs.push_back(Output::Report(Event::StandbyDone {
                    giver: self.config.local,
                    set: self.table.standby_set,
                }));
                self.announce(true, None);
            }
            _ => {}
        }
    }

    fn may_begin(&self) -> bool {
        self.table.standby_deadline.is_none() && self.table.peer_stable && self.table.state == State::Stable
    }

    /// What a node's own message does to it.
    pub(super) fn handle_own(&mut self, message: &Message) {
        match message.kind() {
            Some("resource") => {
                self.received();
                match message.text("info") {
                    Some("mach_down") => {
                        self.table.takeover = false;
                        self.table.hold = self.table.hold.union(HoldSet::FOREIGN);
                        self.table.needs_failback = true;
                        self.table.peer_stable = true;
                    }
                    Some("shutdown") => self.table.state = State::Shutdown,
                    _ => {}
                }
            }
            Some("shutdone") => {
                self.table.hold = HoldSet::NONE;
                self.ends = Some(self.now.tick.plus(2 * SECOND));
            }
            Some("ask_resources") => self.own_asks(message),
            _ => {}
        }
    }

    /// Rows 31, 34 and 37.
    fn own_asks(&mut self, message: &Message) {
        let set = message.text("rsc_hold").and_then(HoldSet::parse).unwrap_or(HoldSet::ALL);
        match (message.text("info"), self.table.standby) {
            (Some("me"), Standby::Not) if self.may_begin() => {
                self.table.standby_set = set;
                self.table.peer_stable = false;
                self.table.standby = Standby::Me;
                self.table.standby_deadline = Some(self.now.tick.plus(10 * SECOND));
            }
            (Some("done"), Standby::Me) => {
                self.table.hold = self.table.hold.minus(self.table.standby_set);
                self.table.standby = Standby::Done;
                self.table.standby_deadline = Some(self.now.tick.plus(HOUR));
            }
            (Some("done"), Standby::Done) => {
                self.table.standby = Standby::Not;
                self.table.standby_deadline = None;
                self.table.hold = self.table.hold.union(self.table.standby_set.mirrored());
                self.announce(true, None);
            }
            _ => {}
        }
    }

    fn try_failback(&mut self) {
        self.table.failback_at = None;
        let off = self.config.failback != Failback::On;
        if self.table.shutdown
            || !self.table.hold.contains(HoldSet::FOREIGN)
            || !self.table.needs_failback
            || off
        {
            self.table.needs_failback = false;
            return;
        }
        let calm = self.table.standby == Standby::Not && self.table.peer_stable;
        if !calm || self.table.state != State::Stable {
            self.table.failback_at = Some(self.now.tick.plus(SECOND));
            return;
        }
        self.table.standby_set = HoldSet::FOREIGN;
        self.ask(HoldSet::FOREIGN, "me");
        self.table.needs_failback = false;
    }

    /// Row 40.
    fn standby_over(&mut self) {
        if self.table.standby_deadline.is_some_and(|due| due <= self.now.tick) {
            self.table.standby_deadline = None;
            self.table.peer_stable = true;
            self.table.standby = Standby::Not;
        }
    }

    /// Row 16, and whatever else waits for time to pass.
    pub(super) fn poll_table(&mut self) {
        let now = self.now.tick;
        self.standby_over();
        if self.table.state == State::Received && self.table.local_deadline.is_some_and(|due| due <= now) {
            self.req_local(false);
            self.table.state = State::Stable;
            self.announce(true, None);
        }
        if self.table.failback_at.is_some_and(|due| due <= now) {
            self.try_failback();
        }
        if self.table.restart_at.is_some_and(|due| due <= now) && !self.table.shutdown {
            self.release_all();
        }
    }

    /// Rows 41 and 42.
    pub(super) fn retry_shutdown(&mut self) {
        if self.table.shutdown_wanted && !self.table.shutdown && self.active && self.is_stable() {
            self.release_all();
        }
    }

    fn release_all(&mut self) {
        self.table.shutdown = true;
        self.table.hold = HoldSet::NONE;
        self.table.state = State::Shutdown;
        self.announce(false, Some("shutdown"));
        self.forget_hooks();
        self.begin_child(HoldSet::ALL, false, Then::Shutdone);
    }
}
