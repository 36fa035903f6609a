//! From the checked configuration to what each part of the node is told.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use hb_auth::InnerAuth;
use hb_compress::Packing;
use hb_config::{Checked, LeaseBy, Medium, PingKind, ResourceKind, StopFailed};
use hb_engine::{
    AgentPolicy, Config, Failback, FailedStop, GroupConfig, LinkConfig, Membership, MonitorPolicy,
    NodeConfig, NodeId, PingConfig, Reconfiguration,
};
use hb_resource::{ActuatorConfig, AddressSpec, ClientSpec, FenceSpec, GroupSpec, OcfSpec, ResourceSpec};
use hb_transport::{MediumSpec, PingSpec};

use crate::event_text::Names;
use crate::in_force::{InForce, Plan};
use crate::log::{FileFormat, Targets};
use crate::options::Options;
use crate::{accounts, environment, files_digest, log};

/// The media between nodes, in the order of the file.
pub(crate) fn media(checked: &Checked) -> Vec<MediumSpec> {
    let specs = checked.media.iter().filter_map(|medium| match medium.clone() {
        Medium::Bcast { interface, port } => Some(MediumSpec::Bcast { interface, port }),
        Medium::Mcast { interface, group: IpAddr::V4(group), port, ttl, loopback } => {
            Some(MediumSpec::Mcast { interface, group, port, ttl, loopback })
        }
        Medium::Mcast { interface, group: IpAddr::V6(group), port, ttl, loopback } => {
            Some(MediumSpec::Mcast6 { interface, group, port, hops: ttl, loopback })
        }
        Medium::PppUdp { path, baud, local, port } => Some(MediumSpec::PppUdp { path, baud, local, port }),
        Medium::Serial { path, baud } => Some(MediumSpec::Serial { path, baud }),
        Medium::Ucast { interface, peer: IpAddr::V4(peer), port } => {
            Some(MediumSpec::Ucast { interface, peer, port })
        }
        Medium::Ucast { interface, peer: IpAddr::V6(peer), port } => {
            Some(MediumSpec::Ucast6 { interface, peer, port })
        }
        Medium::Ping { .. } => None,
    });
    specs.collect()
}

/// The ping members, in the order of the file.
pub(crate) fn pings(checked: &Checked) -> Vec<PingSpec> {
    let specs = checked.media.iter().filter_map(|medium| match medium {
        Medium::Ping { kind, name, hosts } => {
            let kind = match kind {
                PingKind::Ping => hb_transport::PingKind::Ping,
                PingKind::Ping6 => hb_transport::PingKind::Ping6,
                PingKind::Group => hb_transport::PingKind::Group,
            };
            Some(PingSpec { kind, name: name.clone(), hosts: hosts.clone() })
        }
        Medium::Bcast { .. }
        | Medium::Mcast { .. }
        | Medium::PppUdp { .. }
        | Medium::Serial { .. }
        | Medium::Ucast { .. } => None,
    });
    specs.collect()
}

/// Whether the rule of `ipfail` is asked for, and has something to count.
pub(crate) fn has_rule_of_ipfail(checked: &Checked) -> bool {
    checked.ipfail && !checked.ping_nodes.is_empty()
}

/// How messages become packets.
pub(crate) fn packing(checked: &Checked) -> Packing {
    let settings = &checked.compression;
    let threshold = usize::try_from(settings.threshold).unwrap_or(usize::MAX).saturating_mul(1024);
    Packing {
        inner: if checked.inner_auth { InnerAuth::Yes } else { InnerAuth::No },
        method: settings.method,
        threshold: settings.traditional.then_some(threshold),
    }
}

/// How long a long message may keep a heartbeat waiting on a line: beside one that takes half the dead time, a heartbeat still
/// comes in time.
pub(crate) fn line_patience(checked: &Checked) -> Duration {
    (checked.deadtime / 2).saturating_sub(checked.keepalive)
}

/// What the engine is told. `links` are the names of the open media.
pub(crate) fn engine(checked: &Checked, links: &[String], uuid: [u8; 16], generation: u64) -> Config {
    let nodes: Vec<_> = checked.nodes.iter().map(|name| NodeConfig { name: name.clone() }).collect();
    let members = u32::try_from(checked.nodes.len() + checked.ping_nodes.len()).unwrap_or(u32::MAX);
    Config {
        // The checked configuration has its own name among the nodes.
        local: node_id(checked, &checked.node_name).unwrap_or(NodeId(0)),
        nodes,
        uuid,
        generation,
        links: links.iter().map(|name| LinkConfig { name: name.clone() }).collect(),
        keepalive: checked.keepalive,
        deadtime: checked.deadtime,
        warntime: checked.warntime,
        initdead: checked.initdead,
        max_rexmit_delay: checked.max_rexmit_delay,
        ttl: u32::from(checked.hopfudge).saturating_add(members),
        pings: PingConfig {
            names: checked.ping_nodes.clone(),
            list: files_digest::of_pings(checked),
            deadtime: checked.deadping,
            ipfail: has_rule_of_ipfail(checked),
        },
        failback: match checked.failback {
            hb_config::Failback::On => Failback::On,
            hb_config::Failback::Off => Failback::Off,
            hb_config::Failback::Legacy => Failback::Legacy,
        },
        groups: checked
            .groups
            .iter()
            .map(|group| group_config(group, node_id(checked, &group.node)))
            .collect(),
        files_digest: files_digest::of(checked),
        first_epoch: None,
        membership: Membership::default(),
        agents: agent_policy(checked),
    }
}

/// What the engine is told while it runs.
pub(crate) fn reconfiguration(plan: &Plan) -> Reconfiguration {
    let config = engine(&plan.next.checked, &[], [0; 16], 0);
    let pings = u32::try_from(plan.next.checked.ping_nodes.len()).unwrap_or(u32::MAX);
    Reconfiguration {
        keepalive: config.keepalive,
        deadtime: config.deadtime,
        warntime: config.warntime,
        initdead: config.initdead,
        max_rexmit_delay: config.max_rexmit_delay,
        nodes: plan.nodes.clone(),
        hops: u32::from(plan.next.checked.hopfudge).saturating_add(pings),
        pings: plan.pings.clone(),
        ping_list: config.pings.list,
        deadping: config.pings.deadtime,
        ipfail: config.pings.ipfail,
        failback: config.failback,
        fencing: fencing(&plan.next.checked),
        links: plan.links.clone(),
        groups: plan.groups.clone(),
        agents: config.agents,
        files_digest: plan.next.digest.clone(),
    }
}

/// What follows when a group fails.
fn agent_policy(checked: &Checked) -> AgentPolicy {
    let failed_stop = match checked.agents.stop_failed {
        StopFailed::Retry => FailedStop::Retry,
        StopFailed::Keep => FailedStop::Keep,
        StopFailed::Reboot | StopFailed::Fence => FailedStop::Reset,
    };
    AgentPolicy { failed_stop, monitor: checked.monitor.as_ref().map(monitor_policy) }
}

fn monitor_policy(monitor: &hb_config::MonitorSettings) -> MonitorPolicy {
    MonitorPolicy {
        interval: monitor.interval,
        failures: monitor.failures,
        restarts: monitor.restarts,
        within: monitor.within,
        moves: monitor.moves,
        only: monitor.groups.clone(),
    }
}

/// A group for the engine.
pub(crate) fn group_config(group: &hb_config::Group, home: Option<NodeId>) -> GroupConfig {
    GroupConfig { key: key(group), home }
}

/// Names for log lines.
pub(crate) fn names(in_force: &InForce) -> Names {
    Names {
        local: in_force.checked.node_name.clone(),
        nodes: in_force.checked.nodes.clone(),
        links: in_force.link_names(),
        pings: in_force.checked.ping_nodes.clone(),
        groups: in_force.group_names.clone(),
        files: in_force.digest.clone(),
    }
}

/// What the actuator works on, in the engine's order.
pub(crate) fn groups(checked: &Checked) -> Vec<GroupSpec> {
    checked.groups.iter().map(group_spec).collect()
}

/// A group for the actuator.
pub(crate) fn group_spec(group: &hb_config::Group) -> GroupSpec {
    let resource = |resource: &hb_config::Resource| match &resource.kind {
        ResourceKind::Address(address) => ResourceSpec::Address(AddressSpec {
            address: address.address,
            prefix: address.prefix,
            interface: address.interface.clone(),
            label: address.label.clone(),
            broadcast: address.broadcast,
        }),
        ResourceKind::Script { name, arguments } => {
            ResourceSpec::Script { name: name.clone(), arguments: arguments.clone() }
        }
        ResourceKind::Ocf(agent) => ResourceSpec::Ocf(OcfSpec {
            provider: agent.provider.clone(),
            agent: agent.agent.clone(),
            parameters: agent.parameters.clone(),
        }),
        ResourceKind::Unit(name) => ResourceSpec::Unit(name.clone()),
    };
    GroupSpec { key: key(group), resources: group.resources.iter().map(resource).collect() }
}

/// Limits, directories and environment of scripts, what is staged, and the interfaces of the open media, which may be others than the
/// files say; without groups and guard.
pub(crate) fn scripts<'a>(
    options: &Options,
    checked: &Checked,
    open: impl Iterator<Item = &'a MediumSpec>,
) -> ActuatorConfig {
    let mut config = ActuatorConfig::new(Vec::new());
    limit_agents(&mut config, checked);
    config.staged = staged(checked);
    config.media = open.map(|spec| spec.interface().to_owned()).collect();
    config.agent_dirs =
        vec![options.config_dir.join("resource.d"), "/etc/init.d".into(), "/etc/rc.d/init.d".into()];
    config.environment = environment::of_scripts(checked, &options.config_dir, std::env::vars_os());
    config.working_dir = options.state_dir.join("cores/root");
    config.client_dirs = options.state_dir.join("cores");
    config.clients = clients(checked);
    config.fence = fence_spec(checked);
    config.node.clone_from(&checked.node_name);
    config.fence_self = own_fence_spec(checked);
    config.hook_dir = Some(options.config_dir.clone());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    config.guard_lock = Some(options.guard_lock());
    config.guard_log = log::afterwards::words(&host, &log_targets(checked));
    config
}

/// The addresses of the groups that hb.toml wants staged, which is for the table of the lease.
fn staged(checked: &Checked) -> BTreeSet<IpAddr> {
    if !checked.lease.enabled || checked.lease.by != LeaseBy::Nftables {
        return BTreeSet::new();
    }
    let groups = groups(checked).into_iter().filter(|group| checked.lease.staged.contains(&group.key));
    groups.flat_map(|group| group.addresses().map(|one| one.address).collect::<Vec<_>>()).collect()
}

/// How long after a death a node is reset first; nothing if there is nothing that resets one.
pub(crate) fn fencing(checked: &Checked) -> Option<Duration> {
    checked.fencing.is_on().then_some(checked.fencing.delay)
}

/// The command that resets a node: a fence agent, or cluster-glue's `stonith` with the device of `ha.cf`.
fn fence_spec(checked: &Checked) -> Option<FenceSpec> {
    let settings = &checked.fencing;
    if let Some(agent) = &settings.agent {
        return Some(agent_spec(agent, &settings.options, settings.timeout));
    }
    let device = settings.device.as_ref()?;
    let arguments = ["-t", &device.kind, "-F", "/dev/stdin", "-T", "reset", FenceSpec::NODE];
    let waits_for_human = device.kind == "meatware";
    let limit = if waits_for_human { settings.timeout.max(MEATWARE) } else { settings.timeout };
    Some(FenceSpec {
        name: settings.name().to_owned(),
        program: "stonith".to_owned(),
        arguments: arguments.map(str::to_owned).into(),
        input: format!("{}\n", device.parameters),
        limit,
        waits_for_human,
    })
}

/// The command by which this node resets itself, if that is wanted of it.
fn own_fence_spec(checked: &Checked) -> Option<FenceSpec> {
    let settings = &checked.fencing;
    let agent = settings.agent.as_ref().filter(|_| checked.agents.stop_failed == StopFailed::Fence)?;
    settings.for_itself().map(|options| agent_spec(agent, options, settings.timeout))
}

fn agent_spec(agent: &str, options: &[String], limit: Duration) -> FenceSpec {
    let lines = options.iter().flat_map(|option| [option.as_str(), "\n"]);
    let input = std::iter::once("action=reboot\n").chain(lines).collect();
    FenceSpec {
        name: agent.to_owned(),
        program: agent.to_owned(),
        arguments: Vec::new(),
        input,
        limit,
        waits_for_human: false,
    }
}

/// The programs that run beside the node. One whose user is gone since the files were checked is left out.
fn clients(checked: &Checked) -> Vec<ClientSpec> {
    let client = |client: &hb_config::Client| {
        let Some(account) = accounts::account(&client.user) else {
            tracing::warn!(user = client.user, "a program is not run: the user does not exist");
            return None;
        };
        Some(ClientSpec {
            failfast: client.failfast,
            user_name: client.user.clone(),
            user: account.user,
            group: account.group,
            groups: account.groups,
            command: client.command.clone(),
        })
    };
    checked.clients.iter().filter_map(client).collect()
}

/// Limits of scripts (`hb.toml`).
pub(crate) fn limit_agents(config: &mut ActuatorConfig, checked: &Checked) {
    let agents = &checked.agents;
    config.start_timeout = agents.start_timeout;
    config.stop_timeout = agents.stop_timeout;
    config.status_timeout = agents.status_timeout;
    if let Some(monitor) = &checked.monitor {
        config.monitor_timeout = monitor.timeout;
        config.monitor_interval = monitor.interval;
    }
    config.kill_grace = agents.kill_grace;
    let ends = agents.end_hung_heart && checked.watchdog.is_none();
    let hangs_after = || hb_config::hangs_after(checked.keepalive, checked.deadtime);
    config.hangs_after = ends.then(hangs_after).flatten();
    config.stop_retries = agents.stop_retries;
    config.stop_pause = agents.stop_pause;
    config.stop_failed.clone_from(&agents.stop_failed_command);
    if agents.stop_failed == StopFailed::Reboot && config.stop_failed.is_empty() {
        config.stop_failed = REBOOT.map(str::to_owned).into();
    }
}

/// Where log lines go. There is no logging daemon to hand them to: `use_logd` becomes its default, the syslog
/// facility `daemon`, so that nothing is lost (`config.md` 10.6).
pub(crate) fn log_targets(checked: &Checked) -> Targets {
    let log = &checked.log;
    let facility = match log.facility {
        Some(facility) => facility.number(),
        None if log.use_logd => FACILITY_DAEMON,
        None => 0,
    };
    Targets {
        logfile: log.logfile.clone(),
        debugfile: log.debugfile.clone(),
        facility,
        format: if log.syslog_format { FileFormat::Syslog } else { FileFormat::Classic },
    }
}

/// The device meatware waits ten minutes for a human (`failover.md` 6.4).
const MEATWARE: Duration = Duration::from_secs(660);

/// What stands between this cluster and two owners of one group, and what does not, in words.
pub(crate) fn protection(checked: &Checked, links: &[String]) -> Vec<String> {
    let mut words = Vec::from_iter(hb_config::fencing_in_words(checked));
    words.extend(hb_config::services_in_words(checked));
    if checked.nodes.len() > 1 && links.len() == 1 {
        words.push("one medium only: when it fails, the other node looks dead".to_owned());
    }
    let unwatched = match &checked.monitor {
        None => Some("resources are"),
        Some(monitor) if !checked.groups.iter().all(|group| monitor.covers(&key(group))) => {
            Some("some groups are")
        }
        Some(_) => None,
    };
    words.extend(unwatched.map(|what| {
        format!(
            "{what} not monitored: a service that dies after its start is not noticed (hb.toml, [monitor])"
        )
    }));
    words
}

/// The name of a group: its first resource as spelled.
pub(crate) fn key(group: &hb_config::Group) -> String {
    group.resources.first().map_or_else(String::new, |resource| resource.spelled.clone())
}

fn node_id(checked: &Checked, name: &str) -> Option<NodeId> {
    let index = checked.nodes.iter().position(|node| node == name)?;
    u16::try_from(index).ok().map(NodeId)
}

/// The syslog facility `daemon`.
const FACILITY_DAEMON: u8 = 3;
/// At once: without a sync, which could hang, and without asking the service manager.
const REBOOT: [&str; 2] = ["/sbin/reboot", "-nf"];

#[cfg(test)]
mod tests;
