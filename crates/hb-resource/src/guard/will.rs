//! What the guard does when the heart has died: takes the addresses away, stops what ran, tells the other nodes.
//!
//! The heart's process leaves its will while it lives: which groups may be up, how scripts are run, and a farewell, a
//! message that is signed already. An address goes first, because whoever still asks for it must not be answered from
//! here; then the scripts, in order. The farewell says that everything is released, so it is sent only if that is true;
//! otherwise the other nodes find out by the silence, as ever.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::address::Addresses;
use crate::agent::Agents;
use crate::config::ActuatorConfig;
use crate::group::{Group, Tools};
use crate::guard::farewell::{Farewell, Lines};
use crate::lease::{self, Stage};
use crate::report::{Level, Reporter};
use crate::sentinel::Ours;
use crate::spec::GroupSpec;

/// Everything that the guard must know to end what the heart began.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Will {
    /// How scripts are run. Its own list of groups does not count.
    pub(crate) config: Option<ActuatorConfig>,
    /// The groups of which something may be up, by their number.
    pub(crate) held: BTreeMap<usize, Holding>,
    /// Groups, by their keys, of which an earlier life may have left something, and which were not stopped since.
    pub(crate) left_behind: BTreeSet<String>,
    pub(crate) farewell: Farewell,
    /// Whether the programs of the configuration run beside the node.
    pub(crate) clients: bool,
}

/// A group of which something may be up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Holding {
    pub(crate) spec: GroupSpec,
    /// Number of its start.
    pub(crate) epoch: Option<u64>,
}

/// One more sentence of a will.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Bequest {
    /// Replaces everything; the first order of a new guard.
    All(Box<Will>),
    /// From now on scripts are run like this.
    Config(Box<ActuatorConfig>),
    /// Something of this group may be up from now on.
    Held(usize, Holding),
    /// Nothing of the group with this number and this key is left.
    Released(usize, String),
    /// Of these an earlier life may have left something.
    LeftBehind(BTreeSet<String>),
    Farewell(Farewell),
    /// Whether the programs of the configuration shall run from now on.
    Clients(bool),
    /// The heart ends in good order: nothing is to be done.
    Nothing,
}

impl Bequest {
    /// Whether it says which groups may be up, or that none is.
    pub(crate) fn concerns_groups(&self) -> bool {
        match self {
            Self::Held(..) | Self::Released(..) | Self::LeftBehind(_) | Self::Nothing => true,
            Self::All(will) => !will.held.is_empty() || !will.left_behind.is_empty(),
            Self::Config(_) | Self::Farewell(_) | Self::Clients(_) => false,
        }
    }

    /// Whether it may change which programs run beside the node, or how.
    pub(crate) fn concerns_clients(&self) -> bool {
        match self {
            Self::All(_) | Self::Config(_) | Self::Clients(_) | Self::Nothing => true,
            Self::Held(..) | Self::Released(..) | Self::LeftBehind(_) | Self::Farewell(_) => false,
        }
    }
}

impl Will {
    pub(crate) fn add(&mut self, bequest: Bequest) {
        match bequest {
            Bequest::All(will) => *self = *will,
            Bequest::Config(config) => self.config = Some(*config),
            Bequest::Held(group, holding) => drop(self.held.insert(group, holding)),
            Bequest::Released(group, key) => {
                self.held.remove(&group);
                self.left_behind.remove(&key);
            }
            Bequest::LeftBehind(keys) => self.left_behind = keys,
            Bequest::Farewell(farewell) => self.farewell = farewell,
            Bequest::Clients(run) => self.clients = run,
            Bequest::Nothing => {
                // What nobody has stopped may run all the same.
                let left_behind = std::mem::take(&mut self.left_behind);
                *self = Self { left_behind, ..Self::default() };
            }
        }
    }

    /// The groups of which something may be up, by their keys.
    pub(crate) fn groups(&self) -> BTreeSet<String> {
        let held = self.held.values().map(|holding| &holding.spec.key);
        held.chain(&self.left_behind).cloned().collect()
    }

    /// By what the programs beside the node run, if they shall.
    pub(crate) fn clients(&self) -> Option<&ActuatorConfig> {
        self.config.as_ref().filter(|_| self.clients)
    }

    /// Whether there is anything to do when the heart dies now: early in its life it has left no farewell, but there may be
    /// copies of staged addresses.
    pub(crate) fn is_empty(&self) -> bool {
        let is_staging = self.config.as_ref().is_some_and(|config| !config.staged.is_empty());
        self.held.is_empty() && self.farewell.packet.is_empty() && !is_staging
    }

    /// Takes away all addresses of the groups that may be up, with their copies if they are staged. What fails is told and
    /// tried again by [`Will::execute`].
    pub(crate) async fn take_addresses(&self, addresses: &Addresses, report: &Reporter) {
        for spec in self.held.values().flat_map(|holding| holding.spec.addresses()) {
            match addresses.take_down(spec).await {
                Ok(removed) if removed.is_empty() => {}
                Ok(_) => report.note(Level::Warning, format!("Address {} removed", spec.address)),
                Err(error) => report.note(Level::Critical, format!("{}: {error}", spec.address)),
            }
        }
    }

    /// Stops every group that may be up, side by side, each in order; then says farewell if nothing is left. Returns what may
    /// be left, by the keys of the groups, and the farewell as far as it is not said yet.
    pub(crate) async fn execute(
        self,
        addresses: Rc<Addresses>,
        report: Reporter,
    ) -> (BTreeSet<String>, Option<Lines>) {
        let mut left = self.groups();
        let Self { config, held, left_behind: _, farewell, clients: _ } = self;
        let copies = Rc::clone(&addresses);
        let agents = Agents::without_guard(Rc::new(config.unwrap_or_default()), report.clone());
        let tools = Tools {
            addresses,
            announcer: None,
            agents,
            report: report.clone(),
            ours: Ours::default(),
            stage: Stage::default(),
        };
        let mut stops = JoinSet::new();
        for (number, holding) in held {
            let key = holding.spec.key.clone();
            let mut group = Group::started(number, holding, tools.clone());
            stops.spawn_local(async move { group.stop().await.is_ok().then_some(key) });
        }
        let mut is_stopped = true;
        while let Some(stopped) = stops.join_next().await {
            let stopped = stopped.ok().flatten();
            is_stopped &= stopped.is_some_and(|key| left.remove(&key));
        }
        let mut lines = None;
        if left.is_empty() {
            lines = Some(farewell.send(&report));
        } else if is_stopped {
            let text = "What heart and guard of an earlier run left may run: the other nodes are not told that all is stopped";
            report.note(Level::Critical, text);
        } else {
            let text = "Not everything could be stopped: the other nodes are not told that it is";
            report.note(Level::Critical, text);
        }
        // What is staged and not held: it is closed.
        if let Err(error) = copies.unstage(None).await {
            let text = format!("Staged addresses cannot be removed, so their gate stays: {error}");
            report.note(Level::Critical, text);
        } else if is_stopped {
            // Nothing is left that it could gate, and it takes the kernel some milliseconds. What stays, the next run removes.
            let _ = lease::remove();
        }
        (left, lines)
    }
}

#[cfg(test)]
mod tests;
