//! When the heart renews the lease of its addresses, when it has lost it, and when it may acquire it anew.
//!
//! ```text
//!        a group is started: two steps            a renewal is refused, too late to be anything else
//! Idle ───────────────────────────────> Living ────────────────────────────────────────────────────> Lost
//!  ^                                      │  ^                                                        │
//!  └──────── nothing is held ─────────────┘  └── two steps, when the engine has asked the others ─────┘
//! ```
//! Renewed right after a heartbeat was sent, in the same turn, and never anywhere else: whoever cannot send a heartbeat must
//! not keep the addresses. Not renewed either while the other node says that it hears none of them and would take over before
//! the end. Before each step the clock is read again: a heart that stood still between its last heartbeat
//! and here may have been declared dead. That another lease takes the place of this one is `exchange`.

mod exchange;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::mpsc;
use std::time::Duration;

use hb_engine::{Action, GroupId, JobId, Outcome, Tick};
use hb_resource::lease::{Answer, Latch, Lengthener, NoRoom, Renewer, length};
use hb_resource::stop_point::StopPoint;

use super::{Heart, Port};
use crate::clock;
use crate::log::Level;

/// What can be asked of the kernel; none of it waits.
pub(crate) trait Steps: Send {
    /// See [`Latch::renew`].
    fn renew(&self) -> Answer;
    /// See [`Latch::arm`].
    fn arm(&self) -> Answer;
    /// See [`Latch::acquire`].
    fn acquire(&self) -> Answer;
    /// See [`Latch::release`].
    fn release(&self) -> Answer;
    /// Whether an acquisition is refused until others have done their part, which takes milliseconds.
    fn acquires_later(&self) -> bool {
        false
    }
    /// See [`Lengthener::set`].
    fn set_length(&self, length: Duration) -> io::Result<()>;
    /// The length for this keepalive and dead time.
    fn length(&self, keepalive: Duration, deadtime: Duration) -> Result<Duration, NoRoom> {
        length(keepalive, deadtime)
    }
}

impl Steps for Renewer {
    fn renew(&self) -> Answer {
        self.renew()
    }

    fn arm(&self) -> Answer {
        Answer::Granted
    }

    fn acquire(&self) -> Answer {
        self.acquire()
    }

    fn release(&self) -> Answer {
        self.release();
        Answer::Granted
    }

    fn acquires_later(&self) -> bool {
        true
    }

    fn set_length(&self, length: Duration) -> io::Result<()> {
        self.set_length(length);
        Ok(())
    }

    fn length(&self, keepalive: Duration, deadtime: Duration) -> Result<Duration, NoRoom> {
        lifetime(keepalive, deadtime)
    }
}

/// The lifetime of addresses for this keepalive and dead time.
pub(crate) fn lifetime(keepalive: Duration, deadtime: Duration) -> Result<Duration, NoRoom> {
    hb_config::length_of_life(keepalive, deadtime).map_err(|needed| NoRoom { keepalive, deadtime, needed })
}

impl Steps for (Latch, Lengthener) {
    fn renew(&self) -> Answer {
        self.0.renew()
    }

    fn arm(&self) -> Answer {
        self.0.arm()
    }

    fn acquire(&self) -> Answer {
        self.0.acquire()
    }

    fn release(&self) -> Answer {
        self.0.release()
    }

    fn set_length(&self, length: Duration) -> io::Result<()> {
        self.1.set(length)
    }
}

/// How the heart reaches the lease.
pub(crate) struct Hands {
    /// For the steps.
    pub(crate) steps: Box<dyn Steps>,
    /// The length that is in force.
    pub(crate) length: Duration,
    /// Whoever has the other end learns from it that the heart has let go of this.
    pub(crate) _let_go: Option<mpsc::Sender<()>>,
}

impl std::fmt::Debug for Hands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hands").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Hands {
    /// Both steps of an acquisition, for a heart that `sent` its last heartbeat then, as each `keepalive`.
    fn acquire(&self, sent: Option<Tick>, keepalive: Duration) -> Option<Tick> {
        let begin = clock::tick();
        if self.steps.arm() != Answer::Granted {
            return None;
        }
        StopPoint::Armed.pass();
        // Whoever stood still before the first step is stopped here, whoever does after it by the kernel.
        let now = clock::tick();
        let is_granted = is_fresh(sent, keepalive, now)
            && now.since(begin) < STEP
            && self.steps.acquire() == Answer::Granted;
        is_granted.then_some(now)
    }
}

/// Whether the last heartbeat left so recently that a lease from now on ends before anybody acts.
fn is_fresh(sent: Option<Tick>, keepalive: Duration, now: Tick) -> bool {
    sent.is_some_and(|sent| now.since(sent) <= keepalive * 2)
}

/// What becomes of the lease.
#[derive(Debug, Default)]
pub(crate) enum LeaseChange {
    /// Nothing.
    #[default]
    Stays,
    /// This one takes its place.
    To(Hands),
    /// It ends.
    Ends,
}

/// The heart's side of the lease.
pub(super) struct Tenure {
    hands: Option<Hands>,
    /// What takes the place of `hands` as soon as it can.
    coming: LeaseChange,
    /// Keepalive and dead time that `hands.length` was made for.
    judged_by: (Duration, Duration),
    pub(super) state: State,
    /// The groups of which something may be here, and the jobs that change that.
    held: BTreeSet<GroupId>,
    jobs: BTreeMap<JobId, Action>,
    /// When the last heartbeat was sent.
    sent: Option<Tick>,
    /// When an acquisition that was refused is to be asked for again, and how often it was since the last heartbeat.
    again: Option<Tick>,
    tries: u32,
    counts: LeaseCounts,
}

/// What befell the lease since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeaseCounts {
    /// How often it ran out.
    pub(crate) lost: u64,
    /// Whether the addresses are closed now because of that.
    pub(crate) is_closed: bool,
    /// Whether there is no room for a lease between keepalive and dead time, so that nothing is gated.
    pub(crate) has_no_room: bool,
    /// Whether another one, or none, is about to take the place of what is in force.
    pub(crate) is_changing: bool,
}

/// Whether the right to answer is this node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing is held, or there is no room for a lease: nothing is gated.
    Idle,
    /// Granted at that time.
    Living(Tick),
    /// It ran out; noticed at that time.
    Lost(Tick),
}

impl Tenure {
    pub(super) fn new(hands: Option<Hands>) -> Self {
        Self {
            hands,
            coming: LeaseChange::Stays,
            judged_by: (Duration::ZERO, Duration::ZERO),
            state: State::Idle,
            held: BTreeSet::new(),
            jobs: BTreeMap::new(),
            sent: None,
            again: None,
            tries: 0,
            counts: LeaseCounts::default(),
        }
    }

    pub(super) fn counts(&self) -> LeaseCounts {
        let is_changing = !matches!(self.coming, LeaseChange::Stays);
        LeaseCounts { is_closed: matches!(self.state, State::Lost(_)), is_changing, ..self.counts }
    }

    /// When the heart is to come back for the lease at the latest.
    pub(super) fn next_deadline(&self) -> Option<Tick> {
        self.again.filter(|_| matches!(self.state, State::Lost(_)) || self.counts().is_changing)
    }

    /// An acquisition was refused at that time.
    pub(super) fn try_again(&mut self, now: Tick) {
        let is_worth_it =
            self.tries < TRIES && self.hands.as_ref().is_some_and(|one| one.steps.acquires_later());
        self.tries += 1;
        self.again = is_worth_it.then(|| now.plus(AGAIN));
    }

    fn is_fresh(&self, now: Tick) -> bool {
        is_fresh(self.sent, self.judged_by.0, now)
    }

    fn acquire(&self) -> Option<Tick> {
        self.hands.as_ref()?.acquire(self.sent, self.judged_by.0)
    }
}

impl<P: Port> Heart<P> {
    /// Before a job begins: whatever it puts up is gated from here on.
    pub(super) fn lease_job_begins(&mut self, job: JobId, action: Action) {
        let tenure = &mut self.tenure;
        if matches!(action, Action::Announce(_)) {
            return;
        }
        tenure.jobs.insert(job, action);
        if let Action::Start(group) = action {
            StopPoint::Decided.pass();
            tenure.held.insert(group);
            self.engage();
            StopPoint::Leased.pass();
        }
    }

    /// Something is here from now on, and nothing was before.
    fn engage(&mut self) {
        let tenure = &mut self.tenure;
        if tenure.state != State::Idle || tenure.counts.has_no_room || tenure.hands.is_none() {
            return;
        }
        // If the heart stood still just now, the addresses stay closed until it has listened.
        tenure.state = tenure.acquire().map_or_else(|| State::Lost(clock::tick()), State::Living);
    }

    /// A job has ended; told before the engine hears of it.
    pub(super) fn lease_job_ended(&mut self, job: JobId, outcome: &Outcome) {
        StopPoint::Done.pass();
        let tenure = &mut self.tenure;
        let is_gone = match (tenure.jobs.remove(&job), outcome) {
            (Some(Action::Stop(group)), Outcome::Ok)
            | (Some(Action::Start(group)), Outcome::Failed { residue: false, .. }) => {
                tenure.held.remove(&group)
            }
            _ => false,
        };
        if is_gone && tenure.held.is_empty() {
            self.open_gate();
        }
    }

    fn open_gate(&mut self) {
        self.tenure.state = State::Idle;
        if let Some(hands) = &self.tenure.hands {
            // Refused only where there is no gate.
            let _ = hands.steps.release();
        }
    }

    /// A heartbeat was sent, at that time or later.
    pub(super) fn lease_beat(&mut self, sent: Tick) {
        self.tenure.sent = Some(sent);
        self.tenure.tries = 0;
        self.change_lease();
        self.fit_length();
        self.renew_lease();
    }

    /// Lets the lease live on, or finds out that it does not.
    pub(super) fn renew_lease(&mut self) {
        let State::Living(granted) = self.tenure.state else { return };
        let now = clock::tick();
        let Some(hands) = self.tenure.hands.as_ref().filter(|_| self.tenure.is_fresh(now)) else { return };
        if !self.engine.may_renew_lease(now) {
            if now.since(granted) > hands.length {
                self.lose_lease(now, now.since(granted));
            }
        } else if hands.steps.renew() == Answer::Granted {
            self.tenure.state = State::Living(now);
        } else if now.since(granted) + EARLY < hands.length {
            // It cannot have run out: the table is another one.
            if let Some(now) = self.tenure.acquire() {
                self.tenure.state = State::Living(now);
            }
        } else {
            self.lose_lease(now, now.since(granted));
        }
    }

    fn lose_lease(&mut self, now: Tick, age: Duration) {
        self.tenure.state = State::Lost(now);
        self.tenure.counts.lost += 1;
        let text = format!(
            "The lease of the floating addresses ran out: last renewed {} ms ago. They are closed until the other \
             nodes have been heard",
            age.as_millis()
        );
        self.voice.say(Level::Warn, &text);
        self.engine.lease_lost(clock::now());
    }

    /// Whether what is held here is closed, because the lease ran out.
    pub(super) fn lease_is_lost(&self) -> bool {
        matches!(self.tenure.state, State::Lost(_))
    }

    /// Acquires the lease anew if the engine says that what is held here is still this node's. Once a turn, after
    /// everything that came was handed over.
    pub(super) fn regain_lease(&mut self) {
        if self.tenure.again.take().is_some() {
            self.change_lease();
        }
        let State::Lost(since) = self.tenure.state else { return };
        let now = clock::now();
        if !self.engine.is_undisputed(now.tick) || !self.tenure.is_fresh(now.tick) {
            return;
        }
        if let Some(granted) = self.tenure.acquire() {
            self.tenure.state = State::Living(granted);
            let closed = granted.since(since).as_millis();
            self.voice.say(Level::Info, &format!("The floating addresses are open again, after {closed} ms"));
            self.engine.lease_regained(now);
            self.perform_outputs(now);
        } else {
            self.tenure.try_again(now.tick);
        }
    }

    /// Another keepalive, or another dead time here or elsewhere, makes another length.
    fn fit_length(&mut self) {
        let judged_by = self.engine.judged_by();
        if judged_by == self.tenure.judged_by {
            return;
        }
        let Some(hands) = &mut self.tenure.hands else { return };
        match hands.steps.length(judged_by.0, judged_by.1) {
            Ok(length) => {
                // Otherwise at the next beat.
                if hands.length == length || hands.steps.set_length(length).is_ok() {
                    hands.length = length;
                    self.engine.set_lease(Some(length));
                    self.tenure.judged_by = judged_by;
                    if std::mem::take(&mut self.tenure.counts.has_no_room) && !self.tenure.held.is_empty() {
                        self.engage();
                        if matches!(self.tenure.state, State::Lost(_)) {
                            // As when it ran out: what the others hold has to be heard first.
                            self.engine.lease_lost(clock::now());
                        }
                    }
                }
            }
            Err(error) => {
                self.tenure.judged_by = judged_by;
                self.tenure.counts.has_no_room = true;
                self.open_gate();
                self.engine.set_lease(None);
                self.voice.say(Level::Warn, &format!("The floating addresses are not leased: {error}"));
            }
        }
    }
}

/// What a `Send` at this time means for the lease; see [`Heart::lease_beat`].
pub(super) fn is_heartbeat(message: &hb_wire::Message) -> bool {
    message.kind() == Some("status")
}

/// Longest time from before the first step of an acquisition to after it.
const STEP: Duration = Duration::from_millis(20);
/// A renewal that is refused so long before the end of the lease was not refused because of its end.
const EARLY: Duration = Duration::from_millis(10);
/// Pause before an acquisition is asked for again that others have to do their part for.
const AGAIN: Duration = Duration::from_millis(5);
/// How often that is done after each heartbeat.
const TRIES: u32 = 40;
