//! SIGHUP: bad files change nothing and are told with their places; new keys are in force at once.

use std::time::Duration;

use hb_lab::{ClusterFiles, Signal};
use tokio::time::sleep;

use crate::capture::Capture;
use crate::pair::{Case, Failback, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene, files};

#[tokio::test]
async fn bad_files_change_nothing() {
    let case = Case::new("bad_files_change_nothing", Pair::BothOurs, Failback::On);
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    let good = files(case);
    let before = scene.status(Who::Alpha).await;
    for (mode, place, change) in BAD {
        let mut bad = good.clone();
        change(&mut bad);
        bad.install(scene.host(Who::Alpha)).unwrap();
        scene.host(Who::Alpha).write("/etc/ha.d/authkeys", &bad.authkeys, mode).unwrap();
        let log = reload(&scene, "Config errors: the old configuration stays in force.").await;
        assert!(log.contains(place), "{place} is not told:\n{log}");
    }
    good.install(scene.host(Who::Alpha)).unwrap();
    reload(&scene, "Configuration unchanged.").await;
    scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
    let after = scene.status(Who::Alpha).await;
    assert_eq!((after.pid, after.generation), (before.pid, before.generation));
    let log = scene.node(Who::Beta).log();
    assert!(!log.contains("Late heartbeat") && !log.contains("Heartbeat restart"), "{log}");
    scene.ends().await;
}

/// Mode of `authkeys`, what the log must show, and what is wrong.
type Bad = (u32, &'static str, fn(&mut ClusterFiles));

const BAD: [Bad; 4] = [
    (0o600, "ERROR: ha.cf:1:1: ", |files| files.ha_cf.insert_str(0, "logacility local0\n")),
    (0o600, "ERROR: haresources:1:1: ", |files| files.haresources.insert_str(0, "gamma 10.77.0.102\n")),
    (0o600, "ERROR: authkeys:2:3: ", |files| files.authkeys = "auth 1\n1 sha256 secret\n".to_owned()),
    (0o644, "ERROR: authkeys", |_| {}),
];

/// Lets alpha read its files again; what it has logged up to the line that ends it.
async fn reload(scene: &Scene, end: &str) -> String {
    let read = scene.node(Who::Alpha).log().len();
    hang_up(scene, Who::Alpha).await;
    let fresh = |scene: &Scene| scene.node(Who::Alpha).log().split_off(read);
    scene.until(end, Duration::from_secs(5), async |scene| fresh(scene).contains(end)).await;
    fresh(scene)
}

pub(crate) async fn hang_up(scene: &Scene, who: Who) {
    let pid = if scene.case.runs_306(who) {
        scene.host(who).read("/run/heartbeat.pid").unwrap().trim().parse().unwrap()
    } else {
        i32::try_from(scene.status(who).await.pid).unwrap()
    };
    scene.host(who).signal(pid, Signal::HUP).await.unwrap();
}

#[tokio::test]
async fn another_method_for_the_same_key_is_in_force_at_once() {
    let case = Case::new("another_method", Pair::BothOurs, Failback::Off);
    // Time enough to change one after the other.
    let files = files(case).with("deadtime", "5").with("initdead", "6");
    let mut scene = Scene::build_with(case, &files, |spec| spec).await;
    scene.start_both().await;
    let other = files.authkeys.replace("sha1", "md5");
    assert_ne!(other, files.authkeys);
    for who in Who::BOTH {
        scene.host(who).write("/etc/ha.d/authkeys", &other, 0o600).unwrap();
    }
    hang_up(&scene, Who::Alpha).await;
    let refuses = async |scene: &Scene| refused(scene, Who::Beta).await > 0;
    scene.until("beta refuses the other method", Duration::from_secs(1), refuses).await;
    hang_up(&scene, Who::Beta).await;
    let heard = async |scene: &Scene| {
        let status = scene.status(Who::Beta).await;
        let alpha = status.nodes.iter().find(|node| node.name == "alpha").unwrap();
        alpha.silence_ms.is_some_and(|silence| silence < 150)
    };
    scene.until("beta hears alpha again", Duration::from_secs(1), heard).await;
    let (of_alpha, of_beta) = (refused(&scene, Who::Alpha).await, refused(&scene, Who::Beta).await);
    scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
    assert_eq!(refused(&scene, Who::Alpha).await, of_alpha);
    assert_eq!(refused(&scene, Who::Beta).await, of_beta);
    assert!(!scene.node(Who::Beta).log().contains("is dead"));
    scene.ends().await;
}

/// `/dev/null` takes kicks like a device whose driver says nothing.
#[tokio::test]
async fn a_watchdog_comes_and_goes_by_reload() {
    let case = Case::new("watchdog_by_reload", Pair::BothOurs, Failback::On);
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    let before = files(case);
    let with = |device: &str| format!("watchdog {device}\n{}", before.ha_cf);
    let write = |scene: &Scene, text: &str| {
        scene.host(Who::Alpha).write("/etc/ha.d/ha.cf", text, 0o644).unwrap();
    };
    write(&scene, &with("/dev/null"));
    reload(&scene, "watchdog is /dev/null from now on, was none").await;
    assert!(armed(&scene).await);
    write(&scene, &with("/dev/missing"));
    let log = reload(&scene, "Config errors: the old configuration stays in force.").await;
    assert!(log.contains("Cannot open watchdog device: /dev/missing does not exist"), "{log}");
    assert!(armed(&scene).await, "the old one stays");
    write(&scene, &before.ha_cf);
    let log = reload(&scene, "watchdog is none from now on, was /dev/null").await;
    let disarmed = "is disarmed: ha.cf names none any more.";
    let told = async |scene: &Scene| scene.node(Who::Alpha).log().contains(disarmed);
    scene.until("the device is stopped", LIMIT, told).await;
    assert!(!armed(&scene).await, "{log}");
    scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
    assert!(!scene.node(Who::Beta).log().contains("is dead"));
    scene.ends().await;
}

/// The real-time class and locked memory go and come at once, with another priority too; what is started stays ordinary.
#[tokio::test]
async fn realtime_goes_and_comes_by_reload() {
    let case = Case::new("realtime_by_reload", Pair::BothOurs, Failback::On);
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    let good = files(case);
    let status = scene.status(Who::Alpha).await;
    assert_eq!(status.scheduling.realtime, is_fifo(&surroundings(&scene).await), "{status:?}");
    if !status.scheduling.realtime {
        let problem = status.scheduling.problem.expect("why not");
        assert!(problem.contains("no real-time class"), "{problem}");
        println!("real time is refused here ({problem}): only that a reload survives that is tried");
    }
    let is_granted = status.scheduling.realtime;
    let write = |scene: &Scene, more: &str| {
        scene.host(Who::Alpha).write("/etc/ha.d/ha.cf", &format!("{more}{}", good.ha_cf), 0o644).unwrap();
    };
    for (more, told, priority) in [
        ("realtime off\n", "realtime is false from now on, was true", None),
        ("rtprio 7\n", "rtprio is 7 from now on, was none", Some(7)),
        ("rtprio 9\n", "rtprio is 9 from now on, was 7", Some(9)),
        ("", "rtprio is none from now on, was 9", Some(1)),
        ("realtime off\n", "realtime is false from now on, was true", None),
    ] {
        write(&scene, more);
        reload(&scene, told).await;
        let status = scene.status(Who::Alpha).await;
        let wanted = priority.filter(|_| is_granted);
        assert_eq!(status.scheduling.realtime, wanted.is_some(), "{told}: {status:?}");
        assert_eq!(
            status.scheduling.problem.is_some(),
            priority.is_some() && !is_complete(&status),
            "{told}"
        );
        let threads = surroundings(&scene).await;
        let of = |name: &str| {
            threads.iter().find(|thread| thread.0 == name).map(|(_, policy, priority)| (*policy, *priority))
        };
        // `SCHED_FIFO`, or `SCHED_OTHER`.
        let class = wanted.map_or((0, 0), |priority| (1, priority));
        let ordinary = Some((0, 0));
        assert_eq!((of("hb-heart"), of("hb-actuator")), (Some(class), Some(class)), "{told}: {threads:?}");
        assert_eq!((of("hb-guard"), of("hb-media")), (ordinary, ordinary), "{told}: {threads:?}");
        assert_eq!(locked_kib(&scene).await > 0, status.scheduling.memory_locked, "{told}");
        assert!(priority.is_some() || !status.scheduling.memory_locked, "{told}");
    }
    scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
    assert!(!scene.node(Who::Beta).log().contains("is dead"));
    scene.ends().await;
}

/// All that was asked for.
fn is_complete(status: &hb_client::Status) -> bool {
    status.scheduling.realtime && status.scheduling.memory_locked
}

fn is_fifo(threads: &[(String, u32, u32)]) -> bool {
    threads.contains(&("hb-heart".to_owned(), 1, 1))
}

/// Name, policy and real-time priority of each thread of alpha's processes: fields 2, 41 and 40 of `stat` (`proc(5)`).
async fn surroundings(scene: &Scene) -> Vec<(String, u32, u32)> {
    let text = shown(scene, "cat /proc/[0-9]*/task/*/stat").await;
    let thread = |line: &str| {
        let (name, rest) = line.split_once('(')?.1.rsplit_once(") ")?;
        let mut fields = rest.split(' ').skip(37).map_while(|field| field.parse().ok());
        let (priority, policy) = (fields.next()?, fields.next()?);
        Some((name.to_owned(), policy, priority))
    };
    text.lines().filter_map(thread).collect()
}

/// `VmLck` of alpha's daemon.
async fn locked_kib(scene: &Scene) -> u64 {
    let pid = scene.status(Who::Alpha).await.pid;
    let text = shown(scene, &format!("grep ^VmLck: /proc/{pid}/status")).await;
    text.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn shown(scene: &Scene, script: &str) -> String {
    // Threads come and go meanwhile: what it says counts, not whether all could be read.
    scene.host(Who::Alpha).run(&["/bin/sh", "-c", script], LIMIT).await.unwrap().stdout
}

/// Whether alpha's status says that the device runs.
async fn armed(scene: &Scene) -> bool {
    scene
        .status(Who::Alpha)
        .await
        .protection
        .iter()
        .any(|line| line.contains("watchdog /dev/null") && line.contains("is armed"))
}

async fn refused(scene: &Scene, who: Who) -> u64 {
    scene.status(who).await.media.iter().flat_map(|medium| medium.refused.values()).sum()
}

stories_off![reload_moves_nothing];
stories_of_ours_off![keys_are_rolled];

/// First both know the new key, then one after the other signs with it, then both forget the old one: nobody is late.
///
/// 3.0.6 takes the key of its own active line for whatever line a packet names (`wire.md` 3.5), so ours signs with the
/// line that the peer uses as long as the two differ; here for longer than a dead time.
async fn keys_are_rolled(case: Case) {
    let mut files = files(case);
    let old = files.authkeys.clone();
    let (both, switched) = (old.clone() + SECOND, old.replace("auth 1", "auth 2") + SECOND);
    let dropped = format!("auth 2\n{SECOND}");
    files.authkeys.clone_from(&old);
    let mut scene = Scene::build_with(case, &files, |spec| spec).await;
    scene.befalls("keys");
    let capture = Capture::begin(&mut scene.lab, &both).await;
    scene.start_both().await;
    let ours_first = [case.ours(), case.ours().other()];
    for (round, (keys, order)) in
        [(&both, ours_first), (&switched, ours_first), (&dropped, ours_first)].into_iter().enumerate()
    {
        // 3.0.6 goes by the time of the file, in whole seconds.
        sleep(Duration::from_millis(1100)).await;
        for who in order {
            scene.host(who).write("/etc/ha.d/authkeys", keys, 0o600).unwrap();
            hang_up(&scene, who).await;
            let told = async |scene: &Scene| {
                let log = scene.node(who).log();
                log.matches("Rereading authentication file.").count() > round
            };
            scene.until("the keys are read", Duration::from_secs(5), told).await;
            scene.stays(Duration::from_millis(1500), Holds::Local, Holds::Local).await;
        }
    }
    for who in Who::BOTH {
        let packets = capture.packets();
        let last = packets.iter().rfind(|packet| packet.field("src") == who.name());
        assert_eq!(last.and_then(|packet| packet.key), Some(2), "{case}: {}", who.name());
        let log = scene.node(who).log();
        let late: Vec<_> = log.lines().filter(|line| line.contains("Late heartbeat")).collect();
        // A 3.0.6 that reads new keys is late itself, in the log of either.
        let by_us = |line: &&&str| !case.runs_306(who) || line.contains(case.ours().name());
        assert!(late.iter().filter(by_us).count() == 0, "{case}: {}: {late:#?}", who.name());
    }
    scene.ends().await;
}

/// A changed `ha.cf` on one node and then on the other: 3.0.6 starts itself anew and keeps its resources (`failover.md` 9.3).
async fn reload_moves_nothing(case: Case) {
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    for who in Who::BOTH {
        let text = scene.host(who).read("/etc/ha.d/ha.cf").unwrap();
        // 3.0.6 goes by the time of the file, in whole seconds.
        sleep(Duration::from_millis(1100)).await;
        scene.host(who).write("/etc/ha.d/ha.cf", &format!("{text}debug 1\n"), 0o644).unwrap();
        scene.befalls("reload");
        scene.holdings.act(format!("reload {}", who.name()));
        let active = "Local status now set to: 'active'";
        let end = if case.runs_306(who) { active } else { "Reading the configuration again." };
        let count = |scene: &Scene| scene.node(who).log().matches(end).count();
        let before = count(&scene);
        let (moved, logged) = (scene.holdings.changes().len(), scene.node(who.other()).log().len());
        hang_up(&scene, who).await;
        scene.until("it is read", LIMIT, async |scene| count(scene) > before).await;
        scene.reaches("both are well", Holds::Local, Holds::Local).await;
        scene.stays(Duration::from_secs(2), Holds::Local, Holds::Local).await;
        assert_eq!(scene.holdings.changes().len(), moved, "{case}: {}", scene.holdings.story());
        let log = scene.node(who.other()).log().split_off(logged);
        assert!(!log.contains("is dead"), "{case}: {log}");
        assert_eq!(log.contains("Heartbeat restart on node"), case.runs_306(who), "{case}: {log}");
    }
    scene.ends().await;
}

const SECOND: &str = "2 md5 another-secret-that-comes-into-force-now\n";
