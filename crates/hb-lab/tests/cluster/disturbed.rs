//! Every kind of hand-over while the network loses messages, or is slow and changes their order: start, crash, return, takeover, the
//! move of one group. What `loss.rs` and `delay.rs` show already (stop, standby) is not repeated.

use std::time::Duration;

use hb_lab::ClusterFiles;

use crate::pair::{Case, Failback, Pair, Who, play};
use crate::scene::{Holds, LIMIT, Scene, files};

/// What the network does.
#[derive(Clone, Copy)]
enum Fault {
    /// It loses a fifth of all messages, each way.
    Loss,
    /// It lets each wait for up to three keepalives.
    Delay,
}

macro_rules! disturbed {
    ($($test:ident: $play:ident $story:literal $pair:ident $failback:ident $fault:ident,)+) => { $(
        #[tokio::test]
        async fn $test() {
            let case = Case::new($story, Pair::$pair, Failback::$failback);
            play(case, async |case| $play(case, Fault::$fault).await).await;
        }
    )+ };
}

disturbed! {
    crash_under_loss: crash "start_and_crash_under_loss" BothOurs On Loss,
    crash_under_loss_of_ours_slow: crash "start_and_crash_under_loss" BetaIs306 On Loss,
    crash_under_loss_of_306: crash "start_and_crash_under_loss" AlphaIs306 On Loss,
    crash_under_loss_both_306: crash "start_and_crash_under_loss" Both306 On Loss,
    crash_under_delay: crash "start_and_crash_under_delay" BothOurs On Delay,
    crash_under_delay_of_ours: crash "start_and_crash_under_delay" BetaIs306 On Delay,
    crash_under_delay_of_306_slow: crash "start_and_crash_under_delay" AlphaIs306 On Delay,
    crash_under_delay_both_306: crash "start_and_crash_under_delay" Both306 On Delay,
    takeover_under_loss: takeover "takeover_under_loss" BothOurs Off Loss,
    takeover_under_loss_beta_is_306: takeover "takeover_under_loss" BetaIs306 Off Loss,
    takeover_under_loss_alpha_is_306_slow: takeover "takeover_under_loss" AlphaIs306 Off Loss,
    takeover_under_loss_both_306: takeover "takeover_under_loss" Both306 Off Loss,
    takeover_under_delay: takeover "takeover_under_delay" BothOurs Off Delay,
    takeover_under_delay_beta_is_306_slow: takeover "takeover_under_delay" BetaIs306 Off Delay,
    takeover_under_delay_alpha_is_306: takeover "takeover_under_delay" AlphaIs306 Off Delay,
    takeover_under_delay_both_306: takeover "takeover_under_delay" Both306 Off Delay,
    move_under_loss: one_group "one_group_moves_under_loss" BothOurs Off Loss,
    move_under_delay: one_group "one_group_moves_under_delay" BothOurs Off Delay,
}

/// Both start, alpha dies and comes back: what it says of itself then is as late or lost as everything.
async fn crash(case: Case, fault: Fault) {
    let mut scene = build(case, fault, "").await;
    begins(&mut scene, fault).await;
    scene.start_both().await;
    in_time(&scene).await;
    scene.crash(Who::Alpha).await;
    scene.reaches("the take-over", Holds::Off, Holds::All).await;
    in_time(&scene).await;
    scene.host(Who::Alpha).boot().await.unwrap();
    // A slow cable does not outlive its host.
    begins(&mut scene, fault).await;
    scene.start(Who::Alpha).await;
    scene.returns(Who::Alpha).await;
    in_time(&scene).await;
    scene.ends().await;
}

/// Each fetches everything, and the other one its own again.
async fn takeover(case: Case, fault: Fault) {
    let mut scene = build(case, fault, "").await;
    scene.start_both().await;
    begins(&mut scene, fault).await;
    for who in Who::BOTH {
        let (alpha, beta) =
            if who == Who::Alpha { (Holds::All, Holds::Nothing) } else { (Holds::Nothing, Holds::All) };
        scene.takes_over("takeover all", (who, "all"), alpha, beta).await;
        in_time(&scene).await;
        scene.takes_over("takeover local", (who.other(), "local"), Holds::Local, Holds::Local).await;
        in_time(&scene).await;
    }
    scene.ends().await;
}

/// To and fro, by each of the words.
async fn one_group(case: Case, fault: Fault) {
    let mut scene = build(case, fault, "alpha 10.77.0.110/24/eth0\n").await;
    scene.start_both().await;
    begins(&mut scene, fault).await;
    for (who, words, to) in [
        (Who::Alpha, ["move", KEY, "beta"].as_slice(), Who::Beta),
        (Who::Alpha, &["takeover", KEY], Who::Alpha),
        (Who::Beta, &["takeover", KEY], Who::Beta),
        (Who::Beta, &["standby", KEY], Who::Alpha),
    ] {
        scene.ctl(who, &[words, &["--wait", "20"]].concat(), 0).await;
        // Who gives it away waits only until it has none.
        let moved = async |scene: &Scene| scene.host(to).holds(ADDRESS).await;
        scene.until(&words.join(" "), LIMIT, moved).await;
        assert!(!scene.host(to.other()).holds(ADDRESS).await, "{case}: {words:?}");
        scene.reaches("everything else stays", Holds::Local, Holds::Local).await;
        in_time(&scene).await;
    }
    scene.ends().await;
}

/// So patient that neither loss nor a slow message is a death; with one more line of `haresources`.
async fn build(case: Case, fault: Fault, line: &str) -> Scene {
    let files = files(case).with("deadtime", "5").with("warntime", "4").with("initdead", "6");
    let files = ClusterFiles { haresources: files.haresources.clone() + line, ..files };
    let mut scene = Scene::build_with(case, &files, |spec| spec).await;
    if matches!(fault, Fault::Delay) {
        // Each of the steps of a hand-over may wait, and what it waits for.
        scene.may_take(SLOW * STEPS);
    }
    scene
}

async fn begins(scene: &mut Scene, fault: Fault) {
    match fault {
        Fault::Loss => scene.lose(20).await,
        Fault::Delay => scene.delay(Who::Alpha, SLOW).await,
    }
}

/// Each hand-over has its bound, not only the last one.
async fn in_time(scene: &Scene) {
    let (took, bound) = scene.becomes_stable().await;
    println!("{}: {:?} took {took:?} of {bound:?}", scene.case, scene.holdings.last_act().1);
}

const KEY: &str = "10.77.0.110/24/eth0";
const ADDRESS: [u8; 4] = [10, 77, 0, 110];
/// More than a heartbeat's distance: packets come in any order.
const SLOW: Duration = Duration::from_millis(600);
/// Request, answer, release, acquisition.
const STEPS: u32 = 4;
