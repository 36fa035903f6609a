//! Netstring packets: decode, encode, decode.
#![no_main]

use hb_wire::{EncodeError, Message, Value, netstring};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packet: &[u8]| {
    let split = netstring::split(packet);
    let Ok(message) = netstring::decode(packet) else { return };
    match netstring::encode(&message) {
        Ok(body) => {
            assert_eq!(netstring::decode(&body).as_ref(), Ok(&message));
            // The only freedom that a body has is leading zeros in its lengths.
            if let Ok(split) = split {
                assert!(body.len() <= split.body.len());
                assert!(body.len() != split.body.len() || body == split.body);
            }
        }
        // Longer lists are read than may be sent.
        Err(error) => {
            assert_eq!(error, EncodeError::List);
            assert!(has_long_list(&message));
        }
    }
});

fn has_long_list(message: &Message) -> bool {
    message.fields().iter().any(|field| match &field.value {
        Value::List(items) => {
            items.iter().map(|item| item.len() + 3).sum::<usize>() * 2 >= netstring::MAX_LIST
        }
        Value::Struct(inner) | Value::Uncompressed(inner) => has_long_list(inner),
        Value::Text(_) | Value::Binary(_) | Value::Compressed(_) => false,
    })
}
