//! The lease: the kernel, not this process, holds the right to answer for the floating addresses.
//!
//! A table of `nf_tables` lets packets, ARP and neighbour discovery for them through only while a lease lives. The heart renews it with one
//! datagram right after each heartbeat; a heart that hangs, or was killed, lets it run out, and the addresses are dark
//! before another node takes them. A lease that has run out cannot be renewed, only acquired anew, in two steps.
//!
//! - [`Lease::open`]: builds the table; removed by [`Keeper::finish`]
//! - [`Latch`]: the steps, for the heart
//! - [`Keeper`]: keeps the table as it shall be
//! - [`Stage`]: addresses that are here, closed, before they are held
//! - [`length()`]: how long a lease may be
//! - [`Lifetimes`], [`Renewer`]: what is left where there is no `nf_tables`: addresses that the kernel removes
//!
//! When to renew and when to acquire is the heart's decision. Described in `docs/adr/0006-kernel-lease.md`.

mod keeper;
mod latch;
mod length;
mod lifetime;
mod netfilter;
mod stage;
mod table;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};
use thiserror::Error;

pub use keeper::{Keeper, Lengthener, Notice};
pub use latch::{Answer, Latch};
pub use length::{MARGIN, NoRoom, length, shortest_deadtime};
pub(crate) use lifetime::set_lifetime;
pub use lifetime::{Lifetimes, Renewer};
use netfilter::Netfilter;
use rustix::io::Errno;
pub use stage::Stage;
use table::Plan;

/// How a lease is renewed. All but the first are mutants that the tests must catch, and for nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Renewal {
    /// By the heart, while it lives.
    #[default]
    WhileItLives,
    /// A renewal is granted after the lease has run out as well.
    Always,
    /// By a thread of its own besides.
    ByATimer,
}

/// Why there is no lease.
#[derive(Debug, Error)]
pub enum LeaseError {
    /// The kernel refuses: no permission (`CAP_NET_ADMIN`), no `nf_tables`, or no hook on the way out (Linux 5.16).
    #[error("cannot {what}: {source}")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The table is there, but what is sent to it does not have its effect.
    #[error(
        "the table in the kernel does not work: other rules, or the loopback interface, stand in its way"
    )]
    WithoutEffect,
}

/// A table that works, and both hands on it.
#[derive(Debug)]
pub struct Lease {
    /// For the heart.
    pub latch: Latch,
    /// For whoever ends it.
    pub keeper: Keeper,
    /// For whoever puts addresses up, where nobody else can touch the table: a staged address that others could open
    /// would be worse than none.
    pub stage: Option<Stage>,
}

/// Whether others may touch the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    /// Not as long as this process lives, where the kernel has that (Linux 6.9).
    #[default]
    Wanted,
    /// They may, as on older kernels; for tests.
    Waived,
}

impl Lease {
    /// Builds the table, replacing what an earlier run left, and tries all steps. Nothing is gated until
    /// [`Latch::arm`].
    ///
    /// `tell` is called on a thread of its own.
    ///
    /// # Errors
    /// See [`LeaseError`]; no table is left then.
    pub fn open(
        addresses: BTreeSet<IpAddr>,
        length: Duration,
        renewal: Renewal,
        ownership: Ownership,
        tell: Box<dyn Fn(Notice) + Send>,
    ) -> Result<Self, LeaseError> {
        Self::open_with(&Stage::default(), addresses, length, renewal, ownership, tell)
    }

    /// The same for somebody who knows what is held, and gets doors if addresses can be staged.
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub fn open_with(
        stage: &Stage,
        addresses: BTreeSet<IpAddr>,
        length: Duration,
        renewal: Renewal,
        ownership: Ownership,
        tell: Box<dyn Fn(Notice) + Send>,
    ) -> Result<Self, LeaseError> {
        let refused = |what| move |source| LeaseError::Refused { what, source };
        let mark = random_mark().map_err(refused("draw a number"))?;
        let is_unconditional = renewal == Renewal::Always;
        let plan = Plan {
            room: addresses.len(),
            // None before it has been tried: some may be here and in use.
            addresses: BTreeSet::new(),
            interfaces: Vec::new(),
            length,
            mark,
            is_engaged: false,
            is_unconditional,
            is_owned: ownership == Ownership::Wanted,
        };
        let keeper =
            Keeper::start(plan, stage.records(), tell).map_err(refused("make a table of nf_tables"))?;
        let latch = match Latch::open(mark, keeper.engaged()) {
            Ok(latch) => latch,
            Err(source) => {
                keeper.finish();
                return Err(LeaseError::Refused { what: "mark a packet", source });
            }
        };
        let steps = [latch.arm(), latch.acquire(), latch.renew(), latch.release()];
        if steps.iter().any(|answer| *answer != Answer::Granted) {
            keeper.finish();
            return Err(LeaseError::WithoutEffect);
        }
        if !keeper.gate(addresses, GATE_LIMIT) {
            keeper.finish();
            let source = io::ErrorKind::TimedOut.into();
            return Err(LeaseError::Refused { what: "gate the addresses", source });
        }
        if renewal == Renewal::ByATimer {
            latch.renew_by_a_timer(mark).map_err(refused("start a thread"))?;
        }
        if keeper.is_owner()
            && let Err(source) = stage.open_doors(mark)
        {
            keeper.finish();
            return Err(LeaseError::Refused { what: "mark a packet", source });
        }
        let stage = keeper.is_owner().then(|| stage.clone());
        Ok(Self { latch, keeper, stage })
    }
}

/// Takes away the table that another process left, if there is one. Waits a little for the end of a process that owns it.
///
/// # Errors
/// The kernel's answer.
pub fn remove() -> io::Result<()> {
    let netfilter = Netfilter::open()?;
    let mut result = netfilter.perform(Plan::remove());
    for _ in 0..ATTEMPTS {
        let is_owned = |error: &io::Error| Errno::from_io_error(error) == Some(Errno::PERM);
        if !result.as_ref().is_err_and(is_owned) {
            break;
        }
        std::thread::sleep(AGAIN);
        result = netfilter.perform(Plan::remove());
    }
    result
}

/// Longest wait for the addresses to be gated, which usually takes a millisecond.
const GATE_LIMIT: Duration = Duration::from_secs(1);
/// How often, and after which pause, a table is tried again whose owner is just dying.
const ATTEMPTS: u32 = 10;
const AGAIN: Duration = Duration::from_millis(20);

/// Another one in each run, and none that others use by chance.
fn random_mark() -> io::Result<u32> {
    let mut bytes = [0; 4];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    // None of them is 0, the mark of everything else.
    Ok(u32::from_ne_bytes(bytes).clamp(1, u32::MAX - table::MARKS))
}
