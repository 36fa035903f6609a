//! What mutation testing found untested: keys of a block's length, keys that are tried second, names, the fingerprint.

use hb_auth::{InnerAuth, KeyRing, Method, Outcome, Refusal};
use hb_wire::{Message, netstring};

/// RFC 2104, 2: only what is longer than a block is hashed. Digests by another implementation.
#[test]
fn keys_of_a_block_and_of_one_byte_more() {
    let known = [
        (Method::Md5, 64, "171e85b3f9ffa7637ce85e85e909d655"),
        (Method::Md5, 65, "c98520d6375fb224817db2b2ca7c3afd"),
        (Method::Sha1, 64, "58092d6c3b37e5018fcc11318ba65da521d86d5e"),
        (Method::Sha1, 65, "1969de39b5515b4c630cb6037e50cef34936fbf7"),
    ];
    for (method, length, digest) in known {
        let ring = KeyRing::new(1, [(1, method, vec![b'k'; length])]).unwrap();
        let mut packet = b"###\n11:(0)t=status,%%%\n".to_vec();
        netstring::push_trailer(format!("1 {digest}").as_bytes(), &mut packet);
        assert_eq!(ring.open(&packet), Ok(Message::new("status")), "{method} {length}");
    }
}

/// `wire.md` 3.5: a packet may be signed with the method of one line and the key of the active one, but not with a third.
#[test]
fn a_line_that_is_not_active_opens_for_its_key_and_the_active_one_only() {
    let message = Message::new("status");
    let receiver =
        KeyRing::new(1, [(1, Method::Md5, b"alpha".to_vec()), (2, Method::Sha1, b"beta".to_vec())]).unwrap();
    let signed = |key: &str| {
        let ring = KeyRing::new(2, [(2, Method::Sha1, key.as_bytes().to_vec())]).unwrap();
        ring.seal(&message, InnerAuth::No)
    };
    assert_eq!(receiver.open(&signed("beta")).as_ref(), Ok(&message));
    assert_eq!(receiver.open(&signed("alpha")).as_ref(), Ok(&message));
    assert_eq!(receiver.verdict(&signed("alpha")).outcome, Outcome::GoodWithActiveKey);
    let refused = Refusal::Mismatch { index: 2, method: Method::Sha1 };
    assert_eq!(receiver.open(&signed("gamma")), Err(refused));
    assert_eq!(receiver.verdict(&signed("gamma")).outcome, Outcome::Mismatch);
}

#[test]
fn a_method_is_shown_as_in_authkeys() {
    for method in Method::ALL {
        assert_eq!(method.to_string(), method.name());
    }
}

#[test]
fn each_outcome_has_a_name_of_its_own() {
    let outcomes = [
        (Outcome::Good, "good"),
        (Outcome::GoodWithActiveKey, "good with active key"),
        (Outcome::Mismatch, "mismatch"),
        (Outcome::UnknownIndex, "unknown index"),
        (Outcome::Malformed, "malformed"),
        (Outcome::Missing, "missing"),
        (Outcome::Unreadable, "unreadable"),
    ];
    for (outcome, name) in outcomes {
        assert_eq!(outcome.name(), name);
    }
}

/// It travels in messages, so it must not change from version to version. By another implementation.
#[test]
fn a_known_fingerprint() {
    let keys = [(1, Method::Sha1, b"a".to_vec()), (2, Method::Md5, b"b".to_vec())];
    assert_eq!(KeyRing::new(1, keys).unwrap().fingerprint(), 0x605b_8480);
}
