//! The lease of the floating addresses, from the configuration to the parts that hold it, and what is said of it.
//!
//! When it is renewed is the heart's (`heart/lease`), how it works `hb-resource`'s. `exchange`: another one takes its place.

mod exchange;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use hb_config::{Checked, LeaseBy, lease_covers};
use hb_resource::GroupSpec;
use hb_resource::lease::{self, Keeper, Lease, Lifetimes, Notice, Ownership, Renewal, Stage};

use crate::heart::{self, Hands, LeaseCounts, ToHeart};
use crate::log::{Level, Log};
use crate::mailbox::Mailbox;
use crate::start::chain;

use exchange::Leaving;
pub(crate) use exchange::Next;

/// The lease as others than the heart know it; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leasing {
    state: Arc<Mutex<State>>,
    /// What gives addresses lifetimes, where there can be no table or hb.toml asks for it.
    lifetimes: Option<Lifetimes>,
    /// By what staged addresses are closed.
    stage: Stage,
    /// Where is told what becomes of a table.
    ground: Option<Ground>,
}

#[derive(Clone)]
struct Ground {
    inbox: Arc<Mailbox<ToHeart>>,
    log: Log,
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ground")
    }
}

#[derive(Debug, Default)]
struct State {
    now: Opened,
    /// The end of the one before, while it lasts.
    leaving: Option<Arc<Leaving>>,
}

/// A lease that can be had, or why there is none.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    by: Option<LeaseBy>,
    keeper: Option<Keeper>,
    /// Why there is no table.
    problem: Option<String>,
    /// Ends when the heart has let go of it.
    let_go: Option<mpsc::Receiver<()>>,
}

impl Opened {
    /// What is to be told if there shall be a lease and is none.
    fn missing(&self) -> Option<String> {
        let problem =
            self.problem.as_ref().filter(|problem| *problem != SWITCHED_OFF && self.by.is_none())?;
        Some(format!("The floating addresses are not leased: {problem}"))
    }
}

impl Leasing {
    /// Opens the lease, as far as it is wanted and possible; what is not is said in the log.
    pub(crate) fn open(
        checked: &Checked,
        groups: &[GroupSpec],
        inbox: Arc<Mailbox<ToHeart>>,
        log: &Log,
    ) -> (Self, Option<Hands>) {
        let lifetimes = Lifetimes::new(hb_config::RENEWED_WITHIN).ok();
        let ground = Some(Ground { inbox, log: log.clone() });
        let leasing = Self { lifetimes, ground, ..Self::default() };
        leasing.warn_of_strangers(&checked.lease.except, groups);
        leasing.lease_lifetimes(checked, groups);
        let (opened, hands) = leasing.make(checked, groups);
        if let Some(missing) = opened.missing() {
            leasing.log(Level::Warn, &missing);
        }
        leasing.state().now = opened;
        (leasing, hands)
    }

    /// What these settings come to, and what the heart holds it by. Nothing of what is in force changes.
    fn make(&self, checked: &Checked, groups: &[GroupSpec]) -> (Opened, Option<Hands>) {
        let opened = match (checked.lease.enabled, checked.lease.by) {
            (false, _) => Err(SWITCHED_OFF.to_owned()),
            (true, LeaseBy::Lifetime) => Err("hb.toml asks for lifetimes".to_owned()),
            (true, LeaseBy::Nftables) => self.try_table(checked, groups),
        };
        let reason = match opened {
            Ok((keeper, hands)) => {
                let (hands, let_go) = hands.watched();
                let by = Some(LeaseBy::Nftables);
                let opened = Opened { by, keeper: Some(keeper), let_go: Some(let_go), problem: None };
                return (opened, Some(hands));
            }
            Err(reason) => reason,
        };
        if !checked.lease.enabled {
            return (Opened { problem: Some(reason), ..Opened::default() }, None);
        }
        let tried = if lease::length(checked.keepalive, checked.deadtime).is_err() {
            // Lifetimes need more.
            Err(reason)
        } else {
            self.try_lifetimes(checked, &reason)
                .map_err(|error| format!("{reason}; nor can they have lifetimes: {error}"))
                .map(|hands| (hands, reason))
        };
        match tried {
            Ok((hands, reason)) => {
                let (hands, let_go) = hands.watched();
                let (by, let_go) = (Some(LeaseBy::Lifetime), Some(let_go));
                (Opened { by, let_go, problem: Some(reason), keeper: None }, Some(hands))
            }
            Err(problem) => (Opened { problem: Some(problem), ..Opened::default() }, None),
        }
    }

    /// Without a table: lifetimes of addresses, where there is room for them.
    fn try_lifetimes(&self, checked: &Checked, reason: &str) -> Result<Hands, String> {
        let length = heart::lifetime(checked.keepalive, checked.deadtime).map_err(|error| chain(&error))?;
        let lifetimes = self.lifetimes.as_ref().ok_or_else(|| "there are no more descriptors".to_owned())?;
        let renewer = lifetimes.begin(length).map_err(|error| error.to_string())?;
        let text = format!(
            "The floating addresses are leased by lifetimes of {} s, which the kernel ends up to a second late: {reason}",
            length.as_secs()
        );
        self.log(Level::Warn, &text);
        Ok(Hands { steps: Box::new(renewer), length, _let_go: None })
    }

    fn try_table(&self, checked: &Checked, groups: &[GroupSpec]) -> Result<(Keeper, Hands), String> {
        let length = lease::length(checked.keepalive, checked.deadtime).map_err(|error| chain(&error))?;
        let ground = self.ground.clone().ok_or_else(|| "this is a test".to_owned())?;
        let renewal = planted(&ground.log);
        let tell = move |notice| match notice {
            Notice::Rebuilt => {
                let text = "The table of the lease was removed by somebody; it is there again";
                ground.log.line(Level::Warn, text);
                // If there is no room the heart finds out at its next beat.
                let _ = ground.inbox.post(ToHeart::LeaseTable);
            }
            Notice::Failed(error) => {
                let text =
                    format!("The floating addresses are not leased: the table cannot be kept: {error}");
                ground.log.line(Level::Error, &text);
            }
        };
        let addresses = leased(&checked.lease.except, groups);
        let (wanted, tell) = (Ownership::Wanted, Box::new(tell));
        let lease = Lease::open_with(&self.stage, addresses, length, renewal, wanted, tell)
            .map_err(|error| chain(&error))?;
        let Lease { latch, keeper, stage: _ } = lease;
        let lengthener = keeper.lengthener().map_err(|error| chain(&error))?;
        self.log(Level::Info, &format!("Lease of the floating addresses: {} ms", length.as_millis()));
        Ok((keeper, Hands { steps: Box::new((latch, lengthener)), length, _let_go: None }))
    }

    /// For whoever puts addresses up.
    pub(crate) fn lifetimes(&self) -> Option<Lifetimes> {
        self.lifetimes.clone()
    }

    /// By what staged addresses are closed, where that can be had.
    pub(crate) fn stage(&self) -> Stage {
        self.stage.clone()
    }

    /// What becomes of the groups that hb.toml wants staged, a line each.
    pub(crate) fn staged_words(&self, staged: &[String]) -> Vec<String> {
        let what = match (self.stage.has_doors(), &self.state().now.problem) {
            (true, _) => format!("is staged: {}", hb_config::STAGED),
            (false, Some(problem)) => format!("is not staged, for want of a lease in the kernel: {problem}"),
            (false, None) => {
                "is not staged: only where the table of the lease cannot be removed by others, from \
                             Linux 6.9 on, does a staged address stay mute"
                    .to_owned()
            }
        };
        staged.iter().map(|key| format!("group {key} {what}")).collect()
    }

    /// Gates the addresses of these groups as well, as far as they are leased. They are gated when this returns without an error.
    pub(crate) fn gate(&self, checked: &Checked, groups: &[GroupSpec]) -> Result<(), String> {
        self.lease_lifetimes(checked, groups);
        let state = self.state();
        let Some(keeper) = state.now.keeper.as_ref() else { return Ok(()) };
        let in_time = keeper.gate(leased(&checked.lease.except, groups), GATE_LIMIT);
        if in_time { Ok(()) } else { Err("the new addresses cannot be leased yet".to_owned()) }
    }

    /// Those of these groups that are excepted are leased no longer, from the next renewal on at the latest.
    pub(crate) fn except(&self, checked: &Checked, groups: &[GroupSpec]) {
        let leased = leased(&checked.lease.except, groups);
        let mut gone: BTreeSet<IpAddr> = addresses(groups.iter());
        gone.retain(|address| !leased.contains(address));
        if let Some(keeper) = &self.state().now.keeper {
            keeper.ungate(&gone);
        }
        if let Some(lifetimes) = &self.lifetimes {
            lifetimes.except(&gone);
        }
    }

    fn lease_lifetimes(&self, checked: &Checked, groups: &[GroupSpec]) {
        if let Some(lifetimes) = &self.lifetimes {
            lifetimes.lease(leased(&checked.lease.except, groups));
        }
    }

    /// Names in `except` that mean nothing.
    pub(crate) fn warn_of_strangers(&self, except: &[String], groups: &[GroupSpec]) {
        for key in except.iter().filter(|key| groups.iter().all(|group| group.key != **key)) {
            let text = format!("lease.except in hb.toml: `{key}` is the first resource of no group");
            self.log(Level::Warn, &text);
        }
    }

    fn log(&self, level: Level, text: &str) {
        if let Some(Ground { log, .. }) = &self.ground {
            log.line(level, text);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the lease protects from and what not, in words; `unleased` are the groups for which there is none.
    pub(crate) fn words(&self, counts: LeaseCounts, unleased: &[String]) -> Vec<String> {
        let no_room = "keepalive and dead time leave no room for one";
        let state = self.state();
        let Opened { by, keeper, problem, .. } = &state.now;
        let reason = problem.as_deref().unwrap_or("the node stops");
        let mut words = match keeper.as_ref() {
            _ if counts.is_changing => return [&[CHANGING.to_owned()], unleased].concat(),
            _ if counts.has_no_room => return vec![without(no_room)],
            Some(keeper) if !keeper.is_in_force() => return vec![without("its table cannot be kept")],
            Some(_) => format!("lease in the kernel: {}", lease_covers(LeaseBy::Nftables)),
            None if *by == Some(LeaseBy::Lifetime) => format!(
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
        let State { now, leaving } = std::mem::take(&mut *self.state());
        if let Some(leaving) = leaving {
            leaving.hurry();
        }
        if let Some(keeper) = now.keeper {
            keeper.finish();
        }
    }
}

/// The addresses of these groups that are leased.
fn leased(except: &[String], groups: &[GroupSpec]) -> BTreeSet<IpAddr> {
    addresses(groups.iter().filter(|group| !except.contains(&group.key)))
}

fn addresses<'a>(groups: impl Iterator<Item = &'a GroupSpec>) -> BTreeSet<IpAddr> {
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

const CHANGING: &str = "lease: another one, or none, is in force from the next heartbeat on that the other node hears, until then the one before";

const SWITCHED_OFF: &str = "switched off in hb.toml";

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
