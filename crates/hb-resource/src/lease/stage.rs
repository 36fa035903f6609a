//! Staged addresses: they are on a machine that does not hold them, behind a gate of their own that is closed, so that services can
//! bind them there before a takeover.
//!
//! The copy is on the loopback interface, for the machine alone; it stays there when the address itself comes and goes.
//! Opening and closing is one datagram, as for the steps of the lease, and none of it waits. The gate closes before the
//! address goes and opens before it comes; while the node holds it, the lease alone decides. Who puts the copies up is `crate::address`.
//! Tables come and go; what is staged and held is known on from one to the next.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::latch::{Answer, ask, step_socket};
use super::table::Step;

/// The hand on the gates of staged addresses, which there are as long as there is a table for them; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stage(Arc<Shared>);

/// What is staged, shared with the keeper of the table.
pub(super) type Records = Arc<Mutex<Record>>;

#[derive(Debug, Default)]
struct Shared {
    /// None without a table.
    doors: Mutex<Option<Doors>>,
    records: Records,
}

/// One for each of [`Step::DOORS`].
type Doors = [UdpSocket; Step::DOORS.len()];

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
    /// There is a table from now on; `mark` is the first of its marks.
    pub(super) fn open_doors(&self, mark: u32) -> io::Result<()> {
        let [open4, close4, open6, close6] = Step::DOORS;
        let door = |step| step_socket(mark, step);
        let doors = [door(open4)?, door(close4)?, door(open6)?, door(close6)?];
        *self.doors() = Some(doors);
        Ok(())
    }

    /// The table is about to go, when nothing is staged any more; false if something is.
    #[must_use]
    pub fn take_leave(&self) -> bool {
        let record = self.record();
        if !record.is_staging() {
            *self.doors() = None;
        }
        !record.is_staging()
    }

    /// Whether addresses can be staged.
    #[must_use]
    pub fn has_doors(&self) -> bool {
        self.doors().is_some()
    }

    pub(super) fn records(&self) -> Records {
        Records::clone(&self.0.records)
    }

    /// The address is staged from now on: closed, unless it is held. Only if granted may its copy be put up.
    pub fn add(&self, address: IpAddr) -> Answer {
        let mut record = self.record();
        let is_held = record.held.contains(&address) && self.has_doors();
        if is_held || self.ask(address, Door::Close) == Answer::Granted {
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

    fn doors(&self) -> MutexGuard<'_, Option<Doors>> {
        self.0.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, address: IpAddr, door: Door) -> Answer {
        let doors = self.doors();
        let Some([open4, close4, open6, close6]) = doors.as_ref() else { return Answer::Refused };
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
