//! Hears a node from outside: everything it sends, when, and the longest pause between two of its heartbeats.
//!
//! A raw socket at another host's cable and a thread in the real-time class, above the nodes' own: what it measures is
//! the node's lateness and the network's, hardly its own. Only the heartbeats' own numbers count, so a message that is
//! sent again fills no pause.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hb_sys::sched;
use hb_wire::{Message, netstring};
use socket2::{SockFilter, Socket};

/// Listens until it is dropped.
pub(crate) struct Ear {
    heard: Arc<Mutex<Heard>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a node sent since the last [`Ear::begin`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    /// Heartbeats with a new number.
    pub(crate) beats: u32,
    /// Longest pause between two of them, begin and end of the listening included.
    pub(crate) longest_pause: Duration,
    /// Messages by type.
    pub(crate) kinds: BTreeMap<String, u32>,
    /// All datagrams.
    pub(crate) datagrams: u32,
    /// Their payloads, in bytes.
    pub(crate) bytes: u64,
    /// What was no message.
    pub(crate) unreadable: u32,
}

struct Heard {
    sent: Sent,
    last_seq: u64,
    last_beat: Instant,
    newest: Option<Message>,
}

impl Ear {
    /// Listens on a packet socket for what `node` sends to `port`.
    pub(crate) fn open(socket: OwnedFd, node: Ipv4Addr, port: u16) -> Self {
        let socket = Socket::from(socket);
        socket.attach_filter(&datagrams(node, port)).unwrap();
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let heard = Heard { sent: Sent::default(), last_seq: 0, last_beat: Instant::now(), newest: None };
        let (heard, stop) = (Arc::new(Mutex::new(heard)), Arc::new(AtomicBool::new(false)));
        let (shared, ending) = (Arc::clone(&heard), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            // Refused to ordinary users: then the pauses are the machine's, too.
            let _refused = sched::set_fifo(PRIORITY);
            let mut frame = vec![0; 70_000];
            while !ending.load(Ordering::Relaxed) {
                // The time limit.
                let Ok(length) = (&socket).read(&mut frame) else { continue };
                lock(&shared).take(&frame[..length]);
            }
        });
        Self { heard, stop, thread: Some(thread) }
    }

    /// Forgets everything and counts anew.
    pub(crate) fn begin(&self) {
        let mut heard = lock(&self.heard);
        heard.sent = Sent::default();
        heard.last_beat = Instant::now();
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> Sent {
        let heard = lock(&self.heard);
        let mut sent = heard.sent.clone();
        sent.longest_pause = sent.longest_pause.max(heard.last_beat.elapsed());
        sent
    }

    /// The newest numbered message: who knows the key can go on from it.
    pub(crate) fn newest(&self) -> Message {
        lock(&self.heard).newest.clone().expect("the node was heard")
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Heard {
    fn take(&mut self, frame: &[u8]) {
        let now = Instant::now();
        let payload = payload(frame);
        self.sent.datagrams += 1;
        self.sent.bytes += payload.len() as u64;
        let Ok(message) = netstring::decode(payload) else {
            self.sent.unreadable += 1;
            return;
        };
        let kind = message.kind().unwrap_or_default().to_owned();
        let seq = message.text("seq").and_then(|seq| u64::from_str_radix(seq, 16).ok());
        if let Some(seq) = seq.filter(|seq| *seq > self.last_seq) {
            self.last_seq = seq;
            if kind == "status" {
                self.sent.beats += 1;
                self.sent.longest_pause = self.sent.longest_pause.max(now.duration_since(self.last_beat));
                self.last_beat = now;
            }
            self.newest = Some(message);
        }
        *self.sent.kinds.entry(kind).or_default() += 1;
    }
}

/// Behind the Ethernet header (14), the IP header (as long as it says) and the UDP header (8).
fn payload(frame: &[u8]) -> &[u8] {
    let ip = usize::from(frame[14] & 0x0f) * 4;
    frame.get(14 + ip + 8..).unwrap_or_default()
}

/// Lets the kernel pick out whole UDP datagrams of one sender to one port, so that a flood of others costs nothing.
fn datagrams(from: Ipv4Addr, port: u16) -> [SockFilter; 11] {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_WORD: u16 = 0x20;
    const LOAD_IP_HEADER: u16 = 0xb1;
    const LOAD_HALF_BEHIND: u16 = 0x48;
    const EQUAL: u16 = 0x15;
    const ANY_BIT: u16 = 0x45;
    const RETURN: u16 = 0x06;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, 23),
        SockFilter::new(EQUAL, 0, 7, 17),
        SockFilter::new(LOAD_WORD, 0, 0, 26),
        SockFilter::new(EQUAL, 0, 5, from.to_bits()),
        SockFilter::new(LOAD_HALF, 0, 0, 20),
        SockFilter::new(ANY_BIT, 3, 0, 0x1fff),
        SockFilter::new(LOAD_IP_HEADER, 0, 0, 14),
        SockFilter::new(LOAD_HALF_BEHIND, 0, 0, 16),
        SockFilter::new(EQUAL, 1, 0, port.into()),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Above the nodes' hearts.
const PRIORITY: i32 = 2;
