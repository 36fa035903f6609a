//! From the sockets to the engine: reads what waits, verifies, counts, hands over.
//!
//! A flood must not keep the beat waiting, however many packets it has and however long each takes to refuse: a turn
//! reads until the deadline comes, of each medium some packets and for a short time. When the deadline has come, what waited in
//! the sockets' queues at that moment is read, because the engine must have seen it before it judges; and no more: the
//! bound is in bytes, as that of a queue is. What comes out of packed messages has a bound of its own, until
//! the engine is woken the next time.

use std::io;
use std::time::Duration;

use hb_engine::{Input, LinkId};
use rustix::net::sockopt;

use super::message::{Counts, MediumReport};
use super::{Heart, Port};
use crate::clock;

/// A medium and what went over it.
pub(super) struct Wire<P> {
    pub(super) port: P,
    pub(super) counts: Counts,
    /// Bytes that the socket's queue holds at most.
    queue: usize,
    /// Turns in a row in which it had something.
    busy: u32,
    /// It has sent, and what it sends comes back to it.
    pub(super) echo: bool,
    /// What it sent last could not be sent.
    pub(super) failing: bool,
}

impl<P: Port> Wire<P> {
    pub(super) fn new(port: P) -> Self {
        let queue = sockopt::socket_recv_buffer_size(&port).unwrap_or(QUEUE);
        Self { port, counts: Counts::default(), queue, busy: 0, echo: false, failing: false }
    }

    pub(super) fn report(&self) -> MediumReport {
        let Self { port, counts, .. } = self;
        let (kind, name, hints) = (port.kind(), port.name().to_owned(), port.hints());
        MediumReport { kind, name, counts: counts.clone(), hints }
    }
}

impl<P: Port> Heart<P> {
    /// Reads the media that have something; all of them if the engine is about to judge.
    pub(super) fn receive(&mut self, due: bool) {
        if due {
            for index in 0..self.wires.len() {
                self.receive_what_waits(index);
            }
            return;
        }
        let deadline = self.deadline;
        for index in 0..self.wires.len() {
            let began = clock::tick();
            for _ in 0..self.packets_in_this_turn(index) {
                if self.receive_one(index).is_none() {
                    break;
                }
                let now = clock::tick();
                if deadline.is_some_and(|deadline| deadline <= now) {
                    return;
                }
                if now.since(began) >= TURN {
                    break;
                }
            }
        }
    }

    /// A quiet medium has one packet, and to ask for a second would be in vain; one that still has something in the next
    /// turn is asked for twice as many each turn.
    fn packets_in_this_turn(&mut self, index: usize) -> u32 {
        let ready = self.waiter.is_wire_ready(index);
        let Some(wire) = self.wires.get_mut(index) else { return 0 };
        if !ready {
            wire.busy = 0;
            return 0;
        }
        let packets = 1 << wire.busy.min(MOST_PACKETS_EXPONENT);
        wire.busy += 1;
        packets
    }

    /// What a node sends by broadcast is in its own queue when the system call returns: to read it now saves a wait.
    pub(super) fn receive_echoes(&mut self) {
        for index in 0..self.wires.len() {
            if self.wires.get_mut(index).is_some_and(|wire| std::mem::take(&mut wire.echo)) {
                self.receive_one(index);
            }
        }
    }

    /// Everything that a medium's queue held when this began, and hardly more.
    fn receive_what_waits(&mut self, index: usize) {
        let queue = self.wires.get(index).map_or(0, |wire| wire.queue);
        let (mut bytes, mut packets) = (0, 0);
        while bytes < queue
            && let Some(length) = self.receive_one(index)
        {
            bytes += length + PACKET_OVERHEAD;
            packets += 1;
        }
        self.notice_flood(packets);
    }

    /// Reads one packet of a medium and hands it over; its length, or nothing if there is none.
    fn receive_one(&mut self, index: usize) -> Option<usize> {
        let wire = self.wires.get_mut(index)?;
        let (length, stamp) = match wire.port.receive(&mut self.incoming) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            // Told once by the socket and then gone: a peer's machine that refuses, an interface that went down.
            Err(error) => {
                wire.counts.receive_errors += 1;
                self.voice.receive_failed(clock::tick(), wire.port.name(), &error);
                return Some(0);
            }
        };
        let packet = self.incoming.get(..length).unwrap_or_default();
        if wire.port.hears_itself() && length > 0 && packet == self.outgoing {
            wire.counts.received += 1;
            self.handle_from(self.arrival(stamp), Input::Echo { link: link(index) });
            return Some(length);
        }
        match hb_compress::open(&self.keys, packet, &mut self.unpacking) {
            Ok(message) => {
                wire.counts.received += 1;
                if let Some(index) = self.signature.heard(&message, packet, &self.keys) {
                    self.voice.signs_with(clock::tick(), index);
                    self.spoil_farewell();
                }
                self.handle_from(self.arrival(stamp), Input::Message { link: link(index), message });
            }
            Err(refusal) => {
                *wire.counts.refused.entry(refusal.cause()).or_default() += 1;
                self.voice.refused(clock::tick(), wire.port.name(), refusal);
            }
        }
        Some(length)
    }
}

/// The engine's number of a medium, of which there are at most 63.
fn link(index: usize) -> LinkId {
    LinkId(u16::try_from(index).unwrap_or(u16::MAX))
}

/// At most 2 to the power of this many packets of one medium in a turn.
const MOST_PACKETS_EXPONENT: u32 = 6;
/// Time after which a turn goes on to the next thing: short beside a keepalive, long beside a usual packet.
pub(super) const TURN: Duration = Duration::from_millis(1);
/// What a queue holds where the kernel does not tell: its default (`net.core.rmem_default`).
pub(super) const QUEUE: usize = 212_992;
/// What the kernel counts for a packet besides its content; at least, so that the queue is never thought to be empty
/// too early.
pub(super) const PACKET_OVERHEAD: usize = 512;
