//! open(seal(m)) = m for every message, and nothing else opens.

use hb_auth::{InnerAuth, KeyRing, Method, Outcome, Refusal};
use hb_wire::{Field, Message, Value, netstring};
use proptest::prelude::*;

#[cfg(test)]
mod strategy {
    use super::{Field, InnerAuth, KeyRing, Message, Method, Strategy, Value, any, prop, prop_oneof};

    pub(crate) fn message() -> impl Strategy<Value = Message> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..40);
        let text = || prop::collection::vec(1_u8.., 0..40);
        let value = prop_oneof![
            6 => text().prop_map(|bytes| Value::Text(bytes.into())),
            2 => bytes().prop_map(|bytes| Value::Binary(bytes.into())),
            1 => prop::collection::vec(text(), 0..5).prop_map(Value::List),
            1 => bytes().prop_map(|bytes| {
                Value::Struct(Message::from_fields(vec![Field { name: "x".into(), value: Value::Binary(bytes.into()) }]))
            }),
        ];
        let field = ("[a-z()<>\n]{1,8}", value);
        let field = field.prop_map(|(name, value)| Field { name: name.as_str().into(), value });
        prop::collection::vec(field, 0..12).prop_map(Message::from_fields)
    }

    pub(crate) fn ring() -> impl Strategy<Value = KeyRing> {
        let line = prop_oneof![
            1 => (0_u8..16).prop_map(|index| (index, Method::Crc, Vec::new())),
            2 => (0_u8..16, "[!-~]{1,80}").prop_map(|(index, key)| (index, Method::Md5, key.into_bytes())),
            2 => (0_u8..16, "[!-~]{1,80}").prop_map(|(index, key)| (index, Method::Sha1, key.into_bytes())),
        ];
        prop::collection::vec(line, 1..5).prop_map(|lines| KeyRing::new(lines[0].0, lines).unwrap())
    }

    pub(crate) fn inner() -> impl Strategy<Value = InnerAuth> {
        any::<bool>().prop_map(|yes| if yes { InnerAuth::Yes } else { InnerAuth::No })
    }
}

#[cfg(test)]
fn without_auth(message: &Message) -> Vec<Field> {
    message.fields().iter().filter(|field| field.name != b"auth").cloned().collect()
}

proptest! {
    #[test]
    fn what_was_sealed_opens(ring in strategy::ring(), message in strategy::message(), inner in strategy::inner()) {
        let packet = ring.seal(&message, inner);
        let opened = ring.open(&packet).unwrap();
        prop_assert_eq!(without_auth(&opened), without_auth(&message));
        if inner == InnerAuth::No {
            prop_assert_eq!(&opened, &message);
        }
        // What came through once does not change any more.
        prop_assert_eq!(ring.seal(&opened, inner), packet);
    }

    #[test]
    fn a_changed_body_does_not_open(
        ring in strategy::ring(), message in strategy::message(), at in any::<prop::sample::Index>(), bit in 0..8,
    ) {
        let mut packet = ring.seal(&message, InnerAuth::Yes);
        let body = netstring::split(&packet).unwrap().body.len();
        packet[at.index(body)] ^= 1_u8 << bit;
        prop_assert!(ring.open(&packet).is_err());
    }

    #[test]
    fn other_keys_do_not_open(message in strategy::message(), key in "[!-~]{1,80}", other in "[!-~]{1,80}") {
        prop_assume!(key != other);
        for method in [Method::Md5, Method::Sha1] {
            let ring = |key: &str| KeyRing::new(7, [(7, method, key.as_bytes().to_vec())]).unwrap();
            let packet = ring(&key).seal(&message, InnerAuth::Yes);
            prop_assert_eq!(ring(&other).open(&packet), Err(Refusal::Mismatch { index: 7, method }));
            prop_assert_eq!(ring(&other).verdict(&packet).outcome, Outcome::Mismatch);
        }
    }

    #[test]
    fn verdict_and_open_agree(ring in strategy::ring(), other in strategy::ring(), message in strategy::message()) {
        let packet = ring.seal(&message, InnerAuth::Yes);
        let good = matches!(other.verdict(&packet).outcome, Outcome::Good | Outcome::GoodWithActiveKey);
        prop_assert_eq!(other.open(&packet).is_ok(), good);
    }
}
