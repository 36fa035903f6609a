//! Packets of 3.0.6 (`hb-wire/tests/vectors`) against the keys that they were sent with: each opens, or is refused
//! for the listed cause; sealing what was opened gives the packet of 3.0.6 again.

use hb_auth::{InnerAuth, KeyRing, Method, Outcome, Refusal};
use hb_wire::classic::stream::{Counts, Stream};
use hb_wire::{Encoding, Message, classic, netstring};

use load::{Vector, single, vectors};

#[cfg(test)]
#[path = "../../hb-wire/tests/vectors/load.rs"]
mod load;

/// Just enough of the grammar of `authkeys` for the files of the index.
#[cfg(test)]
fn ring(authkeys: &str) -> KeyRing {
    let mut active = None;
    let mut keys = Vec::new();
    for line in authkeys.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [] | ["#", ..] => {}
            ["auth", number] => active = Some(number.parse().unwrap()),
            [index, method, ref key @ ..] => {
                let key = key.first().map_or(Vec::new(), |key| key.as_bytes().to_vec());
                keys.push((index.parse().unwrap(), method.parse().unwrap(), key));
            }
            [_] => panic!("{line}"),
        }
    }
    KeyRing::new(active.unwrap(), keys).unwrap()
}

#[cfg(test)]
fn ring_of(vector: &Vector) -> KeyRing {
    ring(vector.text("authkeys"))
}

#[test]
fn opening() {
    let (mut good, mut refused, mut beyond) = (0, 0, 0);
    for vector in single() {
        let file = vector.file();
        let result = ring_of(&vector).open(&vector.packet);
        match vector.text("open") {
            "ok" => {
                let decoded = match vector.text("encoding") {
                    "classic" => classic::decode(&vector.packet),
                    _ => netstring::decode(&vector.packet),
                };
                assert_eq!(result.map_err(Refusal::cause), Ok(decoded.unwrap()), "{file}");
                good += 1;
                // What 3.0.6 refuses and we open is listed with the reason.
                if vector.entry["valid"] == false {
                    assert!(vector.text("why").starts_with("accepted here"), "{file}");
                    beyond += 1;
                }
            }
            cause => {
                assert_eq!(result.map_err(Refusal::cause), Err(cause), "{file}");
                assert_eq!(vector.entry["valid"], false, "{file}");
                refused += 1;
            }
        }
    }
    assert_eq!((good, refused, beyond), (218, 20, 18));
}

#[test]
fn sealing_gives_the_packets_of_3_0_6() {
    let mut count = 0;
    for vector in single() {
        let netstring = vector.text("encoding") == "netstring"
            && vector.entry["valid"] == true
            && vector.text("encodes") == "same";
        // What 3.0.6 itself signed with its active line; crafted packets carry other digests on purpose.
        let number: u32 = vector.file()[..3].parse().unwrap();
        if !netstring || number > 171 {
            continue;
        }
        let ring = ring_of(&vector);
        let message = ring.open(&vector.packet).unwrap();
        let inner = if message.has("auth") { InnerAuth::Yes } else { InnerAuth::No };
        assert_eq!(ring.seal(&message, inner), vector.packet, "{}", vector.file());
        count += 1;
    }
    assert_eq!(count, 169);
}

#[test]
fn a_nested_message_goes_without_inner_auth() {
    for vector in single() {
        if matches!(&vector.file()[..3], "169" | "170") {
            let ring = ring_of(&vector);
            assert_eq!(ring.seal(&ring.open(&vector.packet).unwrap(), InnerAuth::Yes), vector.packet);
        }
    }
}

#[test]
fn each_message_of_a_serial_stream_opens_and_is_written_the_same() {
    let mut count = 0;
    let mut text = Vec::new();
    for vector in vectors(|kind| kind == "serial-stream") {
        let ring = ring_of(&vector);
        let mut rest = vector.packet.as_slice();
        let mut stream = Stream::new();
        while let Some(packet) = stream.next_message(&mut rest) {
            ring.seal_text_into(&ring.open(packet).unwrap(), &mut text).unwrap();
            assert_eq!(text, packet);
            count += 1;
        }
        assert_eq!(stream.counts(), Counts::default());
    }
    assert_eq!(count, 138);
}

#[test]
fn every_changed_byte_of_the_signed_part_is_noticed() {
    let vector = single().next().unwrap();
    let packet = &vector.packet;
    let ring = ring_of(&vector);
    let body = netstring::split(&vector.packet).unwrap().body.len();
    for position in 0..body {
        for bit in 0..8 {
            let mut changed = packet.clone();
            changed[position] ^= 1 << bit;
            assert!(ring.open(&changed).is_err(), "byte {position} bit {bit}");
        }
    }
    for cut in 0..packet.len() {
        assert!(ring.open(&vector.packet[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn verdicts() {
    let expected = |vector: &Vector| match vector.text("open") {
        // NUL in a string: well signed, the fault is in a field.
        "ok" | "nul-in-string" => Outcome::Good,
        "digest-mismatch" => Outcome::Mismatch,
        "unknown-index" => Outcome::UnknownIndex,
        "trailer-missing" | "auth-missing" => Outcome::Missing,
        _ => Outcome::Unreadable,
    };
    for vector in single() {
        let verdict = ring_of(&vector).verdict(&vector.packet);
        assert_eq!(verdict.outcome, expected(&vector), "{}", vector.file());
        assert_eq!(verdict.index, hb_auth::claimed_index(&vector.packet).ok(), "{}", vector.file());
    }
}

/// The three rows of `wire.md` 3.5: what the 3.0.6 of another key line sends, and what it accepts.
#[test]
fn keys_of_other_lines() {
    let message = Message::new("status");
    let both = |active| ring(&format!("auth {active}\n1 sha1 alpha\n2 md5 beta\n3 crc\n"));
    for sender in 1..=3 {
        for receiver in 1..=3 {
            let packet = both(sender).seal(&message, InnerAuth::Yes);
            assert_eq!(both(receiver).verdict(&packet).outcome, Outcome::Good, "{sender} {receiver}");
        }
    }
    // A 3.0.6 with other keys for its own lines signs line 1; we know the text of its key as another line.
    let theirs = KeyRing::new(1, [(1, Method::Sha1, b"same".to_vec())]).unwrap();
    let ours = [(1, Method::Sha1, b"old".to_vec()), (2, Method::Md5, b"same".to_vec())];
    let ours = KeyRing::new(2, ours).unwrap();
    let packet = theirs.seal(&message, InnerAuth::No);
    assert_eq!(ours.verdict(&packet).outcome, Outcome::GoodWithActiveKey);
    assert_eq!(ours.open(&packet), Ok(message.clone()));
    // Classic packets know no such rule.
    let mut signed = message.clone();
    let auth =
        netstring::split(&theirs.seal(&message, InnerAuth::Yes)).map(|split| netstring::decode(split.body));
    signed.push("auth", auth.unwrap().unwrap().get("auth").unwrap().clone());
    let classic = classic::encode(&signed).unwrap();
    assert_eq!(Encoding::of(&classic), Some(Encoding::Classic));
    assert_eq!(theirs.open(&classic), Ok(signed));
    assert_eq!(ours.open(&classic), Err(Refusal::Mismatch { index: 1, method: Method::Sha1 }));
}

#[test]
fn odd_trailers() {
    let ring = ring("auth 1\n1 sha1 alpha\n");
    let message = Message::new("status");
    let packet = ring.seal(&message, InnerAuth::No);
    let split = netstring::split(&packet).unwrap();
    let digest = str::from_utf8(split.trailer).unwrap().strip_prefix("1 ").unwrap();
    let with = |trailer: &str| {
        let mut packet = split.body.to_vec();
        netstring::push_trailer(trailer.as_bytes(), &mut packet);
        ring.open(&packet).map(|_| ()).map_err(Refusal::cause)
    };
    assert_eq!(with(&format!("1 {digest}")), Ok(()));
    assert_eq!(with(&format!(" 01  {digest} more words ")), Ok(()));
    assert_eq!(with(&format!("1\t{digest}")), Ok(()));
    assert_eq!(with(&format!("1 {digest}0")), Err("digest-mismatch"));
    assert_eq!(with(&format!("1{digest}")), Err("auth-malformed"));
    assert_eq!(with(&format!("x {digest}")), Err("auth-malformed"));
    assert_eq!(with(&format!("99999999999999999999 {digest}")), Err("auth-malformed"));
    assert_eq!(with(&format!("257 {digest}")), Err("unknown-index"));
    assert_eq!(with("1"), Err("auth-malformed"));
    assert_eq!(with(""), Err("auth-malformed"));
    assert_eq!(with(&format!("1 {digest}{}", " ".repeat(469))), Ok(()));
    assert_eq!(with(&format!("1 {digest}{}", " ".repeat(470))), Err("trailer-too-long"));
}

#[test]
fn a_message_without_a_form_gives_no_packet() {
    let ring = ring("auth 1\n1 sha1 alpha\n");
    let mut message = Message::new("status");
    message.push_text("x", "a\0b");
    assert!(ring.seal(&message, InnerAuth::Yes).is_empty());
    let mut packet = b"old content".to_vec();
    assert_eq!(ring.seal_into(&message, InnerAuth::Yes, &mut packet), Err(hb_wire::EncodeError::Nul));
    assert!(packet.is_empty());
}
