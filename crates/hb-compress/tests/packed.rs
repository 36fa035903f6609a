//! Packed messages of 3.0.6 (`hb-wire/tests/vectors`), and our own: what comes out, what is packed, what is refused.

use hb_auth::{InnerAuth, KeyRing, Method as Digest};
use hb_compress::{
    Budget, MAX_DATAGRAM, MAX_PLAIN, Method, OpenError, Packing, SealError, UnpackError, nested, open, unpack,
};
use hb_wire::{Message, Value, classic, netstring};
use load::single;
use proptest::prelude::*;

#[cfg(test)]
#[path = "../../hb-wire/tests/vectors/load.rs"]
mod load;

#[cfg(test)]
fn ring() -> KeyRing {
    KeyRing::new(1, [(1, Digest::Sha1, b"testkey-sha1".to_vec())]).unwrap()
}

#[cfg(test)]
fn packed(method: &str, payload: Vec<u8>) -> Message {
    let mut message = Message::default();
    message.push("_compressed_payload", Value::Binary(payload.into()));
    message.push_text("_compression_algorithm", method);
    message
}

#[cfg(test)]
fn long(length: usize) -> Message {
    let mut message = Message::new("long");
    message.push_text("text", &"0123456789 all work and no play ".repeat(length / 32));
    message
}

#[cfg(test)]
fn noise(length: usize) -> Message {
    let mut message = Message::new("noise");
    let mut state = 1_u64;
    let mut bytes = Vec::with_capacity(length);
    for _ in 0..length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.push(state.to_be_bytes()[0]);
    }
    message.push("bytes", Value::Binary(bytes.into()));
    message
}

#[test]
fn what_3_0_6_packed_comes_out_and_is_packed_alike() {
    let mut seen = Vec::new();
    for vector in single() {
        let Ok(outer) = netstring::decode(&vector.packet) else { continue };
        let Some(payload) = outer.binary("_compressed_payload") else { continue };
        let method: Method = outer.text("_compression_algorithm").unwrap().parse().unwrap();
        let inside = unpack(ring().open(&vector.packet).unwrap()).unwrap();
        assert_eq!(inside.text("src").map(str::len), Some(3), "{}", vector.file());
        assert!(inside.has("auth") && inside.has("seq"));
        // The same message, packed by us, holds the same bytes before they are packed.
        let packing = Packing { inner: InnerAuth::Yes, method, threshold: Some(2048) };
        let mut packet = Vec::new();
        packing.seal_into(&ring(), &inside, &mut packet).unwrap();
        let ours = ring().open(&packet).unwrap();
        assert_eq!(ours.fields().len(), 2);
        assert_eq!(ours.text("_compression_algorithm"), Some(method.name()));
        assert_eq!(unpack(ours.clone()), Ok(inside), "{}", vector.file());
        let length = |payload: &[u8]| payload.len();
        let (theirs, ours) = (length(payload), length(ours.binary("_compressed_payload").unwrap()));
        assert!(ours <= theirs + theirs / 4, "{}: {ours} bytes, 3.0.6 {theirs}", vector.file());
        seen.push(vector.file()[..3].to_owned());
    }
    assert_eq!(seen, ["166", "167", "171"]);
}

/// A sender's own field of type 5 goes as 3.0.6 sent it, in both encodings, and each reader finds the same in it.
#[test]
fn single_fields_are_packed_as_by_3_0_6() {
    for (file, length) in [("170_types_withunc.bin", 300), ("177_serial_types_withunc.bin", 30)] {
        let vector = single().find(|vector| vector.file() == file).unwrap();
        let theirs = match vector.text("encoding") {
            "netstring" => netstring::decode(&vector.packet).unwrap(),
            _ => classic::decode(&vector.packet).unwrap(),
        };
        let mut inner = Message::default();
        inner.push_text("a", "1");
        inner.push_text("b", &"q".repeat(length));
        assert_eq!(nested(&theirs, "sub", &mut Budget::default()), Ok(Some(inner.clone())), "{file}");
        assert_eq!(nested(&theirs, "src", &mut Budget::default()), Ok(None));
        assert_eq!(nested(&theirs, "sub", &mut spent()), Err(UnpackError::Budget));

        let wanted = theirs.fields().iter().filter(|field| field.name != b"_compression_algorithm");
        let mut wanted = Message::from_fields(wanted.cloned().collect());
        wanted.set("sub", Value::Uncompressed(inner.clone()));
        let names = |message: &Message| -> Vec<_> {
            message.fields().iter().map(|field| (field.name.clone(), field.value.type_code())).collect()
        };
        for method in [Method::Zlib, Method::Bz2] {
            for auth in [InnerAuth::Yes, InnerAuth::No] {
                let packing = Packing { inner: auth, method, threshold: None };
                let mut packet = Vec::new();
                packing.seal_into(&ring(), &wanted, &mut packet).unwrap();
                let ours = ring().open(&packet).unwrap();
                assert_eq!(names(&ours), names(&theirs), "{file} {method}");
                assert_eq!(ours.text("_compression_algorithm"), Some(method.name()));
                assert_eq!(nested(&ours, "sub", &mut Budget::default()), Ok(Some(inner.clone())));
                packing.seal_text_into(&ring(), &wanted, &mut packet).unwrap();
                let text = ring().open(&packet).unwrap();
                assert_eq!(nested(&text, "sub", &mut Budget::default()), Ok(Some(inner.clone())));
                // Packed once, it is packed no more.
                let mut again = Vec::new();
                Packing { method: Method::Zlib, ..packing }
                    .seal_text_into(&ring(), &text, &mut again)
                    .unwrap();
                assert_eq!(again, packet);
            }
        }
    }
}

#[test]
fn what_a_field_holds_is_as_3_0_6_packs_it() {
    let plain = |inner: Value, auth| {
        let mut message = Message::new("news");
        message.push("sub", inner);
        let mut packet = Vec::new();
        let packing = Packing { inner: auth, method: Method::Zlib, threshold: None };
        packing.seal_into(&ring(), &message, &mut packet).unwrap();
        let opened = ring().open(&packet).unwrap();
        let Some(Value::Compressed(held)) = opened.get("sub") else { panic!("{opened:?}") };
        miniz_oxide::inflate::decompress_to_vec_zlib(held).unwrap()
    };
    let inner = Value::Uncompressed(Message::new("inner"));
    assert_eq!(plain(inner.clone(), InnerAuth::Yes), b">>>\nt=inner\n<<<\n\0");
    assert_eq!(plain(inner.clone(), InnerAuth::No), b"###\n10:(0)t=inner,%%%\n");
    let mut nesting = Message::new("inner");
    nesting.push("deeper", Value::Struct(Message::new("innermost")));
    assert!(plain(Value::Uncompressed(nesting), InnerAuth::Yes).starts_with(b"###\n"));
}

/// A budget of which nothing is left.
#[cfg(test)]
fn spent() -> Budget {
    let mut budget = Budget::default();
    let damaged = packed("zlib", vec![0; 9]);
    let packet = ring().seal(&damaged, InnerAuth::No);
    assert!(open(&ring(), &packet, &mut budget).is_err());
    budget
}

#[test]
fn a_budget_bounds_what_comes_out_and_failures_spend_it_whole() {
    let ring = ring();
    let packing = Packing { inner: InnerAuth::No, method: Method::Zlib, threshold: Some(0) };
    let mut packet = Vec::new();
    packing.seal_into(&ring, &long(MAX_PLAIN / 2 + 4096), &mut packet).unwrap();
    let mut budget = Budget::default();
    let spent = Err(OpenError::Packed(UnpackError::Budget));
    assert!(open(&ring, &packet, &mut budget).is_ok());
    assert!(open(&ring, &packet, &mut budget).is_ok(), "the one that spends the last of it");
    assert_eq!(open(&ring, &packet, &mut budget), spent);
    let plain = ring.seal(&Message::new("status"), InnerAuth::No);
    assert!(open(&ring, &plain, &mut budget).is_ok(), "it is not packed");
    let damaged = ring.seal(&packed("zlib", vec![0; 9]), InnerAuth::No);
    let mut budget = Budget::default();
    assert_eq!(open(&ring, &damaged, &mut budget), Err(OpenError::Packed(UnpackError::Damaged)));
    assert_eq!(open(&ring, &packet, &mut budget), spent);
}

#[test]
fn the_threshold_is_a_length_of_packets() {
    let ring = ring();
    for method in [Method::Zlib, Method::Bz2] {
        for inner in [InnerAuth::Yes, InnerAuth::No] {
            let message = long(4000);
            let mut plain = Vec::new();
            ring.seal_into(&message, inner, &mut plain).unwrap();
            for (threshold, is_packed) in
                [(None, false), (Some(plain.len()), false), (Some(plain.len() - 1), true), (Some(0), true)]
            {
                let mut packet = Vec::new();
                Packing { inner, method, threshold }.seal_into(&ring, &message, &mut packet).unwrap();
                let outer = ring.open(&packet).unwrap();
                assert_eq!(outer.has("_compressed_payload"), is_packed, "{method} {threshold:?}");
                let mut inside = unpack(outer).unwrap();
                let auth = inside.fields().last().is_some_and(|field| field.name == b"auth");
                assert_eq!(auth, inner == InnerAuth::Yes);
                if auth {
                    inside = Message::from_fields(inside.fields()[..inside.fields().len() - 1].to_vec());
                }
                assert_eq!(inside, message);
            }
        }
    }
}

#[test]
fn the_text_inside_ends_with_nul_and_nested_messages_go_as_netstrings() {
    let ring = ring();
    let pack = |message: &Message| {
        let mut packet = Vec::new();
        let packing = Packing { inner: InnerAuth::Yes, method: Method::Zlib, threshold: Some(0) };
        packing.seal_into(&ring, message, &mut packet).unwrap();
        let outer = ring.open(&packet).unwrap();
        let payload = outer.binary("_compressed_payload").unwrap().to_vec();
        miniz_oxide::inflate::decompress_to_vec_zlib(&payload).unwrap()
    };
    let plain = pack(&long(4000));
    assert!(plain.starts_with(b">>>\n") && plain.ends_with(b"<<<\n\0"));
    let mut nesting = Message::new("outer");
    nesting.push("inside", Value::Struct(long(4000)));
    assert!(pack(&nesting).starts_with(b"###\n"));
}

#[test]
fn what_no_datagram_holds_is_packed_or_refused() {
    let ring = ring();
    let seal = |message: &Message| {
        let mut packet = b"old".to_vec();
        let packing = Packing { inner: InnerAuth::No, method: Method::Zlib, threshold: None };
        packing.seal_into(&ring, message, &mut packet).map(|()| packet)
    };
    for length in [70_000, 250_000, 300_000, 1_900_000] {
        let packet = seal(&long(length)).unwrap();
        assert!(packet.len() < MAX_DATAGRAM);
        assert_eq!(unpack(ring.open(&packet).unwrap()), Ok(long(length)));
    }
    assert_eq!(seal(&noise(60_000)).unwrap().len(), 60_084);
    assert!(matches!(seal(&noise(66_000)), Err(SealError::TooLong { length: 66_084 })));
    assert!(matches!(seal(&long(MAX_PLAIN + 100)), Err(SealError::TooLong { .. })));
}

#[test]
fn refusals() {
    let zlib = |plain: &[u8]| miniz_oxide::deflate::compress_to_vec_zlib(plain, 6);
    let status = netstring::encode(&Message::new("status")).unwrap();
    assert_eq!(unpack(packed("zlib", zlib(&status))), Ok(Message::new("status")));
    assert_eq!(unpack(packed("gzip", zlib(&status))), Err(UnpackError::Method));
    assert_eq!(unpack(packed("bz2", zlib(&status))), Err(UnpackError::Damaged));
    let mut unnamed = Message::default();
    unnamed.push("_compressed_payload", Value::Binary(zlib(&status).into()));
    assert_eq!(unpack(unnamed), Err(UnpackError::Method));
    let mut text = Message::default();
    text.push_text("_compressed_payload", "x");
    text.push_text("_compression_algorithm", "zlib");
    assert_eq!(unpack(text), Err(UnpackError::Damaged));
    assert_eq!(unpack(packed("zlib", zlib(b"hello"))), Err(UnpackError::Unrecognised));
    assert_eq!(
        unpack(packed("zlib", zlib(b"###\nxx"))),
        Err(UnpackError::Malformed(hb_wire::DecodeError::Length))
    );
    let bomb = zlib(&vec![b'#'; MAX_PLAIN + 1]);
    assert!(bomb.len() < 5000);
    assert_eq!(unpack(packed("zlib", bomb)), Err(UnpackError::TooLong));
    let twice = netstring::encode(&packed("zlib", zlib(&status))).unwrap();
    assert_eq!(unpack(packed("zlib", zlib(&twice))), Err(UnpackError::Nested));
    let text = classic::encode(&Message::new("status")).unwrap();
    assert_eq!(unpack(packed("zlib", zlib(&text))), Ok(Message::new("status")));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_a_message(bytes: Vec<u8>, zlib: bool) {
        let _ = unpack(packed(if zlib { "zlib" } else { "bz2" }, bytes));
    }

    #[test]
    fn damage_is_noticed(position in 0_usize..200, bit in 0_u8..8, zlib: bool) {
        let method = if zlib { Method::Zlib } else { Method::Bz2 };
        let mut packet = Vec::new();
        let packing = Packing { inner: InnerAuth::No, method, threshold: Some(0) };
        packing.seal_into(&ring(), &long(4000), &mut packet).unwrap();
        let outer = ring().open(&packet).unwrap();
        let mut payload = outer.binary("_compressed_payload").unwrap().to_vec();
        let position = position % payload.len();
        payload[position] ^= 1 << bit;
        // A change of the header that does not matter may leave the content as it was.
        if let Ok(message) = unpack(packed(method.name(), payload)) {
            prop_assert_eq!(message, long(4000));
        }
    }
}
