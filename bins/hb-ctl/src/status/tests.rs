//! The whole picture, as people see it.

use std::collections::BTreeMap;

use hb_client::{
    GroupStatus, HintStatus, LinkStatus, LogStatus, MediumStatus, NodeKind, NodeStatus, ResourceSet,
    STATUS_FORMAT, SchedulingStatus, ScriptsStatus,
};

use super::*;

fn node(name: &str, silence_ms: Option<u64>, up: bool) -> NodeStatus {
    NodeStatus {
        kind: NodeKind::Normal,
        name: name.to_owned(),
        status: if up { "active" } else { "dead" }.to_owned(),
        silence_ms,
        deadtime_ms: 10_000,
        hold: silence_ms.map(|_| ResourceSet::Local),
        speaks_hb: false,
        is_deaf: false,
        epoch: None,
        missing: 0,
        other_files: (!up).then(|| vec!["ha.cf".to_owned(), "authkeys".to_owned()]),
        links: vec![LinkStatus { name: "eth0".to_owned(), up }],
    }
}

fn ping() -> NodeStatus {
    let name = "10.0.0.254".to_owned();
    let links = vec![LinkStatus { name: name.clone(), up: true }];
    let status = "ping".to_owned();
    let (kind, hold, other_files) = (NodeKind::Ping, None, None);
    NodeStatus { kind, name, status, hold, other_files, links, ..node("", Some(30), true) }
}

fn sample() -> Status {
    Status {
        format: STATUS_FORMAT,
        version: "0.1.0".to_owned(),
        pid: 57,
        uptime_ms: 190_000,
        node: "cc1".to_owned(),
        generation: 42,
        sequence: 7,
        hold: ResourceSet::All,
        stable: true,
        stopping: false,
        nodes: vec![node("cc1", Some(100), true), node("cc2", None, false), ping()],
        groups: vec![GroupStatus {
            key: "IPaddr::10.0.0.1".to_owned(),
            home: Some("cc2".to_owned()),
            state: GroupState::Up,
            lent: false,
            epoch: Some(1257),
            monitor: Some(MonitorStatus {
                failures: 4,
                restarts: 1,
                problem: Some("www status: it does not run".to_owned()),
            }),
        }],
        media: vec![MediumStatus {
            kind: "bcast".to_owned(),
            name: "eth0".to_owned(),
            sent: 190,
            send_errors: 1,
            received: 189,
            receive_errors: 0,
            refused: BTreeMap::from([("digest-mismatch".to_owned(), 3)]),
            hints: vec![hint("port-refused", Some("10.0.0.2"), Some(400)), hint("no-carrier", None, None)],
        }],
        scripts: ScriptsStatus {
            taken: 7,
            refused: BTreeMap::from([("mixed".to_owned(), 2), ("without end".to_owned(), 1)]),
        },
        log: LogStatus { dropped: 0, unwritten: 0, suppressed: 2 },
        scheduling: SchedulingStatus { realtime: true, memory_locked: true, problem: None },
        not_in_force: vec!["`watchdog` is accepted, but not in force in this version".to_owned()],
        protection: vec!["one medium only".to_owned()],
    }
}

fn hint(name: &str, peer: Option<&str>, last_ms: Option<u64>) -> HintStatus {
    HintStatus { name: name.to_owned(), peer: peer.map(str::to_owned), age_ms: 1400, last_ms }
}

#[test]
fn the_picture() {
    let expected = "\
node cc1: holds all, stable
hb 0.1.0, process 57, up 3 min, generation 42

NODE        STATUS  SILENT  DEAD AFTER  HOLDS  LINKS
cc1         active  100 ms  10.0 s      local  eth0 up        this node
cc2         dead    -       10.0 s      -      eth0 dead      other ha.cf, authkeys
10.0.0.254  ping    30 ms   10.0 s      -      10.0.0.254 up  ping node

GROUP             HOME  HERE  EPOCH
IPaddr::10.0.0.1  cc2   up    1257   monitored: 4 failed, 1 restarts of late, last: www status: it does not run

MEDIUM      SENT  RECEIVED  ERRORS  REFUSED
bcast eth0  190   189       1       3 (digest-mismatch 3)  port refused by 10.0.0.2 for 1.4 s, no carrier for 1.4 s

protection: one medium only
scripts: 7 messages taken, refused 3 (mixed 2, without end 1)
log: 2 repeated lines left out
not in force: `watchdog` is accepted, but not in force in this version
";
    assert_eq!(table(&sample()), expected);
}

#[test]
fn times_are_short() {
    let cases = [
        (0, "0 ms"),
        (999, "999 ms"),
        (1500, "1.5 s"),
        (90_000, "1 min"),
        (7_200_000, "2 h"),
        (864_000_000, "10 d"),
    ];
    for (ms, text) in cases {
        assert_eq!(time(ms), text);
    }
}
