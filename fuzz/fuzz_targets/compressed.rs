//! Packed messages and fields: any bytes as what is packed, and messages packed by us.
#![no_main]

use hb_auth::{InnerAuth, KeyRing, Method as Digest};
use hb_compress::{
    Budget, MAX_DATAGRAM, MAX_PLAIN, Method, OpenError, Packing, UnpackError, nested, open, unpack,
};
use hb_wire::{Message, Value, classic, netstring};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [how, rest @ ..] = input else { return };
    let method = if how & 1 == 0 { Method::Zlib } else { Method::Bz2 };
    any_bytes(method, rest);
    let inner = if how & 2 == 0 { InnerAuth::Yes } else { InnerAuth::No };
    let Ok(message) = netstring::decode(rest) else { return };
    if !message.has(PAYLOAD) && !message.has(ALGORITHM) {
        let packing = Packing { inner, method, threshold: Some(0) };
        whole(packing, &message);
        field(packing, &message);
    }
});

/// The same bytes as a whole message and as a field: both are refused for the same cause, or hold the same.
fn any_bytes(method: Method, bytes: &[u8]) {
    let mut outer = Message::default();
    outer.push(PAYLOAD, Value::Binary(bytes.into()));
    outer.push("sub", Value::Compressed(bytes.into()));
    outer.push_text(ALGORITHM, method.name());
    let packet = ring().seal(&outer, InnerAuth::No);
    let field = nested(&outer, "sub", &mut Budget::default());
    let whole = unpack(outer.clone());
    match &whole {
        Ok(inside) => {
            assert!(!inside.has(PAYLOAD));
            assert_eq!(field, Ok(Some(inside.clone())));
            assert_eq!(open(&ring(), &packet, &mut Budget::default()).as_ref(), Ok(inside));
        }
        Err(UnpackError::Nested) => {
            assert!(field.is_ok_and(|inside| inside.is_some_and(|it| it.has(PAYLOAD))))
        }
        Err(error) => assert_eq!(field, Err(*error)),
    }
    // A second, plain reading of what is shortest to read.
    if method == Method::Zlib {
        match miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(bytes, MAX_PLAIN) {
            Ok(plain) => {
                let message = netstring::decode(&plain).or_else(|_| classic::decode(&plain));
                assert_eq!(whole.is_ok(), message.is_ok_and(|message| !message.has(PAYLOAD)));
            }
            Err(_) => assert!(matches!(whole, Err(UnpackError::Damaged | UnpackError::TooLong))),
        }
    }
    // What failed spends a budget whole.
    if matches!(whole, Err(UnpackError::Damaged | UnpackError::TooLong)) {
        let mut budget = Budget::default();
        assert!(nested(&outer, "sub", &mut budget).is_err());
        assert_eq!(open(&ring(), &packet, &mut budget), Err(OpenError::Packed(UnpackError::Budget)));
    }
}

/// What is packed comes out again.
fn whole(packing: Packing, message: &Message) {
    let mut packet = Vec::new();
    if packing.seal_into(&ring(), message, &mut packet).is_err() {
        assert!(packet.is_empty());
        return;
    }
    assert!(packet.len() <= MAX_DATAGRAM);
    let outer = ring().open(&packet).expect("own packets are authentic");
    assert!(outer.fields().iter().all(|field| !matches!(field.value, Value::Uncompressed(_))));
    let opened = open(&ring(), &packet, &mut Budget::default()).expect("own packets open");
    let with_packed_fields =
        message.fields().iter().any(|field| matches!(field.value, Value::Uncompressed(_)));
    if !with_packed_fields {
        let is_packed = outer.has(PAYLOAD);
        let text = packing.inner == InnerAuth::Yes && is_packed;
        assert_eq!(
            without_auth(&opened),
            without_auth(&if text { as_text(message) } else { message.clone() })
        );
    }
    assert_eq!(
        opened.fields().iter().filter(|field| field.name == b"auth").count() > 0,
        signed(packing, message)
    );
}

/// A message in a field that shall be packed comes out of it, in both encodings.
fn field(packing: Packing, inner: &Message) {
    let mut message = Message::new("news");
    message.push("sub", Value::Uncompressed(inner.clone()));
    message.push_text("src", "alpha");
    let wanted = if packing.inner == InnerAuth::Yes { as_text(inner) } else { inner.clone() };
    let mut text = Vec::new();
    let mut packet = Vec::new();
    let packing = Packing { threshold: None, ..packing };
    let sealed = [
        packing.seal_into(&ring(), &message, &mut packet).is_ok(),
        packing.seal_text_into(&ring(), &message, &mut text).is_ok(),
    ];
    for packet in [packet, text].iter().zip(sealed).filter_map(|(packet, is_good)| is_good.then_some(packet))
    {
        let opened = ring().open(packet).expect("own packets are authentic");
        let names: Vec<_> = opened.fields().iter().map(|field| &*field.name).collect();
        let names: Vec<_> = names.into_iter().filter(|name| *name != b"auth").collect();
        assert_eq!(names, [&b"t"[..], b"sub", ALGORITHM.as_bytes(), b"src"]);
        assert_eq!(nested(&opened, "sub", &mut Budget::default()), Ok(Some(wanted.clone())));
        let mut spent = Budget::default();
        let rubbish = Message::from_fields(vec![
            hb_wire::Field { name: "sub".into(), value: Value::Compressed(b"rubbish".into()) },
            hb_wire::Field { name: ALGORITHM.into(), value: Value::Text("zlib".into()) },
        ]);
        assert!(nested(&rubbish, "sub", &mut spent).is_err());
        assert_eq!(nested(&opened, "sub", &mut spent), Err(UnpackError::Budget));
        assert_eq!(
            open(&ring(), packet, &mut spent).err(),
            None::<OpenError>,
            "it is not unpacked on its way"
        );
    }
}

/// As it comes back from classic text, where it is written as that: line ends change.
fn as_text(message: &Message) -> Message {
    if holds_messages(message) {
        return message.clone();
    }
    classic::encode(message)
        .ok()
        .and_then(|text| classic::decode(&text).ok())
        .unwrap_or_else(|| message.clone())
}

/// Whether there is an `auth` field in what is opened.
fn signed(packing: Packing, message: &Message) -> bool {
    message.has("auth")
        || (packing.inner == InnerAuth::Yes && !holds_messages(message) && classic::encode(message).is_ok())
}

fn holds_messages(message: &Message) -> bool {
    let codes = message.fields().iter().map(|field| field.value.type_code());
    codes.into_iter().any(|code| matches!(code, 2 | 4 | 5))
}

fn without_auth(message: &Message) -> Message {
    let others = message.fields().iter().filter(|field| field.name != b"auth");
    Message::from_fields(others.cloned().collect())
}

fn ring() -> KeyRing {
    KeyRing::new(3, [(3, Digest::Crc, Vec::new())]).expect("a ring")
}

const PAYLOAD: &str = "_compressed_payload";
const ALGORITHM: &str = "_compression_algorithm";
