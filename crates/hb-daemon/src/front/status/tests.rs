//! Every fact of the heart's report arrives in the status.

use std::collections::BTreeMap;

use hb_engine::{GroupId, GroupSnapshot, LinkId, LinkSnapshot, NodeId};

use super::*;
use crate::heart::{Counts, LeaseCounts, WatchdogState};

fn node_snapshot(number: u16, name: &str, silence: Option<Duration>) -> NodeSnapshot {
    NodeSnapshot {
        node: NodeId(number),
        name: name.to_owned(),
        status: "active".to_owned(),
        silence,
        deadtime: Duration::from_secs(10),
        hold: silence.map(|_| HoldSet::FOREIGN),
        speaks_hb: false,
        is_deaf: false,
        epoch: None,
        files: Some(if number == 0 { "1 2 3" } else { "1 2 4" }.to_owned()),
        missing: 3,
        links: vec![LinkSnapshot { link: LinkId(0), name: "eth0".to_owned(), up: true }],
    }
}

fn report() -> HeartStatus {
    let snapshot = Snapshot {
        fencing: None,
        pings: vec![PingSnapshot {
            name: "10.0.0.254".to_owned(),
            status: "ping",
            silence: Some(Duration::from_millis(3)),
            deadtime: Duration::from_secs(4),
        }],
        local: NodeId(1),
        generation: 7,
        seq: 42,
        hold: HoldSet::ALL,
        stable: false,
        stopping: true,
        nodes: vec![node_snapshot(0, "cc1", None), node_snapshot(1, "cc2", Some(Duration::from_millis(12)))],
        groups: vec![
            GroupSnapshot {
                group: GroupId(0),
                key: "10.0.0.1".to_owned(),
                home: Some(NodeId(0)),
                state: hb_engine::GroupState::Stopping,
                lent: false,
                epoch: Some(8),
                monitor: None,
            },
            GroupSnapshot {
                group: GroupId(1),
                key: "www".to_owned(),
                home: None,
                state: hb_engine::GroupState::Failed,
                lent: false,
                epoch: None,
                monitor: None,
            },
        ],
    };
    let counts = Counts {
        sent: 1,
        send_errors: 2,
        received: 3,
        receive_errors: 4,
        refused: BTreeMap::from([("digest-mismatch", 5)]),
    };
    let refused = Hint::PortRefused {
        peer: std::net::Ipv4Addr::new(10, 0, 0, 2).into(),
        since: Duration::from_millis(1),
        last: Duration::from_millis(500),
    };
    let hints = vec![refused, Hint::NoCarrier { since: Duration::from_millis(1) }];
    let media = vec![MediumReport { kind: "bcast", name: "eth0".to_owned(), counts, hints }];
    HeartStatus {
        snapshot,
        media,
        asked: Vec::new(),
        suppressed: 6,
        lease: LeaseCounts::default(),
        watchdog: WatchdogState::NotWanted,
    }
}

#[test]
fn numbers_become_names() {
    let background = Background {
        scheduling: Scheduling { realtime: true, memory_locked: false, problem: Some("memory".to_owned()) },
        not_in_force: vec!["watchdog".to_owned()],
        protection: vec!["none".to_owned()],
        unleased: Vec::new(),
        staged: Vec::new(),
        monitor: None,
        leasing: Leasing::default(),
    };
    let log = LogCounts { dropped: 8, unwritten: 9 };
    let status = status(report(), &background, log, Duration::from_millis(1500));
    assert_eq!((status.node.as_str(), status.generation, status.sequence), ("cc2", 7, 42));
    assert_eq!((status.hold, status.stable, status.stopping), (ResourceSet::All, false, true));
    assert_eq!(status.uptime_ms, 1500);
    assert_eq!(status.nodes[0].silence_ms, None);
    assert_eq!(status.nodes[1].silence_ms, Some(12));
    assert_eq!(status.nodes[1].hold, Some(ResourceSet::Foreign));
    assert_eq!(status.nodes[1].deadtime_ms, 10_000);
    assert_eq!(status.nodes[0].other_files, Some(vec!["authkeys".to_owned()]));
    assert_eq!(status.nodes[1].other_files, Some(Vec::new()));
    assert_eq!(status.groups[0].home.as_deref(), Some("cc1"));
    assert_eq!(status.groups[0].state, GroupState::Stopping);
    assert_eq!(status.groups[1].home, None);
    assert_eq!(status.media[0].refused["digest-mismatch"], 5);
    let hints = &status.media[0].hints;
    assert_eq!((hints[0].name.as_str(), hints[0].peer.as_deref()), ("port-refused", Some("10.0.0.2")));
    assert!(hints[0].last_ms.is_some_and(|last| last < hints[0].age_ms));
    assert_eq!((hints[1].name.as_str(), hints[1].last_ms), ("no-carrier", None));
    let ping = &status.nodes[2];
    assert_eq!((ping.kind, ping.name.as_str(), ping.status.as_str()), (NodeKind::Ping, "10.0.0.254", "ping"));
    assert_eq!((ping.silence_ms, ping.deadtime_ms, ping.hold), (Some(3), 4_000, None));
    assert_eq!(ping.links, [LinkStatus { name: "10.0.0.254".to_owned(), up: true }]);
    assert_eq!(status.log, LogStatus { dropped: 8, unwritten: 9, suppressed: 6 });
    assert_eq!(status.scheduling.problem.as_deref(), Some("memory"));
}

#[test]
fn what_is_not_looked_at_any_more_has_no_findings() {
    let mut snapshot = report().snapshot;
    for group in &mut snapshot.groups {
        let problem = Some("stopped".to_owned());
        group.monitor = Some(hb_engine::MonitorSnapshot { failures: 1, restarts: 1, problem });
    }
    let monitored = |names: Option<&[&str]>| {
        let settings = names.map(|names| MonitorSettings {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            failures: 1,
            restarts: 1,
            within: Duration::from_secs(1),
            moves: true,
            groups: names.iter().map(|name| (*name).to_owned()).collect(),
        });
        let groups = groups(&snapshot, settings.as_ref()).into_iter();
        groups.map(|group| group.monitor.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(monitored(None), [false, false]);
    assert_eq!(monitored(Some(&["www"])), [false, true]);
    assert_eq!(monitored(Some(&[])), [true, true]);
}

#[test]
fn sets_have_the_same_words_on_both_sides() {
    for set in [ResourceSet::None, ResourceSet::Local, ResourceSet::Foreign, ResourceSet::All] {
        assert_eq!(hold_set(set).as_str(), set.as_str());
        assert_eq!(resource_set(hold_set(set)), set);
    }
}

#[test]
fn what_waits_for_a_reset_is_said() {
    let said = |failures| {
        let snapshot = Snapshot {
            fencing: Some(hb_engine::FencingSnapshot { node: NodeId(0), failures }),
            ..report().snapshot
        };
        unfenced(&snapshot).concat()
    };
    for (failures, number) in [(0, "0 failures"), (1, "1 failure"), (2, "2 failures")] {
        assert_eq!(
            said(failures),
            format!(
                "cc1 is dead and not yet reset ({number}): nothing is taken before that; `hb-ctl fence confirm cc1` after it \
                 was switched off by hand"
            )
        );
    }
    assert!(unfenced(&report().snapshot).is_empty());
}
