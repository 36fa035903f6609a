//! The keeper of media: opens anew what the network took away, off the path of whoever sends and receives.
//!
//! One thread for all media of a process, of ordinary priority, because to open and to close sockets may wait for locks of
//! the kernel's. It looks whenever the kernel tells of a change, and once a second while something is missing. What is
//! lost is told once, and once when it is back.

use std::error::Error as _;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::OpenError;
use crate::facts::Facts;
use crate::medium::Medium;
use crate::serial;
use crate::serial::patience::Patience;
use crate::slot::{Ends, Slot};
use crate::sockets::Sockets;
use crate::spec::MediumSpec;
use crate::watch::{Changes, NetworkWatch};

/// Something that became of a medium.
#[derive(Debug)]
pub struct Notice {
    /// Which medium.
    pub spec: MediumSpec,
    /// What.
    pub what: Happening,
}

/// What became of it.
#[derive(Debug)]
pub enum Happening {
    /// It cannot be used, and will be again as soon as the cause is mended.
    Lost(OpenError),
    /// Its interface goes by another name; it is used on until an interface has the old name.
    Renamed(String),
    /// It is there again.
    Back,
    /// What it depends on has changed; it was opened anew.
    Renewed,
    /// Packets were not sent, because they are longer than what the other end takes.
    TooLong {
        /// Bytes of the last one.
        length: usize,
        /// Bytes that fit.
        limit: usize,
        /// How many there were since that was told last.
        lost: u64,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spec, what } = self;
        match what {
            Happening::Lost(error) => {
                write!(f, "{spec}: {error}")?;
                if let Some(cause) = error.source() {
                    write!(f, ": {cause}")?;
                }
                f.write_str("; it is used again as soon as that is mended")
            }
            Happening::Renamed(name) => write!(f, "{spec}: the interface is called {name} now, and used on"),
            Happening::Back => write!(f, "{spec}: open again"),
            Happening::TooLong { length, limit, lost } => write!(
                f,
                "{spec}: {lost} messages not sent, they are too long: the last has {length} bytes, {limit} fit"
            ),
            Happening::Renewed => write!(f, "{spec}: opened anew, because its network has changed"),
        }
    }
}

/// Keeps the media that are opened with it; when it is dropped, they are left as they are.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    report: Reporter,
    priority: Option<i32>,
    doorbells: bool,
    patience: Patience,
}

/// A [`Report`] as a field.
#[derive(Clone)]
struct Reporter(Report);

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}

#[derive(Debug)]
struct Shared {
    state: Mutex<Kept>,
    ringer: UnixStream,
}

#[derive(Debug, Default)]
struct Kept {
    /// Media since the last look.
    new: Vec<Charge>,
    ended: bool,
}

/// A medium that is kept.
#[derive(Debug)]
struct Charge {
    spec: MediumSpec,
    facts: Facts,
    state: State,
    doorbell: bool,
    /// Gone when the medium was dropped.
    slot: Weak<Slot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Renamed,
    Missing,
}

/// Told of everything that becomes of a medium; called by the threads that serve media.
pub type Report = Arc<dyn Fn(Notice) + Send + Sync>;

impl Keeper {
    /// Starts the thread. It watches the network namespace that the caller is in. `priority` is the real-time
    /// priority of those threads that carry heartbeats, if they shall have one.
    ///
    /// # Errors
    /// When the thread cannot be started. Without word from the kernel (netlink may be forbidden) it looks once a second.
    pub fn start(report: Report, priority: Option<i32>) -> io::Result<Self> {
        let (ringer, bell) = UnixStream::pair()?;
        ringer.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let shared = Arc::new(Shared { state: Mutex::default(), ringer });
        // It begins to watch before anything is opened, so that nothing is overlooked in between.
        let watch = NetworkWatch::open().ok();
        let round = Round {
            shared: Arc::clone(&shared),
            charges: Vec::new(),
            watch,
            bell,
            report: Reporter(Report::clone(&report)),
        };
        thread::Builder::new().name("hb-media".to_owned()).stack_size(STACK).spawn(move || round.run())?;
        Ok(Self {
            shared,
            report: Reporter(report),
            priority,
            doorbells: false,
            patience: Patience::default(),
        })
    }

    /// Media that are opened from now on have a doorbell, where that is possible ([`Medium::doorbell`]).
    #[must_use]
    pub fn with_doorbells(mut self) -> Self {
        self.doorbells = true;
        self
    }

    /// A message keeps statuses waiting for that time at most on lines, from now on; what would take longer is
    /// not sent there, and told. Never less than a second.
    pub fn set_patience(&self, time: Duration) {
        self.patience.set(time);
    }

    /// Opens a medium that is kept. With a cause beside it, it cannot be used yet.
    ///
    /// # Errors
    /// When there are no more descriptors or threads.
    pub fn open(&self, spec: &MediumSpec) -> io::Result<(Medium, Option<OpenError>)> {
        if spec.is_line() {
            let (line, error) = serial::start(spec, self.priority, self.patience.clone(), &self.report.0)?;
            return Ok((Medium::new(spec, Ends::Line(line), None), error));
        }
        let facts = Facts::of(spec);
        let doorbell = self.doorbells;
        let (ends, error) = match open(spec, doorbell) {
            Ok(sockets) => (Ends::Open(sockets), None),
            Err(error) => (Ends::missing()?, Some(error)),
        };
        let state = if error.is_some() { State::Missing } else { State::Open };
        let slot = Arc::new(Slot::default());
        let charge = Charge { spec: spec.clone(), facts, state, doorbell, slot: Arc::downgrade(&slot) };
        self.shared.lock().new.push(charge);
        self.shared.ring();
        Ok((Medium::new(spec, ends, Some(slot)), error))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.ring();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing in here panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        // Fails only if it rings already.
        let _ = (&self.ringer).write(&[0]);
    }
}

/// The thread.
struct Round {
    shared: Arc<Shared>,
    charges: Vec<Charge>,
    watch: Option<NetworkWatch>,
    bell: UnixStream,
    report: Reporter,
}

impl Round {
    fn run(mut self) {
        while self.look() {
            // Changes come in swarms.
            thread::sleep(PACE);
            self.wait();
        }
    }

    fn wait(&self) {
        let mut fds = vec![PollFd::new(&self.bell, PollFlags::IN)];
        fds.extend(self.watch.as_ref().map(|watch| PollFd::new(watch, PollFlags::IN)));
        let is_whole = self.charges.iter().all(|charge| charge.state != State::Missing);
        let limit = if is_whole && self.watch.is_some() { None } else { Some(&RETRY) };
        // An error is a signal, or costs no more than a look too many.
        let _ = poll(&mut fds, limit);
        while (&self.bell).read(&mut [0; 64]).is_ok_and(|count| count == 64) {}
    }

    /// False when it is over.
    fn look(&mut self) -> bool {
        let ended = {
            let mut kept = self.shared.lock();
            self.charges.append(&mut kept.new);
            kept.ended
        };
        let changes = self.watch.as_ref().map(NetworkWatch::changes).unwrap_or_default();
        let Self { charges, report, .. } = self;
        charges.retain_mut(|charge| {
            let Some(slot) = charge.slot.upgrade() else { return false };
            slot.close_old();
            if let Some(what) = charge.look(&slot, &changes) {
                (report.0)(Notice { spec: charge.spec.clone(), what });
            }
            true
        });
        !ended
    }
}

impl Charge {
    fn look(&mut self, slot: &Slot, changes: &Changes) -> Option<Happening> {
        let facts = Facts::of(&self.spec);
        if self.state == State::Open && facts == self.facts && !self.facts.are_touched_by(changes) {
            return None;
        }
        let error = match open(&self.spec, self.doorbell) {
            Ok(sockets) => {
                let was_missing = self.state == State::Missing;
                (self.facts, self.state) = (facts, State::Open);
                slot.offer(Ends::Open(sockets));
                return Some(if was_missing { Happening::Back } else { Happening::Renewed });
            }
            Err(error) => error,
        };
        match (self.state, self.facts.present_name()) {
            (State::Missing, _) | (State::Renamed, Some(_)) => None,
            (State::Open, Some(name)) if name != self.spec.interface() => {
                self.state = State::Renamed;
                Some(Happening::Renamed(name))
            }
            (State::Open, Some(_)) | (State::Open | State::Renamed, None) => {
                // Without a descriptor to spare, it keeps what it has until the next look.
                slot.offer(Ends::missing().ok()?);
                self.state = State::Missing;
                Some(Happening::Lost(error))
            }
        }
    }
}

fn open(spec: &MediumSpec, doorbell: bool) -> Result<Sockets, OpenError> {
    let sockets = Sockets::open(spec)?;
    Ok(if doorbell { sockets.with_doorbell(spec) } else { sockets })
}

/// Shortest time between two looks.
const PACE: Duration = Duration::from_millis(10);
/// Time between two looks while something is missing.
const RETRY: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// Bytes of the thread's stack: it may be locked into memory.
const STACK: usize = 256 * 1024;
