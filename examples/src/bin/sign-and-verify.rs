//! `hb-wire` and `hb-auth` alone: a message is made, signed, damaged on its way, and refused.
//!
//! With these two crates any program can read the heartbeats of a cluster whose `authkeys` it has, or send some.

use std::error::Error;
use std::io::{self, Write};

use hb_auth::{InnerAuth, KeyRing, Method};
use hb_wire::Message;

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout().lock())
}

/// Seals a message with one key ring and opens it with another, whole and damaged.
fn run(out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let sender = KeyRing::new(1, [(1, Method::Sha1, b"a secret".to_vec())])?;
    let receiver = KeyRing::new(2, [(1, Method::Sha1, b"a secret".to_vec()), (2, Method::Crc, Vec::new())])?;

    let mut message = Message::new("status");
    message.push_text("st", "active");
    message.push_text("src", "alpha");
    let packet = sender.seal(&message, InnerAuth::No);

    let opened = receiver.open(&packet)?;
    writeln!(out, "{} bytes from {}: {}", packet.len(), text(&opened, "src"), text(&opened, "st"))?;

    let damaged: Vec<u8> = packet.iter().map(|byte| if *byte == b'v' { b'w' } else { *byte }).collect();
    if let Err(refusal) = receiver.open(&damaged) {
        writeln!(out, "damaged: {refusal}; counted as `{}`", refusal.cause())?;
    }
    Ok(())
}

fn text<'a>(message: &'a Message, field: &str) -> &'a str {
    message.text(field).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_is_opened_damaged_is_refused() {
        let mut out = Vec::new();
        run(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("bytes from alpha: active\n"), "{text}");
        assert!(
            text.contains("damaged: sha1 digest does not match key 1; counted as `digest-mismatch`"),
            "{text}"
        );
    }
}
