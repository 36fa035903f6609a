//! The lease of the floating addresses, from the configuration to the parts that hold it, and what is said of it.
//!
//! When it is renewed is the heart's (`heart/lease`), how it works `hb-resource`'s.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hb_config::Checked;
use hb_resource::GroupSpec;
use hb_resource::lease::{self, Keeper, Lease, Notice, Renewal};

use crate::heart::{Hands, LeaseCounts, ToHeart};
use crate::log::{Level, Log};
use crate::mailbox::Mailbox;
use crate::start::chain;

/// The lease as others than the heart know it; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leasing {
    keeper: Arc<Mutex<Option<Keeper>>>,
    /// Why there is none.
    problem: Option<String>,
    /// Addresses that are not leased.
    except: Vec<IpAddr>,
}

impl Leasing {
    /// Opens the lease, as far as it is wanted and possible; what is not is said in the log.
    pub(crate) fn open(
        checked: &Checked,
        groups: &[GroupSpec],
        inbox: Arc<Mailbox<ToHeart>>,
        log: &Log,
    ) -> (Self, Option<Hands>) {
        let except = checked.lease.except.clone();
        let opened = if checked.lease.enabled {
            Self::try_open(checked, groups, inbox, log)
        } else {
            Err(SWITCHED_OFF.to_owned())
        };
        match opened {
            Ok((keeper, hands)) => {
                (Self { keeper: Arc::new(Mutex::new(Some(keeper))), problem: None, except }, Some(hands))
            }
            Err(problem) => {
                // What a crashed run has left would be renewed by nobody.
                let _ = lease::remove();
                (Self { keeper: Arc::default(), problem: Some(problem), except }, None)
            }
        }
    }

    fn try_open(
        checked: &Checked,
        groups: &[GroupSpec],
        inbox: Arc<Mailbox<ToHeart>>,
        log: &Log,
    ) -> Result<(Keeper, Hands), String> {
        let length = lease::length(checked.keepalive, checked.deadtime)
            .map_err(|error| problem(log, &chain(&error)))?;
        let told = log.clone();
        let tell = move |notice| match notice {
            Notice::Rebuilt => {
                told.line(Level::Warn, "The table of the lease was removed by somebody; it is there again");
                // If there is no room the heart finds out at its next beat.
                let _ = inbox.post(ToHeart::LeaseTable);
            }
            Notice::Failed(error) => {
                let text =
                    format!("The floating addresses are not leased: the table cannot be kept: {error}");
                told.line(Level::Error, &text);
            }
        };
        let lease = Lease::open(addresses(checked, groups), length, planted(log), Box::new(tell))
            .map_err(|error| problem(log, &chain(&error)))?;
        let Lease { latch, keeper } = lease;
        let lengthener = keeper.lengthener().map_err(|error| problem(log, &chain(&error)))?;
        log.line(Level::Info, &format!("Lease of the floating addresses: {} ms", length.as_millis()));
        Ok((keeper, Hands { latch, lengthener, length }))
    }

    /// Gates the addresses of these groups as well.
    pub(crate) fn gate<'a>(&self, groups: impl Iterator<Item = &'a GroupSpec>) {
        if let Some(keeper) = &*self.keeper.lock().unwrap_or_else(PoisonError::into_inner) {
            let addresses = groups.flat_map(GroupSpec::addresses).map(|address| address.address);
            keeper.gate(addresses.filter(|address| !self.except.contains(address)));
        }
    }

    /// What the lease protects from and what not, in words.
    pub(crate) fn words(&self, counts: LeaseCounts) -> String {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let without = "a heart that hangs keeps answering for its addresses while the other node takes them";
        let Some(keeper) = keeper.as_ref() else {
            let reason = self.problem.as_deref().unwrap_or("the node stops");
            return format!("no lease in the kernel ({reason}): {without}");
        };
        if counts.has_no_room {
            return format!(
                "no lease in the kernel (keepalive and dead time leave no room for one): {without}"
            );
        }
        if !keeper.is_in_force() {
            return format!("no lease in the kernel (its table cannot be kept): {without}");
        }
        let mut words =
            "lease in the kernel: a heart that hangs or is killed loses its addresses before the other node takes them; \
             local clients of this machine are not kept from them"
                .to_owned();
        if counts.is_closed {
            words.push_str(
                "; IT RAN OUT: the addresses of this node are closed until the other node was heard",
            );
        }
        let (lost, rebuilt) = (counts.lost, keeper.rebuilt());
        if lost + rebuilt > 0 {
            let more =
                format!("; it ran out {lost} times, and its table was removed by others {rebuilt} times");
            words.push_str(&more);
        }
        words
    }

    /// At the end of a run in good order: nothing is gated any more.
    pub(crate) fn finish(&self) {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            keeper.finish();
        }
    }
}

/// The addresses that are leased.
fn addresses(checked: &Checked, groups: &[GroupSpec]) -> BTreeSet<IpAddr> {
    let addresses = groups.iter().flat_map(GroupSpec::addresses).map(|address| address.address);
    addresses.filter(|address| !checked.lease.except.contains(address)).collect()
}

const SWITCHED_OFF: &str = "switched off in hb.toml";

fn problem(log: &Log, reason: &str) -> String {
    log.line(Level::Warn, &format!("The floating addresses are not leased: {reason}"));
    reason.to_owned()
}

/// Mutants for the tests of the laboratory, by an environment variable that is meant for nothing else.
fn planted(log: &Log) -> Renewal {
    let renewal = match std::env::var("HB_MUTANT").as_deref() {
        Ok("renew-always") => Renewal::Always,
        Ok("renew-by-timer") => Renewal::ByATimer,
        _ => return Renewal::WhileItLives,
    };
    log.line(
        Level::Crit,
        "HB_MUTANT is set: the lease is broken on purpose, for a test, and protects nobody",
    );
    renewal
}
