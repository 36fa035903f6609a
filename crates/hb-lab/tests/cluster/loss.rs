//! A fifth of all heartbeats lost: nobody dies, every gap is closed, moves come to their end.

use std::time::Duration;

use hb_lab::ClusterFiles;

use crate::capture::{Capture, Packet};
use crate::pair::{Case, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene, files};

stories_off![a_fifth_lost];

/// With `auto_failback on` a return is a hand-over as well.
mod stop_and_return_under_loss {
    stories! { @test stop_and_return_under_loss
        both_ours: BothOurs On, alpha_is_306: AlphaIs306 On, beta_is_306_slow: BetaIs306 On, both_306: Both306 On,
    }
}

async fn stop_and_return_under_loss(case: Case) {
    let mut scene = Scene::build_with(case, &patient(case), |spec| spec).await;
    scene.start_both().await;
    scene.lose(20).await;
    let who = case.ours();
    scene.stop(who).await;
    scene.reaches_for("a farewell under loss", who, Holds::Off, Holds::All).await;
    scene.start(who).await;
    scene.returns(who).await;
    if case.pair == Pair::BothOurs {
        scene.takeover(who, "all").await;
        scene.reaches_for("a request under loss", who, Holds::All, Holds::Nothing).await;
    }
    scene.lose(0).await;
    scene.ends().await;
}

/// So patient that loss is no death.
fn patient(case: Case) -> ClusterFiles {
    files(case).with("deadtime", "5").with("warntime", "4").with("initdead", "6")
}

async fn a_fifth_lost(case: Case) {
    let files = patient(case);
    let mut scene = Scene::build_with(case, &files, |spec| spec).await;
    let capture = Capture::begin(&mut scene.lab, &files.authkeys).await;
    scene.start_both().await;
    scene.lose(20).await;
    let asked = async |_: &Scene| {
        let packets = capture.packets();
        Who::BOTH.into_iter().all(|who| requests(&packets, who).count() >= 5)
    };
    scene.until("both ask for what they lost", LIMIT, asked).await;
    scene.stays(Duration::from_secs(1), Holds::Local, Holds::Local).await;
    for who in Who::BOTH {
        let (alpha, beta) =
            if who == Who::Alpha { (Holds::Nothing, Holds::All) } else { (Holds::All, Holds::Nothing) };
        scene.hands_over("a move under loss", (who, "all"), alpha, beta).await;
        scene
            .hands_over("the way back under loss", (who.other(), "foreign"), Holds::Local, Holds::Local)
            .await;
    }
    scene.lose(0).await;
    for who in Who::BOTH {
        let what = format!("{} misses nothing", who.name());
        scene.until(&what, LIMIT, async |scene| misses_nothing(scene, who).await).await;
    }
    let packets = capture.end().await;
    for who in Who::BOTH {
        let served = requests(&packets, who).filter(|request| was_served(&packets, request)).count();
        assert!(served >= 3, "{case}: {served} of the requests of {} were served", who.name());
    }
    scene.ends().await;
}

fn requests(packets: &[Packet], who: Who) -> impl Iterator<Item = &Packet> {
    packets.iter().filter(move |packet| packet.kind == "NS_rexmit" && packet.field("src") == who.name())
}

/// Was the first message asked for sent again within a second?
fn was_served(packets: &[Packet], request: &Packet) -> bool {
    let first: u64 = request.field("firstseq").parse().unwrap();
    packets.iter().any(|packet| {
        packet.field("src") == request.field("dest")
            && u64::from_str_radix(packet.field("seq"), 16) == Ok(first)
            && (request.time..request.time + 1.0).contains(&packet.time)
    })
}

async fn misses_nothing(scene: &Scene, who: Who) -> bool {
    let peer = who.other().name();
    if scene.case.runs_306(who) {
        let log = scene.node(who).log();
        let closed = log.rfind(&format!("No pkts missing from {peer}!"));
        let opened = log.rfind(&format!("lost packet(s) for [{peer}]"));
        opened.is_some() && closed > opened
    } else {
        let status = scene.status(who).await;
        status.nodes.iter().any(|node| node.name == peer && node.missing == 0)
    }
}
