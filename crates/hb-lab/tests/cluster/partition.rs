//! A cut and healed link (`failover.md` 3.8): both held everything.

use std::time::Duration;

use tokio::time::Instant;

use crate::pair::{Case, Failback, Pair, Who};
use crate::scene::{Holds, NETWORK, Scene};

stories![cut_and_healed];

pub(crate) async fn cut_and_healed(case: Case) {
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    scene.befalls("death");
    scene.befalls("partition");
    cable(&scene, false).await;
    partition(&scene).await;
    let healed = Instant::now();
    cable(&scene, true).await;
    let ours = case.ours();
    match case.pair {
        Pair::BothOurs | Pair::Both306 => {
            scene.reaches("the end of the partition", Holds::Local, Holds::Local).await;
            scene.stays(Duration::from_secs(3), Holds::Local, Holds::Local).await;
        }
        // 3.0.6 gives everything up, starts anew and returns as a node that had stopped.
        Pair::BetaIs306 | Pair::AlphaIs306 => {
            let restarted = format!("Heartbeat restart on node {}", ours.other().name());
            let restarts = async |scene: &Scene| scene.node(ours).log().contains(&restarted);
            scene.until("3.0.6 starts anew", Duration::from_secs(30), restarts).await;
            scene.returns(ours.other()).await;
        }
    }
    // 3.0.6 needs two seconds to see what happened, and some time for its scripts.
    let last = scene.holdings.twice(healed).last().map(|(at, _)| at.duration_since(healed));
    println!("{case}: both held something until {last:?} after healing");
    let patience = Duration::from_secs(if case.pair == Pair::BothOurs { 1 } else { 5 });
    let twice = scene.holdings.twice(healed + patience);
    assert!(twice.is_empty(), "{case}: still both, {patience:?} after healing\n{}", scene.holdings.story());
    scene.be_strict();
    if case.pair != Pair::Both306 {
        // Better than 3.0.6, which serves nobody for fifteen seconds: what was ours all the time stays up.
        let own = scene.address(ours);
        assert!(
            scene.holdings.always_held(own, healed),
            "{case}: {own} was gone\n{}",
            scene.holdings.story()
        );
    }
    scene.ends().await;
}

/// Both hold everything.
async fn partition(scene: &Scene) {
    let both = async |scene: &Scene| {
        let mut all = true;
        for who in Who::BOTH {
            for address in Who::BOTH {
                all &= scene.host(who).holds(scene.address(address)).await;
            }
        }
        all
    };
    scene.until("both hold everything", Duration::from_secs(15), both).await;
}

/// With `on` the cable of alpha is pulled and it loses its carrier; with `off` a switch swallows every frame.
async fn cable(scene: &Scene, whole: bool) {
    scene.holdings.act(if whole { "heal" } else { "cut" }.to_owned());
    let alpha = scene.host(Who::Alpha);
    match (scene.case.failback, whole) {
        (Failback::On | Failback::Legacy, false) => alpha.cut(NETWORK).await.unwrap(),
        (Failback::On | Failback::Legacy, true) => alpha.heal(NETWORK).await.unwrap(),
        (Failback::Off, whole) => alpha.pass(NETWORK, whole).await.unwrap(),
    }
}
