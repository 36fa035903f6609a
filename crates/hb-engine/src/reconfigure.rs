//! A new configuration for a node that runs: times, failback, nodes, media, ping members, groups, and whether peers
//! have the same files.
//!
//! What is the same before and after is not touched. What cannot change in a run (our own name, UUID, generation) is not here, and whether files are good was decided before.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use hb_wire::Message;

use crate::config::{AgentPolicy, Failback, GroupConfig, LinkConfig};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{GroupId, LinkId, NodeId, PingId};
use crate::membership::NodesPlan;
use crate::time::{Now, Tick};

/// The field of a status that carries [`crate::Config::files_digest`] (`docs/adr/0003`).
pub(crate) const FILES_FIELD: &str = "hb-files";
/// Bytes of a peer's digest that are kept.
const FILES_LIMIT: usize = 64;

/// Everything that can change while a node runs; the fields of the same name of [`crate::Config`].
#[derive(Clone, Debug)]
pub struct Reconfiguration {
    /// Time from one `status` to the next.
    pub keepalive: Duration,
    /// Silence after which others shall declare us dead; more than two keepalives.
    pub deadtime: Duration,
    /// Silence after which a peer's heartbeat is called late.
    pub warntime: Duration,
    /// Replaces every dead time until communication is up.
    pub initdead: Duration,
    /// Longest pause before a missing message is asked for.
    pub max_rexmit_delay: Duration,
    /// The nodes that come and go.
    pub nodes: NodesPlan,
    /// The field `ttl` without the nodes: hopfudge + number of ping nodes.
    pub hops: u32,
    /// The ping members from now on; the driver numbers them like this from now on.
    pub pings: Vec<PingPlan>,
    /// The number of their list.
    pub ping_list: u32,
    /// Their dead time.
    pub deadping: Duration,
    /// Whether the rule of `ipfail` is in force.
    pub ipfail: bool,
    /// What happens when a preferred node returns. A change moves nothing by itself.
    pub failback: Failback,
    /// See [`Engine::set_fencing`]. A node that is to be reset stays so.
    pub fencing: Option<Duration>,
    /// The media from now on; the driver numbers them like this from now on.
    pub links: Vec<LinkPlan>,
    /// The groups from now on. Known numbers are groups that stay as they are; one with another preferred node runs on where it
    /// is, on loan as soon as the other node has the same files. Groups with other
    /// numbers are new: they run here if their preferred node's groups do, and start only when what was left out is
    /// gone. Groups that are left out are stopped where they run; their numbers may be used again when they no longer
    /// are in the snapshot.
    pub groups: Vec<GroupPlan>,
    /// What follows when a group fails, from now on.
    pub agents: AgentPolicy,
    /// The digest of the files.
    pub files_digest: String,
}

/// A medium of a new configuration.
#[derive(Clone, Debug)]
pub struct LinkPlan {
    /// As logs and clients name it.
    pub config: LinkConfig,
    /// Its number so far; `None` for a new one.
    pub before: Option<LinkId>,
}

/// A ping member of a new configuration.
#[derive(Clone, Debug)]
pub struct PingPlan {
    /// As logs and clients name it.
    pub name: String,
    /// Its number so far; `None` for a new one. One that asks other hosts is new.
    pub before: Option<PingId>,
}

/// A group of a new configuration.
#[derive(Clone, Debug)]
pub struct GroupPlan {
    /// Its number, also in jobs.
    pub id: GroupId,
    /// What it is, if it is new; its preferred node in any case.
    pub config: GroupConfig,
}

/// Heartbeats go on in the old, shorter interval for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hurry {
    until: Tick,
    every: Duration,
}

/// What a peer says about its files.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerFiles {
    /// The digest, if it sends one.
    pub(crate) said: Option<String>,
    /// We have said that it is not ours.
    differ: bool,
}

impl Engine {
    /// Works by another configuration from now on. The outputs are to be drained as after [`Engine::handle`].
    pub fn reconfigure(&mut self, now: Now, new: Reconfiguration) {
        self.advance(now);
        self.exchange_links(new.links);
        self.config.warntime = new.warntime;
        self.config.initdead = new.initdead;
        self.config.max_rexmit_delay = new.max_rexmit_delay;
        let looked_otherwise = self.config.agents.monitor != new.agents.monitor;
        let stops_otherwise = self.config.agents.failed_stop != new.agents.failed_stop;
        self.config.agents = new.agents;
        self.exchange_nodes(new.nodes, !new.groups.is_empty());
        self.config.ttl = self.ttl_with_nodes(new.hops);
        self.config.pings.deadtime = new.deadping;
        self.set_fencing(new.fencing);
        let was_on = self.ipfail_is_on();
        self.config.failback = new.failback;
        self.config.pings.ipfail = new.ipfail;
        self.exchange_pings(new.pings);
        self.exchange_rule(was_on, new.ping_list);
        let before = (self.config.keepalive, self.config.deadtime);
        let says_more =
            before != (new.keepalive, new.deadtime) || self.config.files_digest != new.files_digest;
        self.exchange_beat(new.keepalive, new.deadtime);
        if self.config.files_digest != new.files_digest {
            self.config.files_digest = new.files_digest;
            for node in self.node_ids().collect::<Vec<_>>() {
                self.compare_files(node);
            }
        }
        if says_more {
            // Beside the rhythm: peers shall judge us by the new dead time from the first heartbeat that comes later.
            self.send_status();
        }
        let wanted = self.failover.hold.minus(self.yielding());
        self.failover.groups.forget_kept(stops_otherwise);
        self.exchange_groups(new.groups, wanted);
        if looked_otherwise {
            self.watch_anew();
        }
        // Whoever was waited for may have gone, and a move that was due may be so no longer.
        self.check_communication();
        self.weigh_reach();
    }

    /// Those count too that joined or were added by others.
    fn ttl_with_nodes(&self, hops: u32) -> u32 {
        hops.saturating_add(u32::try_from(self.node_ids().count()).unwrap_or(u32::MAX))
    }

    /// The time from this heartbeat to the next.
    pub(crate) fn beat_interval(&self) -> Duration {
        let hurry = self.local.hurry.filter(|hurry| self.now.tick < hurry.until);
        hurry.map_or(self.config.keepalive, |hurry| hurry.every.min(self.config.keepalive))
    }

    /// A peer that misses the announcement of a longer dead time would judge us by the old one, so the old interval
    /// stays for the length of the old dead time.
    fn exchange_beat(&mut self, keepalive: Duration, deadtime: Duration) {
        if keepalive > self.config.keepalive {
            let until = self.now.tick.plus(self.config.deadtime);
            self.local.hurry = Some(Hurry { until, every: self.beat_interval() });
        }
        self.config.keepalive = keepalive;
        self.config.deadtime = deadtime;
        let latest = self.now.tick.plus(self.beat_interval());
        self.local.next_heartbeat = self.local.next_heartbeat.min(latest);
    }

    /// What was heard on a medium that stays still counts.
    fn exchange_links(&mut self, plan: Vec<LinkPlan>) {
        for node in &mut self.nodes {
            let heard = |link: &LinkPlan| {
                let before = link.before.map(|before| usize::from(before.0));
                before.and_then(|before| node.links.get(before).copied()).flatten()
            };
            node.links = plan.iter().map(heard).collect();
        }
        self.config.links = plan.into_iter().map(|link| link.config).collect();
    }

    /// The digest in a peer's status; 3.0.6 sends none.
    pub(crate) fn note_files(&mut self, node: NodeId, message: &Message) {
        let files = message.text(FILES_FIELD);
        let files = files.filter(|files| files.len() <= FILES_LIMIT && !files.contains(char::is_control));
        if self.node(node).files.said.as_deref() == files {
            return;
        }
        let files = files.map(ToOwned::to_owned);
        self.node_mut(node).files.said = files;
        self.compare_files(node);
    }

    fn compare_files(&mut self, node: NodeId) {
        let theirs = self.node(node).files.said.clone();
        let differ = theirs.filter(|theirs| node != self.config.local && *theirs != self.config.files_digest);
        let differed = core::mem::replace(&mut self.node_mut(node).files.differ, differ.is_some());
        match differ {
            Some(theirs) => self.report(Event::FilesDiffer { node, theirs }),
            None if differed => self.report(Event::FilesAgree { node }),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
