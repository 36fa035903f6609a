//! Staged addresses: they are on a machine that does not hold them, behind a gate of their own that is closed, so that services can
//! bind them there before a takeover.
//!
//! The copy is on the loopback interface, for the machine alone; it stays there when the address itself comes and goes.
//! Opening and closing is one datagram, as for the steps of the lease, and none of it waits. The gate closes before the
//! address goes and opens before it comes; while the node holds it, the lease alone decides. Who puts the copies up is `crate::address`.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::latch::{Answer, ask, step_socket};
use super::table::Step;

/// The hand on the gates of staged addresses; clones share it.
#[derive(Clone, Debug)]
pub struct Stage(Arc<Shared>);

/// What is staged, shared with the keeper of the table.
pub(super) type Records = Arc<Mutex<Record>>;

#[derive(Debug)]
struct Shared {
    /// One for each of [`Step::DOORS`].
    doors: [UdpSocket; Step::DOORS.len()],
    records: Records,
}

/// What a table that is built anew has to know.
#[derive(Debug, Default)]
pub(super) struct Record {
    staged: BTreeSet<IpAddr>,
    /// What this node holds, or is about to.
    held: BTreeSet<IpAddr>,
}

impl Record {
    /// What nobody is answered for, whether the lease lives or not.
    pub(super) fn closed(&self) -> BTreeSet<IpAddr> {
        self.staged.difference(&self.held).copied().collect()
    }

    /// Whether there may be copies on this machine.
    pub(super) fn is_staging(&self) -> bool {
        !self.staged.is_empty()
    }
}

impl Stage {
    /// `mark` is the first of the marks.
    pub(super) fn open_doors(mark: u32, records: Records) -> io::Result<Self> {
        let [open4, close4, open6, close6] = Step::DOORS;
        let door = |step| step_socket(mark, step);
        Ok(Self(Arc::new(Shared {
            doors: [door(open4)?, door(close4)?, door(open6)?, door(close6)?],
            records,
        })))
    }

    /// The address is staged from now on: closed, unless it is held. Only if granted may its copy be put up.
    pub fn add(&self, address: IpAddr) -> Answer {
        let mut record = self.record();
        if record.held.contains(&address) || self.ask(address, Door::Close) == Answer::Granted {
            record.staged.insert(address);
            return Answer::Granted;
        }
        Answer::Refused
    }

    /// The address is staged no longer; its copy is gone.
    pub fn remove(&self, address: IpAddr) {
        let mut record = self.record();
        if record.staged.remove(&address) && !record.held.contains(&address) {
            // Refused only where there is no gate.
            let _ = self.ask(address, Door::Open);
        }
    }

    /// The staged addresses.
    #[must_use]
    pub fn staged(&self) -> BTreeSet<IpAddr> {
        self.record().staged.clone()
    }

    /// An address is about to be put up: from now on the lease decides who is answered. Refused if its gate stays closed.
    pub fn open(&self, address: IpAddr) -> Answer {
        let mut record = self.record();
        record.held.insert(address);
        if record.staged.contains(&address) { self.ask(address, Door::Open) } else { Answer::Granted }
    }

    /// An address is about to be taken down: from now on nobody is answered. Refused if its gate stays open: then its copy
    /// must go as well.
    pub fn close(&self, address: IpAddr) -> Answer {
        let mut record = self.record();
        record.held.remove(&address);
        if record.staged.contains(&address) { self.ask(address, Door::Close) } else { Answer::Granted }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, address: IpAddr, door: Door) -> Answer {
        let [open4, close4, open6, close6] = &self.0.doors;
        match (address, door) {
            (IpAddr::V4(address), Door::Open) => ask(open4, &address.octets()),
            (IpAddr::V4(address), Door::Close) => ask(close4, &address.octets()),
            (IpAddr::V6(address), Door::Open) => ask(open6, &address.octets()),
            (IpAddr::V6(address), Door::Close) => ask(close6, &address.octets()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Open,
    Close,
}
