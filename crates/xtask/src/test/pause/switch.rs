//! A switch for two emulated machines, whose cards send each frame as a UDP datagram over loopback: passes frames on, asks
//! both machines again and again who has an address, and remembers when which one answered.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::test::Failure;

/// Where a machine is plugged in.
pub(super) struct Port {
    pub(super) number: usize,
    /// Where its card sends to, and from where.
    pub(super) switch: SocketAddr,
    pub(super) machine: SocketAddr,
    /// Its own address.
    pub(super) address: Ipv4Addr,
}

/// The switch; it ends when this is dropped.
pub(super) struct Switch {
    answers: Arc<Mutex<[Option<Instant>; PORTS]>>,
    ended: Arc<AtomicBool>,
}

impl Switch {
    /// Starts it, and asks for this address from now on.
    pub(super) fn start(asked: [u8; 4]) -> Result<(Self, [Port; PORTS]), Failure> {
        Self::open(asked).map_err(|error| Failure::plain(format!("a socket on loopback: {error}")))
    }

    fn open(asked: [u8; 4]) -> io::Result<(Self, [Port; PORTS])> {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let sockets = [Arc::new(UdpSocket::bind(loopback)?), Arc::new(UdpSocket::bind(loopback)?)];
        let mut ports = Vec::new();
        for (number, socket) in sockets.iter().enumerate() {
            socket.set_read_timeout(Some(Duration::from_millis(200)))?;
            // A number that is free now; the emulator takes it in a moment.
            let machine = UdpSocket::bind(loopback)?.local_addr()?;
            let last = u8::try_from(number).unwrap_or_default() + 1;
            let address = Ipv4Addr::new(10, 9, 9, 10 + last);
            ports.push(Port { number, switch: socket.local_addr()?, machine, address });
        }
        let ports: [Port; PORTS] = ports.try_into().map_err(|_| io::Error::other("not two ports"))?;
        let switch = Self { answers: Arc::default(), ended: Arc::default() };
        let [one, other] = &ports;
        for (number, to) in [(0, other.machine), (1, one.machine)] {
            let [from, into] = [number, 1 - number].map(|at: usize| sockets.get(at).map(Arc::clone));
            let (Some(from), Some(into)) = (from, into) else { continue };
            let (answers, ended) = (Arc::clone(&switch.answers), Arc::clone(&switch.ended));
            thread::spawn(move || {
                let mut frame = [0; 2048];
                while !ended.load(Ordering::Relaxed) {
                    let Ok(length) = from.recv(&mut frame) else { continue };
                    let Some(frame) = frame.get(..length) else { continue };
                    if is_answer(frame, asked) {
                        if let Some(answer) = lock(&answers).get_mut(number) {
                            *answer = Some(Instant::now());
                        }
                    } else {
                        // A machine that does not run loses it.
                        let _lost = into.send_to(frame, to);
                    }
                }
            });
        }
        let machines = ports.each_ref().map(|port| (port.machine, mac(port.number)));
        let ended = Arc::clone(&switch.ended);
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                for ((machine, mac), socket) in machines.iter().zip(&sockets) {
                    let _lost = socket.send_to(&question(*mac, asked), machine);
                }
                thread::sleep(EVERY);
            }
        });
        Ok((switch, ports))
    }

    /// When this machine answered last.
    pub(super) fn last_answer(&self, number: usize) -> Option<Instant> {
        lock(&self.answers).get(number).copied().flatten()
    }

    pub(super) fn answered_since(&self, number: usize, begin: Instant) -> bool {
        self.last_answer(number).is_some_and(|last| last > begin)
    }

    /// It answers, and the other one has not for this time.
    pub(super) fn is_alone(&self, number: usize, quiet: Duration) -> bool {
        self.is_alone_at(Instant::now(), number, quiet)
    }

    fn is_alone_at(&self, now: Instant, number: usize, quiet: Duration) -> bool {
        let is_silent = |last| now.saturating_duration_since(last) > quiet;
        let answers = |last| now.saturating_duration_since(last) < EVERY * 20;
        self.last_answer(number).is_some_and(answers) && self.last_answer(1 - number).is_none_or(is_silent)
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl Port {
    /// As the emulator wants it.
    pub(super) fn mac_text(&self) -> String {
        mac(self.number).map(|byte| format!("{byte:02x}")).join(":")
    }
}

fn mac(number: usize) -> [u8; 6] {
    [0x02, 0x68, 0x62, 0, 0, u8::try_from(number).unwrap_or_default() + 1]
}

/// An ARP request to this card alone.
fn question(to: [u8; 6], asked: [u8; 4]) -> Vec<u8> {
    let ethernet = [&to, &ASKER, ARP.as_slice()].concat();
    [&ethernet, REQUEST.as_slice(), &ASKER, &ASKER_ADDRESS, &[0; 6], &asked].concat()
}

/// An ARP answer to us that the address is there.
fn is_answer(frame: &[u8], asked: [u8; 4]) -> bool {
    frame.starts_with(&ASKER) && frame.get(12..22) == Some(&ANSWER) && frame.get(28..32) == Some(&asked)
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

const PORTS: usize = 2;
const EVERY: Duration = Duration::from_millis(10);
const ASKER: [u8; 6] = [0x02, 0x68, 0x62, 0, 0, 9];
const ASKER_ADDRESS: [u8; 4] = [10, 9, 9, 1];
const ARP: [u8; 2] = [8, 6];
/// Ethernet and IPv4, with the lengths of their addresses; an ARP request.
const REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];
/// Type of the frame, then the same for an answer.
const ANSWER: [u8; 10] = [8, 6, 0, 1, 8, 0, 6, 4, 0, 2];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_the_question_is_told_from_other_frames() {
        let (card, asked) = (mac(0), [10, 9, 9, 9]);
        let question = question(card, asked);
        assert_eq!((question.len(), is_answer(&question, asked)), (42, false));
        let mut answer = [ASKER.as_slice(), &card, &ANSWER, &card, &asked, &ASKER, &ASKER_ADDRESS].concat();
        assert!(is_answer(&answer, asked));
        assert!(!is_answer(&answer, [10, 9, 9, 8]));
        assert!(!is_answer(&answer[..31], asked));
        answer[21] = 1;
        assert!(!is_answer(&answer, asked));
    }

    #[test]
    fn frames_pass_and_answers_are_noted() {
        let (switch, [one, other]) = Switch::open([10, 9, 9, 9]).unwrap();
        let cards = [&one, &other].map(|port| {
            let socket = UdpSocket::bind(port.machine).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            socket
        });
        let [here, there] = &cards;
        let mut frame = [0; 2048];
        let length = here.recv(&mut frame).unwrap();
        assert_eq!(frame[..length], question(mac(0), [10, 9, 9, 9]));
        here.send_to(b"a frame of some other kind", one.switch).unwrap();
        while there.recv(&mut frame).unwrap() == length {}
        assert!(frame.starts_with(b"a frame of some other kind"));
        assert_eq!(switch.last_answer(0), None);
        let answer = [ASKER.as_slice(), &mac(0), &ANSWER, &mac(0), &[10, 9, 9, 9], &ASKER].concat();
        here.send_to(&answer, one.switch).unwrap();
        let answered = loop {
            if let Some(moment) = switch.last_answer(0) {
                break moment;
            }
            thread::yield_now();
        };
        assert_eq!(switch.last_answer(1), None);
        let is_alone = |later, number| switch.is_alone_at(answered + later, number, Duration::ZERO);
        assert!(is_alone(Duration::ZERO, 0) && is_alone(EVERY * 19, 0));
        assert!(!is_alone(EVERY * 20, 0), "it is silent itself");
        assert!(!is_alone(Duration::ZERO, 1), "the other one answers");
    }
}
