//! What somebody with the key can do that nothing can prevent: end another node's part in the cluster.
//!
//! 3.0.6 and we take the highest generation for the present run of a node (`wire.md` 6.2): without that rule, packets of
//! an earlier run could be played again by anybody. So a generation of 2^64-1 under beta's name locks beta out, until
//! alpha starts anew. What must hold: alpha lives, calls the real beta a replay at most once a second, takes everything
//! when the dead time is over, and beta, which hears alpha, gives way. Each address is on exactly one node in the end.

use std::time::{Duration, Instant};

use hb_client::ResourceSet;
use tokio::time::sleep;

use crate::forge::Forger;
use crate::gun::Fired;
use crate::scene::{LIMIT, Scene, files};

#[tokio::test]
async fn the_last_generation_of_all_locks_its_node_out_until_a_restart() {
    let scene = Scene::pair().await;
    let before = scene.begin().await;
    let mut beta = Forger::after(&scene.beta_ear.newest());
    (beta.generation, beta.seq) = (u64::MAX, 0);
    let mut fired = Fired::default();
    scene.gun.one(&beta.packet("status", &[("st", "active"), ("dt", "3e8"), ("protocol", "1")]), &mut fired);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let holds = [scene.status(&scene.alpha).await, scene.status(&scene.beta).await]
            .map(|one| (one.hold, one.stable));
        if holds == [(ResourceSet::All, true), (ResourceSet::None, true)] {
            break;
        }
        assert!(Instant::now() < deadline, "{holds:?}\n{}", scene.describe().await);
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_secs(2)).await;
    let after = scene.survived("locked out", before).await;
    assert!(after.log.contains("attempted replay attack"));
    for floating in files().floating() {
        assert!(scene.alpha.host().holds(floating.address).await);
        assert!(!scene.beta.host().holds(floating.address).await);
    }
    scene.alpha.stop().await.unwrap();
    scene.alpha.stopped(LIMIT).await.unwrap();
    scene.alpha.start().await.unwrap();
    scene.settles(Duration::from_secs(20)).await;
}
