//! The keeper of media: opens anew what the network took away, off the path of whoever sends and receives.
//!
//! One thread for all media of a process, of ordinary priority, because to open and to close sockets may wait for locks of
//! the kernel's. It looks whenever the kernel tells of a change, and once a second while something is missing. What is
//! lost is told once, and once when it is back; so are hints.

mod charge;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::fmt;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use hb_sys::sched::Crew;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use charge::{Charge, State, open};

use crate::error::OpenError;
use crate::facts::Facts;
use crate::medium::Medium;
use crate::refusal::Ear;
use crate::serial;
use crate::serial::patience::Patience;
use crate::slot::{Bell, Ends, Slot};
use crate::spec::MediumSpec;
use crate::watch::NetworkWatch;

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
    /// Nobody has the port to which it sends.
    Refused,
    /// That was not said again for a while.
    NotRefused,
    /// Its interface has no carrier; told once for all media of an interface.
    NoCarrier,
    /// It has one again.
    Carrier,
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
            Happening::Refused => write!(f, "{spec}: port refused"),
            Happening::NotRefused => write!(f, "{spec}: port no longer refused"),
            Happening::NoCarrier => write!(f, "{}: no carrier", spec.interface()),
            Happening::Carrier => write!(f, "{}: carrier is back", spec.interface()),
            Happening::Renewed => write!(f, "{spec}: opened anew, because its network has changed"),
        }
    }
}

/// Keeps the media that are opened with it; when it is dropped, they are left as they are.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    report: Reporter,
    crew: Crew,
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
    /// Nanoseconds between two packets.
    pace: AtomicU64,
    bell: Bell,
}

#[derive(Debug, Default)]
struct Kept {
    /// Media since the last look.
    new: Vec<Charge>,
    ended: bool,
}

/// Told of everything that becomes of a medium; called by the threads that serve media.
pub type Report = Arc<dyn Fn(Notice) + Send + Sync>;

impl Keeper {
    /// Starts the thread. It watches the network namespace that the caller is in. Threads that
    /// carry heartbeats join `crew`.
    ///
    /// # Errors
    /// When the thread cannot be started. Without word from the kernel (netlink may be forbidden) it looks once a second.
    pub fn start(report: Report, crew: Crew) -> io::Result<Self> {
        let (ringer, bell) = UnixStream::pair()?;
        ringer.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            pace: AtomicU64::new(0),
            bell: Bell(Arc::new(ringer)),
        });
        // It begins to watch before anything is opened, so that nothing is overlooked in between.
        let watch = NetworkWatch::open().ok();
        let round = Round {
            shared: Arc::clone(&shared),
            charges: Vec::new(),
            carriers: BTreeMap::new(),
            watch,
            bell,
            report: Reporter(Report::clone(&report)),
        };
        thread::Builder::new().name("hb-media".to_owned()).stack_size(STACK).spawn(move || round.run())?;
        Ok(Self { shared, report: Reporter(report), crew, doorbells: false, patience: Patience::default() })
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

    /// A packet is sent on each medium once in that time, from now on: a port is no longer refused when some in a row were not.
    pub fn set_pace(&self, keepalive: Duration) {
        let nanos = u64::try_from(keepalive.as_nanos()).unwrap_or(u64::MAX);
        self.shared.pace.store(nanos, Ordering::Relaxed);
    }

    /// Opens a medium that is kept. With a cause beside it, it cannot be used yet.
    ///
    /// # Errors
    /// When there are no more descriptors or threads.
    pub fn open(&self, spec: &MediumSpec) -> io::Result<(Medium, Option<OpenError>)> {
        if spec.is_line() {
            let (line, error) =
                serial::start(spec, self.crew.clone(), self.patience.clone(), &self.report.0)?;
            return Ok((Medium::new(spec, Ends::Line(line), None), error));
        }
        let facts = Facts::of(spec);
        let doorbell = self.doorbells;
        let (ends, ear, error) = match open(spec, doorbell) {
            Ok(sockets) => {
                let ear = Ear::of(spec, &sockets);
                (Ends::Open(sockets), ear, None)
            }
            Err(error) => (Ends::missing()?, None, Some(error)),
        };
        let state = if error.is_some() { State::Missing } else { State::Open };
        let slot = Arc::new(Slot::watched_by(Bell(Arc::clone(&self.shared.bell.0))));
        let charge = Charge { spec: spec.clone(), facts, state, doorbell, ear, slot: Arc::downgrade(&slot) };
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
        self.bell.ring();
    }
}

/// The thread.
struct Round {
    shared: Arc<Shared>,
    charges: Vec<Charge>,
    /// Whether there is a carrier, of every interface by number.
    carriers: BTreeMap<u32, bool>,
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
        let ears: Vec<_> =
            { self.charges.iter() }.filter_map(|charge| charge.ear.as_ref()?.descriptor()).collect();
        // An error is all that they have to tell, and it is told unasked.
        fds.extend(ears.iter().map(|ear| PollFd::new(ear, PollFlags::empty())));
        let is_whole = self.charges.iter().all(Charge::is_whole);
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
        for (index, carrier) in &changes.carriers {
            match carrier {
                Some(carrier) => self.carriers.insert(*index, *carrier),
                None => self.carriers.remove(index),
            };
        }
        let pace = Duration::from_nanos(self.shared.pace.load(Ordering::Relaxed));
        let mut told = BTreeSet::new();
        let Self { charges, report, carriers, .. } = self;
        charges.retain_mut(|charge| {
            let Some(slot) = charge.slot.upgrade() else { return false };
            slot.close_old();
            let became = charge.look(&slot, &changes);
            let hints = charge.look_for_hints(&slot.board, carriers, pace, changes.any);
            for what in became.into_iter().chain(hints.into_iter().flatten()) {
                let is_known = matches!(what, Happening::NoCarrier | Happening::Carrier)
                    && !told.insert(charge.facts.index());
                if !is_known {
                    (report.0)(Notice { spec: charge.spec.clone(), what });
                }
            }
            true
        });
        !ended
    }
}

/// Shortest time between two looks.
const PACE: Duration = Duration::from_millis(10);
/// Time between two looks while something is missing.
const RETRY: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// Bytes of the thread's stack: it may be locked into memory.
const STACK: usize = 256 * 1024;
