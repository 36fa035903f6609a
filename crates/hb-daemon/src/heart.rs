//! The heart: one thread that owns the engine and the media, and that nothing can hold up.
//!
//! No disk, no name service, no lock that a slower thread can hold while the heart waits. A turn:
//!
//! 1. wait for a packet (with short keepalives, usual heartbeats wait for the deadline: `attention`), a message from
//!    another thread, or the deadline
//! 2. read the sockets, a bounded number of packets each, and hand over what the key ring accepts
//! 3. hand over ends of jobs, commands and the load average
//! 4. if the deadline has passed, wake the engine: verdicts are made only here, after everything that waited in the
//!    sockets was read
//! 5. send again what peers have lost, for a short time
//! 6. kick the watchdog, if a heartbeat was sent
//!
//! After each input the outputs are performed in their order: `perform`. What is said about them, and how often, is
//! in `voice`; how it waits in `waiter`; what crosses the border to other threads in `message`.

mod attention;
mod change;
mod farewell;
mod hooks;
mod lease;
mod message;
mod perform;
mod ping;
mod port;
mod receive;
mod signature;
mod voice;
mod waiter;
mod watchdog;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hb_auth::KeyRing;
use hb_compress::{Budget, Packing};
use hb_engine::{Action, Engine, GroupId, Input, JobId, Now, Tick, without_own_fields};
use hb_resource::Beating;
use hb_transport::Pinger;
use hb_wire::Message;

use crate::clock;
use crate::event_text::Names;
use crate::identity::epoch::Epochs;
use crate::log::Log;
use crate::machine::Machine;
use crate::mailbox::Mailbox;
use crate::notify::Notify;

pub(crate) use attention::LONGEST_KEEPALIVE;
pub(crate) use change::Change;
pub(crate) use farewell::Leave;
pub(crate) use lease::{Hands, LeaseChange, LeaseCounts, lifetime};
#[cfg(test)]
pub(crate) use message::Counts;
pub(crate) use message::{FromHeart, HeartStatus, JobEnd, MediumReport, MemberChange, ToHeart};
pub(crate) use port::Port;
#[cfg(test)]
pub(crate) use watchdog::WatchdogState;
pub(crate) use watchdog::{Open, WatchdogChange, opener};

use attention::Attention;
use hooks::Hooks;
pub(crate) use hooks::Told;
use lease::Tenure;
use ping::Asked;
use receive::Wire;
use signature::Signature;
use voice::Voice;
use waiter::{Ready, Waiter};
use watchdog::Keeping;

/// Begins a job or a check without waiting, or says why it cannot be begun.
pub(crate) type Submit = Box<dyn FnMut(JobId, Order) -> Result<(), String> + Send>;

/// What the actuator shall do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// A start comes with its epoch.
    Do(Action, Option<u64>),
    Check(GroupId),
}

/// Begins the reset of a node without waiting, or says why it cannot be begun.
pub(crate) type Reset = Box<dyn FnMut(JobId, &str) -> Result<(), String> + Send>;

/// What a heart is made of.
pub(crate) struct Parts<P> {
    /// Makes every decision.
    pub(crate) engine: Engine,
    /// The numbers of starts of groups.
    pub(crate) epochs: Epochs,
    /// The open media, in the order of the engine's links.
    pub(crate) ports: Vec<P>,
    /// Those who ask the ping members, in the order of the engine's.
    pub(crate) pingers: Vec<Pinger>,
    /// Signs and verifies.
    pub(crate) keys: KeyRing,
    /// How messages become packets.
    pub(crate) packing: Packing,
    /// Names for log lines.
    pub(crate) names: Names,
    /// Whether refused packets are logged (directive `log_badpack`); they are counted in any case.
    pub(crate) log_refused: bool,
    /// Where log lines go.
    pub(crate) log: Log,
    /// Begins a job.
    pub(crate) submit: Submit,
    /// Begins the reset of another node.
    pub(crate) reset: Reset,
    /// Leaves a farewell with the guard.
    pub(crate) leave: Leave,
    /// The lease of the addresses, where there is one.
    pub(crate) lease: Option<Hands>,
    /// Where the guard feels that it beats.
    pub(crate) beating: Option<Beating>,
    /// Ends of jobs come here; see [`JobEnd::room`].
    pub(crate) job_ends: Arc<Mailbox<JobEnd>>,
    /// What others ask of the heart.
    pub(crate) inbox: Arc<Mailbox<ToHeart<P>>>,
    /// What the heart answers.
    pub(crate) outbox: Arc<Mailbox<FromHeart>>,
    /// What reads the kernel's files for it.
    pub(crate) machine: Machine,
    /// The service manager, for its watchdog.
    pub(crate) notify: Notify,
    /// Opens the watchdog device, if one is wanted.
    pub(crate) watchdog: Option<Open>,
}

/// The heart of a node.
pub(crate) struct Heart<P> {
    engine: Engine,
    epochs: Epochs,
    wires: Vec<Wire<P>>,
    asked_pings: Vec<Asked>,
    /// The number of the last heartbeat with which they were asked.
    asked_seq: u64,
    keys: KeyRing,
    signature: Signature,
    packing: Packing,
    /// What may be unpacked until the engine is woken.
    unpacking: Budget,
    voice: Voice,
    hooks: Hooks,
    submit: Submit,
    reset: Reset,
    leave: Leave,
    tenure: Tenure,
    beating: Option<Beating>,
    /// The number at which the next farewell is due.
    farewell_at: u64,
    job_ends: Arc<Mailbox<JobEnd>>,
    inbox: Arc<Mailbox<ToHeart<P>>>,
    outbox: Arc<Mailbox<FromHeart>>,
    /// Taken from the mailboxes, not yet handed over.
    ended: VecDeque<JobEnd>,
    asked: VecDeque<ToHeart<P>>,
    /// Not yet in the outbox.
    answers: VecDeque<FromHeart>,
    waiter: Waiter,
    attention: Attention,
    /// When the engine wants to be woken: what it said after the last input.
    deadline: Option<Tick>,
    machine: Machine,
    notify: Notify,
    notify_at: Option<Tick>,
    keeping: Keeping,
    /// One packet on its way in, and one on its way out.
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// The same as classic text, for media that carry it.
    outgoing_text: Vec<u8>,
    /// What a ping member shall say.
    outgoing_ping: Vec<u8>,
    stopped: bool,
}

impl<P: Port> Heart<P> {
    /// A heart that is ready to beat.
    pub(crate) fn new(parts: Parts<P>) -> io::Result<Self> {
        let waiter = Waiter::new()?;
        waiter.watch(&*parts.job_ends, Ready::Mail)?;
        waiter.watch(&*parts.inbox, Ready::Mail)?;
        for (index, port) in parts.ports.iter().enumerate() {
            waiter.watch_medium(port, index)?;
        }
        let names = Names { nodes: node_names(&parts.engine), ..parts.names };
        let now = clock::tick();
        let engine = parts.engine;
        let deadline = engine.next_deadline();
        let notify_at = parts.notify.watchdog_interval().map(|_| now);
        let mut heart = Self {
            engine,
            epochs: parts.epochs,
            wires: parts.ports.into_iter().map(Wire::new).collect(),
            asked_pings: parts.pingers.into_iter().map(Asked::new).collect(),
            keys: parts.keys,
            asked_seq: 0,
            signature: Signature::new(parts.names.nodes.len()),
            packing: parts.packing,
            unpacking: Budget::default(),
            hooks: Hooks::default(),
            voice: Voice::new(parts.log, names, parts.log_refused),
            submit: parts.submit,
            reset: parts.reset,
            leave: parts.leave,
            tenure: Tenure::new(parts.lease),
            beating: parts.beating,
            farewell_at: 0,
            job_ends: parts.job_ends,
            inbox: parts.inbox,
            outbox: parts.outbox,
            ended: VecDeque::new(),
            asked: VecDeque::new(),
            answers: VecDeque::new(),
            waiter,
            attention: Attention::full(now),
            deadline,
            machine: parts.machine,
            notify: parts.notify,
            notify_at,
            keeping: Keeping::new(parts.watchdog),
            incoming: vec![0; MAX_PACKET],
            outgoing: Vec::with_capacity(MESSAGE),
            outgoing_text: Vec::new(),
            outgoing_ping: Vec::new(),
            stopped: false,
        };
        heart.watch_pings();
        heart.form_ring();
        Ok(heart)
    }

    /// Beats until the engine says that the process may end.
    ///
    /// # Errors
    /// Only if waiting itself fails, which no load and no peer can cause.
    pub(crate) fn run(mut self) -> io::Result<()> {
        self.open_watchdog();
        self.perform_outputs(clock::now());
        while !self.stopped {
            self.waiter.wait(self.next_deadline())?;
            self.turn();
        }
        self.retire_watchdog();
        // Whoever asked last is still answered, if there is room.
        for _ in 0..LAST_OFFERS {
            self.outbox.try_post(&mut self.answers);
            if self.answers.is_empty() {
                break;
            }
            std::thread::sleep(OFFER_AGAIN);
        }
        Ok(())
    }

    /// Everything after the waiting; see the text of this file.
    fn turn(&mut self) {
        let rang = self.answer_doorbells();
        let due = self.is_due(clock::tick());
        self.receive(due || rang);
        if due || self.waiter.has_answers() {
            self.hear_pings();
        }
        self.hand_over();
        if let Some(load) = self.machine.load() {
            self.handle(Input::Load(load));
        }
        if self.is_due(clock::tick()) {
            if !due {
                self.receive(true);
                self.hear_pings();
            }
            self.unpacking = Budget::default();
            self.handle(Input::Wake);
            self.receive_echoes();
            self.relax(clock::tick());
        }
        self.regain_lease();
        self.perform_repeats();
        self.do_chores(clock::tick());
        if !self.answers.is_empty() {
            self.outbox.try_post(&mut self.answers);
        }
        self.kick_watchdog();
    }

    /// Hands one input to the engine and performs what comes of it.
    fn handle(&mut self, input: Input) {
        self.handle_from(clock::now(), input);
    }

    /// The same for what happened then.
    fn handle_from(&mut self, then: Now, input: Input) {
        if let Input::Message { message, .. } = &input {
            self.hooks.consider(message);
        }
        self.engine.handle(then, input);
        self.perform_outputs(then);
        self.hooks.forget();
        self.renew_farewell();
        self.deadline = self.engine.next_deadline();
    }

    fn hand_over(&mut self) {
        if self.waiter.has_mail() {
            self.job_ends.try_take(&mut self.ended);
            self.inbox.try_take(&mut self.asked);
        }
        while let Some(JobEnd { job, outcome }) = self.ended.pop_front() {
            self.lease_job_ended(job, &outcome);
            self.handle(Input::Done { job, outcome });
        }
        while let Some(asked) = self.asked.pop_front() {
            match asked {
                ToHeart::Command(command) => self.handle(Input::Command(command)),
                ToHeart::Change(change) => self.take_over(*change),
                ToHeart::Members(asked) => self.change_members(&asked),
                ToHeart::Say(message) => self.say(&message),
                ToHeart::LeaseTable => {
                    self.renew_lease();
                    self.perform_outputs(clock::now());
                }
                ToHeart::Status { ticket } => {
                    let report = Box::new(self.report(clock::now()));
                    self.answers.push_back(FromHeart::Status { ticket, report });
                }
            }
        }
    }

    /// A program's message goes out, and our own scripts hear of it as from us.
    fn say(&mut self, message: &Message) {
        let now = clock::now();
        let mut message = without_own_fields(message);
        message.set_text("src", &self.voice.names().local);
        self.hooks.consider(&message);
        if let Err(error) = self.engine.say(now, &message) {
            self.voice.not_sealed(now.tick, &error);
        }
        self.perform_outputs(now);
        self.hooks.forget();
        self.renew_farewell();
        self.deadline = self.engine.next_deadline();
    }

    fn report(&self, now: Now) -> HeartStatus {
        HeartStatus {
            snapshot: self.engine.snapshot(now),
            media: self.wires.iter().map(Wire::report).collect(),
            asked: self.asked_pings.iter().map(Asked::report).collect(),
            suppressed: self.voice.suppressed(),
            lease: self.tenure.counts(),
            watchdog: self.keeping.state(),
        }
    }

    fn is_due(&self, now: Tick) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// What is neither urgent nor the engine's: the service manager's watchdog, what was left out of the log.
    fn do_chores(&mut self, now: Tick) {
        if let Some(number) = self.engine.epoch().and_then(|epoch| self.epochs.due(epoch)) {
            self.answers.push_back(FromHeart::Epoch(number));
        }
        self.voice.tell_suppressed(now);
        if let (Some(at), Some(interval)) = (self.notify_at, self.notify.watchdog_interval())
            && at <= now
        {
            self.notify.send("WATCHDOG=1");
            self.notify_at = Some(now.plus(interval));
        }
    }

    fn next_deadline(&self) -> Option<Tick> {
        if !self.ended.is_empty() || self.engine.has_repeats() {
            return Some(clock::tick());
        }
        let again = (!self.answers.is_empty()).then(|| clock::tick().plus(OFFER_AGAIN));
        let lease = self.tenure.next_deadline();
        [self.deadline, self.notify_at, self.voice.next_summary(), again, lease].into_iter().flatten().min()
    }
}

/// Names by number; nodes can come and go.
fn node_names(engine: &Engine) -> Vec<String> {
    engine.node_names().map(str::to_owned).collect()
}

/// Longest packet that a medium can bring: the largest UDP datagram.
const MAX_PACKET: usize = 65_536;
/// Room for a usual message; a longer one makes more.
const MESSAGE: usize = 1024;
/// Pause before an answer is offered again to a thread that was inside its mailbox.
const OFFER_AGAIN: Duration = Duration::from_millis(1);

/// How often that is done at the end, when there is nothing else to do.
const LAST_OFFERS: usize = 100;

#[cfg(test)]
mod tests;
