//! Where keeper and owner of a medium meet: new sockets go one way, old ones the other.
//!
//! The owner never waits: it looks at one flag, and takes the lock only if it is free. Old sockets are closed by the
//! keeper, because to leave a multicast group may wait for a lock of the kernel's.

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::hint::Board;
use crate::sockets::Sockets;

/// The sockets of a medium, or what stands for them.
#[derive(Debug)]
pub(crate) enum Ends {
    Open(Sockets),
    /// A serial line, whose thread is at the other end.
    Line(OwnedFd),
    /// It is missing; a descriptor that is never readable.
    Missing(OwnedFd),
}

impl Ends {
    pub(crate) fn missing() -> io::Result<Self> {
        Ok(Self::Missing(UnixDatagram::unbound()?.into()))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Rings when the owner drops the medium, so that nothing of it stays with the keeper.
    _gone: Option<Bell>,
    has_new: AtomicBool,
    /// What the keeper has heard about the medium.
    pub(crate) board: Board,
    exchange: Mutex<Exchange>,
}

/// Wakes the keeper, also when it is dropped; never waits.
#[derive(Debug)]
pub(crate) struct Bell(pub(crate) Arc<UnixStream>);

impl Bell {
    pub(crate) fn ring(&self) {
        // Fails only if it rings already.
        let _ = (&*self.0).write(&[0]);
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.ring();
    }
}

#[derive(Debug, Default)]
struct Exchange {
    /// For the owner.
    new: Option<Ends>,
    /// For the keeper, to close.
    old: Vec<Ends>,
}

impl Slot {
    /// Of a medium that is kept.
    pub(crate) fn watched_by(gone: Bell) -> Self {
        Self { _gone: Some(gone), ..Self::default() }
    }

    /// For the keeper: hands over what the owner shall use from now on.
    pub(crate) fn offer(&self, ends: Ends) {
        let mut exchange = self.lock();
        let never_taken = exchange.new.replace(ends);
        self.has_new.store(true, Ordering::Release);
        drop(exchange);
        drop(never_taken);
    }

    /// For the keeper: closes what the owner gave back.
    pub(crate) fn close_old(&self) {
        let old = std::mem::take(&mut self.lock().old);
        drop(old);
    }

    /// For the owner: whether there may be something to exchange.
    pub(crate) fn has_new(&self) -> bool {
        self.has_new.load(Ordering::Acquire)
    }

    /// For the owner: exchanges its sockets if there are others. True if so.
    pub(crate) fn exchange(&self, ends: &mut Ends) -> bool {
        if !self.has_new() {
            return false;
        }
        let Ok(mut exchange) = self.exchange.try_lock() else { return false };
        self.has_new.store(false, Ordering::Release);
        let Some(new) = exchange.new.take() else { return false };
        exchange.old.push(std::mem::replace(ends, new));
        true
    }

    fn lock(&self) -> MutexGuard<'_, Exchange> {
        // Nothing in here panics while it holds the lock.
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
