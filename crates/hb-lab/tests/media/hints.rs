//! What the network says about a medium is told, and moves nothing: a cable that is pulled while another medium lives, and a
//! port that is refused because both processes of a node were killed.

use std::time::Duration;

use hb_client::{GroupState, Status};
use tokio::time::Instant;

use crate::scene::{BACK, KEEPALIVE, Pair, SLACK, Scene};

/// Long enough that a hint comes well before it, on a busy machine too.
const DEADTIME: Duration = Duration::from_secs(2);

/// Names of the hints of a medium.
fn hints<'a>(status: &'a Status, medium: &str) -> Vec<&'a str> {
    let media = status.media.iter().filter(|one| one.name == medium);
    media.flat_map(|one| one.hints.iter().map(|hint| hint.name.as_str())).collect()
}

fn groups_up(status: &Status) -> usize {
    status.groups.iter().filter(|group| group.state == GroupState::Up).count()
}

/// The number behind a word in a line.
fn number(line: &str, word: &str) -> u64 {
    let (_, rest) = line.split_once(word).unwrap_or_else(|| panic!("{word} in {line}"));
    rest.split(|letter: char| !letter.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn refused_ports_and_lost_carriers_are_told_and_move_nothing() {
    let lines =
        ["ucast eth0 10.77.0.2\nucast6 eth1 fd78::2\n", "ucast eth0 10.77.0.1\nucast6 eth1 fd78::1\n"];
    let scene = Scene::build_with(Pair::Ours, lines, KEEPALIVE, DEADTIME).await;
    scene.start(&["eth0", "eth1"]).await;
    // Alpha's peer was not there yet when it started.
    scene
        .until("each has its group, and no hints", async |scene| {
            let status = scene.status().await;
            groups_up(&status) == 1 && status.media.iter().all(|medium| medium.hints.is_empty())
        })
        .await;

    scene.alpha().host().cut(BACK).await.unwrap();
    scene.link_is("eth1", false).await;
    let status = scene.status().await;
    assert_eq!((hints(&status, "eth0"), hints(&status, "eth1")), (vec![], vec!["no-carrier"]));
    scene.alpha().host().heal(BACK).await.unwrap();
    scene.link_is("eth1", true).await;
    assert!(hints(&*scene.status().await, "eth1").is_empty());
    assert_eq!(groups_up(&*scene.status().await), 1);
    let log = scene.alpha().log();
    assert!(!log.contains("is dead"), "a lost carrier killed somebody: {log}");
    for line in ["eth1: no carrier", "eth1: carrier is back"] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }

    let (killed, before) = (Instant::now(), log.len());
    scene.beta().kill_all().await.unwrap();
    let is_refused = |status: &Status, medium| hints(status, medium) == ["port-refused"];
    scene
        .until("both ports are refused", async |scene| {
            let status = scene.status().await;
            is_refused(&status, "eth0") && is_refused(&status, "eth1")
        })
        .await;
    let (hinted, held) = (killed.elapsed(), groups_up(&*scene.status().await));
    assert!(hinted < KEEPALIVE * 2 + SLACK, "hints only after {hinted:?}");
    assert_eq!(held, 1, "taken {hinted:?} after the kill");
    scene.until("alpha has everything", async |scene| groups_up(&*scene.status().await) == 2).await;

    let log = scene.alpha().log().split_off(before);
    let line = |words: &str| {
        log.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {log}"))
    };
    let (dead, says) = (line("node beta: is dead"), line("node beta: the network says: "));
    let silence = Duration::from_millis(number(dead, "silence_ms="));
    println!("hints {hinted:?} after the kill, dead after {silence:?}: {says}");
    assert!(silence >= DEADTIME, "{dead}");
    for medium in ["eth0: port refused by 10.77.0.2 ", "eth1: port refused by fd78::2 "] {
        assert!(says.contains(medium), "{says}");
        let last = Duration::from_millis(number(says, medium));
        // The kernel says so once a second at most.
        assert!(last < Duration::from_secs(1) + KEEPALIVE + SLACK, "{says}");
    }
    assert!(Duration::from_millis(number(says, "(first ")) + KEEPALIVE * 2 + SLACK > silence, "{says}");

    scene.beta().start().await.unwrap();
    scene
        .until("nothing is refused any more", async |scene| {
            scene.status().await.media.iter().all(|medium| medium.hints.is_empty())
        })
        .await;
    let log = scene.alpha().log().split_off(before);
    for line in [": port refused\n", ": port no longer refused\n"] {
        assert_eq!(log.matches(line).count(), 2, "{line}: {log}");
    }
}
