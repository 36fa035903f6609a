//! The thread that keeps the table in the kernel as it shall be; at ordinary priority, and never on the way of a beat.
//!
//! It builds the table, builds it again when somebody has removed it or a part of it (`nft flush ruleset`), and gates
//! interfaces that come later. It renews nothing: that is the heart's, and a thread that renews for a heart that hangs
//! would be the end of the matter.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hb_sys::interface;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::netfilter::{Netfilter, Transaction, drain, watch_interfaces, watch_rules};
use super::stage::Records;
use super::table::{Plan, TABLE};

/// What the keeper tells.
#[derive(Debug)]
pub enum Notice {
    /// The table, or a part of it, was removed by somebody and is there again. The lease must be acquired anew.
    Rebuilt,
    /// The table cannot be made as it shall be; it is tried again each second.
    Failed(io::Error),
}

/// The running keeper.
#[derive(Debug)]
pub struct Keeper {
    is_owner: bool,
    shared: Arc<Shared>,
    bell: UnixDatagram,
    thread: Option<JoinHandle<()>>,
}

/// Asks a keeper for another length of the lease; never waits.
#[derive(Debug)]
pub struct Lengthener(UnixDatagram);

#[derive(Debug)]
struct Shared {
    addresses: Mutex<Addresses>,
    /// Rung when `gated` has changed.
    changed: Condvar,
    is_ended: AtomicBool,
    rebuilt: AtomicU64,
    is_in_force: AtomicBool,
    /// Set by the heart: whether some of the addresses are here.
    is_engaged: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Addresses {
    /// What shall be gated.
    wanted: BTreeSet<IpAddr>,
    /// What is.
    gated: BTreeSet<IpAddr>,
}

impl Keeper {
    /// Builds the table and begins to watch it. Where the kernel knows no tables that outlive their owner it is nobody's.
    pub(super) fn start(plan: Plan, records: Records, tell: Box<dyn Fn(Notice) + Send>) -> io::Result<Self> {
        let (ours, bell) = UnixDatagram::pair()?;
        ours.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            addresses: Mutex::new(Addresses {
                wanted: plan.addresses.clone(),
                gated: plan.addresses.clone(),
            }),
            changed: Condvar::new(),
            is_ended: AtomicBool::new(false),
            rebuilt: AtomicU64::new(0),
            is_in_force: AtomicBool::new(true),
            is_engaged: Arc::new(AtomicBool::new(false)),
        });
        let (rules, interfaces) = (watch_rules()?, watch_interfaces()?);
        let mut work = Work {
            length: plan.length,
            plan,
            netfilter: Netfilter::open()?,
            rules,
            interfaces,
            bell,
            shared: Arc::clone(&shared),
            records,
            tell,
        };
        if work.plan.is_owned && work.build().is_err() {
            work.plan.is_owned = false;
        }
        if !work.plan.is_owned {
            work.build()?;
        }
        let is_owner = work.plan.is_owned;
        let thread = std::thread::Builder::new()
            .name("hb-lease".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || work.watch())?;
        Ok(Self { is_owner, shared, bell: ours, thread: Some(thread) })
    }

    /// Gates these addresses as well, and waits for it. Whether they are gated when it returns; if not after `limit`, they will
    /// be as soon as the thread can.
    pub fn gate(&self, addresses: impl IntoIterator<Item = IpAddr>, limit: Duration) -> bool {
        let mut shared = self.shared.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        shared.wanted.extend(addresses);
        self.ring();
        let is_open = |shared: &mut Addresses| !shared.wanted.is_subset(&shared.gated);
        let waited = self.shared.changed.wait_timeout_while(shared, limit, is_open);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// These addresses are gated no longer, as soon as the thread can.
    pub fn ungate(&self, addresses: &BTreeSet<IpAddr>) {
        let mut shared = self.shared.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        shared.wanted.retain(|address| !addresses.contains(address));
        drop(shared);
        self.ring();
    }

    /// Whether nobody else can change the table or take it away, as long as this process lives.
    #[must_use]
    pub const fn is_owner(&self) -> bool {
        self.is_owner
    }

    pub(super) fn engaged(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.shared.is_engaged)
    }

    /// For another thread, which may ask for another length.
    ///
    /// # Errors
    /// That no more descriptors can be opened.
    pub fn lengthener(&self) -> io::Result<Lengthener> {
        self.bell.try_clone().map(Lengthener)
    }

    /// How often the table had to be built again.
    #[must_use]
    pub fn rebuilt(&self) -> u64 {
        self.shared.rebuilt.load(Ordering::Relaxed)
    }

    /// Whether the table is as it shall be.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        self.shared.is_in_force.load(Ordering::Relaxed)
    }

    /// Takes the table away and ends. The addresses must be gone; as long as some are staged, it stays.
    pub fn finish(mut self) {
        self.shared.is_ended.store(true, Ordering::Relaxed);
        self.ring();
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked: a panic ends the process.
            let _ = thread.join();
        }
    }

    fn ring(&self) {
        // A full queue rings as well.
        let _ = self.bell.send(&[]);
    }
}

impl Lengthener {
    /// A lease granted from soon on is this long. If it cannot be said now, it has to be said again.
    ///
    /// # Errors
    /// That the keeper has not yet read what was said before.
    pub fn set(&self, length: Duration) -> io::Result<()> {
        let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        self.0.send(&millis.to_ne_bytes()).map(drop)
    }
}

/// The thread's side.
struct Work {
    plan: Plan,
    /// What the length shall be.
    length: Duration,
    netfilter: Netfilter,
    rules: OwnedFd,
    interfaces: OwnedFd,
    bell: UnixDatagram,
    shared: Arc<Shared>,
    records: Records,
    tell: Box<dyn Fn(Notice) + Send>,
}

impl Work {
    fn build(&mut self) -> io::Result<()> {
        self.plan.interfaces = gated()?;
        self.plan.is_engaged = self.shared.is_engaged.load(Ordering::Relaxed);
        // Held until it is done: nothing is opened or closed meanwhile.
        let record = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        self.netfilter.perform(self.plan.build(&record.closed()))?;
        drop(record);
        drain(&self.rules);
        drain(&self.interfaces);
        Ok(())
    }

    fn watch(mut self) {
        let mut again = None;
        loop {
            self.wait(again);
            if self.shared.is_ended.load(Ordering::Relaxed) {
                let is_staging = self.records.lock().unwrap_or_else(PoisonError::into_inner).is_staging();
                if !is_staging {
                    // Left behind it would gate nothing that is here.
                    let _ = self.netfilter.perform(Plan::remove());
                }
                return;
            }
            let result = self.obey().and_then(|()| self.inspect());
            self.shared.is_in_force.store(result.is_ok(), Ordering::Relaxed);
            match result {
                Ok(()) => again = None,
                Err(error) => {
                    if again.is_none() {
                        (self.tell)(Notice::Failed(error));
                    }
                    again = Some(AGAIN);
                }
            }
        }
    }

    fn wait(&self, limit: Option<Timespec>) {
        let mut sources = [
            PollFd::new(&self.bell, PollFlags::IN),
            PollFd::new(&self.rules, PollFlags::IN),
            PollFd::new(&self.interfaces, PollFlags::IN),
        ];
        // Woken in vain, the thread finds nothing to do.
        let _ = poll(&mut sources, limit.as_ref());
    }

    /// Does what others have asked for.
    fn obey(&mut self) -> io::Result<()> {
        let mut bytes = [0; 8];
        while let Ok(read) = self.bell.recv(&mut bytes) {
            if read == bytes.len() {
                self.length = Duration::from_millis(u64::from_ne_bytes(bytes));
            }
        }
        if self.length != self.plan.length {
            let before = std::mem::replace(&mut self.plan.length, self.length);
            if let Err(error) = self.try_change(self.plan.change_length()) {
                // To be tried again: a lease that stays longer than the other node waits would mean two owners.
                self.plan.length = before;
                return Err(error);
            }
        }
        let wanted = self.addresses().wanted.clone();
        if wanted != self.plan.addresses {
            let change = self.plan.exchange_addresses(&wanted);
            let before = std::mem::replace(&mut self.plan.addresses, wanted.clone());
            if let Err(error) = self.try_change(change) {
                // To be tried again.
                self.plan.addresses = before;
                return Err(error);
            }
        }
        let mut addresses = self.addresses();
        if addresses.gated != wanted {
            addresses.gated = wanted;
            self.shared.changed.notify_all();
        }
        Ok(())
    }

    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        self.shared.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change of a table that somebody has removed is done by building it again.
    fn try_change(&mut self, change: Transaction) -> io::Result<()> {
        self.netfilter.perform(change).or_else(|_| self.rebuild())
    }

    /// Looks whether the table is as it shall be.
    fn inspect(&mut self) -> io::Result<()> {
        drain(&self.rules);
        drain(&self.interfaces);
        let interfaces = gated()?;
        for gone in self.plan.interfaces.iter().filter(|before| !interfaces.contains(before)) {
            let mut transaction = Transaction::begin();
            Plan::remove_interface(&mut transaction, gone);
            // Some kernels have removed the chains together with the interface.
            let _ = self.netfilter.perform(transaction);
        }
        let before = std::mem::replace(&mut self.plan.interfaces, interfaces);
        for new in self.plan.interfaces.iter().filter(|interface| !before.contains(interface)) {
            let mut transaction = Transaction::begin();
            Plan::add_interface(&mut transaction, new);
            // What does not succeed shows in the count.
            let _ = self.netfilter.perform(transaction);
        }
        let rules =
            self.netfilter.count_rules(TABLE).or_else(|error| match Errno::from_io_error(&error) {
                Some(Errno::NOENT) => Ok(0),
                _ => Err(error),
            })?;
        if rules == self.plan.rules() { Ok(()) } else { self.rebuild() }
    }

    fn rebuild(&mut self) -> io::Result<()> {
        self.build()?;
        self.shared.rebuilt.fetch_add(1, Ordering::Relaxed);
        (self.tell)(Notice::Rebuilt);
        Ok(())
    }
}

/// The interfaces that a packet can come by from outside.
fn gated() -> io::Result<Vec<(u32, String)>> {
    let mut interfaces = interface::all()?;
    interfaces.retain(|(index, _)| *index != LOOPBACK);
    interfaces.sort();
    Ok(interfaces)
}

/// Index of the loopback interface, the same in every network namespace.
const LOOPBACK: u32 = 1;
/// Pause before what failed is tried again.
const AGAIN: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
const STACK_SIZE: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// A keeper whose kernel refuses everything.
    fn refused() -> (Work, UnixDatagram) {
        let (ours, bell) = UnixDatagram::pair().unwrap();
        bell.set_nonblocking(true).unwrap();
        let nobody = || OwnedFd::from(UnixDatagram::unbound().unwrap());
        let plan = Plan {
            addresses: BTreeSet::new(),
            room: 0,
            interfaces: Vec::new(),
            length: Duration::from_secs(5),
            mark: 1,
            is_engaged: false,
            is_unconditional: false,
            is_owned: false,
        };
        let addresses = Addresses { wanted: BTreeSet::new(), gated: BTreeSet::new() };
        let shared = Shared {
            addresses: Mutex::new(addresses),
            changed: Condvar::new(),
            is_ended: AtomicBool::new(false),
            rebuilt: AtomicU64::new(0),
            is_in_force: AtomicBool::new(true),
            is_engaged: Arc::new(AtomicBool::new(false)),
        };
        let work = Work {
            length: plan.length,
            plan,
            netfilter: Netfilter::unconnected(nobody()),
            rules: nobody(),
            interfaces: nobody(),
            bell,
            shared: Arc::new(shared),
            records: Records::default(),
            tell: Box::new(|_| {}),
        };
        (work, ours)
    }

    #[test]
    fn a_length_that_the_kernel_refused_is_tried_again() {
        let (mut work, ours) = refused();
        let lengthener = Lengthener(ours);
        work.obey().unwrap();
        lengthener.set(Duration::from_secs(1)).unwrap();
        for _ in 0..3 {
            work.obey().unwrap_err();
            assert_eq!(work.plan.length, Duration::from_secs(5), "what the kernel has");
        }
        // What was said last counts.
        lengthener.set(Duration::from_secs(5)).unwrap();
        work.obey().unwrap();
    }
}
