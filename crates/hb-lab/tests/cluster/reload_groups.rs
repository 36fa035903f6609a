//! Groups come, change and go while the others run, and each node tells when its files are not those of the other.

use std::time::Duration;

use hb_lab::ClusterFiles;

use crate::pair::{Case, Who};
use crate::scene::{Holds, LIMIT, Scene, files};

stories_of_ours_off![groups_come_and_go, other_files_are_told];

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

async fn calls_are(scene: &Scene, who: Who, expected: &str) {
    let calls = |scene: &Scene| scene.host(who).read("/var/log/told").unwrap_or_default();
    let are = async |scene: &Scene| calls(scene).replace('\n', "|") == expected;
    scene.until(expected, LIMIT, are).await;
}

const SCRIPT: &str = "#!/bin/sh\necho \"$*\" >>/var/log/told\ncase $2 in\nstart) touch /var/run/told.$1 ;;\nstop) rm -f /var/run/told.$1 ;;\nstatus) if [ -e /var/run/told.$1 ]; then echo running; else echo stopped; exit 3; fi ;;\nesac\n";
