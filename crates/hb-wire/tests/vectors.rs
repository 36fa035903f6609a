//! Packets of 3.0.6 (`tests/vectors`): each decodes to the listed fields and encodes back to the same bytes, or is
//! refused for the listed cause. What a key ring says to them is tested in `hb-auth`.

use hb_wire::{DecodeError, Encoding, classic};

use convert::{decode, encode, message};
use load::{single, vectors};

#[cfg(test)]
#[path = "vectors/load.rs"]
mod load;

/// Between the index, messages and bytes.
#[cfg(test)]
mod convert {
    use hb_wire::{DecodeError, Field, Message, Value, classic, netstring};
    use serde_json::Value as Json;

    use super::load::Vector;

    fn bytes(value: &Json) -> Vec<u8> {
        match (value.as_str(), value["hex"].as_str()) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (None, Some(hex)) => hex
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect(),
            (None, None) => panic!("{value}"),
        }
    }

    pub(crate) fn message(fields: &Json) -> Message {
        let field = |field: &Json| {
            let value = &field[2];
            let value = match field[0].as_u64().unwrap() {
                0 => Value::Text(bytes(value).into()),
                1 => Value::Binary(bytes(value).into()),
                2 => Value::Struct(message(value)),
                3 => Value::List(value.as_array().unwrap().iter().map(bytes).collect()),
                4 => Value::Compressed(bytes(value).into()),
                other => panic!("type {other}"),
            };
            Field { name: bytes(&field[1]).into(), value }
        };
        Message::from_fields(fields.as_array().unwrap().iter().map(field).collect())
    }

    pub(crate) fn decode(vector: &Vector, packet: &[u8]) -> Result<Message, DecodeError> {
        match vector.text("encoding") {
            "netstring" => netstring::decode(packet),
            "classic" => classic::decode(packet),
            other => panic!("encoding {other}"),
        }
    }

    pub(crate) fn encode(vector: &Vector, message: &Message) -> Vec<u8> {
        if vector.text("encoding") == "classic" {
            return classic::encode(message).unwrap();
        }
        let mut bytes = netstring::encode(message).unwrap();
        if let Ok(split) = netstring::split(&vector.packet) {
            netstring::push_trailer(split.trailer, &mut bytes);
        }
        bytes
    }
}

#[test]
fn decoding() {
    let (mut good, mut refused) = (0, 0);
    for vector in single() {
        match (vector.text("decode"), decode(&vector, &vector.packet)) {
            ("ok", result) => {
                assert_eq!(result, Ok(message(&vector.entry["fields"])), "{}", vector.file());
                good += 1;
            }
            (cause, result) => {
                assert_eq!(result.map_err(DecodeError::cause), Err(cause), "{}", vector.file());
                refused += 1;
            }
        }
    }
    assert_eq!((good, refused), (231, 7));
}

#[test]
fn encoding_back() {
    let (mut same, mut prefix, mut differs) = (0, 0, 0);
    for vector in single().filter(|vector| vector.text("decode") == "ok") {
        let file = vector.file();
        let decoded = decode(&vector, &vector.packet).unwrap();
        let encoded = encode(&vector, &decoded);
        let (how, reason) = vector.text("encodes").split_once(": ").unwrap_or(("same", "none needed"));
        assert!(!reason.is_empty(), "{file}");
        match how {
            "same" => {
                assert_eq!(encoded, vector.packet, "{file}");
                same += 1;
            }
            "prefix" => {
                assert!(encoded.len() < vector.packet.len() && vector.packet.starts_with(&encoded), "{file}");
                prefix += 1;
            }
            "differs" => {
                assert!(!vector.packet.starts_with(&encoded), "{file}");
                assert_eq!(decode(&vector, &encoded).as_ref(), Ok(&decoded), "{file}");
                differs += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!((same, prefix, differs), (214, 15, 2));
}

#[test]
fn telling_encodings_apart() {
    for vector in single() {
        let expected = (vector.text("open") != "unrecognised").then(|| vector.text("encoding"));
        assert_eq!(Encoding::of(&vector.packet).map(Encoding::name), expected, "{}", vector.file());
    }
}

#[test]
fn serial_streams() {
    let mut count = 0;
    for vector in vectors(|kind| kind == "serial-stream") {
        let mut rest = vector.packet.as_slice();
        while !rest.is_empty() {
            let (message, behind) = classic::decode_first(rest).unwrap();
            assert!(message.kind().is_some());
            let encoded = classic::encode(&message).unwrap();
            assert_eq!(rest.strip_suffix(behind), Some(encoded.as_slice()));
            rest = behind;
            count += 1;
        }
    }
    assert_eq!(count, 138);
}
