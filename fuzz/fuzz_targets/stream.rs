//! Classic messages in a damaged stream of bytes: what is found does not depend on how the bytes come, is what a plain
//! second reading finds, and a good message behind anything is always found.
#![no_main]

use hb_wire::classic::stream::{MAX_MESSAGE, Stream};
use hb_wire::classic::{decode, split};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [how, step, rest @ ..] = input else { return };
    let mut bytes = rest.to_vec();
    // Long streams come in long pieces, short ones also byte by byte.
    let mut piece = usize::from(*step) % 40 + 1;
    if *how == FILL {
        piece *= 509;
        // Longer than any message, somewhere in the middle.
        let middle = usize::from(*step) * rest.len() / 256;
        bytes.splice(middle..middle, std::iter::repeat_n(b'x', MAX_MESSAGE));
    }
    let whole = read(&bytes, bytes.len());
    assert_eq!(whole, read(&bytes, piece), "in pieces");
    assert_eq!(whole, second_reading(&bytes), "read plainly");
    for message in &whole {
        assert!(message.len() <= MAX_MESSAGE);
        let is_split = split(message).is_ok();
        assert!(is_split || decode(message).is_err(), "what can be read can be split");
    }
    // A broken line costs what was on it, and no more.
    bytes.push(b'\n');
    bytes.extend_from_slice(GOOD);
    assert_eq!(read(&bytes, piece).last().map(Vec::as_slice), Some(GOOD), "lost behind garbage");
});

/// All messages of a stream that comes in pieces of this length.
fn read(bytes: &[u8], step: usize) -> Vec<Vec<u8>> {
    let mut stream = Stream::new();
    let mut found = Vec::new();
    for mut piece in bytes.chunks(step.max(1)) {
        while let Some(message) = stream.next_message(&mut piece) {
            found.push(message.to_vec());
        }
        assert!(piece.is_empty());
    }
    let counts = stream.counts();
    let taken: usize = found.iter().map(Vec::len).sum();
    let lost = usize::try_from(counts.skipped_bytes).expect("fits");
    // The marker behind an end marker on one line is read with that line, and has its line end there.
    assert!(lost + taken <= bytes.len() + 4 * found.len(), "{lost} lost, {taken} taken");
    assert!(counts.too_long == 0 || bytes.len() >= MAX_MESSAGE);
    found
}

/// The same, line by line.
fn second_reading(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut message: Option<Vec<u8>> = None;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (text, is_whole) = line.strip_suffix(b"\n").map_or((line, false), |text| (text, true));
        if message.as_ref().is_some_and(|begun| begun.len() + text.len() >= MAX_MESSAGE) {
            message = None;
        }
        if !is_whole {
            break;
        }
        match &mut message {
            None if text.ends_with(b">>>") => message = Some(b">>>\n".to_vec()),
            None => {}
            Some(begun) if text.starts_with(b"<<<") => {
                begun.extend_from_slice(b"<<<\n");
                found.extend(message.take());
                if text[3..].ends_with(b">>>") {
                    message = Some(b">>>\n".to_vec());
                }
            }
            Some(begun) if text == b">>>" => *begun = b">>>\n".to_vec(),
            Some(begun) => begun.extend_from_slice(line),
        }
    }
    found
}

const GOOD: &[u8] = b">>>\nt=status\nst=active\n<<<\n";
/// The first byte that makes a stream long.
const FILL: u8 = 0xff;
