//! The rule of `ipfail` (`failover.md` 7): ping lost by one node, by the other, by both; on 3.0.6 its own program runs.

use std::net::Ipv4Addr;
use std::time::Duration;

use hb_lab::{Host, HostSpec};
use tokio::time::{Instant, sleep};

use crate::pair::{Case, Failback, Pair, Who};
use crate::scene::{Holds, LIMIT, NETWORK, Scene, files};

stories_off![ping_lost];

/// With `auto_failback on` ours waits for ten seconds of balance before it gives anything back.
mod with_failback_slow {
    stories! { @test ping_lost
        both_306: Both306 On, both_ours: BothOurs On, beta_is_306: BetaIs306 On, alpha_is_306: AlphaIs306 On,
    }
}

async fn ping_lost(case: Case) {
    let mut files = files(case);
    files.ha_cf = files.ha_cf.replace("bcast eth0\n", LINES);
    // Heartbeats have a network of their own.
    let build = |spec: HostSpec| {
        let last = if spec.name == Who::Alpha.name() { 1 } else { 2 };
        spec.plug("back", Ipv4Addr::new(10, 78, 0, last))
    };
    let mut scene = Scene::build_with(case, &files, build).await;
    let gate = scene.lab.add_host(HostSpec::new("gate").plug(NETWORK, GATE)).await.unwrap();
    scene.start_both().await;
    scene.befalls("ping");
    let both_reach = async |scene: &Scene| Who::BOTH.into_iter().all(|who| told(scene, who, REACHED) > 0);
    scene.until("both reach the gate", LIMIT, both_reach).await;
    one_loses(&scene, Who::Alpha).await;
    if case.failback != Failback::On {
        // Where it goes home by itself ours would damp the second move.
        one_loses(&scene, Who::Beta).await;
    }
    both_lose(&scene, &gate).await;
    scene.ends().await;
}

async fn one_loses(scene: &Scene, loser: Who) {
    let case = scene.case;
    let before = told(scene, loser, REACHED);
    scene.holdings.act(format!("ping lost by {}", loser.name()));
    let begun = Instant::now();
    scene.host(loser).cut(NETWORK).await.unwrap();
    scene.reaches_for("it gives everything away", loser, Holds::Nothing, Holds::All).await;
    let took = scene.holdings.changes().last().map(|change| change.at.duration_since(begun));
    let limit = match case.pair {
        Pair::BothOurs => QUICK,
        Pair::AlphaIs306 | Pair::BetaIs306 => QUICK + CLASSIC,
        Pair::Both306 => LIMIT,
    };
    assert!(took.is_some_and(|took| took < limit), "{case}: {took:?}");
    scene.holdings.act(format!("ping back to {}", loser.name()));
    scene.host(loser).heal(NETWORK).await.unwrap();
    let again = async |scene: &Scene| told(scene, loser, REACHED) > before;
    scene.until("it is reached again", LIMIT, again).await;
    match case.failback {
        Failback::On => drop(scene.reaches("the way home", Holds::Local, Holds::Local).await),
        Failback::Off | Failback::Legacy => {
            let (alpha, beta) =
                if loser == Who::Alpha { (Holds::Nothing, Holds::All) } else { (Holds::All, Holds::Nothing) };
            nothing_moves(scene, alpha, beta).await;
        }
    }
}

/// Nothing moves: nobody is better off. Of two real ones the one that notices a moment earlier may give everything away at once (`failover.md`
/// 7).
async fn both_lose(scene: &Scene, gate: &Host) {
    let (alpha, beta) = match scene.case.failback {
        Failback::On => (Holds::Local, Holds::Local),
        Failback::Off | Failback::Legacy => (Holds::All, Holds::Nothing),
    };
    // Each has lost it before.
    let deaths = |scene: &Scene| Who::BOTH.map(|who| told(scene, who, "10.77.0.254: is dead"));
    let before = deaths(scene);
    scene.holdings.act("ping lost by both".to_owned());
    gate.cut(NETWORK).await.unwrap();
    let dead = async |scene: &Scene| deaths(scene).into_iter().zip(before).all(|(now, before)| now > before);
    scene.until("the gate is dead for both", LIMIT, dead).await;
    if scene.case.pair == Pair::Both306 {
        sleep(NO_TIMER).await;
    } else {
        nothing_moves(scene, alpha, beta).await;
    }
    scene.holdings.act("ping back to both".to_owned());
    gate.heal(NETWORK).await.unwrap();
    if scene.case.pair != Pair::Both306 {
        nothing_moves(scene, alpha, beta).await;
    }
}

/// Empty hand-overs, which a 3.0.6 with `auto_failback on` asks for at every balance, may come and go.
async fn nothing_moves(scene: &Scene, alpha: Holds, beta: Holds) {
    let before = scene.holdings.changes().len();
    sleep(NO_TIMER).await;
    scene.reaches("nothing moves", alpha, beta).await;
    assert_eq!(scene.holdings.changes().len(), before, "{}: {}", scene.case, scene.holdings.story());
}

/// How often the log of a node says this.
fn told(scene: &Scene, who: Who, what: &str) -> usize {
    scene.node(who).log().matches(what).count()
}

const GATE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 254);
const REACHED: &str = "10.77.0.254: status ping";
/// What stands before the nodes in a file must not matter, as it does for the original.
const LINES: &str = "ping 10.77.0.254\nbcast eth1\nrespawn hacluster /usr/libexec/heartbeat/ipfail\n";
/// The dead time, four heartbeats of the give-up timer and the request, and what a busy machine adds.
const QUICK: Duration = Duration::from_millis(2400);
/// 3.0.6 looks around four times a second, and its scripts take about a second for a hand-over, or several on a busy machine.
const CLASSIC: Duration = Duration::from_secs(5);
/// Longer than any give-up timer.
const NO_TIMER: Duration = Duration::from_secs(2);
