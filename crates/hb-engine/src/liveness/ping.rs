//! Ping members: hosts that answer or do not (`wire.md` 8.8, `failover.md` 7).
//!
//! The driver asks them at each heartbeat and tells of each answer. A member counts for our own way to `active`, as a node
//! does; it is never asked for anything else, holds nothing, and its death is told and nothing more. Members come and go with
//! [`Engine::reconfigure`]: one that comes is judged from then on, one that goes leaves without a word.

use alloc::vec::Vec;
use core::time::Duration;

use super::node::{STATUS_DEAD, STATUS_INIT};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::PingId;
use crate::reconfigure::PingPlan;
use crate::snapshot::PingSnapshot;
use crate::time::{Now, Tick};

/// Status of a ping member that answers.
const STATUS_PING: &str = "ping";

/// One member as we see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ping {
    state: PingState,
    last: Option<Tick>,
    /// Since when it is asked.
    since: Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum PingState {
    /// It never answered.
    Unknown,
    Answers,
    Dead,
}

impl PingState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => STATUS_INIT,
            Self::Answers => STATUS_PING,
            Self::Dead => STATUS_DEAD,
        }
    }
}

impl Ping {
    pub(crate) const fn new(now: Tick) -> Self {
        Self { state: PingState::Unknown, last: None, since: now }
    }

    /// From when on its silence counts.
    fn silent_since(&self) -> Tick {
        self.last.unwrap_or(self.since)
    }

    /// For a digest of the state.
    pub(crate) const fn last(&self) -> Option<Tick> {
        self.last
    }

    pub(crate) const fn status(&self) -> &'static str {
        self.state.as_str()
    }
}

impl Engine {
    /// Members that stay keep what is known of them.
    pub(crate) fn exchange_pings(&mut self, plan: Vec<PingPlan>) {
        let now = self.now.tick;
        let known = |before: PingId| self.pings.get(usize::from(before.0)).cloned();
        let pings = plan.iter().map(|ping| ping.before.and_then(known).unwrap_or_else(|| Ping::new(now)));
        self.pings = pings.collect();
        self.config.pings.names = plan.into_iter().map(|ping| ping.name).collect();
    }

    /// A member answered.
    pub(crate) fn ping_answered(&mut self, ping: PingId) {
        let now = self.now.tick;
        let Some(member) = self.pings.get_mut(usize::from(ping.0)) else { return };
        member.last = Some(now);
        if core::mem::replace(&mut member.state, PingState::Answers) == PingState::Answers {
            return;
        }
        self.report(Event::PingLinkUp { ping });
        self.report(Event::PingAnswers { ping });
        self.tell_reach();
        self.check_communication();
    }

    /// Whether every member has answered or is dead.
    pub(crate) fn pings_are_known(&self) -> bool {
        self.pings.iter().all(|ping| ping.state != PingState::Unknown)
    }

    /// Declares members dead whose time is over.
    pub(crate) fn judge_pings(&mut self) {
        let now = self.now.tick;
        let before = (self.pings_reached(), self.pings_are_known());
        for ping in self.ping_ids() {
            let due = self.death_of_ping(ping);
            if due.is_none_or(|due| due > now) {
                continue;
            }
            let Some(member) = self.pings.get_mut(usize::from(ping.0)) else { continue };
            let silence = now.since(member.silent_since());
            let before = core::mem::replace(&mut member.state, PingState::Dead);
            if before == PingState::Answers {
                self.report(Event::PingLinkDown { ping });
            }
            self.report(Event::PingDead { ping, silence });
            self.check_communication();
        }
        if (self.pings_reached(), self.pings_are_known()) != before {
            self.tell_reach();
        }
    }

    /// How many members answer.
    pub(crate) fn pings_reached(&self) -> u32 {
        let reached = self.pings.iter().filter(|ping| ping.state == PingState::Answers);
        u32::try_from(reached.count()).unwrap_or(u32::MAX)
    }

    /// When the next of them may be declared dead.
    pub(crate) fn next_ping_death(&self) -> Option<Tick> {
        self.ping_ids().filter_map(|ping| self.death_of_ping(ping)).min()
    }

    pub(crate) fn ping_snapshots(&self, now: Now) -> Vec<PingSnapshot> {
        let members = self.config.pings.names.iter().zip(&self.pings);
        members
            .map(|(name, member)| PingSnapshot {
                name: name.clone(),
                status: member.status(),
                silence: member.last.map(|last| now.tick.since(last)),
                deadtime: self.deadtime_of_pings(),
            })
            .collect()
    }

    fn ping_ids(&self) -> impl Iterator<Item = PingId> + use<> {
        (0..u16::try_from(self.pings.len()).unwrap_or(u16::MAX)).map(PingId)
    }

    fn death_of_ping(&self, ping: PingId) -> Option<Tick> {
        let member = self.pings.get(usize::from(ping.0)).filter(|member| member.state != PingState::Dead)?;
        Some(member.silent_since().plus(self.deadtime_of_pings()))
    }

    /// As with nodes, the first moments of a network count less.
    fn deadtime_of_pings(&self) -> Duration {
        if self.is_active() { self.config.pings.deadtime } else { self.config.initdead }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::config::{Config, NodeConfig, PingConfig};
    use crate::io::{Input, Output};
    use crate::time::WallSeconds;

    fn at(millis: u64) -> Now {
        Now { tick: Tick::from_nanos(millis * 1_000_000), wall: WallSeconds(1_800_000_000) }
    }

    /// A node alone with two ping members.
    fn engine() -> Engine {
        let config = Config {
            nodes: [NodeConfig { name: "us".to_string() }].into(),
            groups: Vec::new(),
            pings: PingConfig {
                names: ["router".to_string(), "switch".to_string()].into(),
                deadtime: Duration::from_secs(4),
                ..PingConfig::default()
            },
            ..crate::failover::tests::config()
        };
        Engine::new(config, 1, at(0))
    }

    /// What is told of ping members and of our own status.
    fn told(engine: &mut Engine) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(output) = engine.poll() {
            if let Output::Report(event) = output {
                events.push(event);
            }
        }
        events.retain(|event| {
            matches!(
                event,
                Event::PingAnswers { .. }
                    | Event::PingDead { .. }
                    | Event::PingLinkUp { .. }
                    | Event::PingLinkDown { .. }
                    | Event::CommunicationUp
            )
        });
        events
    }

    fn statuses(engine: &Engine) -> Vec<&'static str> {
        engine.pings.iter().map(Ping::status).collect()
    }

    /// The ordinary beat until then, with answers of the second member if wanted.
    fn beat(engine: &mut Engine, from: u64, until: u64, answers: bool) -> Vec<Event> {
        let mut events = Vec::new();
        for second in from..=until {
            if answers {
                engine.handle(at(second * 1000), Input::Ping { ping: PingId(1) });
            }
            engine.handle(at(second * 1000), Input::Wake);
            events.extend(told(engine));
        }
        events
    }

    #[test]
    fn communication_waits_for_every_member() {
        let mut engine = engine();
        assert_eq!(told(&mut engine), []);
        let first = PingId(0);
        engine.handle(at(100), Input::Ping { ping: first });
        assert_eq!(
            told(&mut engine),
            [Event::PingLinkUp { ping: first }, Event::PingAnswers { ping: first }]
        );
        assert_eq!(statuses(&engine), ["ping", "init"]);
        engine.handle(at(150), Input::Ping { ping: PingId(1) });
        assert_eq!(told(&mut engine).last(), Some(&Event::CommunicationUp));
    }

    #[test]
    fn a_member_that_never_answered_is_dead_after_initdead() {
        let mut engine = engine();
        engine.handle(at(100), Input::Ping { ping: PingId(0) });
        engine.handle(at(100), Input::Ping { ping: PingId(7) });
        told(&mut engine);
        assert_eq!(
            beat(&mut engine, 1, 19, true),
            [
                Event::PingLinkUp { ping: PingId(1) },
                Event::PingAnswers { ping: PingId(1) },
                Event::CommunicationUp,
                Event::PingLinkDown { ping: PingId(0) },
                Event::PingDead { ping: PingId(0), silence: Duration::from_millis(4900) },
            ],
            "with communication up their own dead time counts"
        );
        let mut engine = self::engine();
        told(&mut engine);
        assert_eq!(beat(&mut engine, 1, 19, true).len(), 2);
        assert_eq!(
            beat(&mut engine, 20, 20, true),
            [Event::PingDead { ping: PingId(0), silence: Duration::from_secs(20) }, Event::CommunicationUp,]
        );
        assert_eq!(statuses(&engine), ["dead", "ping"]);
    }

    #[test]
    fn silence_of_a_dead_time_is_death_and_an_answer_is_life() {
        let mut engine = engine();
        for ping in [PingId(0), PingId(1)] {
            engine.handle(at(100), Input::Ping { ping });
        }
        told(&mut engine);
        assert_eq!(beat(&mut engine, 1, 4, true), []);
        assert_eq!(engine.next_ping_death(), Some(at(4100).tick));
        assert_eq!(engine.next_deadline(), Some(at(4100).tick));
        engine.handle(at(4100), Input::Wake);
        let silence = Duration::from_secs(4);
        let ping = PingId(0);
        assert_eq!(told(&mut engine), [Event::PingLinkDown { ping }, Event::PingDead { ping, silence }]);
        assert_eq!(beat(&mut engine, 5, 9, true), []);
        engine.handle(at(9500), Input::Ping { ping });
        assert_eq!(told(&mut engine), [Event::PingLinkUp { ping }, Event::PingAnswers { ping }]);
        let seen = engine.ping_snapshots(at(9700));
        assert_eq!((seen[0].status, seen[0].silence), ("ping", Some(Duration::from_millis(200))));
    }

    #[test]
    fn who_slept_judges_no_member_before_it_has_listened() {
        let mut engine = engine();
        for ping in [PingId(0), PingId(1)] {
            engine.handle(at(100), Input::Ping { ping });
        }
        told(&mut engine);
        engine.handle(at(60_000), Input::Wake);
        assert_eq!(told(&mut engine), []);
        for ping in [PingId(0), PingId(1)] {
            engine.handle(at(60_500), Input::Ping { ping });
        }
        assert_eq!(beat(&mut engine, 61, 63, true), []);
    }
}
