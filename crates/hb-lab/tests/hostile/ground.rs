//! The ground under the node gives way: its state directory, its pid file, its guard process.

use std::time::{Duration, Instant};

use hb_lab::Signal;
use rustix::fs::{CWD, Mode, mkfifoat};
use tokio::time::sleep;

use crate::scene::{LIMIT, STDERR, Scene, files, program};

#[tokio::test]
async fn a_read_only_state_directory_and_a_pid_file_full_of_garbage() {
    let mut scene = Scene::pair().await;
    let before = scene.begin().await;
    scene.shell("mount -o remount,bind,ro /var/lib/heartbeat").await;
    scene.shell("head -c 100000 /dev/urandom > /run/heartbeat.pid").await;
    sleep(Duration::from_secs(1)).await;
    scene.unmoved("read-only state directory", before).await;
    scene.alpha.stop().await.unwrap();
    scene.alpha.stopped(LIMIT).await.unwrap();

    // Without a generation number of its own a run could not be told from the one before: no start, and the reason.
    scene.log = STDERR;
    scene.alpha.start().await.unwrap();
    scene.alpha.stopped(LIMIT).await.unwrap();
    let log = scene.log_of(&scene.alpha);
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("cannot keep the generation number") && last.contains("Read-only"), "{log}");

    scene.shell("mount -o remount,bind,rw /var/lib/heartbeat").await;
    let pid_file = scene.alpha.host().outside("/run/heartbeat.pid").unwrap();
    std::fs::remove_file(&pid_file).unwrap();
    mkfifoat(CWD, &pid_file, Mode::RUSR | Mode::WUSR).unwrap();
    scene.alpha.start().await.unwrap();
    scene.alpha.stopped(LIMIT).await.unwrap();
    let log = scene.log_of(&scene.alpha);
    assert!(log.lines().last().unwrap_or_default().contains("cannot make the pid file"), "{log}");

    std::fs::remove_file(&pid_file).unwrap();
    std::fs::write(&pid_file, vec![0xff; 100_000]).unwrap();
    scene.alpha.start().await.unwrap();
    scene.settles(Duration::from_secs(20)).await;
}

#[tokio::test]
async fn a_killed_and_a_stopped_guard() {
    let mut files = files();
    files.haresources = files.haresources.replace("10.77.0.100/24/eth0", "10.77.0.100/24/eth0 svc");
    let scene = Scene::pair_with(files, async |scene| {
        for node in [&scene.alpha, &scene.beta] {
            std::fs::create_dir_all(node.host().outside("/etc/ha.d/resource.d").unwrap()).unwrap();
            node.host().write("/etc/ha.d/resource.d/svc", SCRIPT, 0o755).unwrap();
        }
    })
    .await;
    let heart = i32::try_from(scene.status(&scene.alpha).await.pid).unwrap();
    let before = scene.begin().await;
    let killed = guard(&scene, heart, 0).await;
    scene.alpha.host().signal(killed, Signal::KILL).await.unwrap();
    let next = guard(&scene, heart, killed).await;
    sleep(Duration::from_millis(500)).await;
    scene.alpha.host().signal(next, Signal::STOP).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    scene.alpha.host().signal(next, Signal::CONT).await.unwrap();
    scene.unmoved("killed and stopped guard", before).await;

    // The new guard knows what runs and stops it.
    scene.alpha.stop().await.unwrap();
    scene.alpha.stopped(LIMIT).await.unwrap();
    assert!(scene.shell("cat /var/log/svc").await.ends_with("stop\n"));
}

/// The process of alpha's guard: not the heart, and not the one before.
async fn guard(scene: &Scene, heart: i32, before: i32) -> i32 {
    let deadline = Instant::now() + LIMIT;
    loop {
        let found = scene.alpha.host().processes(&program("hb-node")).await.unwrap();
        let mut shown = String::new();
        if let Some(guard) = found.into_iter().find(|pid| *pid != heart && *pid != before) {
            // Under the name of the daemon, not by the way to its program.
            shown = scene.shell(&format!("tr '\\0' ' ' < /proc/{guard}/cmdline")).await;
            if shown.starts_with("hb-node guard ") {
                return guard;
            }
        }
        assert!(Instant::now() < deadline, "there is no guard {shown}\n{}", scene.describe().await);
        sleep(Duration::from_millis(10)).await;
    }
}

/// A service that says when it is started and stopped.
const SCRIPT: &str = "#!/bin/sh
case $1 in
start) echo start >> /var/log/svc; touch /run/svc;;
stop) echo stop >> /var/log/svc; rm -f /run/svc;;
status) if test -e /run/svc; then echo running; else echo stopped; exit 3; fi;;
esac
";
