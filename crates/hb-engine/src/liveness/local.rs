//! Our own way from start to `active` (`wire.md` 7.3): heartbeats, hearing from all, asking for node lists.

use core::time::Duration;

use hb_wire::Message;

use super::node::{STATUS_ACTIVE, STATUS_INIT, STATUS_UP};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::NodeId;
use crate::number;
use crate::reconfigure::{FILES_FIELD, Hurry};
use crate::time::Tick;

/// The version of our extension fields, announced in each status (`docs/adr/0003`).
pub(crate) const EXTENSION_VERSION: &str = "1";
/// A request for node lists is repeated after this.
const REQNODES_EVERY: Duration = Duration::from_secs(1);

/// Our own status and what it waits for.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) status: &'static str,
    pub(crate) started: Tick,
    pub(crate) next_heartbeat: Tick,
    /// When to ask for node lists again; set while we wait for an answer.
    pub(crate) ask_again: Option<Tick>,
    /// We woke late and have not yet listened again.
    pub(crate) doubt: Option<Doubt>,
    /// When we last noticed that we are late: what has waited since then tells it again.
    pub(crate) noticed: Option<Tick>,
    /// When we last woke so late that the others may have judged us: only what they did not say since counts as silence.
    pub(crate) woke: Option<Tick>,
    /// Since when we are active: until then another dead time was in force, and nobody's silence counted by this one.
    pub(crate) active_since: Option<Tick>,
    /// After a change to longer times: until the peers are sure to know of it.
    pub(crate) hurry: Option<Hurry>,
    /// See [`Engine::set_lease`].
    pub(crate) lease: Option<Duration>,
    /// See [`Engine::epoch`].
    pub(crate) epoch: Option<u64>,
}

/// A time without verdicts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubt {
    pub(crate) since: Tick,
    pub(crate) until: Tick,
}

impl Local {
    pub(crate) const fn new(now: Tick) -> Self {
        Self {
            status: STATUS_INIT,
            started: now,
            next_heartbeat: now,
            ask_again: None,
            doubt: None,
            noticed: None,
            woke: None,
            active_since: None,
            hurry: None,
            lease: None,
            epoch: None,
        }
    }
}

impl Engine {
    /// The three first messages of a run.
    pub(crate) fn announce_start(&mut self) {
        self.report(Event::LocalStatus { status: STATUS_INIT });
        self.send_status();
        self.set_status(STATUS_UP);
        self.send_status();
        self.local.next_heartbeat = self.now.tick.plus(self.config.keepalive);
    }

    /// Whether communication is up.
    pub(crate) fn is_active(&self) -> bool {
        self.local.status == STATUS_ACTIVE
    }

    /// Sends a heartbeat if one is due.
    pub(crate) fn beat(&mut self) {
        let now = self.now.tick;
        if now < self.local.next_heartbeat {
            return;
        }
        self.send_status();
        // Keep the rhythm; after a stall begin a new one instead of sending a burst.
        let every = self.beat_interval();
        let next = self.local.next_heartbeat.plus(every);
        self.local.next_heartbeat = if next <= now { now.plus(every) } else { next };
    }

    pub(crate) fn send_status(&mut self) {
        let mut message = Message::new("status");
        message.push_text("st", self.local.status);
        message.push_hex("dt", number::millis(self.config.deadtime));
        message.push_text("protocol", "1");
        message.push_text("hb-v", EXTENSION_VERSION);
        if let Some(lease) = self.local.lease {
            message.push_hex("hb-lease", number::millis(lease));
        }
        self.tell_epoch(&mut message);
        if !self.config.files_digest.is_empty() {
            message.push_text(FILES_FIELD, &self.config.files_digest);
        }
        self.tell_loans(&mut message);
        self.tell_homes(&mut message);
        self.tell_verdict(&mut message);
        self.send(message);
    }

    fn set_status(&mut self, status: &'static str) {
        self.local.status = status;
        self.report(Event::LocalStatus { status });
        self.send_status();
    }

    /// Whether every node was heard or is dead; then asks for node lists, then becomes active.
    pub(crate) fn check_communication(&mut self) {
        if self.is_active() || self.local.ask_again.is_some() {
            return;
        }
        if self.strangers_until().is_some() {
            return;
        }
        let me = self.config.local;
        if self.node_ids().any(|id| id != me && !self.node(id).heard && !self.node(id).is_dead()) {
            return;
        }
        if !self.pings_are_known() {
            return;
        }
        if self.someone_to_ask().is_some() {
            self.ask_node_lists();
        } else {
            self.communication_up();
        }
    }

    /// Until when nodes that nobody named may still be heard for the first time (`autojoin`; `wire.md` 7.3): nothing if
    /// that is over.
    pub(crate) fn strangers_until(&self) -> Option<Tick> {
        let until = self.local.started.plus(self.config.initdead);
        let waits = self.config.membership.autojoin && !self.is_active() && self.now.tick < until;
        waits.then_some(until)
    }

    /// Repeats the question for node lists if it is due.
    pub(crate) fn repeat_question(&mut self) {
        if self.local.ask_again.is_some_and(|due| due <= self.now.tick) {
            self.local.ask_again = None;
            self.check_communication();
        }
    }

    fn someone_to_ask(&self) -> Option<NodeId> {
        let me = self.config.local;
        self.node_ids().find(|id| *id != me && !self.node(*id).is_dead() && self.node(*id).acknowledges)
    }

    fn ask_node_lists(&mut self) {
        let Some(node) = self.someone_to_ask() else { return };
        let mut message = Message::new("reqnodes");
        message.push_text("dest", &self.node(node).name);
        self.send(message);
        self.local.ask_again = Some(self.now.tick.plus(REQNODES_EVERY));
    }

    /// A peer asks for our node list.
    pub(crate) fn answer_node_lists(&mut self, node: NodeId) {
        let mut names = alloc::string::String::new();
        for known in self.node_ids() {
            names.push_str(&self.node(known).name);
            names.push(' ');
        }
        let mut deleted = alloc::string::String::new();
        for name in self.deleted_names() {
            deleted.push_str(name);
            deleted.push(' ');
        }
        if deleted.is_empty() {
            deleted.push(' ');
        }
        let mut message = Message::new("repnodes");
        message.push_text("dest", &self.node(node).name);
        message.push_text("nodelist", &names);
        message.push_text("delnodelist", &deleted);
        self.send(message);
    }

    /// A node list came: nothing to wait for any more.
    pub(crate) fn node_lists_known(&mut self) {
        if !self.is_active() {
            self.communication_up();
        }
    }

    fn communication_up(&mut self) {
        self.local.ask_again = None;
        self.local.active_since = Some(self.now.tick);
        self.report(Event::CommunicationUp);
        self.set_status(STATUS_ACTIVE);
        self.begin_ownership();
        self.ipfail_joins();
    }
}
