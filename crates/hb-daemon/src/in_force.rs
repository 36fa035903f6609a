//! What a node works by, and what of another reading of the files can be taken over while it runs.
//!
//! Times, failback, keys, logging, limits and environment of scripts, monitoring, nodes, media, ping members, the watchdog device, scheduling,
//! the lease and groups can. Our own name and identity cannot: they stay as they are, and each is told at every reading until the
//! node is started anew. Decides only; `front::reload` performs.

mod groups;
mod hb_toml;
mod links;
mod nodes;
mod pings;
mod tell;

use hb_config::{Checked, Failback, FenceSettings, Group, Notice};
use hb_engine::{GroupId, GroupPlan, LinkPlan, NodesPlan, PingPlan, Snapshot};
use hb_resource::GroupSpec;
use hb_transport::{MediumSpec, PingSpec};

use crate::log::Level;
use crate::{files_digest, mapping};

use tell::{Tell, path, seconds};

/// What a node works by.
#[derive(Clone, Debug)]
pub(crate) struct InForce {
    /// As last taken over; what cannot change in a run is as it was at the start.
    pub(crate) checked: Checked,
    /// The open media, in the order of the engine's links.
    pub(crate) media: Vec<MediumSpec>,
    /// The ping members, in the order of the engine's, each with the number that its pinger was opened with.
    pub(crate) pings: Vec<(PingSpec, u16)>,
    /// The groups under their numbers, in the order of the file.
    pub(crate) groups: Vec<(GroupId, Group)>,
    /// Names of groups by number, those included that are being stopped.
    pub(crate) group_names: Vec<String>,
    /// Of the files as last read, see [`files_digest`].
    pub(crate) digest: String,
    /// What those say that is in force after a restart only, in words.
    pub(crate) waiting: Vec<String>,
}

/// What another reading comes to.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What the node will work by.
    pub(crate) next: InForce,
    /// The nodes.
    pub(crate) nodes: NodesPlan,
    /// The media; those without a number are new, and to be opened first.
    pub(crate) links: Vec<LinkPlan>,
    /// The ping members; those without a number are new, and to be opened first.
    pub(crate) pings: Vec<PingPlan>,
    /// The groups.
    pub(crate) groups: Vec<GroupPlan>,
    /// Groups that the actuator does not know yet.
    pub(crate) new_groups: Vec<(usize, GroupSpec)>,
    /// What to tell people, one line for each item that differs; empty if nothing does.
    pub(crate) lines: Vec<(Level, String)>,
}

impl Plan {
    /// Whether everything stays as it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl InForce {
    /// A node that starts with this configuration and these media.
    pub(crate) fn at_start(checked: Checked, media: Vec<MediumSpec>) -> Self {
        let groups = checked.groups.iter().cloned().zip(0..).map(|(group, id)| (GroupId(id), group));
        Self {
            groups: groups.collect(),
            group_names: checked.groups.iter().map(mapping::key).collect(),
            digest: files_digest::of(&checked),
            waiting: Vec::new(),
            pings: mapping::pings(&checked).into_iter().zip(0..).collect(),
            media,
            checked,
        }
    }

    /// Names of the media, in the order of the engine's links.
    pub(crate) fn link_names(&self) -> Vec<String> {
        self.media.iter().map(|spec| spec.name().into_owned()).collect()
    }

    /// What becomes of it with another reading, whose usable media are `media`, in the state that the engine is in.
    pub(crate) fn plan(&self, read: Checked, media: Vec<MediumSpec>, snapshot: &Snapshot) -> Plan {
        let digest = files_digest::of(&read);
        let mut tell = Tell::default();
        let new_groups = read.groups.clone();
        let nodes = nodes::plan(self, &read, snapshot, &mut tell);
        let checked = Checked { nodes: nodes.named.clone(), ..self.merged(read, &mut tell) };
        self.tell_fencing(&checked, snapshot, &mut tell);
        let (media, links) = links::plan(&self.media, media, snapshot, &mut tell);
        let (asked, pings) = pings::plan(&self.pings, mapping::pings(&checked), &mut tell);
        let groups = groups::plan(self, (&checked, &nodes.numbers), new_groups, snapshot, &mut tell);
        let mut checked = checked;
        let aside = |checked: &Checked| (checked.parameters.clone(), messages(&checked.not_in_force));
        if tell.lines.is_empty() {
            if settings(&checked) != settings(&self.checked) {
                tell.info(
                    "Settings changed that have no line of their own: in force from now on.".to_owned(),
                );
            } else if digest != self.digest
                || aside(&checked) != aside(&self.checked)
                || !self.waiting.is_empty()
            {
                tell.info("What has changed has no effect on what runs.".to_owned());
            }
        }
        checked.groups = groups.list.iter().map(|(_, group)| group.clone()).collect();
        let Tell { lines, waiting } = tell;
        let next = Self {
            checked,
            media,
            pings: asked,
            groups: groups.list,
            group_names: groups.names,
            digest,
            waiting,
        };
        Plan { next, nodes: nodes.plan, links, pings, groups: groups.plan, new_groups: groups.new, lines }
    }

    /// The reading, with what cannot change in a run as it is in force.
    fn merged(&self, read: Checked, tell: &mut Tell) -> Checked {
        let now = &self.checked;
        tell.needs_restart("node name", &now.node_name, &read.node_name);
        let method = |checked: &Checked| format!("{:?}", checked.generation_method).to_lowercase();
        tell.needs_restart("hbgenmethod", &method(now), &method(&read));
        let from = |checked: &Checked| format!("{:?}", checked.uuid_from).to_lowercase();
        tell.needs_restart("uuidfrom", &from(now), &from(&read));
        self.tell_changes(&read, tell);
        hb_toml::tell_changes(now, &read, tell);
        hb_toml::tell_lease(&now.lease, &read.lease, tell);
        Checked {
            node_name: now.node_name.clone(),
            generation_method: now.generation_method,
            uuid_from: now.uuid_from,
            ..read
        }
    }

    fn tell_fencing(&self, read: &Checked, snapshot: &Snapshot, tell: &mut Tell) {
        let (now, read) = (in_use(&self.checked.fencing), in_use(&read.fencing));
        let (before, after) = (fencing(now.as_ref()), fencing(read.as_ref()));
        tell.change("fencing", &before, &after);
        if now != read && before == after {
            // Not shown: there may be a password among them.
            tell.info("parameters of the fencing device changed: in force from the next reset on".to_owned());
        }
        let waits = |node: &&hb_engine::NodeSnapshot| {
            snapshot.fencing.is_some_and(|fencing| fencing.node == node.node)
        };
        let victim = snapshot.nodes.iter().find(waits).filter(|_| now.is_some() && read.is_none());
        if let Some(hb_engine::NodeSnapshot { name, .. }) = victim {
            tell.warn(format!(
                "{name} still waits for its reset, and nothing can do that any more: `hb-ctl fence confirm {name}` after it was \
                 switched off by hand"
            ));
        }
    }

    fn tell_changes(&self, read: &Checked, tell: &mut Tell) {
        let now = &self.checked;
        if now.key_ring.fingerprint() != read.key_ring.fingerprint() {
            // As 3.0.6 says it.
            tell.info("Rereading authentication file.".to_owned());
        }
        for (name, before, after) in [
            ("keepalive", now.keepalive, read.keepalive),
            ("deadtime", now.deadtime, read.deadtime),
            ("warntime", now.warntime, read.warntime),
            ("initdead", now.initdead, read.initdead),
            ("deadping", now.deadping, read.deadping),
            ("max_rexmit_delay", now.max_rexmit_delay, read.max_rexmit_delay),
        ] {
            tell.change(name, &seconds(before), &seconds(after));
        }
        let (before, after) = (&now.log, &read.log);
        let packing = (&now.compression, &read.compression);
        let priority =
            |checked: &Checked| checked.rtprio.map_or_else(|| "none".to_owned(), |it| it.to_string());
        let rule = |checked: &Checked| mapping::has_rule_of_ipfail(checked).to_string();
        let facility = |log: &hb_config::LogConfig| log.facility.map_or("none", |facility| facility.name());
        for (name, before, after) in [
            ("the rule of ipfail", rule(now), rule(read)),
            ("hopfudge", now.hopfudge.to_string(), read.hopfudge.to_string()),
            ("autojoin", joining(now), joining(read)),
            ("auto_failback", word(now.failback).to_owned(), word(read.failback).to_owned()),
            ("realtime", now.realtime.to_string(), read.realtime.to_string()),
            ("rtprio", priority(now), priority(read)),
            ("msgfmt", format(now).to_owned(), format(read).to_owned()),
            ("compression", packing.0.method.to_string(), packing.1.method.to_string()),
            ("compression_threshold", packing.0.threshold.to_string(), packing.1.threshold.to_string()),
            ("traditional_compression", packing.0.traditional.to_string(), packing.1.traditional.to_string()),
            ("watchdog", path(now.watchdog.as_deref()), path(read.watchdog.as_deref())),
            ("logfile", path(before.logfile.as_deref()), path(after.logfile.as_deref())),
            ("debugfile", path(before.debugfile.as_deref()), path(after.debugfile.as_deref())),
            ("logfacility", facility(before).to_owned(), facility(after).to_owned()),
            ("use_logd", before.use_logd.to_string(), after.use_logd.to_string()),
            ("debug", before.debug.to_string(), after.debug.to_string()),
            ("log_badpack", before.log_badpack.to_string(), after.log_badpack.to_string()),
            ("syslogmsgfmt", before.syslog_format.to_string(), after.syslog_format.to_string()),
        ] {
            tell.change(name, &before, &after);
        }
        if now.clients != read.clients {
            tell.info("respawn or failfast changed: programs are ended and started accordingly".to_owned());
        }
        if now.environment != read.environment {
            tell.info("env changed: in force from the next run of each script on".to_owned());
        }
    }
}

/// All that it says but media, ping members and groups, of which each tells for itself, and what has no effect. As text, so that no field is
/// forgotten.
fn settings(checked: &Checked) -> String {
    let rest = Checked {
        media: Vec::new(),
        ping_nodes: Vec::new(),
        groups: Vec::new(),
        parameters: Vec::new(),
        not_in_force: Vec::new(),
        ..checked.clone()
    };
    format!("{rest:?}")
}

/// What resets are done by, without what nobody reads: an agent replaces the device of ha.cf, which knows no options.
fn in_use(settings: &FenceSettings) -> Option<FenceSettings> {
    let settings = settings.clone();
    if settings.agent.is_some() {
        return Some(FenceSettings { device: None, ..settings });
    }
    let FenceSettings { delay, timeout, .. } = settings;
    let device = Some(settings.device?);
    Some(FenceSettings { device, delay, timeout, ..FenceSettings::default() })
}

fn fencing(settings: Option<&FenceSettings>) -> String {
    let Some(settings) = settings else { return "none".to_owned() };
    format!(
        "{} after {}, for at most {}",
        settings.name(),
        seconds(settings.delay),
        seconds(settings.timeout)
    )
}

fn messages(notices: &[Notice]) -> Vec<String> {
    notices.iter().map(|notice| notice.message.clone()).collect()
}

const fn word(failback: Failback) -> &'static str {
    match failback {
        Failback::On => "on",
        Failback::Off => "off",
        Failback::Legacy => "legacy",
    }
}

fn joining(checked: &Checked) -> String {
    format!("{:?}", checked.autojoin).to_lowercase()
}

const fn format(checked: &Checked) -> &'static str {
    if checked.inner_auth { "classic" } else { "netstring" }
}

#[cfg(test)]
mod tests;
