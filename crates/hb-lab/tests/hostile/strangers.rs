//! Single packets that kill or wedge 3.0.6, the vectors, and a node with a wrong key.

use std::path::Path;
use std::time::Duration;

use hb_client::Status;
use hb_wire::netstring;
use tokio::time::sleep;

use crate::forge::{Forger, body, signed, signed_lines, with_trailer};
use crate::gun::Fired;
use crate::scene::{Scene, tell};

/// What is sent, and the counter that must move.
type Case = (&'static str, Vec<u8>);

#[tokio::test]
async fn what_kills_3_0_6_is_only_counted() {
    let mut scene = Scene::pair().await;
    let before = scene.begin().await;
    let cases = fatal();
    let fired = fire(&mut scene, cases.iter().map(|(_, packet)| packet)).await;
    let mut beta = Forger::after(&scene.beta_ear.newest());
    let fields = [("st", "active"), ("dt", "3e8")];
    let authentic = [
        // Switches the flow control of 3.0.6 off for good.
        beta.packet("status", &fields),
        beta.packet("NS_st", &fields),
        beta.packet("NS_st", &[("st", "dead"), ("info", "ping")]),
    ];
    fire(&mut scene, authentic.iter()).await;
    sleep(Duration::from_millis(1500)).await;
    let after = scene.unmoved("what kills 3.0.6", before).await;
    for cause in cases.iter().map(|(cause, _)| *cause) {
        let wanted = cases.iter().filter(|(each, _)| *each == cause).count() as u64 * 2;
        let counted = refused(&after.status, cause) - refused(&after.before, cause);
        assert_eq!(counted, wanted, "{cause}: {fired:?}");
    }
    assert!(after.log.contains("packet refused"));
    // Flow control: beta is acknowledged again as soon as its own next heartbeat has come.
    assert!(after.sent.kinds.contains_key("NS_ackmsg"), "{:?}", after.sent);
}

#[tokio::test]
async fn every_vector_from_a_stranger_changes_nothing() {
    let mut scene = Scene::pair().await;
    let before = scene.begin().await;
    let vectors = vectors();
    assert!(vectors.len() >= 240, "{}", vectors.len());
    for _ in 0..3 {
        fire(&mut scene, vectors.iter()).await;
    }
    let after = scene.unmoved("vectors", before).await;
    let counted = all_refused(&after.status) - all_refused(&after.before);
    assert!(counted > 500, "{counted}");
    // Those that are signed with the keys of this cluster name nodes that are not in it.
    assert!(after.log.contains("process_status_message: bad node"), "authentic vectors were not seen");
}

#[tokio::test]
async fn a_wrong_key_is_counted_and_told_once_a_second() {
    let mut scene = Scene::pair().await;
    let before = scene.begin().await;
    let mut beta = Forger::after(&scene.beta_ear.newest());
    let packet = beta.status("dead");
    let split = netstring::split(&packet).unwrap();
    let mut wrong = split.body.to_vec();
    netstring::push_trailer(b"1 0123456789abcdef0123456789abcdef01234567", &mut wrong);
    let mut counted = Fired::default();
    for _ in 0..40 {
        for _ in 0..1000 {
            scene.gun.next(&wrong, &mut counted);
        }
        sleep(Duration::from_millis(50)).await;
    }
    let after = scene.unmoved("wrong key", before).await;
    let seen = refused(&after.status, "digest-mismatch") - refused(&after.before, "digest-mismatch");
    tell(&format!("wrong key: {seen} of {} packets counted", counted.packets));
    assert!(seen * 2 > counted.packets);
    assert!(after.log.contains("were left out"), "what was not told is told as a number");
}

/// Fires slowly enough that none is lost in a queue: each to the node and to everybody.
async fn fire<'a>(scene: &mut Scene, packets: impl Iterator<Item = &'a Vec<u8>>) -> Fired {
    let mut fired = Fired::default();
    for packet in packets {
        scene.gun.next(packet, &mut fired);
        scene.gun.next(packet, &mut fired);
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(fired.refused, 0);
    fired
}

fn fatal() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut add = |cause: &'static str, packet: Vec<u8>| cases.push((cause, packet));
    for code in [&b"(6)"[..], b"(7)", b"(8)", b"(9)", b"(x)", b"(-1)", b"", b"(", b"()", b"x"] {
        let field = [code, b"t=status"].concat();
        add("field-type", signed(&body(&[&field])));
        add("digest-mismatch", with_trailer(&body(&[&field]), b"1 0000"));
    }
    add("field-type", signed_lines(b"(6)t=status\n"));
    add("digest-mismatch", b">>>\n(6)t=status\nauth=3 1\n<<<\n".to_vec());
    add("nul-in-string", signed(&body(&[b"(0)t=sta\0tus"])));
    add("nul-in-string", signed_lines(b"t=sta\0tus\n"));
    add("field-name", signed(&body(&[b"(0)=status"])));
    add("field-name", signed(&body(&[b"(0)t"])));
    add("field-name", signed(&body(&[b"(0)t\0t=x"])));
    add("depth", signed(&nested(17)));
    add("depth", signed(&nested(3000)));
    add("end-marker", signed_lines(&[b"(2)s=>>>\x14(2)s=>>>\x15".repeat(3000), b"\n".to_vec()].concat()));
    add("list", signed(&body(&[b"(3)l=99999999999999999999:x"])));
    for length in [512, 600, 60_000] {
        add("trailer-too-long", with_trailer(&body(&[b"(0)t=status"]), &vec![b'1'; length]));
    }
    add("trailer-missing", body(&[b"(0)t=status"]));
    add("length", b"###\n-5:(0)t=status,%%%\n".to_vec());
    add("length", b"###\n:(0)t=status,%%%\n".to_vec());
    for length in ["18446744073709551615", "18446744073709551616", "99999999999999999999999999", "65000"] {
        add("truncated", format!("###\n{length}:(0)t=status,%%%\n").into_bytes());
    }
    add("end-marker", b"###\n".to_vec());
    add("end-marker", b">>>\n".to_vec());
    add("comma", b"###\n11:(0)t=status;%%%\n".to_vec());
    add("unknown-index", with_trailer(&body(&[b"(0)t=status"]), b"5 0000"));
    add("unknown-index", with_trailer(&body(&[b"(0)t=status"]), b"-1 0000"));
    add("auth-malformed", with_trailer(&body(&[b"(0)t=status"]), b"xyz"));
    add("auth-missing", b">>>\nt=status\n<<<\n".to_vec());
    for length in [0, 1, 3, 4, 1472, 1473, MOST] {
        add("unrecognised", vec![b'#'; length]);
    }
    // The most that UDP carries, in 45 fragments; what 3.0.6 reads at most (262 143 bytes) no datagram can hold.
    let full = vec![b'x'; MOST - 64];
    let field = [&b"(1)x="[..], &full].concat();
    add("digest-mismatch", with_trailer(&body(&[&field]), b"1 0000"));
    add("end-marker", [&b">>>\nt="[..], &full].concat());
    add("digest-mismatch", [&b">>>\n"[..], &b"a=\n".repeat(21_000), b"auth=1 0\n<<<\n"].concat());
    cases
}

/// Messages in messages.
fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(body(&[b"(0)a=b"]), |inner, _| body(&[&[&b"(2)s="[..], &inner].concat()]))
}

fn vectors() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hb-wire/tests/vectors");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "bin")).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).filter(|bytes| bytes.len() <= MOST).collect()
}

pub(crate) fn refused(status: &Status, cause: &str) -> u64 {
    status.media.iter().filter_map(|medium| medium.refused.get(cause)).sum()
}

pub(crate) fn all_refused(status: &Status) -> u64 {
    status.media.iter().flat_map(|medium| medium.refused.values()).sum()
}

/// Most bytes of a UDP datagram.
const MOST: usize = 65_507;

#[cfg(test)]
mod tests {
    use super::fatal;
    use crate::forge::keys;

    #[test]
    fn the_causes_are_those_of_the_key_ring() {
        for (cause, packet) in fatal() {
            assert_eq!(
                keys(1).open(&packet).unwrap_err().cause(),
                cause,
                "{:?}",
                String::from_utf8_lossy(&packet)
            );
        }
    }
}
