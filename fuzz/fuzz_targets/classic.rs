//! Classic texts: decode, encode, decode, and through the other encoding.
#![no_main]

use hb_wire::{EncodeError, classic, netstring};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Ok((message, rest)) = classic::decode_first(text) else { return };
    assert!(text.ends_with(rest));
    let again = classic::encode(&message).expect("what was read can be written");
    // Empty lines are the only thing that is lost.
    assert!(again.len() + rest.len() <= text.len());
    assert_eq!(classic::decode_first(&again), Ok((message.clone(), &b""[..])));
    let covered = classic::auth_text(&message).expect("what was read can be covered");
    assert!(covered.len() < again.len());
    let split = classic::split(text).expect("what can be read can be split");
    assert_eq!(split.rest, rest);
    // Empty lines inside a nested message are lost in decoding.
    assert!(split.covered == covered || split.covered.len() > covered.len());
    match netstring::encode(&message) {
        Ok(body) => assert_eq!(netstring::decode(&body), Ok(message)),
        Err(error) => assert_eq!(error, EncodeError::List),
    }
});
