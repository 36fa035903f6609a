//! Streams whole, in pieces and damaged.

use alloc::vec;
use alloc::vec::Vec;

use super::*;

/// All messages of a stream that comes in pieces of some length.
fn messages(bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, Counts) {
    let mut stream = Stream::new();
    let mut messages = Vec::new();
    for mut input in bytes.chunks(piece) {
        while let Some(message) = stream.next_message(&mut input) {
            messages.push(message.to_vec());
        }
        assert!(input.is_empty());
    }
    (messages, stream.counts())
}

fn bodies(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (whole, counts) = messages(bytes, bytes.len().max(1));
    for piece in 1..=bytes.len() {
        assert_eq!(messages(bytes, piece), (whole.clone(), counts), "pieces of {piece}");
    }
    let body = |message: &Vec<u8>| {
        message.strip_prefix(b">>>\n").and_then(|rest| rest.strip_suffix(b"<<<\n")).unwrap().to_vec()
    };
    whole.iter().map(body).collect()
}

#[test]
fn messages_back_to_back() {
    assert_eq!(
        bodies(b">>>\nt=a\n<<<\n>>>\nt=b\nx=>>>\n<<<\n>>>\n<<<\n"),
        [&b"t=a\n"[..], b"t=b\nx=>>>\n", b""]
    );
}

#[test]
fn garbage_between_messages_is_skipped() {
    let bytes = b"=x\n<<<\n\n\x00>>>\nt=a\n<<<\n###\nnonsense\n>>>\nt=b\n<<<\n";
    assert_eq!(bodies(bytes), [b"t=a\n", b"t=b\n"]);
    let (_, counts) = messages(bytes, 7);
    assert_eq!(counts, Counts { skipped_bytes: 22, unfinished: 0, too_long: 0 });
}

#[test]
fn a_message_without_an_end_does_not_swallow_the_next() {
    assert_eq!(bodies(b">>>\nt=a\nst=up\n>>>\nt=b\n<<<\n"), [b"t=b\n"]);
    assert_eq!(bodies(b">>>\nt=a\nst>>>\nt=b\n<<<\n>>>\nt=c\n<<<\n"), [&b"t=a\nst>>>\nt=b\n"[..], b"t=c\n"]);
    let (_, counts) = messages(b">>>\nt=a\nst=up\n>>>\nt=b\n<<<\n", 100);
    assert_eq!((counts.unfinished, counts.skipped_bytes), (1, 14));
}

#[test]
fn garbage_on_the_line_of_a_marker_costs_nothing() {
    assert_eq!(bodies(b"junk>>>\nt=a\n<<<junk\n>>>\nt=b\n<<<\n"), [b"t=a\n", b"t=b\n"]);
    assert_eq!(bodies(b">>>\nt=a\n<<<?>>>\nt=b\n<<<\n"), [b"t=a\n", b"t=b\n"]);
    assert_eq!(bodies(b">>>junk\nt=a\n<<<\n>>>\nt=b\n<<<\n"), [b"t=b\n"]);
    let (_, counts) = messages(b"junk>>>\nt=a\n<<<?>>>\nt=b\n<<<\n", 100);
    assert_eq!(counts.skipped_bytes, 5);
}

#[test]
fn what_is_too_long_is_skipped_in_bounded_memory() {
    let mut stream = Stream::new();
    let mut input = &b">>>\n"[..];
    assert_eq!(stream.next_message(&mut input), None);
    for end in [&b"x"[..], b"\n"] {
        for _ in 0..3 * MAX_MESSAGE / 1000 {
            let mut bytes = vec![b'x'; 999];
            bytes.extend_from_slice(end);
            assert_eq!(stream.next_message(&mut &bytes[..]), None);
            assert!(stream.buffer.len() <= MAX_MESSAGE);
        }
    }
    assert_eq!(stream.counts().too_long, 1);
    assert_eq!(stream.next_message(&mut &b">>>\nt=a\n<<<\n"[..]), Some(&b">>>\nt=a\n<<<\n"[..]));
}

#[test]
fn the_longest_message_passes() {
    let mut bytes = b">>>\nx=".to_vec();
    let longest = bytes.len() + MAX_MESSAGE - 11;
    bytes.resize(longest, b'y');
    bytes.extend_from_slice(b"\n<<<\n");
    assert_eq!(bytes.len(), MAX_MESSAGE);
    assert!(messages(&bytes, 4096).0 == core::slice::from_ref(&bytes));
    bytes.insert(10, b'y');
    let (none, counts) = messages(&bytes, 4096);
    assert_eq!((none.len(), counts.too_long), (0, 1));
}

#[test]
fn after_a_reset_the_rest_of_a_message_is_garbage() {
    let mut stream = Stream::new();
    stream.next_message(&mut &b">>>\nt=a\n"[..]);
    stream.reset();
    assert_eq!(stream.next_message(&mut &b"st=up\n<<<\n>>>\n<<<\n"[..]), Some(&b">>>\n<<<\n"[..]));
}
