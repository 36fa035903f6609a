//! A reload every 100 ms, with good files in turn and a bad one among them: heartbeats go on in their rhythm, no address
//! moves, no script runs.
//!
//! 15 seconds; as long as `HB_RELOAD_SECONDS` says if that is set.

use std::fmt::Write as _;
use std::time::Duration;

use hb_lab::{ClusterFiles, Signal};
use tokio::time::{Instant, sleep_until};

use crate::capture::{Capture, Packet};
use crate::pair::{Case, Who};
use crate::scene::{Holds, LIMIT, Scene, files};

stories_of_ours_off![reloads_disturb_nobody];

async fn reloads_disturb_nobody(case: Case) {
    let who = case.ours();
    let mut base = files(case);
    base.haresources = format!(
        "alpha 10.77.0.100/24/eth0 told\nbeta 10.77.0.101/24/eth0 told\n{} 10.77.0.103/24/eth0\n",
        who.other().name()
    );
    let mut scene = Scene::build_with(case, &base, |spec| spec).await;
    for who in Who::BOTH {
        scene.host(who).write("/etc/ha.d/resource.d/told", SCRIPT, 0o755).unwrap();
    }
    let capture = Capture::begin(&mut scene.lab, &base.authkeys).await;
    scene.start_both().await;
    let pid = i32::try_from(scene.status(who).await.pid).unwrap();
    let mut monitors = Vec::new();
    for who in Who::BOTH {
        let argv = ["ip", "-o", "-4", "monitor", "address"];
        monitors.push(scene.host(who).spawn(&argv, &[], EVENTS, EVENTS).await.unwrap());
    }
    let before = Who::BOTH.map(|who| calls(&scene, who));
    let logged = [who, who.other()].map(|who| scene.node(who).log().len());
    let turns = variants(case, &base);
    let (begun, time) = (Instant::now(), duration());
    let mut turn = 0_u32;
    while begun.elapsed() < time {
        turns[turn as usize % turns.len()].install(scene.host(who)).unwrap();
        scene.host(who).signal(pid, Signal::HUP).await.unwrap();
        turn += 1;
        sleep_until(begun + EVERY * turn).await;
    }
    base.install(scene.host(who)).unwrap();
    scene.host(who).signal(pid, Signal::HUP).await.unwrap();
    let keeps = base.time("keepalive").unwrap();
    let is_back = async |scene: &Scene| {
        let status = scene.status(who).await;
        status.media.len() == 1
            && status.groups.len() == 3
            && status.nodes.iter().all(|node| node.deadtime_ms == 1000)
    };
    scene.until("the first files are in force again", LIMIT, is_back).await;
    scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
    for who in Who::BOTH {
        assert_eq!(scene.host(who).read(EVENTS).unwrap(), "", "{case}: address events on {}", who.name());
        assert_eq!(calls(&scene, who), before[who.index()], "{case}: scripts ran on {}", who.name());
    }
    let log = scene.node(who).log().split_off(logged[0]);
    let read = log.matches("Reading the configuration again.").count();
    let refused = log.matches("Config errors: the old configuration stays in force.").count();
    assert!(
        read >= turn as usize / 4 && refused > 0 && refused < read / 2,
        "{case}: {read} read, {refused} refused"
    );
    let other = scene.node(who.other()).log().split_off(logged[1]);
    for bad in ["Late heartbeat", "is dead", "dead.", "Heartbeat restart"] {
        assert!(!other.contains(bad), "{case}: {bad}:\n{other}");
    }
    let packets = capture.end().await;
    let gap = longest_gap(&packets, who, time);
    println!(
        "{case}: {turn} signals, {read} readings, {refused} refused, longest gap {:.1} ms",
        gap * 1000.0
    );
    assert!(gap <= 2.0 * keeps.as_secs_f64(), "{case}: a gap of {gap} s");
    scene.ends().await;
}

/// Good files that differ in everything that is taken over, and bad ones.
fn variants(case: Case, base: &ClusterFiles) -> Vec<ClusterFiles> {
    let who = case.ours();
    let peer = if who == Who::Alpha { "10.77.0.2" } else { "10.77.0.1" };
    let mut times =
        base.clone().with("keepalive", "150ms").with("deadtime", "1200ms").with("warntime", "450ms");
    times = times.with("auto_failback", "on").with("debug", "1").with("log_badpack", "off");
    writeln!(times.ha_cf, "ping_group hosts 10.77.0.1 10.77.0.2").unwrap();
    let mut more = base.clone();
    writeln!(more.ha_cf, "ucast eth0 {peer}\nping {peer}\nping_group hosts 10.77.0.1 10.77.0.2").unwrap();
    more.haresources = more.haresources.replace("10.77.0.103", "10.77.0.104");
    let mut legacy = base.clone().with("auto_failback", "legacy").with("logfile", "/var/log/ha-log2");
    writeln!(legacy.haresources, "{} 10.77.0.105/24/eth0 told", who.other().name()).unwrap();
    let mut bad = times.clone();
    bad.ha_cf.push_str("logacility local0\n");
    vec![base.clone(), times.clone(), more, legacy, bad, times]
}

/// The longest time between two heartbeats of a node in the last part of a recording.
fn longest_gap(packets: &[Packet], who: Who, time: Duration) -> f64 {
    let beats = packets.iter().filter(|packet| packet.kind == "status" && packet.field("src") == who.name());
    let times: Vec<f64> = beats.map(|packet| packet.time).collect();
    let since = times.last().unwrap() - time.as_secs_f64() - 1.0;
    let late: Vec<f64> = times.into_iter().filter(|time| *time > since).collect();
    assert!(late.len() > 20, "{}", late.len());
    late.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
}

fn calls(scene: &Scene, who: Who) -> String {
    scene.host(who).read("/var/log/told").unwrap_or_default()
}

fn duration() -> Duration {
    let seconds =
        std::env::var("HB_RELOAD_SECONDS").map(|text| text.parse().expect("HB_RELOAD_SECONDS is a number"));
    Duration::from_secs(seconds.unwrap_or(15))
}

const EVERY: Duration = Duration::from_millis(100);
const EVENTS: &str = "/var/log/address-events";
const SCRIPT: &str = "#!/bin/sh\necho \"$*\" >>/var/log/told\ncase $1 in\nstart) touch /var/run/told.up ;;\nstop) rm -f /var/run/told.up ;;\nstatus) if [ -e /var/run/told.up ]; then echo running; else echo stopped; exit 3; fi ;;\nesac\n";
