//! What is found in bytes that scripts write: the table of the specification, two writers at a time, what is too long.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;

use super::*;

/// Messages by type, losses by cause.
fn read(fifo: &mut Fifo, mut input: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(next) = fifo.next_message(&mut input) {
        found.push(match next {
            Ok(message) => message.kind().unwrap().to_string(),
            Err(loss) => format!("!{}", loss.cause()),
        });
    }
    assert!(input.is_empty());
    found
}

fn read_alone(input: &[u8]) -> Vec<String> {
    let mut fifo = Fifo::new();
    let mut found = read(&mut fifo, input);
    found.extend(fifo.give_up().map(|loss| format!("!{}", loss.cause())));
    assert!(!fifo.is_waiting());
    found
}

fn fields(input: &[u8]) -> Message {
    Fifo::new().next_message(&mut { input }).unwrap().unwrap()
}

#[test]
fn the_table_of_the_specification() {
    // What `scn-fifo` of 3.0.6 wrote, one by one.
    let cases: [(&[u8], &[&str]); 16] = [
        (b">>>\nt=fifo1\nfoo=bar\n<<<\n", &["fifo1"]),
        (b">>>\nfoo=bar\n<<<\n", &["!without type"]),
        (b">>>\nt=fifo2a\n<<<\n>>>\nt=fifo2b\n<<<\n", &["fifo2a", "fifo2b"]),
        (b"junk\n\n>>>\nt=fifo3\n<<<\n", &["!outside of messages", "fifo3"]),
        (b">>>\nt=fifo4\nnoequals\nfoo=bar\n<<<\n>>>\nt=fifo5\n<<<\n", &["!no field", "fifo5"]),
        (
            b">>>\r\nt=fifo7\r\n<<<\r\n",
            &["!outside of messages", "!outside of messages", "!outside of messages"],
        ),
        (b">>>\n=x\nt=fifo10\n<<<\n>>>\nt=next\n<<<\n", &["!no field", "next"]),
        (b">>>\nt=fifo14\n>>>\nt=fifo14b\n<<<\n", &["!mixed"]),
        (b"###\n11:(0)t=fifo15,%%%\n", &["fifo15"]),
        (b"###\n>>>\nt=next\n<<<\n", &["next"]),
        (b"###\n12:(0)t=fifo15,%%%\n", &["!malformed"]),
        // 3.0.6 sends the first after a second; the rest is junk for it too.
        (b">>>\nt=fifo13\n", &["!without end"]),
        (b"foo=bar\n<<<\n", &["!outside of messages", "!outside of messages"]),
        (b">>>\nt=x\n(1)bin=no base\n<<<\n", &["!malformed"]),
        (b">>>\nt=x\nv=a\0b\n<<<\n", &["!malformed"]),
        (b">>>\nt=x\n<<<behind\n<<<\n", &["!no field"]),
    ];
    for (input, expected) in cases {
        assert_eq!(read_alone(input), expected, "{}", input.escape_ascii());
        let mut fifo = Fifo::new();
        let mut found: Vec<_> = input.chunks(1).flat_map(|byte| read(&mut fifo, byte)).collect();
        found.extend(fifo.give_up().map(|loss| format!("!{}", loss.cause())));
        assert_eq!(found, expected, "byte by byte: {}", input.escape_ascii());
    }
}

#[test]
fn values_are_kept() {
    let message = fields(b">>>\nt=fifo8\nfoo=x=y=z \nempty=\n(1)bin=AAEC\nfoo=again\n<<<\n");
    assert_eq!(message.text("foo"), Some("x=y=z "));
    assert_eq!(message.text("empty"), Some(""));
    assert_eq!(message.binary("bin"), Some(&[0, 1, 2][..]));
    assert_eq!(message.fields().len(), 5);
}

#[test]
fn messages_of_two_writers_are_never_mixed() {
    // Two scripts write at the same time, each in three pieces, in every order of the pieces.
    let one = [">>>\n", "t=one\nof=1\n", "<<<\n"];
    let two = [">>>\n", "t=two\nof=2\n", "<<<\n"];
    for order in 0_u32..64 {
        if order.count_ones() != 3 {
            continue;
        }
        let (mut ones, mut twos) = (one.iter(), two.iter());
        let mut text = String::new();
        for turn in 0..6 {
            text += if order & (1 << turn) == 0 { ones.next() } else { twos.next() }.unwrap();
        }
        let mut fifo = Fifo::new();
        let (mut input, mut whole) = (text.as_bytes(), 0);
        while let Some(found) = fifo.next_message(&mut input) {
            if let Ok(message) = found {
                let kind = if message.text("of") == Some("1") { "one" } else { "two" };
                assert_eq!((message.kind(), message.fields().len()), (Some(kind), 2), "{text}");
                whole += 1;
            }
        }
        let in_order = matches!(order, 0b00_0111 | 0b11_1000);
        assert_eq!(whole, if in_order { 2 } else { 0 }, "{text}");
        assert!(!fifo.is_waiting(), "the next one is read again: {text}");
    }
}

#[test]
fn a_marker_inside_a_line_does_not_hide_another_writer() {
    assert_eq!(read_alone(b">>>\nt=one\nfoo=>>>\nt=two\n<<<\nbar\n<<<\n")[0], "!mixed");
}

#[test]
fn who_was_killed_in_the_middle_costs_no_more_than_the_wait() {
    let mut fifo = Fifo::new();
    assert_eq!(read(&mut fifo, b">>>\nt=killed\nfoo"), Vec::<String>::new());
    assert!(fifo.is_waiting());
    assert_eq!(fifo.give_up(), Some(Loss::Unfinished));
    assert_eq!(read(&mut fifo, b">>>\nt=next\n<<<\n"), ["next"]);
    // Another one came before the wait was over: both are lost, and then nothing more.
    assert_eq!(read(&mut fifo, b">>>\nt=killed\n>>>\nt=lost\n<<<\n"), ["!mixed"]);
    assert!(fifo.is_waiting());
    assert_eq!(fifo.give_up(), None);
    assert_eq!(read(&mut fifo, b">>>\nt=next\n<<<\n"), ["next"]);
}

#[test]
fn what_is_too_long_is_dropped_and_never_held() {
    let line = format!("v={}\n", "x".repeat(1000));
    let fits = MAX_MESSAGE / line.len();
    for (count, expected) in [(fits - 1, "long"), (fits + 1, "!too long")] {
        let text = format!(">>>\nt=long\n{}<<<\n>>>\nt=next\n<<<\n", line.repeat(count));
        assert_eq!(read_alone(text.as_bytes()), [expected, "next"]);
    }
    let mut fifo = Fifo::new();
    assert_eq!(read(&mut fifo, b">>>\nt=long\nv="), Vec::<String>::new());
    for _ in 0..100 {
        assert_eq!(read(&mut fifo, &vec![b'x'; 4096]), Vec::<String>::new());
        assert!(fifo.message.len() + fifo.line.len() <= 2 * MAX_MESSAGE);
    }
    assert_eq!(read(&mut fifo, b"\n<<<\n>>>\nt=next\n<<<\n"), ["!too long", "next"]);
    assert_eq!(read(&mut fifo, &vec![b'x'; 2 * MAX_MESSAGE]), Vec::<String>::new());
    assert_eq!(read(&mut fifo, b"\n>>>\nt=next\n<<<\n"), ["!outside of messages", "next"]);
}

#[test]
fn the_end_of_a_line_that_is_too_long_is_no_marker() {
    let mut fifo = Fifo::new();
    assert_eq!(read(&mut fifo, b">>>\nt=cut\nv="), Vec::<String>::new());
    assert_eq!(read(&mut fifo, &vec![b'x'; MAX_MESSAGE]), Vec::<String>::new());
    assert_eq!(read(&mut fifo, b"<<<\n<<<\n"), ["!too long"]);
    assert_eq!(read(&mut fifo, &vec![b'x'; MAX_MESSAGE]), Vec::<String>::new());
    assert_eq!(read(&mut fifo, b">>>\nt=next\n<<<\n"), ["!outside of messages"; 3]);
}
