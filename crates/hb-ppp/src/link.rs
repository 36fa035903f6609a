//! One end of a line: LCP below, IPCP above it, datagrams when both have agreed.
//!
//! Nothing in here waits or asks for the time. Whoever drives it hands in bytes and the time, takes the outputs in their
//! order after each call, and calls [`Link::wake`] at [`Link::deadline`].

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;
use core::net::Ipv4Addr;
use core::time::Duration;

use thiserror::Error;

use crate::counts::{Counts, count};
use crate::datagram::{self, Flow};
use crate::frame::{self, LCP, Reader};
use crate::ipcp::Ipcp;
use crate::layer::{Change, Layer, Timing};
use crate::lcp::Lcp;
use crate::packet::{self, Packet, code};

/// How an end behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The address of this end.
    pub local: Ipv4Addr,
    /// The UDP port of both ends.
    pub port: u16,
    /// The longest packet that this end wants to take; the peer decides for the other direction. At least 1500.
    pub longest: u16,
    /// Before an unanswered request is sent again.
    pub restart: Duration,
    /// Before it is begun anew when nothing could be agreed on.
    pub pause: Duration,
    /// Between two echo requests.
    pub echo_interval: Duration,
    /// So many unanswered echo requests mean that nobody is there.
    pub echo_failures: u8,
}

/// What an end wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A frame for the line; it goes before what waits, because answers are waited for.
    Frame(Vec<u8>),
    /// The payload of a datagram that came.
    Datagram(Vec<u8>),
    /// Datagrams can be sent from now on, to this address if the peer has told one.
    Up(Option<Ipv4Addr>),
    /// No more; [`Link::cause`] says why.
    Down,
}

/// Why datagrams cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Cause {
    /// The line is not there, or its end here was opened just now.
    #[error("nobody has answered yet")]
    New,
    /// Nobody speaks PPP there, or the line is cut.
    #[error("nobody answers")]
    NoAnswer,
    /// The peer said that it ends.
    #[error("the other end has closed the link")]
    PeerEnded,
    /// The peer has begun anew.
    #[error("the other end has begun anew")]
    PeerRestarted,
    /// The two ends want different things.
    #[error("the two ends cannot agree")]
    NotAgreed,
    /// What is sent comes back.
    #[error("the line is looped back: what is sent comes back")]
    LoopedBack,
}

/// Why a datagram was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SendError {
    /// See [`Link::cause`].
    #[error("the link is down")]
    Down,
    /// It is longer than the peer takes.
    #[error("a datagram of {length} bytes does not fit: {limit} do")]
    TooLong {
        /// Bytes of its payload.
        length: usize,
        /// Bytes that fit.
        limit: usize,
    },
}

/// One end of a line.
///
/// ```
/// use core::net::Ipv4Addr;
/// use core::time::Duration;
/// use hb_ppp::{Config, Link, Output};
///
/// let now = Duration::ZERO;
/// let config = |last| Config::new(Ipv4Addr::new(10, 0, 0, last), 694);
/// let mut ends = [Link::new(config(1), 1), Link::new(config(2), 2)];
/// let mut wires = [Vec::new(), Vec::new()];
/// for end in &mut ends {
///     end.line_up(now);
/// }
/// for turn in 0..10 {
///     let (from, to) = (turn % 2, 1 - turn % 2);
///     while let Some(output) = ends[from].poll_output() {
///         if let Output::Frame(frame) = output {
///             wires[to].extend(frame);
///         }
///     }
///     let bytes = std::mem::take(&mut wires[to]);
///     let mut input = bytes.as_slice();
///     while !input.is_empty() {
///         ends[to].handle_bytes(now, &mut input);
///     }
/// }
/// assert!(ends.iter().all(Link::is_up));
/// ```
#[derive(Clone, Debug)]
pub struct Link {
    config: Config,
    reader: Reader,
    counts: Counts,
    lcp: Layer<Lcp>,
    ipcp: Layer<Ipcp>,
    echo: Echo,
    cause: Cause,
    outputs: VecDeque<Output>,
}

/// Whether the peer is still there.
#[derive(Clone, Copy, Debug, Default)]
struct Echo {
    due: Option<Duration>,
    id: u8,
    unanswered: u8,
}

impl Config {
    /// The usual times: those that 3.0.6's ancestors gave to pppd (`wire.md` 12.3), and shorter ones where it had none.
    #[must_use]
    pub const fn new(local: Ipv4Addr, port: u16) -> Self {
        Self {
            local,
            port,
            longest: 16_384,
            restart: Duration::from_millis(500),
            pause: Duration::from_secs(1),
            echo_interval: Duration::from_secs(2),
            echo_failures: 3,
        }
    }
}

impl Link {
    /// An end whose line is not there yet. `seed` must differ from that of the other end.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        let timing = Timing { restart: config.restart, pause: config.pause };
        let longest = config.longest.max(SHORTEST_LONGEST);
        Self {
            config,
            reader: Reader::new(usize::from(longest)),
            counts: Counts::default(),
            lcp: Layer::new(Lcp::new(longest, seed), timing),
            ipcp: Layer::new(Ipcp::new(config.local), timing),
            echo: Echo::default(),
            cause: Cause::New,
            outputs: VecDeque::new(),
        }
    }

    /// The line is there, or was opened anew: negotiation begins.
    pub fn line_up(&mut self, now: Duration) {
        self.line_down(now);
        let mut sent = Vec::new();
        self.lcp.lower_up(now, &mut sent);
        self.send_packets(LCP, sent);
    }

    /// The line is gone: everything is forgotten.
    pub fn line_down(&mut self, now: Duration) {
        let change = self.lcp.lower_down(now);
        self.lcp_changed(now, change, Cause::New);
        self.reader.reset();
        self.cause = Cause::New;
    }

    /// Reads `input` up to the end of the next frame and acts on it; the rest stays in `input`. Take the outputs after
    /// each call: there are at most eight, and what is not taken is lost when there are more than sixteen.
    pub fn handle_bytes(&mut self, now: Duration, input: &mut &[u8]) {
        let mut reader = mem::replace(&mut self.reader, Reader::new(0));
        if let Some((protocol, information)) = reader.next_frame(input, &mut self.counts) {
            self.handle_frame(now, protocol, information);
        }
        self.reader = reader;
    }

    /// Does what is due. To be called at [`Link::deadline`]; at other times it is harmless.
    pub fn wake(&mut self, now: Duration) {
        let mut sent = Vec::new();
        let change = self.lcp.wake(now, &mut sent);
        self.send_packets(LCP, sent);
        self.lcp_changed(now, change, Cause::NoAnswer);
        let mut sent = Vec::new();
        let change = self.ipcp.wake(now, &mut sent);
        self.send_packets(IPCP, sent);
        self.ipcp_changed(change, Cause::NotAgreed);
        if self.echo.due.is_some_and(|due| due <= now) {
            self.echo_is_due(now);
        }
    }

    /// When it wants to be woken; nothing while the line is not there.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        [self.lcp.deadline(), self.ipcp.deadline(), self.echo.due].into_iter().flatten().min()
    }

    /// The next thing to do; drain it to `None` after each call of another method.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The frame that carries a datagram to the peer.
    ///
    /// # Errors
    /// When there is no link, or the peer does not take packets of that length.
    pub fn frame(&self, payload: &[u8]) -> Result<Vec<u8>, SendError> {
        if !self.is_up() {
            return Err(SendError::Down);
        }
        let peer = self.lcp.options.peer;
        let limit = datagram::room(peer.mru);
        let too_long = SendError::TooLong { length: payload.len(), limit };
        let destination = self.ipcp.options.peer.unwrap_or(Ipv4Addr::BROADCAST);
        let flow = Flow { source: self.config.local, destination, port: self.config.port };
        let packet = datagram::write(flow, payload).filter(|_| payload.len() <= limit).ok_or(too_long)?;
        Ok(frame::write(peer.writing, IP, &packet))
    }

    /// Whether datagrams can be sent.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.lcp.is_up() && self.ipcp.is_up()
    }

    /// Why they cannot, or could not the last time.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// What came so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    fn handle_frame(&mut self, now: Duration, protocol: u16, information: &[u8]) {
        if protocol == LCP {
            match Packet::parse(information) {
                Some(packet) => self.handle_lcp(now, packet),
                None => count(&mut self.counts.malformed),
            }
            return;
        }
        // Before LCP has agreed, everything else is to be dropped without a word (RFC 1661, 3.4).
        if !self.lcp.is_up() {
            count(&mut self.counts.early);
            return;
        }
        match protocol {
            IPCP => match Packet::parse(information) {
                Some(packet) => self.handle_ipcp(now, packet),
                None => count(&mut self.counts.malformed),
            },
            IP if !self.ipcp.is_up() => count(&mut self.counts.early),
            IP => match datagram::read(information, self.config.local, self.config.port) {
                Some(payload) => {
                    count(&mut self.counts.datagrams);
                    self.push(Output::Datagram(payload.to_vec()));
                }
                None => count(&mut self.counts.refused),
            },
            _ => {
                count(&mut self.counts.unknown_protocols);
                let rejected = [&protocol.to_be_bytes(), information].concat();
                let id = self.lcp.next_id();
                let packet = packet::write(code::PROTOCOL_REJECT, id, &rejected, REJECT_LIMIT);
                self.push(Output::Frame(frame::write(self.lcp.options.peer.writing, LCP, &packet)));
            }
        }
    }

    fn handle_lcp(&mut self, now: Duration, packet: Packet<'_>) {
        match packet.code {
            code::PROTOCOL_REJECT | code::ECHO | code::ECHO_REPLY | code::DISCARD => {
                self.handle_lcp_only(now, packet);
                return;
            }
            _ => {}
        }
        let mut sent = Vec::new();
        let change = self.lcp.handle(now, packet, &mut sent, &mut self.counts);
        self.send_packets(LCP, sent);
        let cause = match packet.code {
            code::TERMINATE => Cause::PeerEnded,
            code::REQUEST => Cause::PeerRestarted,
            _ => Cause::NotAgreed,
        };
        self.lcp_changed(now, change, cause);
        if packet.code == code::REQUEST && self.lcp.options.own_requests > 0 {
            count(&mut self.counts.looped);
        }
        if self.lcp.options.own_requests >= MOST_OWN_REQUESTS {
            self.looped_back(now);
        }
    }

    /// Packets that only LCP has (RFC 1661, 5.7 to 5.9); they count only while it is up.
    fn handle_lcp_only(&mut self, now: Duration, packet: Packet<'_>) {
        if !self.lcp.is_up() {
            count(&mut self.counts.early);
            return;
        }
        let number = packet.data.first_chunk::<4>().copied().map(u32::from_be_bytes);
        let is_own = number.is_some_and(|number| self.lcp.options.is_own(number));
        match (packet.code, packet.data, number) {
            (code::PROTOCOL_REJECT, [high, low, ..], _) => match u16::from_be_bytes([*high, *low]) {
                LCP => {
                    let mut sent = Vec::new();
                    let change = self.lcp.fatal(now, &mut sent);
                    self.send_packets(LCP, sent);
                    self.lcp_changed(now, change, Cause::NotAgreed);
                }
                IPCP => {
                    let mut sent = Vec::new();
                    let change = self.ipcp.fatal(now, &mut sent);
                    // It does not want to hear of that protocol: what would be sent is not.
                    self.ipcp_changed(change, Cause::NotAgreed);
                }
                _ => {}
            },
            (code::ECHO, _, Some(_)) if is_own => {
                count(&mut self.counts.looped);
                self.looped_back(now);
            }
            (code::ECHO, data, Some(_)) => {
                let peer = self.lcp.options.peer;
                let own = self.lcp.options.magic().to_be_bytes();
                let data = [&own, data.get(4..).unwrap_or_default()].concat();
                let reply = packet::write(code::ECHO_REPLY, packet.id, &data, peer.mru);
                self.push(Output::Frame(frame::write(peer.writing, LCP, &reply)));
            }
            (code::ECHO_REPLY, _, Some(_)) if !is_own && packet.id == self.echo.id => {
                self.echo.unanswered = 0;
            }
            (code::DISCARD, _, Some(_)) => {}
            _ => count(&mut self.counts.malformed),
        }
    }

    fn handle_ipcp(&mut self, now: Duration, packet: Packet<'_>) {
        let mut sent = Vec::new();
        let change = self.ipcp.handle(now, packet, &mut sent, &mut self.counts);
        self.send_packets(IPCP, sent);
        let cause = match packet.code {
            code::TERMINATE => Cause::PeerEnded,
            code::REQUEST => Cause::PeerRestarted,
            _ => Cause::NotAgreed,
        };
        self.ipcp_changed(change, cause);
    }

    fn echo_is_due(&mut self, now: Duration) {
        if self.echo.unanswered >= self.config.echo_failures {
            let change = self.lcp.lower_down(now);
            self.lcp_changed(now, change, Cause::NoAnswer);
            let mut sent = Vec::new();
            self.lcp.lower_up(now, &mut sent);
            self.send_packets(LCP, sent);
            return;
        }
        let id = self.lcp.next_id();
        self.echo = Echo {
            due: Some(now.saturating_add(self.config.echo_interval)),
            id,
            unanswered: self.echo.unanswered.saturating_add(1),
        };
        let magic = self.lcp.options.magic().to_be_bytes();
        let echo = packet::write(code::ECHO, id, &magic, REJECT_LIMIT);
        self.push(Output::Frame(frame::write(self.lcp.options.peer.writing, LCP, &echo)));
    }

    fn looped_back(&mut self, now: Duration) {
        // They are counted anew after the pause.
        self.lcp.options.own_requests = 0;
        let change = self.lcp.pause(now);
        self.lcp_changed(now, change, Cause::LoopedBack);
        self.cause = Cause::LoopedBack;
    }

    fn lcp_changed(&mut self, now: Duration, change: Option<Change>, cause: Cause) {
        match change {
            None => {}
            Some(Change::Up) => {
                self.echo =
                    Echo { due: Some(now.saturating_add(self.config.echo_interval)), ..Echo::default() };
                let mut sent = Vec::new();
                self.ipcp.lower_up(now, &mut sent);
                self.send_packets(IPCP, sent);
            }
            Some(Change::Down) => {
                self.echo = Echo::default();
                let change = self.ipcp.lower_down(now);
                self.cause = cause;
                self.ipcp_changed(change, cause);
            }
            Some(Change::Finished) => self.cause = cause,
        }
    }

    fn ipcp_changed(&mut self, change: Option<Change>, cause: Cause) {
        match change {
            None => {}
            Some(Change::Up) => self.push(Output::Up(self.ipcp.options.peer)),
            Some(Change::Down) => {
                self.cause = cause;
                self.push(Output::Down);
            }
            Some(Change::Finished) => self.cause = cause,
        }
    }

    fn send_packets(&mut self, protocol: u16, packets: Vec<Vec<u8>>) {
        for packet in packets {
            let frame = frame::write(self.lcp.options.peer.writing, protocol, &packet);
            self.push(Output::Frame(frame));
        }
    }

    fn push(&mut self, output: Output) {
        if self.outputs.len() >= MOST_OUTPUTS {
            self.outputs.pop_front();
        }
        self.outputs.push_back(output);
    }
}

/// Outputs that wait to be taken.
const MOST_OUTPUTS: usize = 16;
/// Requests of our own that come back one after the other before the line counts as looped back.
const MOST_OWN_REQUESTS: u8 = 10;
/// Bytes of a packet that says what is refused; the peer only looks at its beginning.
const REJECT_LIMIT: u16 = 64;
/// Every end must be able to take this (RFC 1661, 6.1).
const SHORTEST_LONGEST: u16 = 1500;
pub(crate) const IP: u16 = 0x0021;
const IPCP: u16 = 0x8021;
