//! Sends to the node at full speed from a third host.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use rustix::process::setpriority_process;

/// A socket of the attacker's host.
pub(crate) struct Gun {
    socket: UdpSocket,
    node: SocketAddrV4,
    all: SocketAddrV4,
    turn: bool,
}

/// What was fired.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fired {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Not taken by the attacker's own kernel.
    pub(crate) refused: u64,
}

impl Gun {
    /// Aims at the `node`, and at everybody by `broadcast`.
    pub(crate) fn aim(socket: UdpSocket, node: Ipv4Addr, broadcast: Ipv4Addr, port: u16) -> Self {
        let (node, all) = (SocketAddrV4::new(node, port), SocketAddrV4::new(broadcast, port));
        Self { socket, node, all, turn: false }
    }

    /// One packet to the node alone.
    pub(crate) fn one(&self, packet: &[u8], fired: &mut Fired) {
        self.send(packet, self.node, fired);
    }

    /// One packet: in turn to the node alone and to everybody.
    pub(crate) fn next(&mut self, packet: &[u8], fired: &mut Fired) {
        self.turn = !self.turn;
        self.send(packet, if self.turn { self.node } else { self.all }, fired);
    }

    /// All of these as fast as that goes, one in eight to everybody: an attacker on a machine of its own would not wait
    /// for this one's load.
    pub(crate) fn salvo(&self, packets: &[Vec<u8>], fired: &mut Fired) {
        let _urgent = Urgent::new();
        for eight in packets.chunks(8) {
            for (packet, to) in eight.iter().zip([self.all].into_iter().chain([self.node; 7])) {
                self.send(packet, to, fired);
            }
        }
    }

    /// Makes and sends packets as fast as that goes, for so long.
    pub(crate) fn burst(&mut self, time: Duration, mut make: impl FnMut() -> Vec<u8>) -> Fired {
        let _urgent = Urgent::new();
        let mut fired = Fired::default();
        let end = Instant::now() + time;
        while Instant::now() < end {
            for _ in 0..16 {
                self.next(&make(), &mut fired);
            }
        }
        fired
    }

    fn send(&self, packet: &[u8], to: SocketAddrV4, fired: &mut Fired) {
        if self.socket.send_to(packet, to).is_ok() {
            fired.packets += 1;
            fired.bytes += packet.len() as u64;
        } else {
            fired.refused += 1;
        }
    }
}

/// Puts the thread before everything ordinary, where that is allowed, until it is dropped; not before the hearts.
struct Urgent;

impl Urgent {
    fn new() -> Self {
        // Refused to ordinary users.
        let _refused = setpriority_process(None, -20);
        Self
    }
}

impl Drop for Urgent {
    fn drop(&mut self) {
        setpriority_process(None, 0).unwrap();
    }
}
