//! Two readings in, what becomes of each item out.

use std::time::Duration;

use hb_config::{FenceDevice, FenceSettings, LeaseBy, MonitorSettings, StopFailed};
use hb_engine::{
    FencingSnapshot, GroupSnapshot, GroupState, HoldSet, LinkId, LinkSnapshot, NodeId, NodeSnapshot,
};

use super::*;
use crate::options::Options;
use crate::test_files;

const HA_CF: &str = "\
logfacility local0
logfile /var/log/ha-log
keepalive 200ms
deadtime 1
warntime 500ms
initdead 10
bcast lo
ucast lo 127.0.0.2
node cc1 cc2
auto_failback legacy
";
const HARESOURCES: &str = "cc1 10.0.0.1 www\ncc2 10.0.0.2\ncc1 10.0.0.3\n";

/// What is read from files like these.
fn checked(ha_cf: &str, haresources: &str) -> Checked {
    test_files::checked("cc1", ha_cf, haresources).0
}

fn in_force() -> InForce {
    let checked = checked(HA_CF, HARESOURCES);
    let media = mapping::media(&checked);
    InForce::at_start(checked, media)
}

/// The engine of a node with these groups, whose peer is heard on these of its media.
fn snapshot(groups: &[u16], heard: &[bool]) -> Snapshot {
    let node = |number: u16, links: &[bool]| NodeSnapshot {
        node: NodeId(number),
        name: format!("cc{}", number + 1),
        status: "active".to_owned(),
        silence: None,
        deadtime: Duration::from_secs(1),
        hold: None,
        speaks_hb: true,
        is_deaf: false,
        epoch: None,
        files: None,
        missing: 0,
        links: links
            .iter()
            .zip(0..)
            .map(|(up, number)| LinkSnapshot { link: LinkId(number), name: "lo".to_owned(), up: *up })
            .collect(),
    };
    Snapshot {
        fencing: None,
        pings: Vec::new(),
        local: NodeId(0),
        generation: 1,
        seq: 1,
        hold: HoldSet::LOCAL,
        stable: true,
        stopping: false,
        nodes: vec![node(0, &[true, true]), node(1, heard)],
        groups: groups
            .iter()
            .map(|number| GroupSnapshot {
                group: GroupId(*number),
                key: String::new(),
                home: None,
                state: GroupState::Up,
                lent: false,
                epoch: None,
                monitor: None,
            })
            .collect(),
    }
}

fn plan(in_force: &InForce, ha_cf: &str, haresources: &str, snapshot: &Snapshot) -> Plan {
    let read = checked(ha_cf, haresources);
    let media = mapping::media(&read);
    in_force.plan(read, media, snapshot)
}

fn lines(plan: &Plan) -> Vec<&str> {
    plan.lines.iter().map(|(_, line)| line.as_str()).collect()
}

fn numbers(plan: &Plan) -> Vec<u16> {
    plan.groups.iter().map(|group| group.id.0).collect()
}

#[test]
fn the_same_files_change_nothing_and_neither_do_comments() {
    let (in_force, snapshot) = (in_force(), snapshot(&[0, 1, 2], &[true, true]));
    assert!(plan(&in_force, HA_CF, HARESOURCES, &snapshot).is_empty());
    let plan =
        plan(&in_force, &format!("# comment\n{HA_CF}"), &format!("# comment\n{HARESOURCES}"), &snapshot);
    assert!(plan.is_empty(), "{plan:?}");
}

#[test]
fn values_change_and_what_cannot_change_stays() {
    let (in_force, snapshot) = (in_force(), snapshot(&[0, 1, 2], &[true, true]));
    for (from, to, line) in [
        ("keepalive 200ms", "keepalive 100ms", "keepalive is 100ms from now on, was 200ms"),
        ("deadtime 1\n", "deadtime 2\n", "deadtime is 2s from now on, was 1s"),
        ("auto_failback legacy", "auto_failback on", "auto_failback is on from now on, was legacy"),
        ("logfile /var/log/ha-log\n", "", "logfile is none from now on, was /var/log/ha-log"),
        (
            "node cc1 cc2",
            "watchdog /dev/watchdog\nnode cc1 cc2",
            "watchdog is /dev/watchdog from now on, was none",
        ),
        (
            "node cc1 cc2",
            "node cc1 cc2 cc3",
            "node cc3 needs a restart: haresources serves two nodes; until then cc1 cc2 stays in force",
        ),
        ("node cc1", "rtprio 7\nnode cc1", "rtprio is 7 from now on, was none"),
        ("node cc1", "realtime off\nnode cc1", "realtime is false from now on, was true"),
        (
            "node cc1",
            "uuidfrom nodename\nnode cc1",
            "uuidfrom needs a restart; until then file stays in force",
        ),
    ] {
        let changed = HA_CF.replace(from, to);
        assert_ne!(changed, HA_CF);
        let plan = plan(&in_force, &changed, HARESOURCES, &snapshot);
        assert!(lines(&plan).contains(&line), "{plan:?}");
        let needs_restart = line.contains("restart");
        assert_eq!(plan.lines[0].0 == Level::Warn, needs_restart);
        assert_eq!(plan.next.waiting, Vec::from_iter(needs_restart.then_some(line)));
        // What waits for a restart is told at every reading, anything else once.
        let again = plan.next.plan(checked(&changed, HARESOURCES), plan.next.media.clone(), &snapshot);
        assert_eq!(again.is_empty(), !needs_restart, "{again:?}");
        assert_eq!(again.next.checked.nodes, ["cc1", "cc2"]);
    }
}

/// Another reading than that of [`in_force`].
type Edit = fn(&mut Checked);

fn monitor(seconds: u64) -> MonitorSettings {
    MonitorSettings {
        interval: Duration::from_secs(seconds),
        timeout: Duration::from_secs(20),
        failures: 1,
        restarts: 3,
        within: Duration::from_secs(600),
        moves: true,
        groups: Vec::new(),
    }
}

#[test]
fn another_hb_toml_is_told_line_by_line() {
    let (in_force, snapshot) = (in_force(), snapshot(&[0, 1, 2], &[true, true]));
    let told = |in_force: &InForce, change: Edit| {
        let mut read = checked(HA_CF, HARESOURCES);
        change(&mut read);
        let plan = in_force.plan(read, in_force.media.clone(), &snapshot);
        (lines(&plan).join("\n"), plan.next)
    };
    let lines: [(Edit, &str); 4] = [
        (
            |read| read.agents.start_timeout *= 2,
            "limits of scripts changed: in force from the next run of each on",
        ),
        (|read| read.agents.stop_failed = StopFailed::Keep, "stop-failed is keep from now on, was retry"),
        (
            |read| read.agents.stop_failed_command = vec!["/bin/true".to_owned()],
            "stop-failed-command changed: in force from the next failed stop on",
        ),
        (
            |read| read.lease.staged = vec!["10.0.0.2".to_owned()],
            "lease.staged changed: addresses are staged accordingly",
        ),
    ];
    for (change, line) in lines {
        let (said, next) = told(&in_force, change);
        assert_eq!((said.as_str(), told(&next, change).0.as_str()), (line, ""));
    }
    let (on, watched) = told(&in_force, |read| read.monitor = Some(monitor(5)));
    assert_eq!(on, "monitor changed: groups are looked at every 5s from now on");
    assert_eq!(watched.checked.monitor, Some(monitor(5)));
    assert_eq!(told(&watched, |read| read.monitor = Some(monitor(5))).0, "");
    let other = told(&watched, |read| read.monitor = Some(monitor(6))).0;
    assert_eq!(other, "monitor changed: groups are looked at accordingly from now on");
    assert_eq!(told(&watched, |_| {}).0, "monitor changed: groups are no longer looked at");
}

fn device(read: &mut Checked, kind: &str, parameters: &str) {
    let (kind, parameters) = (kind.to_owned(), parameters.to_owned());
    read.fencing.device = Some(FenceDevice { kind, parameters });
}

#[test]
fn another_fencing_device_is_told_without_its_parameters() {
    const PARAMETERS: &str = "parameters of the fencing device changed: in force from the next reset on";
    let mut snapshot = snapshot(&[0, 1, 2], &[true, true]);
    let told = |in_force: &InForce, snapshot: &Snapshot, edit: Edit| {
        let mut read = in_force.checked.clone();
        edit(&mut read);
        let plan = in_force.plan(read, in_force.media.clone(), snapshot);
        let said = lines(&plan).join("\n");
        assert!(!said.contains("secret"), "{said}");
        (said, plan.next)
    };
    let steps: [(Edit, &str); 10] = [
        // Nobody reads options.
        (|read| read.fencing.options = vec!["password=secret".to_owned()], ""),
        (
            |read| device(read, "x", "secret"),
            "fencing is x after 100ms, for at most 60s from now on, was none",
        ),
        (|read| device(read, "x", "secret2"), PARAMETERS),
        (|read| read.fencing.options = vec![], ""),
        (
            |read| read.fencing.agent = Some("y".to_owned()),
            "fencing is y after 100ms, for at most 60s from now on, was x after 100ms, for at most 60s",
        ),
        (|read| read.fencing.options = vec!["password=secret".to_owned()], PARAMETERS),
        (|read| read.fencing.own_options = Some(vec!["password=secret".to_owned()]), PARAMETERS),
        // It is not used.
        (|read| device(read, "x", "secret3"), ""),
        (
            |read| read.fencing.delay *= 2,
            "fencing is y after 200ms, for at most 60s from now on, was y after 100ms, for at most 60s",
        ),
        (|_| {}, ""),
    ];
    let mut now = in_force();
    for (edit, line) in steps {
        let (said, next) = told(&now, &snapshot, edit);
        assert_eq!(said, line);
        assert_eq!(told(&next, &snapshot, |_| {}).0, "", "told once");
        now = next;
    }
    let off: Edit = |read| read.fencing = FenceSettings::default();
    let none = "fencing is none from now on, was y after 200ms, for at most 60s";
    assert_eq!(told(&now, &snapshot, off).0, none);
    snapshot.fencing = Some(FencingSnapshot { node: NodeId(1), failures: 3 });
    assert_eq!(
        told(&now, &snapshot, off).0,
        format!(
            "{none}\ncc2 still waits for its reset, and nothing can do that any more: `hb-ctl fence confirm cc2` after it \
             was switched off by hand"
        )
    );
}

#[test]
fn another_lease_is_taken_over() {
    let (in_force, snapshot) = (in_force(), snapshot(&[0, 1, 2], &[true, true]));
    let mut read = checked(HA_CF, HARESOURCES);
    (read.lease.enabled, read.lease.by) = (false, LeaseBy::Lifetime);
    read.lease.except = vec!["10.0.0.3".to_owned()];
    let wanted = read.lease.clone();
    let plan = in_force.plan(read, in_force.media.clone(), &snapshot);
    assert_eq!(
        lines(&plan),
        [
            "lease.enabled is false from now on, was true",
            "lease.by is lifetime from now on, was nftables",
            "lease.except is 10.0.0.3 from now on, was none"
        ]
    );
    assert_eq!(plan.next.checked.lease, wanted);
    assert!(plan.next.waiting.is_empty());
    // A group that was excepted can be staged when it is no more.
    let mut read = checked(HA_CF, HARESOURCES);
    read.lease.staged = vec!["10.0.0.3".to_owned()];
    let back = plan.next.plan(read, plan.next.media.clone(), &snapshot);
    assert!(lines(&back).contains(&"lease.except is none from now on, was 10.0.0.3"), "{back:?}");
    assert_eq!(back.next.checked.lease.staged, ["10.0.0.3"]);
    assert_eq!(mapping::scripts(&Options::default(), &back.next.checked, std::iter::empty()).staged.len(), 1);
    let mut off = back.next.checked;
    off.lease.enabled = false;
    assert!(mapping::scripts(&Options::default(), &off, std::iter::empty()).staged.is_empty());
}

#[test]
fn groups_that_do_not_change_keep_their_numbers() {
    let (in_force, snapshot) = (in_force(), snapshot(&[0, 1, 2], &[true, true]));
    let changed = "cc1 10.0.0.4\ncc1 10.0.0.3\ncc1 10.0.0.1 www::x\ncc2 10.0.0.2\n";
    let plan = plan(&in_force, HA_CF, changed, &snapshot);
    assert_eq!(numbers(&plan), [3, 2, 4, 1]);
    assert_eq!(plan.new_groups.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(plan.next.group_names[3..], ["10.0.0.4", "10.0.0.1"]);
    assert_eq!(
        lines(&plan),
        ["group 10.0.0.1 changed: stopped where it runs, then started as it is now", "group 10.0.0.4 added"]
    );
    assert_eq!(plan.groups[0].config.home, Some(NodeId(0)));
    assert_eq!(plan.groups[3].config.home, Some(NodeId(1)));
}

#[test]
fn numbers_are_used_again_when_nothing_has_them() {
    let in_force = in_force();
    let first = plan(&in_force, HA_CF, "cc2 10.0.0.2\n", &snapshot(&[0, 1, 2], &[true, true]));
    assert_eq!(
        lines(&first),
        ["group 10.0.0.1 removed: stopped where it runs", "group 10.0.0.3 removed: stopped where it runs"]
    );
    // The group with number 0 is still being stopped, 2 is gone.
    let second = plan(&first.next, HA_CF, HARESOURCES, &snapshot(&[1, 0], &[true, true]));
    assert_eq!(numbers(&second), [2, 1, 3]);
    assert_eq!(second.next.group_names, ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"]);
}

#[test]
fn a_group_with_another_preferred_node_keeps_its_number() {
    let (in_force, mut snapshot) = (in_force(), snapshot(&[0, 1, 2], &[true, true]));
    let changed = HARESOURCES.replace("cc1 10.0.0.3", "cc2 10.0.0.3");
    let taken = plan(&in_force, HA_CF, &changed, &snapshot);
    assert_eq!(lines(&taken), ["group 10.0.0.3: preferred node is cc2 from now on, was cc1"]);
    assert_eq!((numbers(&taken), taken.groups[2].config.home), (vec![0, 1, 2], Some(NodeId(1))));
    assert!(taken.new_groups.is_empty() && taken.next.waiting.is_empty());
    assert!(plan(&taken.next, HA_CF, &changed, &snapshot).is_empty());
    // A Heartbeat reads its files when it likes, unless it is dead.
    snapshot.nodes[1].speaks_hb = false;
    let waits = "group 10.0.0.3: another preferred node, beside a Heartbeat, needs a restart; until then cc1 stays in force";
    let kept = plan(&in_force, HA_CF, &changed, &snapshot);
    assert_eq!((lines(&kept), kept.groups[2].config.home), (vec![waits], Some(NodeId(0))));
    assert_eq!(lines(&plan(&kept.next, HA_CF, &changed, &snapshot)), [waits]);
    snapshot.nodes[1].status = "dead".to_owned();
    assert_eq!(lines(&plan(&kept.next, HA_CF, &changed, &snapshot)), lines(&taken));
}

#[test]
fn a_group_of_a_node_that_needs_a_restart_waits_for_it() {
    let (in_force, snapshot) = (in_force(), snapshot(&[0, 1, 2], &[true, true]));
    let changed = HA_CF.replace("node cc1 cc2", "node cc1 cc2 cc3");
    let plan = plan(&in_force, &changed, &format!("{HARESOURCES}cc3 10.0.0.9\n"), &snapshot);
    assert_eq!(numbers(&plan), [0, 1, 2]);
    assert!(lines(&plan).contains(&"group 10.0.0.9 needs a restart: until then cc3 is no node"), "{plan:?}");
}

#[test]
fn groups_wait_for_a_restart_where_the_nodes_are_not_those_of_the_file() {
    let wait = ["group 10.0.0.1 needs a restart: until then the nodes are not those of ha.cf"];
    let start = |ha_cf: &str| {
        let checked = checked(ha_cf, "");
        let media = mapping::media(&checked);
        InForce::at_start(checked, media)
    };
    let as_in_file = snapshot(&[], &[true, true]);
    let mut deleted = as_in_file.clone();
    deleted.nodes.pop();
    let mut renamed = as_in_file.clone();
    renamed.nodes[1].name = "cc3".to_owned();
    for other in [&deleted, &renamed] {
        let plan = plan(&start(HA_CF), HA_CF, "cc1 10.0.0.1\n", other);
        assert_eq!((lines(&plan), plan.groups.len()), (wait.to_vec(), 0));
    }
    let good = plan(&start(HA_CF), HA_CF, "cc1 10.0.0.1\n", &as_in_file);
    assert_eq!(lines(&good), ["group 10.0.0.1 added"]);
    // A group can come with the end of autojoin, if nobody has joined.
    let open = start(&format!("autojoin other\n{HA_CF}"));
    let closed = plan(&open, HA_CF, "cc1 10.0.0.1\n", &as_in_file);
    assert_eq!(lines(&closed), ["autojoin is none from now on, was other", "group 10.0.0.1 added"]);
    let joined = plan(&open, HA_CF, "cc1 10.0.0.1\n", &renamed);
    assert!(lines(&joined).contains(&wait[0]) && joined.groups.is_empty(), "{joined:?}");
}

#[test]
fn a_node_comes_and_goes_where_there_are_no_groups() {
    let checked_in = checked(HA_CF, "");
    let media = mapping::media(&checked_in);
    let in_force = InForce::at_start(checked_in, media);
    let snapshot = snapshot(&[], &[true, true]);
    let three = HA_CF.replace("node cc1 cc2", "node cc3 cc1 cc2");
    let added = plan(&in_force, &three, "", &snapshot);
    assert_eq!((lines(&added), added.nodes.added.clone()), (vec!["node cc3 added"], vec!["cc3".to_owned()]));
    assert_eq!(added.next.checked.nodes, ["cc1", "cc2", "cc3"]);
    assert!(added.next.waiting.is_empty());
    assert_ne!(added.next.digest, in_force.digest);
    assert!(plan(&added.next, &three, "", &snapshot).is_empty(), "told once");
    // It was in no file, and is a node already.
    let mut joined = snapshot.clone();
    joined.nodes.push(NodeSnapshot { node: NodeId(5), name: "cc3".to_owned(), ..snapshot.nodes[1].clone() });
    let named = plan(&in_force, &three, "", &joined);
    assert_eq!((lines(&named), named.nodes.added.len()), (vec!["node cc3 added"], 0));
    // Nobody else is touched.
    assert!(plan(&in_force, HA_CF, "", &joined).is_empty());
    let stays = "node cc3 is not deleted: it is not dead. Stop it, wait until it counts as dead, then reload again; until \
                 then it stays in force";
    let kept = plan(&added.next, HA_CF, "", &joined);
    assert_eq!(
        (lines(&kept), kept.nodes.removed.len(), kept.next.waiting.clone()),
        (vec![stays], 0, vec![stays.to_owned()])
    );
    assert_eq!(kept.next.checked.nodes.len(), 3);
    joined.nodes[2].status = "dead".to_owned();
    let gone = plan(&kept.next, HA_CF, "", &joined);
    assert_eq!(
        (lines(&gone), gone.nodes.removed.clone()),
        (vec!["node cc3 deleted"], vec!["cc3".to_owned()])
    );
    assert!(gone.next.waiting.is_empty());
    // It has come back between the look and the change.
    let mut next = gone.next;
    joined.nodes[2].status = "active".to_owned();
    assert_eq!(
        (next.note_nodes(&gone.nodes, &joined), next.waiting.clone()),
        (vec![stays.to_owned()], vec![stays.to_owned()])
    );
    assert_eq!(lines(&plan(&next, HA_CF, "", &joined)), [stays]);
}

#[test]
fn the_dead_node_of_two_is_replaced_with_its_groups() {
    let in_force = in_force();
    let mut snapshot = snapshot(&[0, 1, 2], &[false, false]);
    let (ha_cf, haresources) = (HA_CF.replace("cc2", "cc3"), HARESOURCES.replace("cc2", "cc3"));
    let why = |snapshot: &Snapshot| lines(&plan(&in_force, &ha_cf, &haresources, snapshot))[0].to_owned();
    assert!(why(&snapshot).starts_with("node cc2 is not deleted: it is not dead. Stop it"));
    snapshot.nodes[1].status = "dead".to_owned();
    snapshot.fencing = Some(FencingSnapshot { node: NodeId(1), failures: 1 });
    assert!(why(&snapshot).starts_with("node cc2 is not deleted: it waits for its reset"));
    snapshot.fencing = None;
    snapshot.nodes[0].status = "up".to_owned();
    assert!(why(&snapshot).starts_with("node cc2 is not deleted: this node has only begun"));
    snapshot.nodes[0].status = "active".to_owned();
    let plan = plan(&in_force, &ha_cf, &haresources, &snapshot);
    let told =
        ["node cc2 deleted", "node cc3 added", "group 10.0.0.2: preferred node is cc3 from now on, was cc2"];
    assert_eq!(lines(&plan), told);
    assert_eq!(numbers(&plan), [0, 1, 2]);
    assert_eq!(plan.groups[1].config.home, Some(NodeId(1)), "the number of the old one");
    assert!(plan.next.waiting.is_empty());
    assert_eq!((plan.nodes.removed, plan.nodes.added), (vec!["cc2".to_owned()], vec!["cc3".to_owned()]));
}

#[test]
fn media_change_as_long_as_every_peer_keeps_one() {
    let in_force = in_force();
    let changed = HA_CF.replace("bcast lo\n", "").replace("127.0.0.2", "127.0.0.2\nucast lo 127.0.0.3");
    let good = plan(&in_force, &changed, HARESOURCES, &snapshot(&[0, 1, 2], &[true, true]));
    assert_eq!(
        lines(&good),
        ["medium bcast lo port 694 closed", "medium ucast lo 127.0.0.3 port 694 opened"]
    );
    let before: Vec<_> = good.links.iter().map(|link| link.before).collect();
    assert_eq!(before, [Some(LinkId(1)), None]);
    // The peer is heard on the first medium only.
    let bad = plan(&in_force, &changed, HARESOURCES, &snapshot(&[0, 1, 2], &[true, false]));
    assert_eq!(
        lines(&bad),
        [
            "the media need a restart: none on which cc2 is heard now would stay; until then the open ones stay in force"
        ]
    );
    assert_eq!(bad.next.media, in_force.media);
    // Nobody is heard, so nobody is lost.
    let alone = plan(&in_force, &changed, HARESOURCES, &snapshot(&[0, 1, 2], &[false, false]));
    assert_eq!(alone.links.len(), 2);
}

#[test]
fn ping_members_come_and_go() {
    let (in_force, snapshot) = (in_force(), snapshot(&[0, 1, 2], &[true, true]));
    let with = |pings: &str| format!("{HA_CF}{pings}respawn hacluster /usr/libexec/heartbeat/ipfail\n");
    let told = |plan: &Plan| lines(plan).join(", ");
    let kept = |plan: &Plan| {
        let number = |ping: &PingPlan| ping.before.map(|before| before.0);
        let numbers = plan.next.pings.iter().map(|(_, number)| *number);
        (plan.pings.iter().map(number).collect::<Vec<_>>(), numbers.collect::<Vec<_>>())
    };
    let on = "the rule of ipfail is true from now on, was false";
    let none = plan(&in_force, &with(""), HARESOURCES, &snapshot);
    assert_eq!(told(&none), "Settings changed that have no line of their own: in force from now on.");
    let first = plan(&none.next, &with("ping 10.0.0.254\n"), HARESOURCES, &snapshot);
    assert_eq!(told(&first), format!("{on}, ping 10.0.0.254 added"));
    assert_eq!(kept(&first), (vec![None], vec![0]));
    let reconfiguration = mapping::reconfiguration(&first);
    assert!(reconfiguration.ipfail);
    assert_eq!(reconfiguration.hops, mapping::reconfiguration(&none).hops + 1);
    let more = with("ping_group gates 10.0.0.1 10.0.0.2\nping 10.0.0.254\nping6 fd00::fe\n");
    let second = plan(&first.next, &more, HARESOURCES, &snapshot);
    assert_eq!(told(&second), "ping_group gates 10.0.0.1 10.0.0.2 added, ping6 fd00::fe added");
    assert_eq!(kept(&second), (vec![None, Some(0), None], vec![1, 0, 2]));
    assert!(plan(&second.next, &more, HARESOURCES, &snapshot).is_empty());
    let other = with("ping_group gates 10.0.0.1 10.0.0.3\nping 10.0.0.254\nping6 fd00::fe\n");
    let third = plan(&second.next, &other, HARESOURCES, &snapshot);
    let changed = "ping_group gates 10.0.0.1 10.0.0.2 gone, ping_group gates 10.0.0.1 10.0.0.3 added";
    assert_eq!(told(&third), changed);
    // Its number is free only when what goes is closed.
    assert_eq!(kept(&third), (vec![None, Some(1), Some(2)], vec![3, 0, 2]));
    let mut moved = third.next.clone();
    moved.pings[1].0.hosts = vec![[10, 0, 0, 253].into()];
    let renamed = plan(&moved, &other, HARESOURCES, &snapshot);
    assert_eq!(told(&renamed), "ping 10.0.0.254 is asked at another address from now on");
    let turned = with("ping6 fd00::fe\nping_group gates 10.0.0.1 10.0.0.3\nping 10.0.0.254\n");
    let turned = plan(&third.next, &turned, HARESOURCES, &snapshot);
    assert_eq!(told(&turned), "ping nodes stand in another order");
    assert_eq!(kept(&turned), (vec![Some(2), Some(0), Some(1)], vec![2, 3, 0]));
    let last = plan(&turned.next, &with(""), HARESOURCES, &snapshot);
    let off = "the rule of ipfail is false from now on, was true";
    let gone = "ping6 fd00::fe gone, ping_group gates 10.0.0.1 10.0.0.3 gone, ping 10.0.0.254 gone";
    assert_eq!(told(&last), format!("{off}, {gone}"));
    for plan in [none, first, second, third, turned, last] {
        assert!(plan.next.waiting.is_empty());
    }
}

#[test]
fn a_list_of_ping_members_is_what_is_asked_and_not_the_order() {
    let of = |pings: &str| files_digest::of_pings(&checked(&format!("{HA_CF}{pings}"), HARESOURCES));
    let files = |pings: &str| files_digest::of(&checked(&format!("{HA_CF}{pings}"), HARESOURCES));
    for (one, other, is_alike) in [
        ("ping 10.0.0.1 10.0.0.2\n", "ping 10.0.0.2\nping 10.0.0.1\n", true),
        ("ping_group a 10.0.0.1 10.0.0.2\n", "ping_group a 10.0.0.2 10.0.0.1\n", true),
        ("ping_group a 10.0.0.1 10.0.0.2\n", "ping_group a 10.0.0.1 10.0.0.3\n", false),
        ("ping_group a 10.0.0.1\n", "ping_group b 10.0.0.1\n", false),
        ("ping_group 10.0.0.1 10.0.0.1\n", "ping 10.0.0.1\n", false),
        ("ping 10.0.0.1\n", "", false),
    ] {
        assert_eq!(of(one) == of(other), is_alike, "{one}{other}");
        assert_eq!(files(one) == files(other), is_alike, "{one}{other}");
    }
}

#[test]
fn each_file_has_its_own_digest() {
    let number = |digest: &str, index: usize| digest.split(' ').nth(index).unwrap().to_owned();
    let ours = in_force().digest;
    let other_time = files_digest::of(&checked(&HA_CF.replace("deadtime 1\n", "deadtime 2\n"), HARESOURCES));
    let other_group = files_digest::of(&checked(HA_CF, &HARESOURCES.replace("www", "ftp")));
    let other_log = files_digest::of(&checked(&HA_CF.replace("ha-log", "log"), &format!("#\n{HARESOURCES}")));
    assert_eq!(files_digest::differing(&ours, &other_time), ["ha.cf"]);
    assert_eq!(files_digest::differing(&ours, &other_group), ["haresources"]);
    assert_eq!(ours, other_log);
    assert_eq!(number(&ours, 0).len(), 8);
    let open = |nodes: &str| {
        let ha_cf = HA_CF.replace("node cc1 cc2", &format!("autojoin other\nnode {nodes}"));
        files_digest::of(&checked(&ha_cf, ""))
    };
    assert_eq!(open("cc1 cc2"), open("cc1"), "who has joined is no difference of the files");
}
