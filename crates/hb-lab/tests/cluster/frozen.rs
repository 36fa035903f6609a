//! A node that is frozen for longer than its dead time and then goes on (`failover.md` 3.8, the asymmetric case).

use std::time::Duration;

use tokio::time::Instant;

use crate::pair::{Case, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene};

stories![frozen_and_resumed];

async fn frozen_and_resumed(case: Case) {
    let mut scene = Scene::build(case).await;
    scene.start_both().await;
    for befalls in ["death", "partition"] {
        scene.befalls(befalls);
    }
    let (who, other) = (case.ours(), case.ours().other());
    scene.holdings.act(format!("freeze {}", who.name()));
    scene.node(who).hang().await.unwrap();
    let taken = async |scene: &Scene| {
        let held = Who::BOTH.map(|address| scene.holdings.held(other, scene.address(address)));
        held == [true; 2]
    };
    scene.until("the other one takes over", LIMIT, taken).await;
    let resumed = Instant::now();
    scene.holdings.act(format!("resume {}", who.name()));
    scene.node(who).go_on().await.unwrap();
    if case.pair == Pair::BothOurs {
        scene.returns(who).await;
    } else {
        // 3.0.6 takes it for a healed partition, gives everything up and starts anew.
        let active = "Local status now set to: 'active'";
        let restarts = async |scene: &Scene| scene.node(other).log().matches(active).count() > 1;
        scene.until("3.0.6 starts anew", LIMIT, restarts).await;
        if case.pair == Pair::Both306 {
            // So does the frozen one if it judges before it reads what waited.
            let both = async |scene: &Scene| scene.is_at(Holds::Local, Holds::Local).await.is_ok();
            let one = async |scene: &Scene| scene.is_at(Holds::All, Holds::Nothing).await.is_ok();
            scene.until("one or both", LIMIT, async |scene| one(scene).await || both(scene).await).await;
        } else {
            scene.returns(other).await;
        }
    }
    let last = scene.holdings.twice(resumed).last().map(|(at, _)| at.duration_since(resumed));
    println!("{case}: both held something until {last:?} after the end of the freeze");
    if case.pair == Pair::BothOurs {
        assert!(last.is_none_or(|last| last < Duration::from_secs(2)), "{case}: {last:?}");
    }
    scene.be_strict();
    scene.ends().await;
}
