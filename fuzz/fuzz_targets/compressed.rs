//! Packed messages: any bytes as the payload, and whole messages packed by us.
#![no_main]

use hb_auth::{InnerAuth, KeyRing, Method as Digest};
use hb_compress::{Budget, MAX_DATAGRAM, Method, Packing, open, unpack};
use hb_wire::{Message, Value, netstring};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [how, rest @ ..] = input else { return };
    let method = if how & 1 == 0 { Method::Zlib } else { Method::Bz2 };
    let mut outer = Message::default();
    outer.push("_compressed_payload", Value::Binary(rest.to_vec().into()));
    outer.push_text("_compression_algorithm", method.name());
    if let Ok(inside) = unpack(outer) {
        assert!(!inside.has("_compressed_payload"));
    }
    packed(how & 2 == 0, method, rest);
});

/// What is packed comes out again.
fn packed(inner: bool, method: Method, bytes: &[u8]) {
    let Ok(message) = netstring::decode(bytes) else { return };
    let ring = KeyRing::new(3, [(3, Digest::Crc, Vec::new())]).expect("a ring");
    let inner = if inner { InnerAuth::Yes } else { InnerAuth::No };
    let mut packet = Vec::new();
    let packing = Packing { inner, method, threshold: Some(0) };
    if packing.seal_into(&ring, &message, &mut packet).is_err() || message.has("_compressed_payload") {
        return;
    }
    assert!(packet.len() <= MAX_DATAGRAM);
    let opened = open(&ring, &packet, &mut Budget::default()).expect("own packets open");
    if inner == InnerAuth::No {
        assert_eq!(opened, message);
    }
}
