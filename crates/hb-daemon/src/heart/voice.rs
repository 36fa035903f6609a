//! What the heart says in the log, and how often.
//!
//! Texts of events are in `event_text`; here are those about packets that never reach the engine. Whatever a packet
//! can cause passes the limiter.

use std::fmt;
use std::io;

use hb_auth::Refusal;
use hb_compress::OpenError;
use hb_engine::{Event, NodeId, Tick};

use crate::event_text::{self, Limit, Names};
use crate::excerpt::excerpt;
use crate::limited_log::LimitedLog;
use crate::log::{Level, Log};

/// The heart's way to the log.
pub(super) struct Voice {
    log: LimitedLog,
    names: Names,
    log_refused: bool,
    burst: u32,
}

impl Voice {
    pub(super) fn new(log: Log, names: Names, log_refused: bool) -> Self {
        let burst = burst(&names);
        Self { log: LimitedLog::new(log), names, log_refused, burst }
    }

    /// Other names, and whether refused packets are logged, from now on.
    pub(super) fn exchange(&mut self, names: Names, log_refused: bool) {
        self.burst = burst(&names);
        self.names = names;
        self.log_refused = log_refused;
    }

    /// Names of what events are about.
    pub(super) const fn names(&self) -> &Names {
        &self.names
    }

    /// Nodes came.
    pub(super) fn rename(&mut self, nodes: Vec<String>) {
        self.names.nodes = nodes;
    }

    /// Another key signs, because a 3.0.6 peer uses it.
    pub(super) fn signs_with(&mut self, now: Tick, index: u8) {
        let text = || format!("Signing with key {index}, as the other node does.");
        self.log.limited(now, "changes of the key", BURST, Level::Info, text);
    }

    /// A line of the heart's own, about something that nobody outside can cause.
    pub(super) fn say(&self, level: Level, text: &str) {
        self.log.say(level, text);
    }

    /// A medium cannot be watched: it is then only read at beats.
    pub(super) fn cannot_wait(&self, link: &str, error: &io::Error) {
        self.say(Level::Error, &format!("cannot wait for {link}: {error}"));
    }

    /// An event of the engine.
    pub(super) fn event(&mut self, now: Tick, event: &Event) {
        let line = event_text::line(event, &self.names, now.as_nanos());
        match line.limit {
            Limit::None => self.log.say(line.level, &line.text),
            Limit::Second(cause) => self.log.limited(now, cause, 1, line.level, || line.text),
            Limit::Burst(cause) => self.log.limited(now, cause, self.burst, line.level, || line.text),
        }
    }

    /// A packet that was refused.
    pub(super) fn refused(&mut self, now: Tick, link: &str, refusal: OpenError) {
        if self.log_refused {
            let unrecognised = OpenError::Refused(Refusal::Unrecognised);
            let level = if refusal == unrecognised { Level::Info } else { Level::Warn };
            let cause = refusal.cause();
            self.log
                .limited(now, cause, 1, level, || format!("packet refused on {link}: {refusal} [{cause}]"));
        }
    }

    /// What came from a ping member is no answer to what was asked.
    pub(super) fn no_answer(&mut self, now: Tick, member: &str, cause: &'static str, why: &dyn fmt::Display) {
        if self.log_refused {
            let text = || format!("answer refused from ping node {member}: {why} [{cause}]");
            self.log.limited(now, cause, 1, Level::Warn, text);
        }
    }

    /// What the network says at the death of a node.
    pub(super) fn hints(&mut self, now: Tick, node: NodeId, hints: &str) {
        let text = || format!("node {}: the network says: {hints}", self.names.node(node));
        self.log.limited(now, "hints at a death", BURST, Level::Info, text);
    }

    /// A medium could not be read.
    pub(super) fn receive_failed(&mut self, now: Tick, link: &str, error: &io::Error) {
        let text = || format!("cannot receive on {link}: {error}");
        self.log.limited(now, "receive errors", 1, Level::Error, text);
    }

    /// A packet could not be sent, the first after others that could.
    pub(super) fn send_failed(&mut self, now: Tick, link: &str, error: &io::Error) {
        self.log.limited(now, "send errors", 1, Level::Error, || format!("cannot send on {link}: {error}"));
    }

    /// A packet could be sent again, the first after others that could not.
    pub(super) fn send_works(&mut self, now: Tick, link: &str) {
        self.log.limited(now, "send errors", 1, Level::Info, || format!("can send on {link} again"));
    }

    /// A message has no form on some media.
    pub(super) fn not_sealed(&mut self, now: Tick, error: &dyn std::error::Error) {
        self.log.limited(now, "messages not sent", 1, Level::Error, || format!("message not sent: {error}"));
    }

    /// No script hears of an event, as of so many since the start, because too many wait.
    pub(super) fn scripts_not_told(&mut self, now: Tick, kind: &str, lost: u64) {
        let kind = excerpt(kind, KIND);
        let text = || format!("no script hears of an event {kind}: too many wait ({lost} lost so far)");
        self.log.limited(now, "events for scripts", 1, Level::Warn, text);
    }

    /// Lines left out so far.
    pub(super) const fn suppressed(&self) -> u64 {
        self.log.suppressed()
    }

    /// When [`Voice::tell_suppressed`] may have something to tell.
    pub(super) const fn next_summary(&self) -> Option<Tick> {
        self.log.next_summary()
    }

    /// Says what was left out, where its second is over and nothing followed.
    pub(super) fn tell_suppressed(&mut self, now: Tick) {
        self.log.tell_suppressed(now);
    }
}

/// Every group may come up and go down at once.
fn burst(names: &Names) -> u32 {
    u32::try_from(names.groups.len()).map_or(BURST, |groups| groups.saturating_mul(2).max(BURST))
}

/// Lines of one kind that a peer's changes may cause at once, at least.
const BURST: u32 = 20;
/// Characters of a type of message, which a peer chooses.
const KIND: usize = 40;
