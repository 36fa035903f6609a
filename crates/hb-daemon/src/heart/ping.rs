//! Asks the ping members at each own heartbeat, and hands their answers to the engine.
//!
//! An answer is verified like any packet, must say what its member shall say, and counts once. With short keepalives
//! answers wait for the next beat, as usual heartbeats do (`attention`): nothing but a verdict depends on them.

use std::io;

use hb_auth::InnerAuth;
use hb_engine::{Input, Now, PingId};
use hb_transport::{Heard, Pinger};
use hb_wire::Message;

use super::message::{Counts, MediumReport};
use super::receive::{PACKET_OVERHEAD, QUEUE};
use super::waiter::Ready;
use super::{Heart, Port};
use crate::clock;
use crate::log::Level;

/// A ping member and what went to and fro.
pub(super) struct Asked {
    pinger: Pinger,
    counts: Counts,
    /// What was asked last could not be sent.
    failing: bool,
}

impl Asked {
    pub(super) fn new(pinger: Pinger) -> Self {
        Self { pinger, counts: Counts::default(), failing: false }
    }

    pub(super) fn name(&self) -> &str {
        &self.pinger.spec().name
    }

    pub(super) fn report(&self) -> MediumReport {
        let spec = self.pinger.spec();
        MediumReport {
            kind: spec.kind.as_str(),
            name: spec.name.clone(),
            counts: self.counts.clone(),
            hints: Vec::new(),
        }
    }
}

impl<P: Port> Heart<P> {
    /// One request to each member, beside this heartbeat; not if that is one that a peer had lost.
    pub(super) fn ask_pings(&mut self, now: Now, heartbeat: &Message) {
        let seq = heartbeat.text("seq").and_then(|seq| u64::from_str_radix(seq, 16).ok());
        if seq.is_none_or(|seq| seq <= self.asked_seq) {
            return;
        }
        self.asked_seq = seq.unwrap_or_default();
        for asked in &mut self.asked_pings {
            let Asked { pinger, counts, failing } = asked;
            let request = pinger.spec().request(now.wall.0);
            // With `msgfmt netstring` 3.0.6 signs these twice as well (`wire.md` 2.3).
            let sealed =
                self.signature.ring(&self.keys).seal_into(&request, InnerAuth::Yes, &mut self.outgoing_ping);
            if let Err(error) = sealed {
                self.voice.not_sealed(now.tick, &error);
                continue;
            }
            match pinger.ask(&self.outgoing_ping) {
                Ok(()) => {
                    counts.sent += 1;
                    if std::mem::take(failing) {
                        self.voice.send_works(now.tick, &pinger.spec().name);
                    }
                }
                Err(error) => {
                    counts.send_errors += 1;
                    if !std::mem::replace(failing, true) {
                        self.voice.send_failed(now.tick, &pinger.spec().name, &error);
                    }
                }
            }
        }
    }

    /// Reads what has come from the members, at most what their queues held when this began.
    pub(super) fn hear_pings(&mut self) {
        for (index, ping) in (0..self.asked_pings.len()).zip((0..).map(PingId)) {
            let mut bytes = 0;
            while bytes < QUEUE
                && let Some(length) = self.hear_ping(index, ping)
            {
                bytes += length + PACKET_OVERHEAD;
            }
        }
    }

    /// Reads one packet; its length, or nothing if there is none.
    fn hear_ping(&mut self, index: usize, ping: PingId) -> Option<usize> {
        let Asked { pinger, counts, .. } = self.asked_pings.get_mut(index)?;
        let (sequence, payload, stamp) = match pinger.listen(&mut self.incoming) {
            Ok(Heard::Answer { sequence, payload, at }) => (sequence, payload, at),
            Ok(Heard::Again) => return Some(0),
            Ok(Heard::Refused(refusal)) => {
                *counts.refused.entry(refusal.cause()).or_default() += 1;
                let name = &pinger.spec().name;
                self.voice.no_answer(clock::tick(), name, refusal.cause(), &refusal);
                return Some(0);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => {
                counts.receive_errors += 1;
                self.voice.receive_failed(clock::tick(), &pinger.spec().name, &error);
                return Some(0);
            }
        };
        let length = payload.end;
        match self.keys.open(self.incoming.get(payload).unwrap_or_default()) {
            Ok(message) if pinger.spec().is_said_by(&message) => {
                pinger.settle(sequence);
                counts.received += 1;
                self.handle_from(self.arrival(stamp), Input::Ping { ping });
            }
            Ok(_) => {
                *counts.refused.entry(OTHER_MEMBER).or_default() += 1;
                let name = &pinger.spec().name;
                self.voice.no_answer(clock::tick(), name, OTHER_MEMBER, &"it speaks of another member");
            }
            Err(refusal) => {
                *counts.refused.entry(refusal.cause()).or_default() += 1;
                self.voice.no_answer(clock::tick(), &pinger.spec().name, refusal.cause(), &refusal);
            }
        }
        Some(length)
    }

    /// From now on answers wake the heart.
    pub(super) fn watch_pings(&self) {
        for asked in &self.asked_pings {
            self.watch_ping(asked);
        }
    }

    /// From now on answers of this one wake the heart.
    pub(super) fn watch_ping(&self, asked: &Asked) {
        if let Err(error) = self.waiter.watch(&asked.pinger, Ready::Ping) {
            // It is then only read at each beat.
            self.voice.say(Level::Error, &format!("cannot wait for {}: {error}", asked.name()));
        }
    }

    /// From now on they wait for the next beat.
    pub(super) fn forget_pings(&self) {
        for asked in &self.asked_pings {
            self.forget_ping(asked);
        }
    }

    /// From now on this one does.
    pub(super) fn forget_ping(&self, asked: &Asked) {
        self.waiter.forget(&asked.pinger);
    }
}

/// The cause of an authentic answer that names another member.
const OTHER_MEMBER: &str = "echo-other-member";
