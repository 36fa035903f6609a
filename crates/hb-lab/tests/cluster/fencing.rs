//! A dead node is reset before anything of it is taken (`failover.md` 6): by cluster-glue's `stonith`, by a fence agent, or by
//! hand. The device is a fake that records what it is asked: a plugin of cluster-glue, which 3.0.6 and ours reach through the
//! real library and the real program, each by its own.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::pair::{Case, Failback, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene, files};

stories_off![reset_fails_then_works];

mod reset_works {
    stories! { @test reset_works
        alpha_is_306: AlphaIs306 Off, both_306: Both306 Off,
        both_ours_slow: BothOurs Off, beta_is_306_slow: BetaIs306 Off,
    }
}

mod device_is_gone {
    stories! { @test device_is_gone
        both_ours: BothOurs Off, both_306: Both306 Off,
        beta_is_306_slow: BetaIs306 Off, alpha_is_306_slow: AlphaIs306 Off,
    }
}

mod no_reset_after_a_stop {
    stories! { @test no_reset_after_a_stop
        both_ours: BothOurs Off, both_306: Both306 Off,
        beta_is_306_slow: BetaIs306 Off, alpha_is_306_slow: AlphaIs306 Off,
    }
}

mod fence_agent_fails_then_works {
    stories! { @test fence_agent_fails_then_works both_ours: BothOurs Off, beta_is_306: BetaIs306 Off, }
}

stories_off![meatclient_confirms];

async fn reset_fails_then_works(case: Case) {
    fails_then_works(build(case, "1").await).await;
}

/// The same by a program that is asked as those of the package fence-agents are.
async fn fence_agent_fails_then_works(case: Case) {
    let mut scene = Scene::build_with(case, &files(case), |spec| spec.private(AGENTS)).await;
    scene.host(Who::Alpha).write(AGENT, FENCE_AGENT, 0o755).unwrap();
    let settings = "[fencing]\nagent = \"fence_lab\"\noptions = [\"plug={node}\", \"ip=10.77.0.7\"]\n";
    scene.host(Who::Alpha).write("/etc/ha.d/hb.toml", settings, 0o600).unwrap();
    scene.host(Who::Alpha).write(CODE, "1", 0o644).unwrap();
    scene.start_both().await;
    fails_then_works(scene).await;
}

/// The device says no at first.
async fn fails_then_works(mut scene: Scene) {
    let case = scene.case;
    scene.crash(Who::Beta).await;
    scene.until("a reset fails", LIMIT, async |scene| resets(scene) == 1).await;
    takes_nothing(&scene, Duration::from_secs(2)).await;
    if !case.runs_306(Who::Alpha) {
        let status = scene.ctl(Who::Alpha, &["status"], 0).await;
        assert!(status.contains("beta is dead and not yet reset ("), "{status}");
    }
    device(&scene, "0");
    scene.reaches("the next one succeeds", Holds::All, Holds::Off).await;
    let asked = resets(&scene);
    assert!(asked >= 2, "{case}: {asked}");
    if !case.runs_306(Who::Alpha) {
        scene.ctl(Who::Alpha, &["fence", "confirm", "beta"], 1).await;
    }
    comes_back(&mut scene, asked).await;
    scene.ends().await;
}

async fn reset_works(case: Case) {
    let mut scene = build(case, "0").await;
    scene.crash(Who::Beta).await;
    scene.reaches("it is reset", Holds::All, Holds::Off).await;
    assert_eq!(resets(&scene), 1, "{case}");
    comes_back(&mut scene, 1).await;
    scene.ends().await;
}

/// Ours is told by a human that the node is off; for 3.0.6 the device has to come back.
async fn device_is_gone(case: Case) {
    let mut scene = build(case, "0").await;
    std::fs::remove_file(scene.host(Who::Alpha).outside(PLUGIN).unwrap()).unwrap();
    scene.crash(Who::Beta).await;
    let told = ["beta not reset", "STONITH of beta failed"];
    let fails = async |scene: &Scene| told.iter().any(|told| scene.node(Who::Alpha).log().contains(told));
    scene.until("the reset fails", LIMIT, fails).await;
    takes_nothing(&scene, Duration::from_secs(2)).await;
    if case.runs_306(Who::Alpha) {
        scene.holdings.act("the device is back".to_owned());
        scene.host(Who::Alpha).write(PLUGIN, DEVICE, 0o755).unwrap();
    } else {
        scene.ctl(Who::Alpha, &["fence", "confirm", "beta"], 0).await;
    }
    scene.reaches("it is off", Holds::All, Holds::Off).await;
    scene.ends().await;
}

async fn no_reset_after_a_stop(case: Case) {
    let mut scene = build(case, "0").await;
    scene.stop(Who::Beta).await;
    scene.reaches("the hand-over", Holds::All, Holds::Off).await;
    scene.stays(Duration::from_secs(2), Holds::All, Holds::Off).await;
    assert_eq!(resets(&scene), 0, "{case}");
    scene.ends().await;
}

/// An agent of hb.toml that is not there, and the human instead.
#[tokio::test]
async fn without_its_agent_a_node_waits_for_a_human() {
    let case = Case::new("without_its_agent_a_node_waits_for_a_human", Pair::BothOurs, Failback::Off);
    let mut scene = Scene::build(case).await;
    let settings = "[fencing]\nagent = \"fence_absent\"\noptions = [\"plug={node}\"]\n";
    scene.host(Who::Alpha).write("/etc/ha.d/hb.toml", settings, 0o600).unwrap();
    scene.start_both().await;
    scene.crash(Who::Beta).await;
    let told = "there is no program fence_absent in the path";
    scene.until("the reset fails", LIMIT, async |scene| scene.node(Who::Alpha).log().contains(told)).await;
    takes_nothing(&scene, Duration::from_secs(1)).await;
    scene.ctl(Who::Alpha, &["fence", "confirm", "beta"], 0).await;
    scene.reaches("a human has seen to it", Holds::All, Holds::Off).await;
    scene.ends().await;
}

/// The real device `meatware`, and a human who has switched the node off and says so by the real `meatclient`.
async fn meatclient_confirms(case: Case) {
    let mut files = files(case);
    files.ha_cf.push_str("stonith_host alpha meatware beta\n");
    let mut scene = Scene::build_with(case, &files, |spec| spec).await;
    scene.befalls("fencing");
    scene.start_both().await;
    let confirm = async |scene: &Scene| {
        let argv = ["meatclient", "-c", "beta"];
        scene.host(Who::Alpha).run_with_input(&argv, "y\n", LIMIT).await.unwrap()
    };
    // Nobody has asked for it.
    assert!(!confirm(&scene).await.succeeded(), "{case}");
    scene.crash(Who::Beta).await;
    let asks = |scene: &Scene| scene.host(Who::Alpha).outside("/run/meatware.beta").unwrap().exists();
    scene.until("a human is asked", LIMIT, async |scene| asks(scene)).await;
    takes_nothing(&scene, Duration::from_secs(2)).await;
    scene.holdings.act("meatclient -c beta".to_owned());
    let told = confirm(&scene).await;
    assert!(told.succeeded(), "{case}: {told:?}");
    scene.reaches("it is off", Holds::All, Holds::Off).await;
    scene.host(Who::Beta).boot().await.unwrap();
    scene.start(Who::Beta).await;
    scene.returns(Who::Beta).await;
    assert!(!asks(&scene), "{case}: it is asked for again");
    scene.ends().await;
}

/// Both are up, and alpha is to reset beta by a device that ends with this code.
async fn build(case: Case, code: &str) -> Scene {
    let mut files = files(case);
    // Beta takes no notice of what is for another host.
    files.ha_cf.push_str("stonith_host alpha external/lab beta\n");
    let mut scene = Scene::build_with(case, &files, |spec| spec.private(PLUGINS)).await;
    scene.befalls("fencing");
    scene.host(Who::Alpha).write(PLUGIN, DEVICE, 0o755).unwrap();
    scene.host(Who::Alpha).write(CODE, code, 0o644).unwrap();
    scene.start_both().await;
    scene
}

/// From now on it ends with this code.
fn device(scene: &Scene, code: &str) {
    scene.holdings.act(format!("the device says {code}"));
    scene.host(Who::Alpha).write(CODE, code, 0o644).unwrap();
}

/// How often beta was to be reset, and nobody else.
fn resets(scene: &Scene) -> usize {
    let asked = scene.host(Who::Alpha).read("/var/log/fence").unwrap_or_default();
    let resets: Vec<_> = asked.lines().filter(|line| line.starts_with("reset")).collect();
    assert!(resets.iter().all(|line| *line == "reset beta"), "{resets:?}");
    resets.len()
}

/// It is back and well, and not reset again.
async fn comes_back(scene: &mut Scene, asked: usize) {
    scene.host(Who::Beta).boot().await.unwrap();
    scene.start(Who::Beta).await;
    scene.returns(Who::Beta).await;
    assert_eq!(resets(scene), asked);
}

/// For this time alpha has its own address, and not that of beta.
async fn takes_nothing(scene: &Scene, time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        assert!(scene.host(Who::Alpha).holds(scene.address(Who::Alpha)).await);
        assert!(!scene.host(Who::Alpha).holds(scene.address(Who::Beta)).await);
        sleep(Duration::from_millis(50)).await;
    }
}

const AGENTS: &str = "/usr/local/sbin";
const AGENT: &str = "/usr/local/sbin/fence_lab";
/// Reads what to do from its standard input, one option a line, as fence agents do.
const FENCE_AGENT: &str = r#"#!/bin/sh
while IFS= read -r line; do
    case $line in
    plug=*) plug=${line#plug=} ;;
    ip=*) ip=${line#ip=} ;;
    action=*) action=${line#action=} ;;
    esac
done
[ "$action $ip" = "reboot 10.77.0.7" ] || exit 1
echo "reset $plug" >> /var/log/fence
exit "$(cat /var/log/code)"
"#;
const PLUGINS: &str = "/usr/lib/stonith/plugins/external";
const PLUGIN: &str = "/usr/lib/stonith/plugins/external/lab";
/// What the device ends with when it is to reset something.
const CODE: &str = "/var/log/code";
/// The interface of `failover.md` 6.3.
const DEVICE: &str = r#"#!/bin/sh
echo "$*" >> /var/log/fence
case $1 in
getconfignames) echo hostlist ;;
gethosts) echo "$hostlist" ;;
getinfo-*) echo lab ;;
reset) exit "$(cat /var/log/code)" ;;
esac
"#;
