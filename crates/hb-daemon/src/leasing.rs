//! The lease of the floating addresses, from the configuration to the parts that hold it, and what is said of it.
//!
//! When it is renewed is the heart's (`heart/lease`), how it works `hb-resource`'s.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hb_config::{Checked, LeaseBy, lease_covers};
use hb_resource::GroupSpec;
use hb_resource::lease::{self, Keeper, Lease, Lifetimes, Notice, Ownership, Renewal, Stage};

use crate::heart::{self, Hands, LeaseCounts, ToHeart};
use crate::log::{Level, Log};
use crate::mailbox::Mailbox;
use crate::start::chain;

/// The lease as others than the heart know it; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leasing {
    keeper: Arc<Mutex<Option<Keeper>>>,
    /// What there is instead, where the kernel can have no table.
    lifetimes: Option<Lifetimes>,
    /// Why there is no table.
    problem: Option<String>,
    /// Groups that are not leased, by their keys.
    except: Vec<String>,
    /// By what staged addresses are closed.
    stage: Option<Stage>,
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
        let opened = match (checked.lease.enabled, checked.lease.by) {
            (false, _) => Err(SWITCHED_OFF.to_owned()),
            (true, LeaseBy::Lifetime) => Err("hb.toml asks for lifetimes".to_owned()),
            (true, LeaseBy::Nftables) => Self::try_open(checked, groups, inbox, log),
        };
        match opened {
            Ok((keeper, hands, stage)) => {
                let keeper = Arc::new(Mutex::new(Some(keeper)));
                (Self { keeper, except, stage, ..Self::default() }, Some(hands))
            }
            Err(reason) => {
                let leasing = Self { problem: Some(reason.clone()), except, ..Self::default() };
                if !checked.lease.enabled {
                    return (leasing, None);
                }
                if lease::length(checked.keepalive, checked.deadtime).is_err() {
                    // Lifetimes need more.
                    problem(log, &reason);
                    return (leasing, None);
                }
                leasing.fall_back(checked, groups, log)
            }
        }
    }

    /// Without a table: lifetimes of addresses, where there is room for them.
    fn fall_back(self, checked: &Checked, groups: &[GroupSpec], log: &Log) -> (Self, Option<Hands>) {
        let begun = heart::lifetime(checked.keepalive, checked.deadtime)
            .map_err(|error| chain(&error))
            .and_then(|length| {
                let leased = leased(&self.except, groups.iter());
                let begun = Lifetimes::begin(leased, length, hb_config::RENEWED_WITHIN);
                begun.map(|hands| (hands, length)).map_err(|error| error.to_string())
            });
        let reason = self.problem.clone().unwrap_or_default();
        match begun {
            Ok(((lifetimes, renewer), length)) => {
                let text = format!(
                    "The floating addresses are leased by lifetimes of {} s, which the kernel ends up to a second late: {reason}",
                    length.as_secs()
                );
                log.line(Level::Warn, &text);
                (
                    Self { lifetimes: Some(lifetimes), ..self },
                    Some(Hands { steps: Box::new(renewer), length }),
                )
            }
            Err(error) => {
                let problem = problem(log, &format!("{reason}; nor can they have lifetimes: {error}"));
                (Self { problem: Some(problem), ..self }, None)
            }
        }
    }

    /// For whoever puts addresses up.
    pub(crate) fn lifetimes(&self) -> Option<Lifetimes> {
        self.lifetimes.clone()
    }

    /// By what staged addresses are closed, where that can be had.
    pub(crate) fn stage(&self) -> Option<Stage> {
        self.stage.clone()
    }

    /// What becomes of the groups that hb.toml wants staged, a line each.
    pub(crate) fn staged_words(&self, staged: &[String]) -> Vec<String> {
        let what = match (&self.stage, &self.problem) {
            (Some(_), _) => format!("is staged: {}", hb_config::STAGED),
            (None, Some(problem)) => format!("is not staged, for want of a lease in the kernel: {problem}"),
            (None, None) => {
                "is not staged: only where the table of the lease cannot be removed by others, from \
                             Linux 6.9 on, does a staged address stay mute"
                    .to_owned()
            }
        };
        staged.iter().map(|key| format!("group {key} {what}")).collect()
    }

    fn try_open(
        checked: &Checked,
        groups: &[GroupSpec],
        inbox: Arc<Mailbox<ToHeart>>,
        log: &Log,
    ) -> Result<(Keeper, Hands, Option<Stage>), String> {
        let length = lease::length(checked.keepalive, checked.deadtime).map_err(|error| chain(&error))?;
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
        let lease = Lease::open(
            leased(&checked.lease.except, groups.iter()),
            length,
            planted(log),
            Ownership::Wanted,
            Box::new(tell),
        )
        .map_err(|error| chain(&error))?;
        let Lease { latch, keeper, stage } = lease;
        let lengthener = keeper.lengthener().map_err(|error| chain(&error))?;
        log.line(Level::Info, &format!("Lease of the floating addresses: {} ms", length.as_millis()));
        Ok((keeper, Hands { steps: Box::new((latch, lengthener)), length }, stage))
    }

    /// Gates the addresses of these groups as well. They are gated when this returns without an error.
    pub(crate) fn gate<'a>(&self, groups: impl Iterator<Item = &'a GroupSpec>) -> Result<(), String> {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(keeper) = keeper.as_ref() else {
            if let Some(lifetimes) = &self.lifetimes {
                lifetimes.lease(leased(&self.except, groups));
            }
            return Ok(());
        };
        let in_time = keeper.gate(leased(&self.except, groups), GATE_LIMIT);
        if in_time { Ok(()) } else { Err("the new addresses cannot be leased yet".to_owned()) }
    }

    /// What the lease protects from and what not, in words; `unleased` are the groups for which there is none.
    pub(crate) fn words(&self, counts: LeaseCounts, unleased: &[String]) -> Vec<String> {
        let no_room = "keepalive and dead time leave no room for one";
        let reason = self.problem.as_deref().unwrap_or("the node stops");
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let mut words = match keeper.as_ref() {
            _ if counts.has_no_room => return vec![without(no_room)],
            Some(keeper) if !keeper.is_in_force() => return vec![without("its table cannot be kept")],
            Some(_) => format!("lease in the kernel: {}", lease_covers(LeaseBy::Nftables)),
            None if self.lifetimes.is_some() => format!(
                "lease by lifetimes of addresses, for want of a table of nf_tables: {} ({reason})",
                lease_covers(LeaseBy::Lifetime)
            ),
            None => return vec![without(reason)],
        };
        if counts.is_closed {
            words.push_str(
                "; IT RAN OUT: the addresses of this node are closed until the other node was heard",
            );
        }
        let (lost, rebuilt) = (counts.lost, keeper.as_ref().map_or(0, Keeper::rebuilt));
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
