//! Messages of one type come 15 or 30 seconds late, longer than a dead time and than 3.0.6 waits for an answer, while all others pass:
//! nobody is stuck, nothing is lost or served twice, and what comes late does no harm (F06, F07 of `docs/differences.md`).

use std::time::Duration;

use tokio::time::sleep;

use crate::pair::{Case, Failback, Pair, Who, play};
use crate::scene::{Holds, LIMIT, Scene};

macro_rules! late {
    ($($test:ident: $play:ident $story:literal $pair:ident $seconds:literal,)+) => { $(
        #[tokio::test]
        async fn $test() {
            let case = Case::new($story, Pair::$pair, Failback::Off);
            play(case, async |case| $play(case, Duration::from_secs($seconds)).await).await;
        }
    )+ };
}

late! {
    steps_15: steps "late_steps_15" BothOurs 15,
    steps_15_beta_is_306: steps "late_steps_15" BetaIs306 15,
    steps_15_alpha_is_306_slow: steps "late_steps_15" AlphaIs306 15,
    steps_30_slow: steps "late_steps_30" BothOurs 30,
    steps_30_beta_is_306_slow: steps "late_steps_30" BetaIs306 30,
    steps_30_alpha_is_306_slow: steps "late_steps_30" AlphaIs306 30,
    request_15: request "late_request_15" BothOurs 15,
    request_15_beta_is_306_slow: request "late_request_15" BetaIs306 15,
    request_15_alpha_is_306_slow: request "late_request_15" AlphaIs306 15,
    request_15_both_306: request "late_request_15" Both306 15,
    announcements_15: announcements "late_announcements_15" BothOurs 15,
    announcements_15_beta_is_306_slow: announcements "late_announcements_15" BetaIs306 15,
    announcements_15_alpha_is_306: announcements "late_announcements_15" AlphaIs306 15,
    announcements_15_both_306: announcements "late_announcements_15" Both306 15,
    farewell_15: farewell "late_farewell_15" BothOurs 15,
    farewell_15_beta_is_306_slow: farewell "late_farewell_15" BetaIs306 15,
    farewell_15_alpha_is_306_slow: farewell "late_farewell_15" AlphaIs306 15,
    farewell_15_both_306: farewell "late_farewell_15" Both306 15,
    farewell_30_slow: farewell "late_farewell_30" BothOurs 30,
    farewell_30_beta_is_306_slow: farewell "late_farewell_30" BetaIs306 30,
    farewell_30_alpha_is_306_slow: farewell "late_farewell_30" AlphaIs306 30,
    farewell_30_both_306: farewell "late_farewell_30" Both306 30,
}

/// Each step of a hand-over is late: the giver has given up long since. In the end it has happened, or it has not.
async fn steps(case: Case, late: Duration) {
    let scene = begin(case, "ask_resources", late).await;
    scene.standby(Who::Alpha, "all").await;
    // Request, answer, two reports.
    settles(&scene, late * 4).await;
    works_again(scene).await;
}

/// What asks for a takeover is late.
async fn request(case: Case, late: Duration) {
    let mut scene = begin(case, "hb_takeover", late).await;
    scene.may_take(late);
    scene.takeover(Who::Beta, "all").await;
    scene.reaches("the late takeover", Holds::Nothing, Holds::All).await;
    scene.becomes_stable().await;
    works_again(scene).await;
}

/// Who holds what is told late.
async fn announcements(case: Case, late: Duration) {
    let scene = begin(case, "resource", late).await;
    scene.standby(Who::Alpha, "all").await;
    let moved = async |scene: &Scene| {
        Who::BOTH.into_iter().all(|address| scene.holdings.held(Who::Beta, scene.address(address)))
    };
    scene.until("beta has everything", LIMIT, moved).await;
    settles(&scene, late * 2).await;
    works_again(scene).await;
}

/// A node says farewell, is back, and then its farewell arrives.
async fn farewell(case: Case, late: Duration) {
    let mut scene = begin(case, "shutdone", late).await;
    let who = case.ours();
    scene.befalls("death");
    scene.stop(who).await;
    scene.reaches_for("the take-over", who, Holds::Off, Holds::All).await;
    scene.start(who).await;
    scene.returns(who).await;
    let before = scene.holdings.changes().len();
    sleep(late).await;
    scene.reaches_for("it does no harm", who, Holds::Nothing, Holds::All).await;
    assert_eq!(scene.holdings.changes().len(), before, "{case}: {}", scene.holdings.story());
    works_again(scene).await;
}

async fn begin(case: Case, kind: &str, late: Duration) -> Scene {
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    scene.hold_back(Who::Alpha, kind, late).await;
    scene
}

/// For so long messages may come; then both are stable, and each address is on one host.
async fn settles(scene: &Scene, time: Duration) {
    sleep(time).await;
    let well = async |scene: &Scene| {
        let is_on_one = |address: &Who| {
            let held = Who::BOTH.map(|who| scene.holdings.held(who, scene.address(*address)));
            held[0] != held[1]
        };
        Who::BOTH.iter().all(is_on_one) && scene.are_stable().await
    };
    scene.until("both are stable, and everything is served", LIMIT, well).await;
}

/// With a quick network again whatever an operator wants is done.
async fn works_again(mut scene: Scene) {
    scene.delay(Who::Alpha, Duration::ZERO).await;
    scene.may_take(Duration::ZERO);
    scene.hands_over("a hand-over", (Who::Beta, "all"), Holds::All, Holds::Nothing).await;
    scene.hands_over("a hand-over", (Who::Alpha, "all"), Holds::Nothing, Holds::All).await;
    scene.hands_over("the way home", (Who::Beta, "foreign"), Holds::Local, Holds::Local).await;
    scene.ends().await;
}
