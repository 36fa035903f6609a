//! What shell scripts write into a FIFO: what is found does not depend on how the bytes come, is what a plain second reading
//! finds, and a good message behind anything and a pause is always found.
#![no_main]

use hb_wire::classic::fifo::{Fifo, Loss, MAX_MESSAGE};
use hb_wire::{Message, classic, netstring};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [how, step, rest @ ..] = input else { return };
    let mut bytes = rest.to_vec();
    let mut piece = usize::from(*step) % 40 + 1;
    if *how == FILL {
        piece *= 509;
        // Longer than any message, somewhere in the middle.
        let middle = usize::from(*step) * rest.len() / 256;
        bytes.splice(middle..middle, std::iter::repeat_n(b'x', MAX_MESSAGE));
    }
    let (whole, fifo) = read(&bytes, bytes.len());
    let (in_pieces, _) = read(&bytes, piece);
    assert_eq!(whole, in_pieces, "in pieces");
    assert_eq!(whole, second_reading(&bytes), "read plainly");
    for message in whole.iter().flatten() {
        assert_eq!(message.fields().iter().filter(|field| *field.name == *b"t").count(), 1);
    }
    after_a_pause(fifo);
});

type Found = Result<Message, Loss>;

/// All that is found in bytes that come in pieces of this length.
fn read(bytes: &[u8], step: usize) -> (Vec<Found>, Fifo) {
    let mut fifo = Fifo::new();
    let mut found = Vec::new();
    for mut piece in bytes.chunks(step.max(1)) {
        while let Some(next) = fifo.next_message(&mut piece) {
            found.push(next);
        }
        assert!(piece.is_empty());
    }
    (found, fifo)
}

fn after_a_pause(mut fifo: Fifo) {
    let was_waiting = fifo.is_waiting();
    let loss = fifo.give_up();
    assert!(was_waiting || loss.is_none(), "nothing was lost");
    assert!(!fifo.is_waiting());
    let mut good = &b">>>\nt=good\n<<<\n"[..];
    let found = fifo.next_message(&mut good);
    assert!(matches!(found, Some(Ok(message)) if message.kind() == Some("good")), "lost behind garbage");
}

/// The same, line by line over the whole text.
fn second_reading(bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let text = bytes.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &bytes[..end]);
    let mut lines = text.split(|byte| *byte == b'\n').peekable();
    if text.is_empty() && !bytes.contains(&b'\n') {
        return found;
    }
    while let Some(line) = lines.next() {
        match line {
            b">>>" => found.extend(message(&mut lines)),
            b"###" => match lines.peek().copied() {
                None | Some(b">>>") => {}
                Some(line) => {
                    lines.next();
                    found.push(in_netstrings(line));
                }
            },
            b"" => {}
            _ => found.push(Err(Loss::Outside)),
        }
    }
    found
}

fn in_netstrings(line: &[u8]) -> Found {
    if line.len() >= MAX_MESSAGE {
        return Err(Loss::TooLong);
    }
    one_type(netstring::decode(&[b"###\n", line, b"\n"].concat()).map_err(Loss::Malformed)?)
}

/// The lines behind a start marker, up to the end marker, or to the ends of all that began if something is wrong.
fn message<'a>(lines: &mut impl Iterator<Item = &'a [u8]>) -> Option<Found> {
    let mut text = b">>>\n".to_vec();
    let (loss, mut open) = loop {
        let line = lines.next()?;
        match line {
            b">>>" => break (Loss::Mixed, 2_u32),
            b"<<<" => {
                text.extend_from_slice(b"<<<\n");
                return Some(classic::decode(&text).map_err(Loss::Malformed).and_then(one_type));
            }
            _ if text.len() + line.len() + 5 > MAX_MESSAGE => break (Loss::TooLong, 1),
            _ if line.starts_with(b"=") || !line.contains(&b'=') => break (Loss::NoField, 1),
            _ => text.extend([line, b"\n"].concat()),
        }
    };
    while open > 0 {
        match lines.next() {
            Some(b">>>") => open += 1,
            Some(b"<<<") => open -= 1,
            Some(_) => {}
            None => break,
        }
    }
    Some(Err(loss))
}

fn one_type(message: Message) -> Found {
    let types = message.fields().iter().filter(|field| *field.name == *b"t").count();
    match message.kind() {
        None => Err(Loss::NoType),
        Some(_) if types > 1 => Err(Loss::Mixed),
        Some(_) => Ok(message),
    }
}

/// The first byte that makes the bytes many.
const FILL: u8 = 0xff;
