//! What mutation testing found untested: the message model itself, how much is reserved for a packet, and a
//! limit.

use hb_wire::{Message, Value, netstring};

#[test]
fn fields_are_found_by_name_and_type() {
    let mut message = Message::new("status");
    message.push("srcuuid", Value::Binary(vec![1, 2].into()));
    assert_eq!(message.binary("srcuuid"), Some(&[1, 2][..]));
    assert_eq!(message.binary("t"), None);
    assert_eq!(message.binary("absent"), None);
    assert_eq!(message.text("srcuuid"), None);
    assert!(message.has("srcuuid") && !message.has("absent"));
}

/// The first field of a name is looked at and changed; the others stay, and so does the order.
#[test]
fn setting_changes_the_first_of_a_name_or_appends() {
    let mut message = Message::new("status");
    message.push_text("st", "init");
    message.push_text("st", "second");
    message.set_text("st", "up");
    message.set("ttl", Value::Binary(vec![3].into()));
    let mut expected = Message::default();
    for (name, value) in [("t", "status"), ("st", "up"), ("st", "second")] {
        expected.push_text(name, value);
    }
    expected.push("ttl", Value::Binary(vec![3].into()));
    assert_eq!(message, expected);
    assert_eq!(message.text("st"), Some("up"));
}

/// One reservation for a packet and its trailer, and no more than that.
#[test]
fn encoding_reserves_what_it_needs() {
    let mut message = Message::new("status");
    message.push("data", Value::Binary(vec![7; 1000].into()));
    let mut packet = Vec::new();
    netstring::encode_into(&message, &mut packet).unwrap();
    let room = packet.capacity() - packet.len();
    assert!((48..200).contains(&room), "{room}");
}

/// `wire.md` 1.4.
#[test]
fn the_longest_message_of_a_stream() {
    assert_eq!(hb_wire::classic::stream::MAX_MESSAGE, 262_144);
}

#[test]
fn all_of_a_message_that_is_too_long_counts_as_skipped() {
    let mut bytes = b">>>\nt=1\n".to_vec();
    bytes.resize(300_000, b'x');
    bytes.push(b'\n');
    let mut stream = hb_wire::classic::stream::Stream::new();
    assert_eq!(stream.next_message(&mut bytes.as_slice()), None);
    assert_eq!(stream.counts().too_long, 1);
    assert_eq!(stream.counts().skipped_bytes, 300_001);
}
