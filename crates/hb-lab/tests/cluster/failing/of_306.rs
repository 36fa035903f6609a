//! A script of a 3.0.6 node that fails or hangs (`failover.md` 1.5, 2.3), beside a node of ours and beside another 3.0.6: what it
//! does about it, and that a node of ours beside it does no harm. It knows no limits of time: what hangs is killed by hand.
//!
//! The script is the second resource of a group with an address, so that the matrix shows what becomes of the group.

use std::path::Path;
use std::time::Duration;

use hb_lab::Signal;
use tokio::time::{Instant, sleep};

use super::{SCRIPT, shall};
use crate::pair::{Case, Who};
use crate::scene::{Holds, LIMIT, Scene, files};

/// Beside one of ours in one place at each change, the other pairs with `--slow`.
macro_rules! stories_of_306 {
    ($($story:ident),+ $(,)?) => { $(
        mod $story {
            stories! { @test $story
                alpha_is_306: AlphaIs306 Off, beta_is_306_slow: BetaIs306 Off, both_306: Both306 Off,
            }
        }
    )+ };
}

stories_of_306![start_fails, start_hangs, stop_fails, stop_hangs, status_fails, status_hangs];

/// Nobody serves the group, and both nodes believe that all is well, until an operator moves it.
async fn start_fails(case: Case) {
    let (scene, home) = build(case).await;
    shall(&scene, home, "start", "fails");
    start_both(&scene).await;
    let told = "Giving up resources due to failure of odd";
    scene.until("it gives up", LIMIT, async |scene| scene.node(home).log().contains(told)).await;
    let gone = async |scene: &Scene| are(scene, home, Holds::Nothing, Holds::Local);
    scene.until("the group is down", LIMIT, gone).await;
    for_a_while(&scene, home, Holds::Nothing, Holds::Local).await;
    scene
        .hands_over("an operator moves it", (home, "local"), holds(home, Who::Alpha), holds(home, Who::Beta))
        .await;
    scene.ends().await;
}

/// The group is half up, and the node in transition, as long as the script hangs.
async fn start_hangs(case: Case) {
    let (scene, home) = build(case).await;
    shall(&scene, home, "start", "hangs");
    start_to_the_address(&scene, home).await;
    end_of_hanging(&scene, home, "start").await;
    scene.reaches("it has come up", Holds::Local, Holds::Local).await;
    scene.ends().await;
}

/// It kills itself and reboots the machine, which here is a power cut; the other node takes over.
async fn stop_fails(case: Case) {
    let (mut scene, home) = build(case).await;
    start_both(&scene).await;
    scene.reaches("the start of both", Holds::Local, Holds::Local).await;
    shall(&scene, home, "stop", "fails");
    scene.standby(home, "all").await;
    let reboots = async |scene: &Scene| scene.host(home).read(REBOOTS).is_ok_and(|text| !text.is_empty());
    scene.until("it reboots the machine", LIMIT, reboots).await;
    assert!(scene.host(home).read("/run/odd.runs").is_ok(), "{case}: it stopped");
    scene.crash(home).await;
    scene.reaches_for("the take-over", home, Holds::Off, Holds::All).await;
    scene.host(home).boot().await.unwrap();
    shall(&scene, home, "stop", "works");
    scene.start(home).await;
    scene.returns(home).await;
    scene.ends().await;
}

/// The hand-over waits, and the group stays where it is, as long as the script hangs.
async fn stop_hangs(case: Case) {
    let (scene, home) = build(case).await;
    start_both(&scene).await;
    scene.reaches("the start of both", Holds::Local, Holds::Local).await;
    shall(&scene, home, "stop", "hangs");
    scene.standby(home, "local").await;
    for_a_while(&scene, home, Holds::Local, Holds::Local).await;
    end_of_hanging(&scene, home, "stop").await;
    scene.reaches_for("the hand-over", home, Holds::Nothing, Holds::All).await;
    scene.ends().await;
}

/// What says nothing counts as stopped: it is started, and stopped, whatever its status.
async fn status_fails(case: Case) {
    let (scene, home) = build(case).await;
    shall(&scene, home, "status", "fails");
    start_both(&scene).await;
    scene.reaches("the start of both", Holds::Local, Holds::Local).await;
    scene.hands_over("the move", (home, "local"), holds(home, Who::Alpha), holds(home, Who::Beta)).await;
    scene.ends().await;
}

/// Nothing behind the script is started as long as it hangs.
async fn status_hangs(case: Case) {
    let (scene, home) = build(case).await;
    shall(&scene, home, "status", "hangs");
    start_to_the_address(&scene, home).await;
    assert!(scene.host(home).read("/run/odd.runs").is_err(), "{case}: it was started");
    end_of_hanging(&scene, home, "status").await;
    scene.reaches("it has come up", Holds::Local, Holds::Local).await;
    assert!(scene.host(home).read("/run/odd.runs").is_ok(), "{case}: it was not started");
    scene.ends().await;
}

/// The node of 3.0.6 has the script, and a machine that tells when it is to reboot instead of doing it.
async fn build(case: Case) -> (Scene, Who) {
    let home = case.ours().other();
    let mut files = files(case);
    files.ha_cf.push_str("env STOPRETRYMAX=1\n");
    let address = |who: Who| if who == Who::Alpha { "10.77.0.100" } else { "10.77.0.101" };
    files.haresources = format!(
        "{} {}/24/eth0 odd\n{} {}/24/eth0\n",
        home.name(),
        address(home),
        home.other().name(),
        address(home.other())
    );
    let mut scene = Scene::build_with(case, &files, |spec| spec).await;
    scene.befalls("agents");
    for who in Who::BOTH {
        scene.host(who).write("/etc/ha.d/resource.d/odd", SCRIPT, 0o755).unwrap();
    }
    scene.host(home).write(INERT, "#!/bin/sh\necho \"$0 $*\" >> /var/log/reboots\n", 0o755).unwrap();
    for program in ["/sbin/reboot", "/sbin/init"] {
        let output = scene.host(home).run(&["mount", "--bind", INERT, program], LIMIT).await.unwrap();
        assert!(output.succeeded(), "{case}: {output:?}");
    }
    (scene, home)
}

async fn start_both(scene: &Scene) {
    for who in Who::BOTH {
        scene.start(who).await;
    }
}

/// The address before the script that hangs comes up, and nothing moves then.
async fn start_to_the_address(scene: &Scene, home: Who) {
    start_both(scene).await;
    let half = async |scene: &Scene| are(scene, home, Holds::Local, Holds::Local);
    scene.until("the address is up", LIMIT, half).await;
    for_a_while(scene, home, Holds::Local, Holds::Local).await;
}

/// Whether the kernels say so.
fn are(scene: &Scene, home: Who, holds: Holds, other: Holds) -> bool {
    [(home, holds), (home.other(), other)].into_iter().all(|(who, holds)| {
        Who::BOTH.into_iter().all(|address| {
            let should = holds == Holds::Local && address == who;
            scene.holdings.held(who, scene.address(address)) == should
        })
    })
}

async fn for_a_while(scene: &Scene, home: Who, holds: Holds, other: Holds) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        assert!(
            are(scene, home, holds, other),
            "{}: something moved\n{}",
            scene.case,
            scene.holdings.story()
        );
        sleep(Duration::from_millis(50)).await;
    }
}

/// Kills what the script waits for; from then on it works.
async fn end_of_hanging(scene: &Scene, home: Who, operation: &str) {
    shall(scene, home, operation, "works");
    scene.holdings.act(format!("end of the hanging {operation}"));
    let killed = scene.host(home).signal_program(Path::new("/bin/sleep"), Signal::KILL).await.unwrap();
    assert!(killed > 0, "{}: nothing hangs", scene.case);
}

/// After everything of this node was given away.
fn holds(giver: Who, who: Who) -> Holds {
    if who == giver { Holds::Nothing } else { Holds::All }
}

/// Takes the place of the programs that reboot the machine.
const INERT: &str = "/etc/ha.d/inert";
const REBOOTS: &str = "/var/log/reboots";
