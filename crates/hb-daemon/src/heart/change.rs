//! Another configuration for the beating heart, all of it between two beats.
//!
//! Media and ping members that stay keep their sockets, counters and place in the kernel's queues. Sockets that go are closed by another
//! thread.

use std::fmt;
use std::io;
use std::time::Duration;

use hb_auth::KeyRing;
use hb_compress::Packing;
use hb_engine::{Event, PingPlan, Reconfiguration};
use hb_transport::Pinger;

use super::lease::LeaseChange;
use super::message::{FromHeart, MemberChange};
use super::ping::Asked;
use super::receive::Wire;
use super::waiter::Ready;
use super::watchdog::WatchdogChange;
use super::{Heart, Port};
use crate::clock;
use crate::event_text::Names;
use crate::log::Level;

/// What the heart works by from now on.
pub(crate) struct Change<P> {
    /// For the engine; its media say where each was before.
    pub(crate) engine: Reconfiguration,
    /// The sockets of those media that are new, in their order.
    pub(crate) ports: Vec<P>,
    /// Those who ask the ping members that are new, in their order.
    pub(crate) pingers: Vec<Pinger>,
    /// Signs and verifies.
    pub(crate) keys: KeyRing,
    /// How messages become packets.
    pub(crate) packing: Packing,
    /// Names for log lines.
    pub(crate) names: Names,
    /// Whether refused packets are logged.
    pub(crate) log_refused: bool,
    /// The watchdog device.
    pub(crate) watchdog: WatchdogChange,
    /// What the addresses are leased by.
    pub(crate) lease: LeaseChange,
}

/// What the heart does not need any more; to be dropped where nobody waits.
pub(crate) struct Discarded {
    _parts: Box<dyn Send>,
}

impl Discarded {
    pub(super) fn of(parts: impl Send + 'static) -> Self {
        Self { _parts: Box::new(parts) }
    }
}

impl<P: Port> Heart<P> {
    /// Takes everything over; says so in the log if the media could not be watched, and changes nothing then.
    pub(super) fn take_over(&mut self, change: Change<P>) {
        let Change { mut engine, ports, pingers, keys, packing, names, log_refused, watchdog, lease } =
            change;
        self.exchange_lease(lease);
        let before: Vec<_> =
            engine.links.iter().map(|link| link.before.map(|before| usize::from(before.0))).collect();
        let known = |index: &usize| *index < self.wires.len();
        let new = before.iter().filter(|before| before.is_none()).count();
        if !before.iter().flatten().all(known)
            || new != ports.len()
            || !self.knows_pings(&engine.pings, pingers.len())
        {
            self.voice.say(Level::Crit, "a change of the configuration does not fit: nothing is changed");
            return;
        }
        if before.iter().enumerate().all(|(index, before)| *before == Some(index))
            && before.len() == self.wires.len()
        {
            self.answers.push_back(FromHeart::Discarded(Discarded::of(ports)));
        } else if let Err(error) = self.exchange_wires(&before, ports) {
            self.voice.say(Level::Error, &format!("cannot wait for a medium: {error}; the old ones stay"));
            return;
        }
        self.exchange_pings(&engine.pings, pingers);
        self.keys = keys;
        self.packing = packing;
        let names = Names { nodes: super::node_names(&self.engine), ..names };
        self.voice.exchange(names, log_refused);
        self.change_watchdog(watchdog);
        engine.keepalive = self.renew_watchdog(engine.keepalive, engine.deadtime);
        let now = clock::now();
        self.engine.reconfigure(now, engine);
        self.signature.count_nodes(self.engine.membership().members.len());
        if let Some(index) = self.signature.renew(&self.keys) {
            self.voice.signs_with(now.tick, index);
        }
        self.form_ring();
        self.perform_outputs(now);
        self.deadline = self.engine.next_deadline();
        self.replace_farewell();
    }

    /// Whether the plan fits what there is and what is new.
    fn knows_pings(&self, plan: &[PingPlan], new: usize) -> bool {
        let known = |before: usize| before < self.asked_pings.len();
        plan.iter().filter_map(|ping| ping.before).all(|before| known(usize::from(before.0)))
            && plan.iter().filter(|ping| ping.before.is_none()).count() == new
    }

    /// New ones are watched while the others are; all are asked beside the next heartbeat.
    fn exchange_pings(&mut self, plan: &[PingPlan], pingers: Vec<Pinger>) {
        let is_watching = !self.attention.relaxed;
        let mut old: Vec<_> = std::mem::take(&mut self.asked_pings).into_iter().map(Some).collect();
        let mut pingers = pingers.into_iter().map(Asked::new);
        for ping in plan {
            let asked = match ping.before {
                Some(before) => old.get_mut(usize::from(before.0)).and_then(Option::take),
                None => pingers.next().inspect(|new| {
                    if is_watching {
                        self.watch_ping(new);
                    }
                }),
            };
            self.asked_pings.extend(asked);
        }
        let gone: Vec<_> = old.into_iter().flatten().collect();
        for asked in &gone {
            self.forget_ping(asked);
            self.hooks.forget_ping(asked.name());
        }
        if !gone.is_empty() {
            self.answers.push_back(FromHeart::Discarded(Discarded::of(gone)));
        }
    }

    /// Adds nodes to the cluster, deletes some, or describes one.
    pub(super) fn change_members(&mut self, asked: &MemberChange) {
        let now = clock::now();
        let done = match asked {
            MemberChange::Add(names) => self.engine.add_nodes(now, names),
            MemberChange::Delete(names) => self.engine.delete_nodes(now, names),
            MemberChange::Weight { node, weight } => self.engine.set_weight(now, node, *weight),
            MemberChange::Site { node, site } => self.engine.set_site(now, node, site),
        };
        if let Err(why) = done {
            self.voice.event(now.tick, &Event::NotChanged { why });
        }
        self.perform_outputs(now);
        self.renew_farewell();
        self.deadline = self.engine.next_deadline();
    }

    /// Fails only before anything is changed.
    fn exchange_wires(&mut self, before: &[Option<usize>], ports: Vec<P>) -> io::Result<()> {
        self.attend(Duration::ZERO);
        let new = before.iter().enumerate().filter(|(_, before)| before.is_none());
        for ((index, _), port) in new.zip(&ports) {
            self.waiter.watch_medium(port, index)?;
        }
        let mut old: Vec<_> = std::mem::take(&mut self.wires).into_iter().map(Some).collect();
        let mut ports = ports.into_iter();
        for (index, before) in before.iter().enumerate() {
            let wire = match before {
                Some(before) => old.get_mut(*before).and_then(Option::take),
                None => ports.next().map(Wire::new),
            };
            let Some(wire) = wire else { continue };
            if before.is_some_and(|before| before != index)
                && let Err(error) = self.waiter.renumber(&wire.port, Ready::Wire(index))
            {
                // It is then only read whenever the engine is about to judge.
                self.voice.cannot_wait(wire.port.name(), &error);
            }
            self.wires.push(wire);
        }
        let gone: Vec<P> = old.into_iter().flatten().map(|wire| wire.port).collect();
        for port in &gone {
            self.waiter.forget_medium(port);
        }
        self.answers.push_back(FromHeart::Discarded(Discarded::of(gone)));
        Ok(())
    }
}

impl<P> fmt::Debug for Change<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change")
            .field("engine", &self.engine)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Discarded")
    }
}
