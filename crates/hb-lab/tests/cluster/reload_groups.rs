//! Groups come, change and go while the others run, and each node tells when its files are not those of the other.

use std::time::Duration;

use hb_lab::ClusterFiles;
use tokio::time::{Instant, sleep};

use crate::pair::{Case, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene, files};

stories_of_ours_off![groups_come_and_go, other_files_are_told, another_preferred_node];

async fn groups_come_and_go(case: Case) {
    let who = case.ours();
    let base = files(case);
    let mut scene = Scene::build_with(case, &base, |spec| spec).await;
    for who in Who::BOTH {
        scene.host(who).write("/etc/ha.d/resource.d/told", SCRIPT, 0o755).unwrap();
    }
    scene.start_both().await;
    let with = |line: &str| ClusterFiles {
        haresources: format!("{} {line}\n{}", who.name(), base.haresources),
        ..base.clone()
    };
    let told = async |scene: &Scene, files: &ClusterFiles, expected: &str| {
        files.install(scene.host(who)).unwrap();
        let answer = scene.ctl(who, &["reload"], 0).await;
        assert_eq!(answer.trim_end(), expected, "{case}");
    };
    told(&scene, &with("10.77.0.110/24/eth0 told::one"), "group 10.77.0.110/24/eth0 added").await;
    calls_are(&scene, who, "one status|one start|").await;
    assert!(scene.host(who).holds([10, 77, 0, 110]).await);
    let changed = "group 10.77.0.110/24/eth0 changed: stopped where it runs, then started as it is now";
    told(&scene, &with("10.77.0.110/24/eth0 told::two"), changed).await;
    calls_are(&scene, who, "one status|one start|one stop|two status|two start|").await;
    let removed = "group 10.77.0.110/24/eth0 removed: stopped where it runs";
    told(&scene, &base, removed).await;
    calls_are(&scene, who, "one status|one start|one stop|two status|two start|two stop|").await;
    let gone = async |scene: &Scene| !scene.host(who).holds([10, 77, 0, 110]).await;
    scene.until("its address is gone", LIMIT, gone).await;
    told(&scene, &base, "Configuration unchanged.").await;
    // A group of the other node is that node's business.
    let theirs = ClusterFiles {
        haresources: format!("{}{} 10.77.0.111/24/eth0\n", base.haresources, who.other().name()),
        ..base.clone()
    };
    told(&scene, &theirs, "group 10.77.0.111/24/eth0 added").await;
    scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
    assert!(!scene.host(who).holds([10, 77, 0, 111]).await);
    let moved = scene.holdings.changes().into_iter().filter(|change| !change.held).count();
    assert_eq!(moved, 0, "{case}: another address left its host");
    scene.ends().await;
}

async fn other_files_are_told(case: Case) {
    let who = case.ours();
    let base = files(case);
    let mut scene = Scene::build_with(case, &base, |spec| spec).await;
    scene.start_both().await;
    let both_ours = !case.runs_306(who.other());
    let others = async |scene: &Scene| {
        let status = scene.status(who).await;
        status.nodes.iter().find(|node| node.name == who.other().name()).unwrap().other_files.clone()
    };
    let other_groups = format!("{}{} 10.77.0.111/24/eth0\n", base.haresources, who.other().name());
    let changed = ClusterFiles { haresources: other_groups, ..base.clone().with("deadtime", "2") };
    for (files, differing) in [(&base, vec![]), (&changed, vec!["ha.cf", "haresources"]), (&base, vec![])] {
        files.install(scene.host(who)).unwrap();
        scene.ctl(who, &["reload"], 0).await;
        let differing: Vec<String> = differing.into_iter().map(str::to_owned).collect();
        let expected = both_ours.then_some(differing);
        let told = async |scene: &Scene| others(scene).await == expected;
        scene.until("the status names the files that differ", LIMIT, told).await;
    }
    scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
    if both_ours {
        for who in Who::BOTH {
            let log = scene.node(who).log();
            let warning = "ha.cf and haresources of";
            assert_eq!(log.matches(warning).count(), 1, "{case}: once for each change:\n{log}");
            assert_eq!(log.matches("of this node say the same again.").count(), 1, "{case}:\n{log}");
        }
    }
    scene.ends().await;
}

/// There and back, by either node first: the group stays where it runs, and goes when it is asked to.
async fn another_preferred_node(case: Case) {
    const GROUP: [u8; 4] = [10, 77, 0, 110];
    const KEY: &str = "10.77.0.110/24/eth0";
    let base = files(case);
    let with = |home: Who| ClusterFiles {
        haresources: format!("{}{} {KEY} told::one\n", base.haresources, home.name()),
        ..base.clone()
    };
    let mut scene = Scene::build_with(case, &with(Who::Alpha), |spec| spec).await;
    for who in Who::BOTH {
        scene.host(who).write("/etc/ha.d/resource.d/told", SCRIPT, 0o755).unwrap();
    }
    scene.start_both().await;
    let reload = async |scene: &Scene, who: Who, home: Who| {
        with(home).install(scene.host(who)).unwrap();
        scene.ctl(who, &["reload"], 0).await.trim_end().to_owned()
    };
    if case.pair != Pair::BothOurs {
        let told = reload(&scene, case.ours(), Who::Beta).await;
        let waits =
            "another preferred node, beside a Heartbeat, needs a restart; until then alpha stays in force";
        assert_eq!(told, format!("group {KEY}: {waits}"), "{case}");
        scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
        return scene.ends().await;
    }
    let is_on = async |scene: &Scene, who: Who| {
        let here = scene.host(who).holds(GROUP).await;
        let there = scene.host(who.other()).holds(GROUP).await;
        // It may have moved between the two looks.
        let here = here && (!there || scene.host(who).holds(GROUP).await);
        assert!(!(here && there), "{case}: it is on both");
        here
    };
    let homes =
        [(Who::Alpha, Who::Beta), (Who::Beta, Who::Alpha), (Who::Alpha, Who::Beta), (Who::Beta, Who::Alpha)];
    let firsts = [Who::Alpha, Who::Alpha, Who::Beta, Who::Beta];
    for ((before, after), first) in homes.into_iter().zip(firsts) {
        let started = calls(&scene).len();
        for who in [first, first.other()] {
            let told = reload(&scene, who, after).await;
            let change = format!("preferred node is {} from now on, was {}", after.name(), before.name());
            assert_eq!(told, format!("group {KEY}: {change}"), "{case}");
            // Longer than a few heartbeats: one node may know it for long before the other one.
            let until = Instant::now() + Duration::from_secs(2);
            while Instant::now() < until {
                assert!(is_on(&scene, before).await, "{case}: it left {}", before.name());
                sleep(Duration::from_millis(50)).await;
            }
        }
        assert_eq!(calls(&scene).len(), started, "{case}: no script ran");
        let is_lent = async |scene: &Scene| {
            let group = scene.status(after).await.groups.into_iter().find(|group| group.key == KEY);
            group.is_some_and(|group| group.lent && group.home.as_deref() == Some(after.name()))
        };
        scene.until("the status tells that it is lent", LIMIT, is_lent).await;
        scene.ctl(after, &["takeover", KEY, "--wait", "20"], 0).await;
        scene.until("it is at home", LIMIT, async |scene: &Scene| is_on(scene, after).await).await;
    }
    scene.reaches("everything else stays", Holds::Local, Holds::Local).await;
    let moved = scene.holdings.changes().into_iter().filter(|change| !change.held).count();
    assert_eq!(moved, 0, "{case}: another address left its host");
    scene.ends().await;
}

/// What the script was told, on both hosts.
fn calls(scene: &Scene) -> Vec<String> {
    let read = |who| scene.host(who).read("/var/log/told").unwrap_or_default();
    Who::BOTH.into_iter().flat_map(|who| read(who).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

async fn calls_are(scene: &Scene, who: Who, expected: &str) {
    let calls = |scene: &Scene| scene.host(who).read("/var/log/told").unwrap_or_default();
    let are = async |scene: &Scene| calls(scene).replace('\n', "|") == expected;
    scene.until(expected, LIMIT, are).await;
}

const SCRIPT: &str = "#!/bin/sh\necho \"$*\" >>/var/log/told\ncase $2 in\nstart) touch /var/run/told.$1 ;;\nstop) rm -f /var/run/told.$1 ;;\nstatus) if [ -e /var/run/told.$1 ]; then echo running; else echo stopped; exit 3; fi ;;\nesac\n";
