//! The lease where there is no table: each address has a lifetime, and the kernel removes it when nobody has renewed that.
//!
//! Coarser than the table, in whole seconds (`hb_config::length_of_life`). An address that is gone is put up again by the next
//! acquisition. The heart asks, a thread changes: the kernel makes changes of addresses wait for others. What the heart
//! asked too long ago is not done, so nothing is renewed for a heart that hangs. That there is no lease any more is done
//! in any case, and again until it has succeeded: nobody would renew what still has a lifetime.
//!
//! What is up is known from the start on, so that such a lease can begin and end while addresses are up: they get their
//! lifetime by the first acquisition, and lose it by the release.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rtnetlink::packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage, CacheInfo};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::time::{ClockId, clock_gettime};

use super::latch::Answer;
use super::netfilter::route_socket;

/// The addresses that can have a lifetime, as those know them who put them up; clones share them.
#[derive(Clone, Debug)]
pub struct Lifetimes(Arc<Shared>);

/// The heart's hand on them.
#[derive(Debug)]
pub struct Renewer {
    shared: Arc<Shared>,
    /// When the heart asked last, in nanoseconds of the monotonic clock.
    asked: AtomicU64,
    /// When the heart asked first for the acquisition that is under way, likewise; 0: none is.
    wanted: AtomicU64,
    /// The lifetime in seconds, while there is one.
    length: AtomicU32,
}

#[derive(Debug)]
struct Shared {
    /// The lifetime; 0: there is none.
    seconds: AtomicU32,
    /// What shall have one.
    leased: Mutex<BTreeSet<IpAddr>>,
    /// What is up, with its interface. Taken before `leased` by whoever takes both.
    held: Mutex<BTreeMap<(IpAddr, u32), Up>>,
    /// How many of them have one or shall have one, for the heart, which waits for no lock.
    count: AtomicUsize,
    /// When all of them were there, asked for by an acquisition.
    restored: AtomicU64,
    /// What was asked for longer ago is not done.
    patience: Duration,
    /// To the thread.
    bell: UnixDatagram,
    /// The thread's end of it, until there is a thread.
    other_end: Mutex<Option<UnixDatagram>>,
    is_begun: AtomicBool,
}

/// An address that is up.
#[derive(Clone, Debug)]
struct Up {
    message: AddressMessage,
    /// Whether it may have a lifetime now.
    is_mortal: bool,
}

/// What the heart asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Ask {
    Renew = 0,
    Restore = 1,
    /// Only that nothing keeps a lifetime without a lease.
    Settle = 2,
    /// Only that what is leased and has no lifetime gets one: it was put up while the lease began.
    Complete = 3,
}

impl Lifetimes {
    /// None of what is up has a lifetime yet. What the heart will have asked for longer ago than `patience` is not done; the
    /// length must allow for it.
    ///
    /// # Errors
    /// If there can be no more descriptors.
    pub fn new(patience: Duration) -> io::Result<Self> {
        let (ours, theirs) = UnixDatagram::pair()?;
        ours.set_nonblocking(true)?;
        Ok(Self(Arc::new(Shared {
            seconds: AtomicU32::new(0),
            leased: Mutex::default(),
            held: Mutex::default(),
            count: AtomicUsize::new(0),
            restored: AtomicU64::new(0),
            patience,
            bell: ours,
            other_end: Mutex::new(Some(theirs)),
            is_begun: AtomicBool::new(false),
        })))
    }

    /// The heart's hand: from its first acquisition to its release what is leased has a lifetime. There may be another one when
    /// this one has released.
    ///
    /// # Errors
    /// If the kernel cannot be reached, or there can be no more threads.
    pub fn begin(&self, length: Duration) -> io::Result<Renewer> {
        let shared = &self.0;
        let mut other_end = lock(&shared.other_end);
        if let Some(bell) = other_end.as_ref() {
            let work = Work {
                socket: route_socket()?,
                bell: bell.try_clone()?,
                shared: Arc::clone(shared),
                failing: BTreeSet::new(),
            };
            std::thread::Builder::new()
                .name("hb-lifetime".to_owned())
                .stack_size(256 * 1024)
                .spawn(move || work.obey())?;
            *other_end = None;
            shared.is_begun.store(true, Ordering::Relaxed);
        }
        let renewer = Renewer {
            shared: Arc::clone(shared),
            asked: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            length: AtomicU32::new(0),
        };
        renewer.set_length(length);
        Ok(renewer)
    }

    /// These addresses as well have a lifetime while there is such a lease; what is up, from the next renewal on.
    pub fn lease(&self, addresses: impl IntoIterator<Item = IpAddr>) {
        lock(&self.0.leased).extend(addresses);
        self.0.count(&lock(&self.0.held));
    }

    /// These have none any more; what is up, from the next renewal on.
    pub fn except(&self, addresses: &BTreeSet<IpAddr>) {
        lock(&self.0.leased).retain(|address| !addresses.contains(address));
        self.0.count(&lock(&self.0.held));
    }

    /// The lifetime of an address that is to be put up, in seconds; 0: it has none, but may have one later.
    pub(crate) fn of(&self, address: IpAddr) -> u32 {
        let is_leased = lock(&self.0.leased).contains(&address);
        if is_leased { self.0.seconds.load(Ordering::Relaxed) } else { 0 }
    }

    /// An address is up with the lifetime that [`Self::of`] said.
    pub(crate) fn hold(&self, address: IpAddr, message: AddressMessage, seconds: u32) {
        let mut held = lock(&self.0.held);
        held.insert((address, message.header.index), Up { message, is_mortal: seconds > 0 });
        self.0.count(&held);
        // Released or acquired meanwhile, and what was asked then may be done already.
        match (seconds, self.0.seconds.load(Ordering::Relaxed)) {
            (1.., 0) => self.0.ask(Ask::Settle, monotonic()),
            (0, 1..) if self.of(address) > 0 => self.0.ask(Ask::Complete, monotonic()),
            _ => {}
        }
    }

    /// An address is about to be taken down: it is renewed no more when this returns.
    pub(crate) fn forget(&self, address: IpAddr) {
        let mut held = lock(&self.0.held);
        held.retain(|(one, _), _| *one != address);
        self.0.count(&held);
    }
}

impl Renewer {
    /// Lets the addresses live on; refused when they may be gone by now.
    pub fn renew(&self) -> Answer {
        let now = monotonic();
        let age = Duration::from_nanos(now.saturating_sub(self.asked.load(Ordering::Relaxed)));
        if age >= Duration::from_secs(u64::from(self.shared.seconds.load(Ordering::Relaxed))) {
            return Answer::Refused;
        }
        self.asked.store(now, Ordering::Relaxed);
        self.shared.ask(Ask::Renew, now);
        Answer::Granted
    }

    /// Begins to hold addresses, or puts up again what is gone: refused until that is done, so to be asked again soon,
    /// before the patience ends.
    pub fn acquire(&self) -> Answer {
        self.shared.seconds.store(self.length.load(Ordering::Relaxed), Ordering::Relaxed);
        let now = monotonic();
        let wanted = Some(self.wanted.load(Ordering::Relaxed)).filter(|wanted| *wanted > 0).unwrap_or(now);
        let restored = self.shared.restored.load(Ordering::Relaxed);
        let is_fresh =
            restored >= wanted && Duration::from_nanos(now.saturating_sub(restored)) <= self.shared.patience;
        if self.shared.count.load(Ordering::Relaxed) > 0 && !is_fresh {
            self.wanted.store(wanted, Ordering::Relaxed);
            self.shared.ask(Ask::Restore, now);
            return Answer::Refused;
        }
        self.wanted.store(0, Ordering::Relaxed);
        self.asked.store(now, Ordering::Relaxed);
        Answer::Granted
    }

    /// What is up stays for ever, and what is put up as well, until the next acquisition.
    pub fn release(&self) {
        self.shared.seconds.store(0, Ordering::Relaxed);
        self.wanted.store(0, Ordering::Relaxed);
        // If there is no room for it the thread finds the same with what it was asked before.
        self.shared.ask(Ask::Settle, monotonic());
    }

    /// Another lifetime from the next renewal on.
    pub fn set_length(&self, length: Duration) {
        let seconds = u32::try_from(length.as_secs()).unwrap_or(u32::MAX);
        self.length.store(seconds, Ordering::Relaxed);
        if self.shared.seconds.load(Ordering::Relaxed) > 0 {
            self.shared.seconds.store(seconds, Ordering::Relaxed);
        }
    }
}

impl Shared {
    fn count(&self, held: &BTreeMap<(IpAddr, u32), Up>) {
        let leased = lock(&self.leased);
        let is_meant = |((address, _), up): &(&(IpAddr, u32), &Up)| up.is_mortal || leased.contains(address);
        self.count.store(held.iter().filter(is_meant).count(), Ordering::Relaxed);
    }

    fn ask(&self, what: Ask, now: u64) {
        if !self.is_begun.load(Ordering::Relaxed) {
            return;
        }
        let mut bytes = [0; 9];
        let (kind, time) = bytes.split_at_mut(1);
        kind.fill(what as u8);
        time.copy_from_slice(&now.to_ne_bytes());
        // The thread has not yet done what was asked before: the addresses end if it goes on like that.
        let _ = self.bell.send(&bytes);
    }
}

/// The thread's side.
struct Work {
    socket: OwnedFd,
    bell: UnixDatagram,
    shared: Arc<Shared>,
    /// What could not be renewed when it was tried last, which was logged.
    failing: BTreeSet<(IpAddr, u32)>,
}

impl Work {
    fn obey(mut self) {
        let mut bytes = [0; 9];
        loop {
            match self.bell.recv(&mut bytes) {
                Ok(read) => {
                    let Some((kind, time)) = bytes.split_first().filter(|_| read == 9) else { continue };
                    let Some(time) = time.first_chunk().map(|time| u64::from_ne_bytes(*time)) else {
                        continue;
                    };
                    self.perform(*kind, time);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.settle(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Its other end lives as long as the process.
                Err(_) => return,
            }
        }
    }

    /// What was asked at that time.
    fn perform(&mut self, kind: u8, time: u64) {
        if self.shared.seconds.load(Ordering::Relaxed) == 0 {
            return self.settle();
        }
        let age = Duration::from_nanos(monotonic().saturating_sub(time));
        if age > self.shared.patience || kind == Ask::Settle as u8 {
            return;
        }
        if kind == Ask::Complete as u8 {
            // The others are renewed for the heart alone.
            self.renew_those(|up| !up.is_mortal);
        } else if self.renew_all() && kind == Ask::Restore as u8 {
            self.shared.restored.store(monotonic(), Ordering::Relaxed);
        }
    }

    /// Where there is no lease, what is up stays for ever; tried again after a while if that fails.
    fn settle(&mut self) {
        let is_done = self.shared.seconds.load(Ordering::Relaxed) > 0 || self.renew_all();
        // Fails for a time of zero only.
        let _ = self.bell.set_read_timeout((!is_done).then_some(AGAIN));
    }

    fn renew_all(&mut self) -> bool {
        self.renew_those(|_| true)
    }

    /// Renews each, whatever became of the others, and returns whether nothing is left to do. The lock is held
    /// meanwhile: what is taken down is not put up again by this.
    fn renew_those(&mut self, is_meant: impl Fn(&Up) -> bool) -> bool {
        let mut failed = BTreeMap::new();
        let mut held = lock(&self.shared.held);
        for (place, up) in held.iter_mut() {
            let is_leased = lock(&self.shared.leased).contains(&place.0);
            let seconds = if is_leased { self.shared.seconds.load(Ordering::Relaxed) } else { 0 };
            if !is_meant(up) || seconds == 0 && !up.is_mortal {
                continue;
            }
            up.is_mortal = true;
            match self.renew(&up.message, seconds) {
                Ok(()) => up.is_mortal = seconds > 0,
                Err(error) => drop(failed.insert(*place, error)),
            }
        }
        self.shared.count(&held);
        drop(held);
        for ((address, interface), error) in &failed {
            if !self.failing.contains(&(*address, *interface)) {
                tracing::warn!(%address, interface, %error, "the lifetime of an address cannot be renewed");
            }
        }
        let is_done = failed.values().all(is_vanished);
        self.failing = failed.into_keys().collect();
        is_done
    }

    fn renew(&self, message: &AddressMessage, seconds: u32) -> io::Result<()> {
        let mut message = message.clone();
        set_lifetime(&mut message, seconds);
        let mut order = NetlinkMessage::from(RouteNetlinkMessage::NewAddress(message));
        order.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
        order.finalize();
        let mut bytes = vec![0; order.buffer_len()];
        order.serialize(&mut bytes);
        send(&self.socket, &bytes, SendFlags::empty())?;
        let (length, _) = recv(&self.socket, &mut bytes[..], RecvFlags::empty())?;
        // The answer is an `nlmsgerr`: behind the header of 16 bytes a negative number, or 0.
        let code = bytes.get(..length).and_then(|answer| answer.get(16..20)?.first_chunk());
        match code.map(|code| i32::from_ne_bytes(*code)) {
            Some(0) => Ok(()),
            Some(code) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
            None => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Whether the address has no place any more: nobody answers for it there, and nothing can be put up again.
fn is_vanished(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NODEV | Errno::ADDRNOTAVAIL))
}

/// Gives the address a lifetime; 0: for ever. One of IPv6 is never preferred as the source of what this machine says.
pub(crate) fn set_lifetime(message: &mut AddressMessage, seconds: u32) {
    let is_preferred = message.header.family == rtnetlink::packet_route::AddressFamily::Inet;
    let valid = if seconds == 0 { u32::MAX } else { seconds };
    let mut lifetime = CacheInfo::default();
    lifetime.ifa_valid = valid;
    lifetime.ifa_preferred = if is_preferred { valid } else { 0 };
    message.attributes.retain(|attribute| !matches!(attribute, AddressAttribute::CacheInfo(_)));
    message.attributes.push(AddressAttribute::CacheInfo(lifetime));
}

fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pause before addresses without a lease are tried again.
const AGAIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn who_asks_too_late_is_refused() {
        let lifetimes = Lifetimes::new(ms(200)).unwrap();
        let renewer = lifetimes.begin(Duration::from_secs(1)).unwrap();
        assert_eq!(renewer.renew(), Answer::Refused, "not acquired yet");
        assert_eq!(renewer.acquire(), Answer::Granted);
        assert_eq!(renewer.renew(), Answer::Granted);
        std::thread::sleep(ms(1010));
        assert_eq!(renewer.renew(), Answer::Refused);
        // Nothing is held that would have to be put up again.
        assert_eq!(renewer.acquire(), Answer::Granted);
        let address = "10.0.0.1".parse().unwrap();
        assert_eq!(lifetimes.of(address), 0);
        lifetimes.lease([address]);
        assert_eq!(lifetimes.of(address), 1);
        renewer.set_length(Duration::from_secs(2));
        assert_eq!(lifetimes.of(address), 2);
        renewer.release();
        renewer.set_length(Duration::from_secs(3));
        assert_eq!((lifetimes.of(address), renewer.renew()), (0, Answer::Refused));
        assert_eq!((renewer.acquire(), lifetimes.of(address)), (Answer::Granted, 3));
    }

    #[test]
    fn what_is_put_up_while_the_lease_begins_or_ends_is_seen_to() {
        let lifetimes = Lifetimes::new(ms(200)).unwrap();
        let shared = Arc::clone(&lifetimes.0);
        // No thread: this is its end.
        let bell = lock(&shared.other_end).take().unwrap();
        bell.set_nonblocking(true).unwrap();
        shared.is_begun.store(true, Ordering::Relaxed);
        let address = "10.0.0.1".parse().unwrap();
        lifetimes.lease([address]);
        let asked = || {
            let mut bytes = [0; 9];
            bell.recv(&mut bytes).is_ok().then_some(bytes[0])
        };
        for (is_leased, put_up_with, now, expected) in [
            (true, 0, 0, None),
            (true, 2, 2, None),
            (true, 2, 0, Some(Ask::Settle)),
            (true, 0, 2, Some(Ask::Complete)),
            (false, 0, 2, None),
        ] {
            if !is_leased {
                lifetimes.except(&[address].into());
            }
            shared.seconds.store(now, Ordering::Relaxed);
            lifetimes.hold(address, AddressMessage::default(), put_up_with);
            assert_eq!(asked(), expected.map(|ask| ask as u8), "{is_leased} {put_up_with} {now}");
        }
    }
}
