//! From the engine to the world: sends, begins jobs, reports, in the engine's order.

use std::time::Duration;

use hb_engine::{Action, Event, Forward, JobId, LinkId, NodeId, Now, Outcome, Output, Tick};
use hb_resource::stop_point::StopPoint;
use hb_transport::Hint;

use super::lease::is_heartbeat;
use super::receive::{TURN, Wire};
use super::voice::Voice;
use super::{FromHeart, Heart, JobEnd, Order, Port};
use crate::clock;

impl<P: Port> Heart<P> {
    /// Performs everything that the engine wants done now.
    pub(super) fn perform_outputs(&mut self, now: Now) {
        while let Some(output) = self.engine.poll_urgent() {
            self.perform(now, output);
        }
        while let Some(forward) = self.engine.poll_forward() {
            self.perform_forward(now, &forward);
        }
    }

    /// Tells the engine which of the media are lines: they form a ring.
    pub(super) fn form_ring(&mut self) {
        let wires = self.wires.iter().zip(0..).filter(|(wire, _)| wire.port.carries_text());
        self.engine.form_ring(wires.map(|(_, index)| LinkId(index)).collect());
    }

    /// What another node says goes out on all other lines, under our signature.
    fn perform_forward(&mut self, now: Now, forward: &Forward) {
        let Forward { from, message } = forward;
        let ring = self.signature.ring(&self.keys);
        if let Err(error) = self.packing.seal_text_into(ring, message, &mut self.outgoing_text) {
            return self.voice.not_sealed(now.tick, &error);
        }
        let others = self.wires.iter_mut().zip(0..).filter(|(_, index)| LinkId(*index) != *from);
        for (wire, _) in others.filter(|(wire, _)| wire.port.carries_text()) {
            wire.send(&self.outgoing_text, &mut self.voice, now.tick);
        }
    }

    /// Sends again what peers have lost, for a short time and not beyond the next beat; the rest waits for the next turn.
    pub(super) fn perform_repeats(&mut self) {
        let began = clock::tick();
        let mut now = clock::now();
        while !self.is_due(now.tick)
            && now.tick.since(began) < TURN
            && let Some(output) = self.engine.poll_repeat()
        {
            self.perform(now, output);
            now = clock::now();
        }
    }

    fn perform(&mut self, now: Now, output: Output) {
        match output {
            Output::Send(message) => self.perform_send(now, &message),
            Output::Do { job, action } => self.perform_job(job, action),
            Output::Check { job, group } => self.perform_order(job, Order::Check(group)),
            Output::Fence { job, node } => self.perform_reset(job, node),
            Output::Report(event) => self.perform_report(now, &event),
        }
    }

    fn perform_send(&mut self, now: Now, message: &hb_wire::Message) {
        let ring = self.signature.ring(&self.keys);
        if let Err(error) = self.packing.seal_into(ring, message, &mut self.outgoing) {
            self.voice.not_sealed(now.tick, &error);
        }
        let sent = clock::tick();
        if self.wires.iter().any(|wire| wire.port.carries_text())
            && let Err(error) = self.packing.seal_text_into(ring, message, &mut self.outgoing_text)
        {
            self.voice.not_sealed(now.tick, &error);
        }
        if self.wires.iter().any(|wire| wire.port.is_renewable()) {
            self.attend(Duration::ZERO);
        }
        for (index, wire) in self.wires.iter_mut().enumerate() {
            if wire.port.is_renewable() {
                self.waiter.forget_medium(&wire.port);
                wire.port.renew();
                if let Err(error) = self.waiter.watch_medium(&wire.port, index) {
                    // It is then only read whenever the engine is about to judge.
                    self.voice.cannot_wait(wire.port.name(), &error);
                }
            }
            let packet = if wire.port.carries_text() { &self.outgoing_text } else { &self.outgoing };
            wire.send(packet, &mut self.voice, now.tick);
        }
        if is_heartbeat(message) {
            self.lease_beat(sent);
            self.keeping.beat();
            if let Some(beating) = &self.beating {
                beating.beat();
            }
            self.ask_pings(now, message);
        }
    }

    fn perform_job(&mut self, job: JobId, action: Action) {
        if matches!(action, Action::Announce(_)) && self.lease_is_lost() {
            // Nothing would get out, and all is announced when the addresses are open again.
            return self.ended.push_back(JobEnd { job, outcome: Outcome::Ok });
        }
        self.lease_job_begins(job, action);
        let epoch = match action {
            Action::Start(group) => self.engine.epoch_of(group),
            Action::Stop(_) | Action::Announce(_) => None,
        };
        self.perform_order(job, Order::Do(action, epoch));
        StopPoint::Submitted.pass();
    }

    fn perform_order(&mut self, job: JobId, order: Order) {
        if let Err(reason) = (self.submit)(job, order) {
            // Like any other end: the engine hears of it in the next turn.
            self.ended.push_back(JobEnd { job, outcome: Outcome::Failed { reason, residue: false } });
        }
    }

    fn perform_reset(&mut self, job: JobId, node: NodeId) {
        let name = self.voice.names().node(node).to_owned();
        if let Err(reason) = (self.reset)(job, &name) {
            self.ended.push_back(JobEnd { job, outcome: Outcome::Failed { reason, residue: false } });
        }
    }

    /// Only the newest list counts.
    fn tell_members(&mut self) {
        self.answers.retain(|answer| !matches!(answer, FromHeart::Members(_)));
        self.answers.push_back(FromHeart::Members(Box::new(self.engine.membership())));
    }

    /// What finds no room is lost: scripts must not fill the heart's memory.
    fn tell_scripts(&mut self, now: Tick, event: &Event) {
        let Some(told) = self.hooks.tell(event, self.voice.names()) else { return };
        if self.answers.len() < MOST_ANSWERS {
            self.answers.push_back(FromHeart::Hook(told));
        } else {
            self.voice.scripts_not_told(now, &told.kind, self.hooks.lose());
        }
    }

    /// A verdict is out: what the network says of all media now, for whoever reads the log.
    fn tell_hints(&mut self, now: Tick, node: NodeId) {
        let names = self.wires.iter().flat_map(|wire| {
            let name = wire.port.name();
            wire.port.hints().into_iter().map(move |hint| hint_text(now, name, hint))
        });
        let hints = names.collect::<Vec<_>>().join("; ");
        if !hints.is_empty() {
            self.voice.hints(now, node, &hints);
        }
    }

    fn perform_report(&mut self, now: Now, event: &Event) {
        if matches!(event, Event::NodeAdded { .. }) {
            self.voice.rename(super::node_names(&self.engine));
        }
        if *event == Event::MembersChanged {
            self.tell_members();
        }
        if *event == Event::CommunicationUp {
            self.answers.push_back(FromHeart::CommunicationUp);
        }
        self.tell_scripts(now.tick, event);
        self.voice.event(now.tick, event);
        if let Event::NodeDead { node, .. } = event {
            self.tell_hints(now.tick, *node);
        }
        if let Event::WokeLate { by } = event {
            self.machine.explain(now.tick, *by);
        }
        if *event == Event::Stopped {
            self.stopped = true;
        }
    }
}

impl<P: Port> Wire<P> {
    fn send(&mut self, packet: &[u8], voice: &mut Voice, now: Tick) {
        if packet.is_empty() {
            // It has no such form, which was told.
            self.counts.send_errors += 1;
            return;
        }
        match self.port.send(packet) {
            Ok(()) => {
                self.counts.sent += 1;
                self.echo = self.port.hears_itself();
                if std::mem::take(&mut self.failing) {
                    voice.send_works(now, self.port.name());
                }
            }
            Err(error) => {
                self.counts.send_errors += 1;
                if !std::mem::replace(&mut self.failing, true) {
                    voice.send_failed(now, self.port.name(), &error);
                }
            }
        }
    }
}

/// As in "eth0: port refused by 10.0.0.2 400 ms ago (first 1400 ms ago)".
fn hint_text(now: Tick, medium: &str, hint: Hint) -> String {
    let ago = |then: Duration| Duration::from_nanos(now.as_nanos()).saturating_sub(then).as_millis();
    let first = ago(hint.since());
    match hint {
        Hint::PortRefused { last, .. } => {
            format!("{medium}: {hint} {} ms ago (first {first} ms ago)", ago(last))
        }
        Hint::NoCarrier { .. } => format!("{medium}: {hint} for {first} ms"),
    }
}

/// Answers that may wait for the front before events for scripts are left out.
const MOST_ANSWERS: usize = 64;
