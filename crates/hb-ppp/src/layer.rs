//! One control protocol, LCP or IPCP: the automaton with its counters, its timer and its packets (RFC 1661, 4 and 5).
//!
//! Which options are wanted and taken is the business of [`Options`]. It never gives up: when the automaton has
//! finished, it begins anew after a pause.

use alloc::vec::Vec;
use core::time::Duration;

use crate::automaton::{Action, Event, State, step};
use crate::counts::{Counts, count};
use crate::packet::{self, Packet, code};

/// What a control protocol negotiates about.
pub(crate) trait Options {
    /// Begins anew: all wishes are as at the beginning, nothing is known about the peer.
    fn reset(&mut self);

    /// Writes what we wish.
    fn request(&self, out: &mut Vec<u8>);

    /// Judges what the peer wishes, and remembers it if it is good. No Nak where `may_nak` is false: what would get one
    /// is rejected.
    fn judge(&mut self, wishes: &[u8], may_nak: bool) -> Verdict;

    /// The peer proposes other values.
    fn nak(&mut self, proposals: &[u8]);

    /// The peer does not want to hear of these.
    fn reject(&mut self, options: &[u8]);
}

/// What becomes of a Configure-Request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ack,
    Nak(Vec<u8>),
    Reject(Vec<u8>),
    /// Its lengths contradict each other: no answer.
    Malformed,
}

/// Times and limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// The restart timer.
    pub(crate) restart: Duration,
    /// Before a layer that has finished begins anew.
    pub(crate) pause: Duration,
}

/// What became of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Up,
    Down,
    /// Nothing was agreed on; it begins anew after a pause.
    Finished,
}

#[derive(Clone, Debug)]
pub(crate) struct Layer<O> {
    pub(crate) options: O,
    state: State,
    timing: Timing,
    /// Attempts that are left.
    attempts: u8,
    /// When the restart timer or the pause ends.
    timer: Option<Duration>,
    /// The number of the last Configure-Request.
    id: u8,
    /// The number of the last packet of ours that asks for no answer, or for another one.
    other_id: u8,
    /// The options of the last Configure-Request, until it was answered.
    asked: Option<Vec<u8>>,
    /// Naks sent and received since the layer was up.
    naks_sent: u8,
    naks_received: u8,
}

/// What is sent in return.
#[derive(Default)]
struct Answer {
    packet: Vec<u8>,
}

impl<O: Options> Layer<O> {
    /// Opened; it begins when the layer below is up.
    pub(crate) fn new(options: O, timing: Timing) -> Self {
        let mut layer = Self {
            options,
            state: State::Initial,
            timing,
            attempts: 0,
            timer: None,
            id: 0,
            other_id: 0,
            asked: None,
            naks_sent: 0,
            naks_received: 0,
        };
        let _ = layer.drive(Duration::ZERO, Event::Open, &Answer::default(), &mut Vec::new());
        layer
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Opened
    }

    /// When it wants to be woken.
    pub(crate) const fn deadline(&self) -> Option<Duration> {
        self.timer
    }

    /// The layer below is up.
    pub(crate) fn lower_up(&mut self, now: Duration, sent: &mut Vec<Vec<u8>>) {
        if self.state != State::Starting {
            return;
        }
        self.options.reset();
        (self.naks_sent, self.naks_received, self.asked) = (0, 0, None);
        let _ = self.drive(now, Event::LowerUp, &Answer::default(), sent);
    }

    /// The layer below is down.
    pub(crate) fn lower_down(&mut self, now: Duration) -> Option<Change> {
        if self.state == State::Starting {
            self.timer = None;
            return None;
        }
        self.drive(now, Event::LowerDown, &Answer::default(), &mut Vec::new())
    }

    /// Down, and begins anew after the pause.
    pub(crate) fn pause(&mut self, now: Duration) -> Option<Change> {
        let change = self.lower_down(now);
        self.timer = Some(now.saturating_add(self.timing.pause));
        change
    }

    /// The peer does not know this protocol, or sends what we do not.
    pub(crate) fn fatal(&mut self, now: Duration, sent: &mut Vec<Vec<u8>>) -> Option<Change> {
        self.drive(now, Event::FatalReject, &Answer::default(), sent)
    }

    /// Time has passed.
    pub(crate) fn wake(&mut self, now: Duration, sent: &mut Vec<Vec<u8>>) -> Option<Change> {
        if self.timer.is_none_or(|timer| now < timer) {
            return None;
        }
        self.timer = None;
        match self.state {
            State::Starting | State::Stopped | State::Closed => {
                let _ = self.lower_down(now);
                self.lower_up(now, sent);
                None
            }
            State::Initial
            | State::Opened
            | State::Closing
            | State::Stopping
            | State::ReqSent
            | State::AckRcvd
            | State::AckSent => {
                let event = if self.attempts > 0 { Event::TimeoutAgain } else { Event::TimeoutLast };
                self.drive(now, event, &Answer::default(), sent)
            }
        }
    }

    /// A packet of the codes that all control protocols have.
    pub(crate) fn handle(
        &mut self,
        now: Duration,
        packet: Packet<'_>,
        sent: &mut Vec<Vec<u8>>,
        counts: &mut Counts,
    ) -> Option<Change> {
        if matches!(self.state, State::Initial | State::Starting) {
            return None;
        }
        let mut answer = Answer::default();
        let event = match packet.code {
            code::REQUEST => self.judge(packet, &mut answer),
            code::ACK | code::NAK | code::REJECT => self.take_answer(packet),
            code::TERMINATE => {
                answer.packet = packet::write(code::TERMINATE_ACK, packet.id, &[], SHORTEST);
                Some(Event::TerminateReceived)
            }
            code::TERMINATE_ACK => Some(Event::TerminateAckReceived),
            code::CODE_REJECT => Some(match packet.data.first() {
                Some(code::REQUEST..=code::CODE_REJECT) => Event::FatalReject,
                Some(_) | None => Event::HarmlessReject,
            }),
            _ => {
                answer.packet = packet::write(code::CODE_REJECT, self.next_id(), packet.whole, SHORTEST);
                Some(Event::UnknownCode)
            }
        };
        if let Some(event) = event {
            return self.drive(now, event, &answer, sent);
        }
        count(&mut counts.malformed);
        None
    }

    fn judge(&mut self, packet: Packet<'_>, answer: &mut Answer) -> Option<Event> {
        let verdict = self.options.judge(packet.data, self.naks_sent < MOST_NAKS);
        let (code, data, event) = match &verdict {
            Verdict::Ack => (code::ACK, packet.data, Event::GoodRequest),
            Verdict::Nak(options) => {
                self.naks_sent = self.naks_sent.saturating_add(1);
                (code::NAK, options.as_slice(), Event::BadRequest)
            }
            Verdict::Reject(options) => (code::REJECT, options.as_slice(), Event::BadRequest),
            Verdict::Malformed => return None,
        };
        answer.packet = packet::write(code, packet.id, data, u16::MAX);
        Some(event)
    }

    /// An answer counts once, and only if it is one to the last request.
    fn take_answer(&mut self, packet: Packet<'_>) -> Option<Event> {
        if matches!(self.state, State::Closed | State::Stopped | State::Closing | State::Stopping) {
            return Some(Event::AckReceived);
        }
        let asked = self.asked.as_deref().filter(|_| packet.id == self.id)?;
        match packet.code {
            code::ACK if packet.data == asked => {
                self.asked = None;
                return Some(Event::AckReceived);
            }
            code::ACK => return None,
            _ => {}
        }
        let proposals = packet::options(packet.data)?;
        if packet.code == code::REJECT {
            let wishes = packet::options(asked)?;
            if proposals.is_empty() || !proposals.iter().all(|proposal| wishes.contains(proposal)) {
                return None;
            }
            self.options.reject(packet.data);
        } else {
            // Whoever is never content is not answered, or both would talk for ever.
            if self.naks_received >= MOST_NAKS_RECEIVED {
                return None;
            }
            self.naks_received += 1;
            self.options.nak(packet.data);
        }
        self.asked = None;
        Some(Event::NakReceived)
    }

    fn drive(
        &mut self,
        now: Duration,
        event: Event,
        answer: &Answer,
        sent: &mut Vec<Vec<u8>>,
    ) -> Option<Change> {
        let (actions, next) = step(self.state, event)?;
        let mut change = None;
        for action in actions {
            match action {
                Action::Up => {
                    change = Some(Change::Up);
                    (self.naks_sent, self.naks_received) = (0, 0);
                }
                Action::Down => change = Some(Change::Down),
                Action::Finished => change = Some(Change::Finished),
                Action::InitialiseCount => {
                    let ends = matches!(next, State::Closing | State::Stopping);
                    self.attempts = if ends { MOST_TERMINATES } else { MOST_REQUESTS };
                }
                Action::ZeroCount => {
                    self.attempts = 0;
                    self.timer = Some(now.saturating_add(self.timing.restart));
                }
                Action::Request => self.send_request(now, event, sent),
                Action::Terminate => {
                    self.attempts = self.attempts.saturating_sub(1);
                    self.timer = Some(now.saturating_add(self.timing.restart));
                    sent.push(packet::write(code::TERMINATE, self.next_id(), &[], SHORTEST));
                }
                Action::Ack | Action::Nak | Action::TerminateAck | Action::CodeReject => {
                    sent.push(answer.packet.clone());
                }
                // An echo is answered by LCP, which alone has it; that the layer has started needs nothing.
                Action::EchoReply | Action::Started => {}
            }
        }
        if matches!(next, State::Opened | State::Starting | State::Initial) {
            self.timer = None;
        }
        let rested = matches!(self.state, State::Stopped | State::Closed);
        if matches!(next, State::Stopped | State::Closed) && !rested {
            self.timer = Some(now.saturating_add(self.timing.pause));
        }
        self.state = next;
        change
    }

    /// The same request again keeps its number, so that an answer that is late still counts.
    fn send_request(&mut self, now: Duration, event: Event, sent: &mut Vec<Vec<u8>>) {
        self.attempts = self.attempts.saturating_sub(1);
        self.timer = Some(now.saturating_add(self.timing.restart));
        let mut options = Vec::new();
        self.options.request(&mut options);
        if event != Event::TimeoutAgain || self.asked.as_ref() != Some(&options) {
            self.id = self.id.wrapping_add(1);
        }
        sent.push(packet::write(code::REQUEST, self.id, &options, u16::MAX));
        self.asked = Some(options);
    }

    /// A number for a packet that is no part of the negotiation.
    pub(crate) const fn next_id(&mut self) -> u8 {
        self.other_id = self.other_id.wrapping_add(1);
        self.other_id
    }
}

/// Max-Configure, Max-Terminate and Max-Failure of the RFC (section 4.6).
const MOST_REQUESTS: u8 = 10;
const MOST_TERMINATES: u8 = 2;
const MOST_NAKS: u8 = 5;
/// Naks that lead to another request.
const MOST_NAKS_RECEIVED: u8 = 20;
/// The limit for packets that repeat another one: every peer takes them, and they do not fill a slow line.
const SHORTEST: u16 = 64;
