//! Start, stop and announcement of one group (failover.md 1.5): first to last, last to first.
//!
//! What runs is known to the kernel and the scripts only; a group keeps nothing but the announcements that are still
//! to be repeated. Resources that vanish later are noticed by nobody yet; a watch over them would live beside this.

use std::rc::Rc;

use crate::address::{Addresses, Up};
use crate::agent::{Agents, Script};
use crate::announce::{Announcer, Series};
use crate::report::{Level, Reporter};
use crate::spec::{AddressSpec, GroupSpec, ResourceSpec};

/// What groups work with; clones share it.
#[derive(Clone)]
pub(crate) struct Tools {
    pub(crate) addresses: Rc<Addresses>,
    /// `None` when no group has an address.
    pub(crate) announcer: Option<Announcer>,
    pub(crate) agents: Agents,
    pub(crate) report: Reporter,
}

/// A group and its running announcements.
pub(crate) struct Group {
    spec: GroupSpec,
    tools: Tools,
    announcements: Vec<Series>,
}

impl Group {
    pub(crate) fn new(spec: GroupSpec, tools: Tools) -> Self {
        Self { spec, tools, announcements: Vec::new() }
    }

    /// Starts every resource, each after the one before it succeeded. When one fails the whole group is stopped.
    pub(crate) async fn start(&mut self) -> Result<(), String> {
        self.announcements.clear();
        for position in 0..self.spec.resources.len() {
            let Some(resource) = self.spec.resources.get(position).cloned() else { break };
            let Err(reason) = self.start_one(&resource).await else { continue };
            self.note(Level::Critical, format!("Giving up resources due to failure of {resource}: {reason}"));
            // All of it, like 3.0.6: what failed may have done half of its work.
            return Err(match self.stop().await {
                Ok(()) => format!("{resource}: {reason}"),
                Err(left) => format!("{resource}: {reason}; stopping the group failed, too: {left}"),
            });
        }
        Ok(())
    }

    /// Stops every resource, also after a failure, so that as much as possible is free for the other node.
    pub(crate) async fn stop(&mut self) -> Result<(), String> {
        // Before the address goes: a late frame would take it back from its next owner.
        self.announcements.clear();
        let mut failures = Vec::new();
        for resource in self.spec.resources.iter().rev() {
            if let Err(reason) = self.stop_one(resource).await {
                self.note(Level::Critical, format!("Resource STOP failure of {resource}: {reason}"));
                failures.push(format!("{resource}: {reason}"));
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
    }

    /// Announces the group's addresses that are here, with all repetitions.
    pub(crate) async fn announce(&mut self) -> Result<(), String> {
        self.announcements.clear();
        let mut absent = Vec::new();
        for spec in self.spec.addresses().cloned().collect::<Vec<_>>() {
            let links =
                self.tools.addresses.links_with(spec.address).await.map_err(|error| error.to_string())?;
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

    async fn start_one(&mut self, resource: &ResourceSpec) -> Result<(), String> {
        match resource {
            ResourceSpec::Address(spec) => self.put_up(spec).await,
            ResourceSpec::Script { name, arguments } => {
                self.tools.agents.start(Script { name, arguments }).await
            }
        }
    }

    async fn put_up(&mut self, spec: &AddressSpec) -> Result<(), String> {
        let Up { link, was_there } =
            self.tools.addresses.put_up(spec).await.map_err(|error| error.to_string())?;
        // First the neighbours, then the humans.
        let series = self.tools.announcer.as_ref().and_then(|announcer| announcer.begin(&link, spec.address));
        self.announcements.extend(series);
        let done = if was_there { "was already on" } else { "added to" };
        self.note(Level::Info, format!("Address {} {done} {}", spec.address, link.name));
        Ok(())
    }

    async fn stop_one(&self, resource: &ResourceSpec) -> Result<(), String> {
        match resource {
            ResourceSpec::Address(spec) => {
                let removed =
                    self.tools.addresses.take_down(spec).await.map_err(|error| error.to_string())?;
                let done = if removed.is_empty() { "was not here" } else { "removed" };
                self.note(Level::Info, format!("Address {} {done}", spec.address));
                Ok(())
            }
            ResourceSpec::Script { name, arguments } => {
                self.tools.agents.stop(Script { name, arguments }).await
            }
        }
    }

    fn note(&self, level: Level, text: String) {
        self.tools.report.note(level, text);
    }
}
