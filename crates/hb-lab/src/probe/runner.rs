//! The probe's own process inside the client's host: a sender by the clock, a receiver, and a socket to the lab.
//!
//! Sender and receiver ask for a real-time class, so that the machine's load does not look like an outage; where
//! that is refused they run on, and what they were late is reported.

use std::ffi::OsStr;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use hb_sys::packet::PacketSocket;
use hb_sys::sched;
use rustix::net::{SendFlags, sendto};
use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::chain;
use crate::connection::serve;
use crate::echo::roomy;
use crate::probe::RunnerSpec;
use crate::probe::packet::{self, Kind, Probe};
use crate::probe::tally::{Sight, Tally};
use crate::protocol::ProbeAsk;

/// Probes until the lab hangs up.
pub(crate) fn run(lab: &Path, argument: &OsStr) -> Result<(), String> {
    let spec: RunnerSpec =
        serde_json::from_slice(argument.as_encoded_bytes()).map_err(chain("the probe's argument"))?;
    let socket = UdpSocket::bind((spec.from, 0)).map_err(chain("bind the probe's socket"))?;
    roomy(&socket);
    // An answer is waited for with a limit only so that nothing is ever waited for without one.
    socket.set_read_timeout(Some(Duration::from_millis(100))).map_err(chain("the probe's socket"))?;
    let names = spec.nodes.iter().map(|(name, _)| name.clone()).collect();
    let round_ns = SECOND_NS / u64::from(spec.direct_rate.max(1));
    let tally = Arc::new(Mutex::new(Tally::new(names, round_ns, now_ns())));
    let receiver = Receiver {
        socket: socket.try_clone().map_err(chain("the probe's socket"))?,
        tally: Arc::clone(&tally),
    };
    let sender = Sender::new(spec, socket, Arc::clone(&tally))?;
    thread::Builder::new().name("receive".into()).spawn(|| receiver.run()).map_err(chain("a thread"))?;
    thread::Builder::new().name("send".into()).spawn(|| sender.run()).map_err(chain("a thread"))?;
    // A thread that can be interrupted while it holds the lock would hold up the other two.
    let _refused = sched::set_fifo(PRIORITY);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(chain("runtime"))?;
    runtime.block_on(async {
        let stream = UnixStream::connect(lab).await.map_err(chain("reach the lab"))?;
        let (_none, unasked) = mpsc::channel(1);
        serve(stream, unasked, |ask: ProbeAsk| {
            let tally = Arc::clone(&tally);
            async move { Ok(reply(&ask, &mut lock(&tally))) }
        })
        .await;
        Ok(())
    })
}

fn reply(ask: &ProbeAsk, tally: &mut Tally) -> Sight {
    match ask {
        ProbeAsk::Begin => {
            tally.begin(now_ns());
            Sight::default()
        }
        ProbeAsk::Look { beats } => tally.look(now_ns(), *beats),
    }
}

struct Receiver {
    socket: UdpSocket,
    tally: Arc<Mutex<Tally>>,
}

impl Receiver {
    fn run(self) {
        // Refused to ordinary users; the sender reports it.
        let _refused = sched::set_fifo(PRIORITY);
        let mut buffer = [0; 256];
        loop {
            // Errors are the time limit, or what the network says about earlier probes: the tally tells the rest.
            let Ok(length) = self.socket.recv(&mut buffer) else { continue };
            let now = now_ns();
            if let Some((probe, node)) = buffer.get(..length).and_then(packet::decode) {
                lock(&self.tally).answered(probe, node, now);
            }
        }
    }
}

struct Sender {
    spec: RunnerSpec,
    socket: UdpSocket,
    from: SocketAddr,
    raw: PacketSocket,
    interface: u32,
    tally: Arc<Mutex<Tally>>,
}

impl Sender {
    fn new(spec: RunnerSpec, socket: UdpSocket, tally: Arc<Mutex<Tally>>) -> Result<Self, String> {
        let from = socket.local_addr().map_err(chain("the probe's socket"))?;
        let raw = PacketSocket::open().map_err(chain("a packet socket"))?;
        let interface = rustix::net::netdevice::name_to_index(&socket, &spec.interface)
            .map_err(chain(format!("interface {}", spec.interface)))?;
        Ok(Self { spec, socket, from, raw, interface, tally })
    }

    fn run(self) {
        let real_time = sched::set_fifo(PRIORITY).is_ok();
        lock(&self.tally).set_real_time(real_time);
        let interval_ns = SECOND_NS / u64::from(self.spec.rate);
        // Every so many routed probes there is a round of direct ones.
        let every = self.spec.rate.checked_div(self.spec.direct_rate).map(u64::from);
        let begun = now_ns();
        let mut next = 0;
        loop {
            sleep_until(begun + next * interval_ns);
            let now = now_ns();
            let due = now.saturating_sub(begun) / interval_ns;
            if due.saturating_sub(next) > CATCH_UP {
                // Too late to make up for; the lateness stands in the tally.
                lock(&self.tally).sent(next, now, now.saturating_sub(begun + next * interval_ns));
                next = due;
            }
            while next <= due {
                let late = now.saturating_sub(begun + next * interval_ns);
                self.send_routed(next, late);
                if let Some(round) =
                    every.filter(|every| next.is_multiple_of(*every)).map(|every| next / every)
                {
                    self.send_direct(round);
                }
                next += 1;
            }
        }
    }

    fn send_routed(&self, number: u64, late: u64) {
        let now = now_ns();
        lock(&self.tally).sent(number, now, late);
        let probe = Probe { kind: Kind::Routed, number, sent_ns: now }.encode();
        let to = SocketAddr::new(self.spec.to, self.spec.port);
        // Without an answer to ARP the kernel keeps probes until its buffer is full: then, as with every error, the
        // probe is lost. Waiting for room would stop the clock of all others.
        let _lost = sendto(&self.socket, &probe, SendFlags::DONTWAIT, &to);
    }

    fn send_direct(&self, number: u64) {
        let probe = Probe { kind: Kind::Direct, number, sent_ns: now_ns() }.encode();
        let to = SocketAddr::new(self.spec.to, self.spec.port);
        for (_, mac) in &self.spec.nodes {
            let frame = packet::frame((*mac, self.spec.from_mac), (self.from, to), &probe);
            let _lost: io::Result<()> = self.raw.send(self.interface, &frame);
        }
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nanoseconds of the monotonic clock, which all hosts of a lab share.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Both are never negative.
    now.tv_sec.cast_unsigned() * SECOND_NS + now.tv_nsec.cast_unsigned()
}

fn sleep_until(ns: u64) {
    let until = Timespec { tv_sec: (ns / SECOND_NS).cast_signed(), tv_nsec: (ns % SECOND_NS).cast_signed() };
    // Interrupted or not: the loop looks at the clock.
    let _interrupted = clock_nanosleep_absolute(ClockId::Monotonic, &until);
}

const SECOND_NS: u64 = 1_000_000_000;
/// The lowest real-time priority: above everything ordinary, below any node's heart.
const PRIORITY: i32 = 1;
/// Most probes that are sent at once after a delay.
const CATCH_UP: u64 = 400;
