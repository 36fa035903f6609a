//! The lease of the floating addresses, from the configuration to the parts that hold it, and what is said of it.
//!
//! When it is renewed is the heart's (`heart/lease`), how it works `hb-resource`'s.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
    /// Groups that are not leased, by their keys.
    except: Vec<String>,
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
        for key in except.iter().filter(|key| groups.iter().all(|group| group.key != **key)) {
            let text = format!("lease.except in hb.toml: `{key}` is the first resource of no group");
            log.line(Level::Warn, &text);
        }
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
        let lease =
            Lease::open(leased(&checked.lease.except, groups.iter()), length, planted(log), Box::new(tell))
                .map_err(|error| problem(log, &chain(&error)))?;
        let Lease { latch, keeper } = lease;
        let lengthener = keeper.lengthener().map_err(|error| problem(log, &chain(&error)))?;
        log.line(Level::Info, &format!("Lease of the floating addresses: {} ms", length.as_millis()));
        Ok((keeper, Hands { steps: Box::new((latch, lengthener)), length }))
    }

    /// Gates the addresses of these groups as well. They are gated when this returns without an error.
    pub(crate) fn gate<'a>(&self, groups: impl Iterator<Item = &'a GroupSpec>) -> Result<(), String> {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(keeper) = keeper.as_ref() else { return Ok(()) };
        let in_time = keeper.gate(leased(&self.except, groups), GATE_LIMIT);
        if in_time { Ok(()) } else { Err("the new addresses cannot be leased yet".to_owned()) }
    }

    /// What the lease protects from and what not, in words; `unleased` are the groups for which there is none.
    pub(crate) fn words(&self, counts: LeaseCounts, unleased: &[String]) -> Vec<String> {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(keeper) = keeper.as_ref().filter(|_| !counts.has_no_room) else {
            let no_room = "keepalive and dead time leave no room for one";
            let reason = self.problem.as_deref().unwrap_or(if counts.has_no_room {
                no_room
            } else {
                "the node stops"
            });
            return vec![without(reason)];
        };
        if !keeper.is_in_force() {
            return vec![without("its table cannot be kept")];
        }
        let mut words = "lease in the kernel: a heart that hangs or is killed loses its addresses before the other node takes \
                         them; not covered: cut links, a paused virtual machine, programs on this machine"
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
        [&[words], unleased].concat()
    }

    /// At the end of a run in good order: nothing is gated any more.
    pub(crate) fn finish(&self) {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            keeper.finish();
        }
    }
}

/// The addresses of these groups that are leased.
fn leased<'a>(except: &[String], groups: impl Iterator<Item = &'a GroupSpec>) -> BTreeSet<IpAddr> {
    let groups = groups.filter(|group| !except.contains(&group.key));
    groups.flat_map(GroupSpec::addresses).map(|address| address.address).collect()
}

fn without(reason: &str) -> String {
    format!(
        "no lease in the kernel ({reason}): a heart that hangs keeps answering for its addresses while the other node takes \
         them"
    )
}

/// Longest wait for the table; usually it takes a millisecond.
const GATE_LIMIT: Duration = Duration::from_secs(1);

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
