//! Packets against a key ring.
#![no_main]

use std::sync::LazyLock;

use crc::{CRC_32_CKSUM, Crc};
use hb_auth::{InnerAuth, KeyRing, Method, Outcome, Refusal};
use hb_wire::{Message, netstring};
use libfuzzer_sys::fuzz_target;

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let keys = [(1, Method::Sha1, &b"alpha-key"[..]), (2, Method::Md5, b"beta-key"), (3, Method::Crc, b"")];
    KeyRing::new(1, keys.map(|(index, method, key)| (index, method, key.to_vec()))).expect("a ring")
});
static CKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_CKSUM);

fuzz_target!(|input: &[u8]| {
    as_it_is(input);
    signed(input);
});

fn as_it_is(packet: &[u8]) {
    let result = RING.open(packet);
    let outcome = RING.verdict(packet).outcome;
    let good = matches!(outcome, Outcome::Good | Outcome::GoodWithActiveKey);
    match result {
        Ok(message) => {
            assert!(good);
            sealed(&message);
        }
        // A well signed packet may have a fault in a field.
        Err(Refusal::Malformed(_)) => {}
        Err(_) => assert!(!good),
    }
}

/// The input as a body with a right checksum: this is how the parser behind the digest is reached.
fn signed(body: &[u8]) {
    let mut packet = body.to_vec();
    netstring::push_trailer(format!("3 {:x}", CKSUM.checksum(body)).as_bytes(), &mut packet);
    let Ok(split) = netstring::split(&packet) else { return };
    if split.body != body {
        return;
    }
    let opened = RING.open(&packet);
    assert_eq!(opened, netstring::decode(body).map_err(Refusal::Malformed));
    // The last letter of the digest stands before the comma.
    let letter = packet.len() - 2;
    packet[letter] ^= 1;
    assert!(RING.open(&packet).is_err());
}

fn sealed(message: &Message) {
    for inner in [InnerAuth::Yes, InnerAuth::No] {
        let mut packet = Vec::new();
        if RING.seal_into(message, inner, &mut packet).is_err() {
            continue;
        }
        let opened = RING.open(&packet).expect("own packets open");
        if inner == InnerAuth::No {
            assert_eq!(&opened, message);
        }
        let mut again = Vec::new();
        assert_eq!(RING.seal_into(&opened, inner, &mut again), Ok(()));
        assert_eq!(again, packet);
    }
}
