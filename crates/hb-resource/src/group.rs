//! Start, stop and announcement of one group (failover.md 1.5): first to last, last to first.
//!
//! What runs is known to the kernel and the scripts only; a group keeps nothing but the announcements that are still
//! to be repeated. When it is looked at, and what follows from what is found, is decided by the owner.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;

use crate::address::{Addresses, Up, is_of_one_link};
use crate::agent::{Agents, Script};
use crate::announce::{Announcer, Series};
use crate::guard::abandon::Abandoned;
use crate::guard::will::Holding;
use crate::lease::{Answer, Stage};
use crate::report::{Failure, Level, Reporter};
use crate::sentinel::{Claim, Ours};
use crate::spec::{AddressSpec, GroupSpec, Means, ResourceSpec};
use crate::stop_point::StopPoint;

/// What groups work with; clones share it.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) addresses: Rc<Addresses>,
    /// `None` when no group has an address.
    pub(crate) announcer: Option<Announcer>,
    pub(crate) agents: Agents,
    pub(crate) report: Reporter,
    /// What the sentinel watches over.
    pub(crate) ours: Ours,
    /// By what staged addresses are closed, where any can be.
    pub(crate) stage: Stage,
}

impl Tools {
    /// The first group with an address makes announcements needed.
    pub(crate) fn open_announcer(&mut self, spec: &GroupSpec) {
        if self.announcer.is_some() || spec.addresses().next().is_none() {
            return;
        }
        match Announcer::open(self.report.clone()) {
            Ok(announcer) => self.announcer = Some(announcer),
            Err(error) => {
                let text = format!("Addresses of {} will not be announced: {error}", spec.key);
                self.report.note(Level::Error, text);
            }
        }
    }
}

impl Tools {
    /// Stages these addresses and no others. What cannot be staged is told, and put up at a takeover as without that.
    pub(crate) async fn restage(&self, wanted: &BTreeSet<IpAddr>) {
        let (stage, none) = (&self.stage, BTreeSet::new());
        // Without a table that it would take nothing is staged; whoever wants it was told.
        let wanted = if stage.has_doors() { wanted } else { &none };
        let staged = stage.staged();
        for address in staged.difference(wanted) {
            match self.addresses.unstage(Some(*address)).await {
                Ok(()) => stage.remove(*address),
                // Closed it does no harm.
                Err(error) => self.report.note(Level::Error, format!("{address} stays staged: {error}")),
            }
        }
        for address in wanted.difference(&staged) {
            let closed = match stage.add(*address) {
                Answer::Granted => self.addresses.stage(*address).await.map_err(|error| error.to_string()),
                Answer::Refused => Err("its gate does not close".to_owned()),
            };
            match closed {
                Ok(()) => self.report.note(Level::Info, format!("Address {address} is staged")),
                Err(error) => {
                    self.report.note(Level::Error, format!("Address {address} is not staged: {error}"));
                    // It stays closed if nobody knows whether the copy is there.
                    if self.addresses.unstage(Some(*address)).await.is_ok() {
                        stage.remove(*address);
                    }
                }
            }
        }
    }

    /// Says that somebody else claims one of our addresses, and announces it again if it is still here.
    pub(crate) async fn defend(self, claim: Claim) {
        let Claim { address, mac, interface } = claim;
        let mut found = self.addresses.links_with(address).await.unwrap_or_default();
        found.retain(|link| !is_of_one_link(address) || link.index == interface);
        // Without a wait from here on: a frame behind a release would take the address back from its next owner.
        let Some(announcer) = self.announcer.as_ref().filter(|_| self.ours.contains(address)) else { return };
        if found.is_empty() {
            return;
        }
        let mut is_announced = false;
        for link in &found {
            is_announced |= announcer.once(link, address);
        }
        let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
        let done = if is_announced { "announced again" } else { "it could not be announced" };
        let text = format!("Another machine, {mac}, claims {address}, which is here: {done}");
        self.report.note(Level::Warning, text);
    }
}

/// A group and its running announcements.
pub(crate) struct Group {
    number: usize,
    spec: GroupSpec,
    tools: Tools,
    announcements: Vec<Series>,
    /// Number of the latest start.
    epoch: Option<u64>,
    /// Whether each resource was started, in the order of the specification; true if nobody knows.
    was_started: Vec<Cell<bool>>,
}

impl Group {
    /// `number` is what the guard knows it by.
    pub(crate) fn new(number: usize, spec: GroupSpec, tools: Tools) -> Self {
        let was_started = vec![Cell::new(false); spec.resources.len()];
        Self { number, spec, tools, announcements: Vec::new(), epoch: None, was_started }
    }

    /// Something of it may be up since an earlier life.
    pub(crate) fn left_behind(self) -> Self {
        let was_started = vec![Cell::new(true); self.spec.resources.len()];
        Self { was_started, ..self }
    }

    /// A group that may be up since this start.
    pub(crate) fn started(number: usize, holding: Holding, tools: Tools) -> Self {
        let was_started = vec![Cell::new(true); holding.spec.resources.len()];
        Self { epoch: holding.epoch, was_started, ..Self::new(number, holding.spec, tools) }
    }

    /// Starts every resource, each after the one before it succeeded. When one fails the whole group is stopped.
    pub(crate) async fn start(&mut self, epoch: Option<u64>) -> Result<(), Failure> {
        self.announcements.clear();
        self.epoch = epoch;
        // Before anything of it is up: from then on the guard must know what to end.
        self.tools.agents.hold(self.number, Holding { spec: self.spec.clone(), epoch }).await;
        for position in 0..self.spec.resources.len() {
            let Some(resource) = self.spec.resources.get(position).cloned() else { break };
            let Err(reason) = self.start_one(position, &resource).await else { continue };
            self.note(Level::Critical, format!("Giving up resources due to failure of {resource}: {reason}"));
            // All of it, like 3.0.6: what failed may have done half of its work.
            return Err(match self.stop().await {
                Ok(()) => Failure { reason: format!("{resource}: {reason}"), residue: false },
                Err(Failure { reason: left, residue }) => {
                    let reason = format!("{resource}: {reason}; stopping the group failed, too: {left}");
                    Failure { reason, residue }
                }
            });
        }
        Ok(())
    }

    /// Stops every resource, also after a failure, so that as much as possible is free for the other node.
    pub(crate) async fn stop(&mut self) -> Result<(), Failure> {
        // Before the address goes: a late frame would take it back from its next owner.
        self.announcements.clear();
        let mut failures = Vec::new();
        for (resource, was_started) in self.spec.resources.iter().zip(&self.was_started).rev() {
            if let Err(reason) = self.stop_one(resource, was_started).await {
                self.note(Level::Critical, format!("Resource STOP failure of {resource}: {reason}"));
                failures.push(format!("{resource}: {reason}"));
            }
        }
        if failures.is_empty() {
            self.tools.agents.release(self.number, &self.spec.key).await;
            return Ok(());
        }
        self.tools.agents.stop_failed(&self.spec.key).await;
        Err(Failure { reason: failures.join("; "), residue: true })
    }

    /// Whether every resource is here and runs, looked at from first to last. The error is what is wrong, for people.
    pub(crate) async fn check(&self, abandoned: &Abandoned) -> Result<(), String> {
        let absent = self.tools.addresses.first_absent(self.spec.addresses()).await;
        if let Some(spec) = absent.map_err(|error| error.to_string())? {
            return Err(format!("address {} is not on this machine any more", spec.address));
        }
        for (resource, was_started) in self.spec.resources.iter().zip(&self.was_started) {
            if let Means::Agent(agent) = resource.means() {
                let script = Script { agent, epoch: self.epoch, was_started, abandoned: Some(abandoned) };
                self.tools.agents.check(script).await?;
            }
        }
        Ok(())
    }

    /// Announces the group's addresses that are here, with all repetitions.
    pub(crate) async fn announce(&mut self) -> Result<(), String> {
        self.announcements.clear();
        let mut absent = Vec::new();
        for spec in self.spec.addresses().cloned().collect::<Vec<_>>() {
            let mut links =
                self.tools.addresses.links_with(spec.address).await.map_err(|error| error.to_string())?;
            if is_of_one_link(spec.address) {
                links.retain(|link| spec.interface.as_ref().is_none_or(|name| *name == link.name));
            }
            if links.is_empty() {
                absent.push(spec.address.to_string());
            }
            for link in links {
                let series =
                    self.tools.announcer.as_ref().and_then(|announcer| announcer.begin(&link, spec.address));
                self.announcements.extend(series);
            }
        }
        if absent.is_empty() { Ok(()) } else { Err(format!("not on this machine: {}", absent.join(", "))) }
    }

    async fn start_one(&mut self, position: usize, resource: &ResourceSpec) -> Result<(), String> {
        match (resource.means(), self.was_started.get(position)) {
            (Means::Address(spec), _) => self.put_up(spec).await,
            (Means::Agent(agent), Some(was_started)) => {
                let script = Script { agent, epoch: self.epoch, was_started, abandoned: None };
                self.tools.agents.start(script).await
            }
            (Means::Agent(agent), None) => Err(format!("{agent} does not belong to the group")),
        }
    }

    async fn put_up(&mut self, spec: &AddressSpec) -> Result<(), String> {
        if self.tools.stage.open(spec.address) != Answer::Granted {
            return Err(format!("the gate of the staged address {} does not open", spec.address));
        }
        StopPoint::BeforeAddress.pass();
        let config = self.tools.agents.config();
        let up = self.tools.addresses.put_up(spec, &config.media).await;
        let Up { link, was_there } = up.map_err(|error| error.to_string())?;
        self.tools.ours.add(spec.address);
        StopPoint::Unannounced.pass();
        // First the neighbours, then the humans.
        let series = self.tools.announcer.as_ref().and_then(|announcer| announcer.begin(&link, spec.address));
        self.announcements.extend(series);
        StopPoint::Announced.pass();
        let done = if was_there { "was already on" } else { "added to" };
        self.note(Level::Info, format!("Address {} {done} {}", spec.address, link.name));
        Ok(())
    }

    async fn stop_one(&self, resource: &ResourceSpec, was_started: &Cell<bool>) -> Result<(), String> {
        match resource.means() {
            Means::Address(spec) => self.take_down(spec).await,
            Means::Agent(agent) => {
                self.tools
                    .agents
                    .stop(Script { agent, epoch: self.epoch, was_started, abandoned: None })
                    .await
            }
        }
    }

    async fn take_down(&self, spec: &AddressSpec) -> Result<(), String> {
        // Whoever claims it from here on may be right.
        self.tools.ours.remove(spec.address);
        if self.tools.stage.close(spec.address) != Answer::Granted {
            self.unstage(spec).await?;
        }
        let removed = self.tools.addresses.take_down(spec).await.map_err(|error| error.to_string())?;
        let done = if removed.is_empty() { "was not here" } else { "removed" };
        self.note(Level::Info, format!("Address {} {done}", spec.address));
        Ok(())
    }

    /// A copy that cannot be closed must not stay.
    async fn unstage(&self, spec: &AddressSpec) -> Result<(), String> {
        let address = spec.address;
        self.tools.addresses.unstage(Some(address)).await.map_err(|error| error.to_string())?;
        self.tools.stage.remove(address);
        self.note(Level::Error, format!("Address {address} is staged no longer: its gate does not close"));
        Ok(())
    }

    fn note(&self, level: Level, text: String) {
        self.tools.report.note(level, text);
    }
}
