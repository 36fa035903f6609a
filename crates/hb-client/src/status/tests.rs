//! The JSON form of the status: names and shapes that other programs rely on.

use super::*;

fn sample() -> Status {
    Status {
        format: STATUS_FORMAT,
        version: "0.1.0".to_owned(),
        pid: 4711,
        uptime_ms: 61_000,
        node: "cc1".to_owned(),
        generation: 1_763_751_234,
        sequence: 42,
        hold: ResourceSet::Local,
        stable: true,
        stopping: false,
        nodes: vec![
            NodeStatus {
                kind: NodeKind::Normal,
                name: "cc1".to_owned(),
                status: "active".to_owned(),
                silence_ms: Some(12),
                deadtime_ms: 10_000,
                hold: Some(ResourceSet::Local),
                speaks_hb: true,
                is_deaf: false,
                epoch: Some(1257),
                missing: 0,
                other_files: None,
                links: vec![LinkStatus { name: "eth0".to_owned(), up: true }],
            },
            NodeStatus {
                kind: NodeKind::Normal,
                name: "cc2".to_owned(),
                status: "init".to_owned(),
                silence_ms: None,
                deadtime_ms: 20_000,
                hold: None,
                speaks_hb: false,
                is_deaf: false,
                epoch: None,
                missing: 0,
                other_files: None,
                links: vec![LinkStatus { name: "eth0".to_owned(), up: false }],
            },
        ],
        groups: vec![GroupStatus {
            key: "10.0.0.1".to_owned(),
            home: Some("cc1".to_owned()),
            state: GroupState::Up,
            lent: false,
            epoch: Some(1257),
            monitor: None,
        }],
        media: vec![MediumStatus {
            kind: "bcast".to_owned(),
            name: "eth0".to_owned(),
            sent: 42,
            send_errors: 0,
            received: 41,
            receive_errors: 0,
            refused: BTreeMap::from([("bad-digest".to_owned(), 3)]),
            hints: vec![HintStatus {
                name: "port-refused".to_owned(),
                peer: Some("10.0.0.2".to_owned()),
                age_ms: 1400,
                last_ms: Some(400),
            }],
        }],
        scripts: ScriptsStatus::default(),
        log: LogStatus::default(),
        scheduling: SchedulingStatus { realtime: true, memory_locked: true, problem: None },
        not_in_force: Vec::new(),
        protection: vec!["no fencing device".to_owned()],
    }
}

#[test]
fn a_status_survives_the_way_through_json() {
    let text = serde_json::to_string(&sample()).unwrap();
    assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), sample());
}

#[test]
fn names_are_stable() {
    let json = serde_json::to_value(sample()).unwrap();
    assert_eq!(json["format"], 1);
    assert_eq!(json["hold"], "local");
    assert_eq!(json["nodes"][0]["silence_ms"], 12);
    assert!(json["nodes"][1].get("silence_ms").is_none());
    assert_eq!(json["nodes"][0]["links"][0]["up"], true);
    assert_eq!(json["groups"][0]["state"], "up");
    assert_eq!(json["media"][0]["refused"]["bad-digest"], 3);
    assert_eq!(json["media"][0]["hints"][0]["last_ms"], 400);
    assert_eq!(json["scheduling"]["memory_locked"], true);
}

#[test]
fn a_reader_ignores_fields_of_later_versions() {
    let mut json = serde_json::to_value(sample()).unwrap();
    json["moon_phase"] = "full".into();
    assert_eq!(serde_json::from_value::<Status>(json).unwrap(), sample());
}
