//! From the heart's report to the status that other programs see.

use std::time::Duration;

use hb_client::{
    GroupState, GroupStatus, HintStatus, LinkStatus, LogStatus, MediumStatus, MonitorStatus, NodeKind,
    NodeStatus, ResourceSet, STATUS_FORMAT, SchedulingStatus, ScriptsStatus, Status,
};
use hb_config::MonitorSettings;
use hb_engine::{HoldSet, NodeSnapshot, PingSnapshot, Snapshot};
use hb_transport::Hint;

use crate::heart::{HeartStatus, MediumReport};
use crate::in_force::InForce;
use crate::leasing::Leasing;
use crate::log::LogCounts;
use crate::realtime::Scheduling;
use crate::{clock, files_digest, mapping};

/// What the front knows beside the heart.
#[derive(Clone, Debug)]
pub(crate) struct Background {
    /// How the heart is kept on time.
    pub(crate) scheduling: Scheduling,
    /// Directives without effect, in words.
    pub(crate) not_in_force: Vec<String>,
    /// What protects against two owners and what does not, in words.
    pub(crate) protection: Vec<String>,
    /// The groups that are not leased where others are, in words.
    pub(crate) unleased: Vec<String>,
    /// What becomes of the groups that shall be staged, in words.
    pub(crate) staged: Vec<String>,
    /// Which groups are looked at.
    pub(crate) monitor: Option<MonitorSettings>,
    /// The lease of the addresses, which is protection as well.
    pub(crate) leasing: Leasing,
}

impl Background {
    pub(crate) fn new(scheduling: Scheduling, in_force: &InForce, leasing: Leasing) -> Self {
        let checked = &in_force.checked;
        let not_in_force = checked.not_in_force.iter().map(|notice| notice.message.clone());
        Self {
            scheduling,
            not_in_force: not_in_force.chain(in_force.waiting.iter().cloned()).collect(),
            protection: mapping::protection(checked, &in_force.link_names()),
            unleased: hb_config::unleased(checked),
            staged: leasing.staged_words(&checked.lease.staged),
            monitor: checked.monitor.clone(),
            leasing,
        }
    }
}

/// The whole status.
pub(super) fn status(
    report: HeartStatus,
    background: &Background,
    log: LogCounts,
    uptime: Duration,
) -> Status {
    let HeartStatus { snapshot, media, asked, suppressed, lease, watchdog } = report;
    Status {
        format: STATUS_FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        uptime_ms: millis(uptime),
        node: name_of(&snapshot, snapshot.local.0).unwrap_or_default(),
        generation: snapshot.generation,
        sequence: snapshot.seq,
        hold: resource_set(snapshot.hold),
        stable: snapshot.stable,
        stopping: snapshot.stopping,
        protection: [
            unfenced(&snapshot),
            background.leasing.words(lease, &background.unleased),
            background.staged.clone(),
            watchdog.words(),
            background.protection.clone(),
        ]
        .concat(),
        groups: groups(&snapshot, background.monitor.as_ref()),
        nodes: nodes(snapshot),
        media: media.into_iter().chain(asked).map(medium).collect(),
        scripts: ScriptsStatus::default(),
        log: LogStatus { dropped: log.dropped, unwritten: log.unwritten, suppressed },
        scheduling: SchedulingStatus {
            realtime: background.scheduling.realtime,
            memory_locked: background.scheduling.memory_locked,
            problem: background.scheduling.problem.clone(),
        },
        not_in_force: background.not_in_force.clone(),
    }
}

/// The engine's word for what a client asks for.
pub(super) const fn hold_set(set: ResourceSet) -> HoldSet {
    match set {
        ResourceSet::None => HoldSet::NONE,
        ResourceSet::Local => HoldSet::LOCAL,
        ResourceSet::Foreign => HoldSet::FOREIGN,
        ResourceSet::All => HoldSet::ALL,
    }
}

/// A dead node that has to be reset before anything of it is taken.
fn unfenced(snapshot: &Snapshot) -> Vec<String> {
    let Some(fencing) = snapshot.fencing else { return Vec::new() };
    let name = name_of(snapshot, fencing.node.0).unwrap_or_default();
    let failures = fencing.failures;
    let plural = if failures == 1 { "" } else { "s" };
    vec![format!(
        "{name} is dead and not yet reset ({failures} failure{plural}): nothing is taken before that; `hb-ctl fence confirm \
         {name}` after it was switched off by hand"
    )]
}

fn resource_set(set: HoldSet) -> ResourceSet {
    match (set.contains(HoldSet::LOCAL), set.contains(HoldSet::FOREIGN)) {
        (false, false) => ResourceSet::None,
        (true, false) => ResourceSet::Local,
        (false, true) => ResourceSet::Foreign,
        (true, true) => ResourceSet::All,
    }
}

fn name_of(snapshot: &Snapshot, node: u16) -> Option<String> {
    snapshot.nodes.iter().find(|one| one.node.0 == node).map(|node| node.name.clone())
}

fn nodes(snapshot: Snapshot) -> Vec<NodeStatus> {
    let own =
        snapshot.nodes.iter().find(|one| one.node == snapshot.local).and_then(|node| node.files.clone());
    let other_files = |theirs: Option<&String>| {
        let differing = files_digest::differing(own.as_ref()?, theirs?);
        Some(differing.into_iter().map(str::to_owned).collect())
    };
    let nodes = snapshot.nodes.into_iter();
    let nodes = nodes.map(|one| NodeStatus { other_files: other_files(one.files.as_ref()), ..node(one) });
    nodes.chain(snapshot.pings.into_iter().map(ping_node)).collect()
}

/// A ping member has one link, named as it is.
fn ping_node(ping: PingSnapshot) -> NodeStatus {
    NodeStatus {
        kind: NodeKind::Ping,
        links: vec![LinkStatus { name: ping.name.clone(), up: ping.status == "ping" }],
        name: ping.name,
        status: ping.status.to_owned(),
        silence_ms: ping.silence.map(millis),
        deadtime_ms: millis(ping.deadtime),
        hold: None,
        speaks_hb: false,
        is_deaf: false,
        epoch: None,
        missing: 0,
        other_files: None,
    }
}

fn node(node: NodeSnapshot) -> NodeStatus {
    let links = node.links.into_iter().map(|link| LinkStatus { name: link.name, up: link.up }).collect();
    NodeStatus {
        kind: NodeKind::Normal,
        name: node.name,
        status: node.status,
        silence_ms: node.silence.map(millis),
        deadtime_ms: millis(node.deadtime),
        hold: node.hold.map(resource_set),
        speaks_hb: node.speaks_hb,
        is_deaf: node.is_deaf,
        epoch: node.epoch,
        missing: node.missing,
        other_files: None,
        links,
    }
}

/// What was found by looking at a group is left out when it is not looked at any more: the engine remembers it.
fn groups(snapshot: &Snapshot, monitor: Option<&MonitorSettings>) -> Vec<GroupStatus> {
    let is_monitored = |key: &str| monitor.is_some_and(|monitor| monitor.covers(key));
    let groups = snapshot.groups.iter().map(|group| GroupStatus {
        key: group.key.clone(),
        home: group.home.and_then(|home| name_of(snapshot, home.0)),
        state: match group.state {
            hb_engine::GroupState::Down => GroupState::Down,
            hb_engine::GroupState::Starting => GroupState::Starting,
            hb_engine::GroupState::Up => GroupState::Up,
            hb_engine::GroupState::Stopping => GroupState::Stopping,
            hb_engine::GroupState::Failed => GroupState::Failed,
        },
        lent: group.lent,
        epoch: group.epoch,
        monitor: group.monitor.as_ref().filter(|_| is_monitored(&group.key)).map(|monitor| MonitorStatus {
            failures: monitor.failures,
            restarts: monitor.restarts,
            problem: monitor.problem.clone(),
        }),
    });
    groups.collect()
}

fn medium(report: MediumReport) -> MediumStatus {
    let MediumReport { kind, name, counts, hints } = report;
    MediumStatus {
        kind: kind.to_owned(),
        name,
        sent: counts.sent,
        send_errors: counts.send_errors,
        received: counts.received,
        receive_errors: counts.receive_errors,
        refused: counts.refused.into_iter().map(|(cause, count)| (cause.to_owned(), count)).collect(),
        hints: hints.into_iter().map(hint).collect(),
    }
}

/// It tells how long ago, because other machines read it by other clocks.
fn hint(hint: Hint) -> HintStatus {
    let ago = |then| millis(Duration::from_nanos(clock::tick().as_nanos()).saturating_sub(then));
    let (peer, last) = match hint {
        Hint::PortRefused { peer, last, .. } => (Some(peer.to_string()), Some(last)),
        Hint::NoCarrier { .. } => (None, None),
    };
    HintStatus { name: hint.name().to_owned(), peer, age_ms: ago(hint.since()), last_ms: last.map(ago) }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
