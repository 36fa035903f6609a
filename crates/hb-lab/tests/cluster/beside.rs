//! Programs beside the node: `respawn` and `failfast` (`failover.md` 8.4).

use hb_lab::ClusterFiles;

use crate::pair::{Case, Failback, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene, files};

stories_off![programs_of_respawn_lines];

async fn programs_of_respawn_lines(case: Case) {
    let lines = "respawn hacluster /etc/ha.d/beside one\nrespawn nobody /etc/ha.d/beside \"t w o\"\n\
                 respawn root /etc/ha.d/beside once\n";
    let mut scene = stage(case, lines).await;
    scene.befalls("respawn");
    scene.start_both().await;
    let begun = ["once root", "one hacluster", "t w o nobody"];
    for who in Who::BOTH {
        scene
            .until("all programs run", LIMIT, async |scene| {
                let told = told(scene, who);
                begun.iter().all(|line| told.contains(&format!("{line} {}", who.name())))
            })
            .await;
    }
    // It is killed, and comes again; what asked for that is not run again.
    kill(&scene, Who::Alpha, "t w o").await;
    let both_runs = |scene: &Scene| told(scene, Who::Alpha).matches("t w o nobody").count() == 2;
    scene.until("it runs again", LIMIT, async |scene| both_runs(scene)).await;
    assert_eq!(told(&scene, Who::Alpha).matches("once root").count(), 1);
    // After the resources, the last one first.
    scene.stop(Who::Alpha).await;
    scene.reaches("stop", Holds::Off, Holds::All).await;
    let told = told(&scene, Who::Alpha);
    let ends: Vec<_> = told.lines().filter(|line| line.contains(" ends")).collect();
    assert_eq!(ends, ["t w o ends, addresses: 0", "one ends, addresses: 0"], "{case}: {told}");
    scene.ends().await;
}

/// 3.0.6 resets the machine.
#[tokio::test]
async fn a_node_leaves_when_a_failfast_program_fails() {
    let case = Case::new("a_node_leaves_when_a_failfast_program_fails", Pair::BothOurs, Failback::Off);
    let mut scene = stage(case, "failfast nobody /etc/ha.d/beside vital\n").await;
    scene.start_both().await;
    scene.until("it runs", LIMIT, async |scene| told(scene, Who::Alpha).contains("vital nobody")).await;
    scene.befalls("stop");
    kill(&scene, Who::Alpha, "vital").await;
    scene.reaches("the node leaves", Holds::Off, Holds::All).await;
    scene.node(Who::Alpha).stopped(LIMIT).await.unwrap();
    let log = scene.node(Who::Alpha).log();
    assert!(log.contains("Heartbeat shutdown complete"), "{log}");
    scene.ends().await;
}

/// Hosts with the script, and these lines in `ha.cf`.
async fn stage(case: Case, lines: &str) -> Scene {
    let files = files(case);
    let files = ClusterFiles { ha_cf: files.ha_cf.clone() + lines, ..files };
    let scene = Scene::build_with(case, &files, |spec| spec).await;
    for who in Who::BOTH {
        scene.host(who).write("/etc/ha.d/beside", SCRIPT, 0o755).unwrap();
        scene.host(who).write(TOLD, "", 0o666).unwrap();
    }
    scene
}

fn told(scene: &Scene, who: Who) -> String {
    scene.host(who).read(TOLD).unwrap()
}

/// Kills a program by the number that it told last.
async fn kill(scene: &Scene, who: Who, name: &str) {
    let told = told(scene, who);
    let line = told.lines().rfind(|line| line.starts_with(&format!("{name} "))).unwrap();
    let number = line.split(' ').next_back().unwrap();
    let output = scene.host(who).run(&["kill", "-KILL", number], LIMIT).await.unwrap();
    assert!(output.succeeded(), "{output:?}");
}

const TOLD: &str = "/var/log/beside";

/// Tells who it is when it begins, and how many floating addresses are there when it is told to end.
const SCRIPT: &str = r#"#!/bin/sh
count() { ip -4 -o address show | grep -c '10\.77\.0\.10[01]/'; }
trap 'echo "$1 ends, addresses: $(count)" >> /var/log/beside; exit 0' TERM
echo "$1 $(id -un) $HA_CURHOST $$" >> /var/log/beside
[ "$1" = once ] && exit 100
while :; do sleep 0.05; done
"#;
