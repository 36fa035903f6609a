//! A million random and mutated datagrams at full speed.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::dice::Dice;
use crate::forge::{Forger, body, with_trailer};
use crate::gun::Fired;
use crate::scene::{KEEPALIVE, Scene, tell};
use crate::strangers::all_refused;

#[tokio::test]
async fn a_million_random_and_mutated_datagrams() {
    let scene = Scene::pair().await;
    let captured: Vec<Vec<u8>> = captured(&scene);
    let before = scene.begin().await;
    let mut dice = Dice::new(SEED);
    let (mut fired, begun) = (Fired::default(), Instant::now());
    while fired.packets < 1_000_000 {
        // Made first, then fired as fast as the kernel takes them.
        let chunk: Vec<_> = (0..CHUNK).map(|_| packet(&mut dice, &captured)).collect();
        scene.gun.salvo(&chunk, &mut fired);
        // Bursts, as long as a heartbeat's pause; in between others get their turn.
        sleep(KEEPALIVE / 10).await;
    }
    let took = begun.elapsed();
    sleep(Duration::from_millis(1200)).await;
    let after = scene.unmoved("a million", before).await;
    let counted = all_refused(&after.status) - all_refused(&after.before);
    tell(&format!(
        "a million: {} packets, {} MB in {} ms, {counted} refused and counted, seed {SEED}",
        fired.packets,
        fired.bytes / 1_000_000,
        took.as_millis(),
    ));
    assert!(counted > 300_000, "{counted}");
}

/// What costs a receiver most: the longest datagrams, of lines that all must be read before the digest can be checked,
/// and of one field that is all digest.
#[tokio::test]
async fn datagrams_that_are_as_expensive_as_possible() {
    let lines = [&b">>>\n"[..], &b"a=\n".repeat(21_800), b"auth=1 0\n<<<\n"].concat();
    let nested = [&b">>>\n"[..], &b"(2)s=>>>\x14a=\x14<<<\x14\n".repeat(3600), b"auth=1 0\n<<<\n"].concat();
    let fields = with_trailer(&body(&vec![&b"(0)a="[..]; 8000]), b"1 0");
    let field = with_trailer(&body(&[&[&b"(1)x="[..], &vec![b'x'; 65_000]].concat()]), b"1 0");
    let mut scene = Scene::pair().await;
    for (what, packet) in [("lines", lines), ("nested", nested), ("fields", fields), ("one field", field)] {
        let before = scene.begin().await;
        let fired = scene.gun.burst(Duration::from_secs(2), || packet.clone());
        sleep(Duration::from_millis(200)).await;
        let after = scene.unmoved(&format!("expensive {what}"), before).await;
        let counted = all_refused(&after.status) - all_refused(&after.before);
        tell(&format!(
            "expensive {what}: {} packets of {} bytes, {counted} counted",
            fired.packets,
            packet.len()
        ));
        assert!(counted > 100, "{counted}");
    }
}

/// Packets of both nodes as a stranger can hear them, made here with old numbers: repeated unchanged they are
/// nothing new.
fn captured(scene: &Scene) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for newest in [scene.ear.newest(), scene.beta_ear.newest()] {
        let mut node = Forger::after(&newest);
        node.seq = 0;
        packets.push(node.status("active"));
        packets.push(node.packet("resource", &[("rsc_hold", "local"), ("rtype", "full"), ("isstable", "1")]));
        packets.push(node.packet("NS_ackmsg", &[("dest", "gamma"), ("ackseq", "5")]));
        packets.push(node.packet("reqnodes", &[("dest", "gamma")]));
    }
    packets
}

fn packet(dice: &mut Dice, captured: &[Vec<u8>]) -> Vec<u8> {
    match dice.below(10) {
        0 | 1 => {
            let length = if dice.below(2000) == 0 { 60_000 } else { dice.below(400) };
            dice.bytes(length)
        }
        2 => {
            let length = dice.below(400);
            [
                *dice.pick(&[&b"###\n"[..], b">>>\n", b"###\n11:(0)t=status,", b">>>\nt=status\n"]),
                &dice.bytes(length),
            ]
            .concat()
        }
        _ => {
            let mut packet = dice.pick(captured).clone();
            for _ in 0..=dice.below(3) {
                mutate(dice, &mut packet);
            }
            packet
        }
    }
}

fn mutate(dice: &mut Dice, packet: &mut Vec<u8>) {
    if packet.is_empty() {
        return;
    }
    let at = dice.below(packet.len());
    match dice.below(8) {
        0 => packet[at] ^= 1 << dice.below(8),
        1 => packet[at] = *dice.pick(b"\0\n\r,:=()0123456789#%<>\xff"),
        2 => packet.truncate(at),
        3 => {
            packet.remove(at);
        }
        4 => packet.insert(at, *dice.pick(b"\0\n,:=(0169#%")),
        5 => {
            let end = (at + dice.below(60)).min(packet.len());
            let piece = packet[at..end].to_vec();
            let to = dice.below(packet.len());
            packet.splice(to..to, piece);
        }
        6 => {
            let end = (at + dice.below(60)).min(packet.len());
            packet.drain(at..end);
        }
        _ => {
            let length = dice.below(16);
            let junk = dice.bytes(length);
            let end = (at + junk.len()).min(packet.len());
            packet.splice(at..end, junk);
        }
    }
}

const SEED: u64 = 0x00ba_dcab_1e5e_ed00;
const CHUNK: u64 = 25_000;
