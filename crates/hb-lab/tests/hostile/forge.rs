//! Messages as a member would make them, by somebody who has the key.

use hb_auth::{InnerAuth, KeyRing, Method};
use hb_wire::{Message, Value, netstring};

/// Somebody who speaks in the name of a node.
#[derive(Clone, Debug)]
pub(crate) struct Forger {
    keys: KeyRing,
    pub(crate) name: String,
    pub(crate) uuid: [u8; 16],
    pub(crate) generation: u64,
    pub(crate) seq: u64,
}

/// `authkeys` of the attacked cluster: that of the crafted vectors. With its line 3 anybody can sign anything, also what
/// no encoder makes.
pub(crate) const AUTHKEYS: &str = "auth 1\n1 sha1 alpha-key\n2 md5 beta-key\n3 crc\n";

/// The same as a key ring that signs with the line `active`.
pub(crate) fn keys(active: u8) -> KeyRing {
    let lines = [
        (1, Method::Sha1, b"alpha-key".to_vec()),
        (2, Method::Md5, b"beta-key".to_vec()),
        (3, Method::Crc, Vec::new()),
    ];
    KeyRing::new(active, lines).unwrap()
}

impl Forger {
    pub(crate) fn new(name: &str, generation: u64) -> Self {
        Self { keys: keys(1), name: name.to_owned(), uuid: [0xbe; 16], generation, seq: 0 }
    }

    /// Goes on from a message of the real node.
    pub(crate) fn after(newest: &Message) -> Self {
        let number = |name| u64::from_str_radix(newest.text(name).unwrap(), 16).unwrap();
        Self {
            uuid: newest.binary("srcuuid").unwrap().try_into().unwrap(),
            seq: number("seq"),
            ..Self::new(newest.text("src").unwrap(), number("hg"))
        }
    }

    /// The next message of a type with these fields; types that start with `NS_` have no number.
    pub(crate) fn message(&mut self, kind: &str, fields: &[(&str, &str)]) -> Message {
        let mut message = Message::new(kind);
        for (name, value) in fields {
            message.push_text(name, value);
        }
        message.push_text("src", &self.name);
        message.push("srcuuid", Value::Binary(self.uuid.as_slice().into()));
        if !kind.starts_with("NS_") {
            self.seq = self.seq.saturating_add(1);
            message.push_text("seq", &format!("{:x}", self.seq));
        }
        message.push_text("hg", &format!("{:x}", self.generation));
        message.push_text("ts", "6b01ed44");
        message.push_text("ld", "0.00 0.00 0.00 1/1 1");
        message.push_text("ttl", "3");
        message
    }

    /// [`Forger::message`] as a packet.
    pub(crate) fn packet(&mut self, kind: &str, fields: &[(&str, &str)]) -> Vec<u8> {
        let message = self.message(kind, fields);
        self.seal(&message)
    }

    /// A heartbeat that asks for a dead time of 5 s.
    pub(crate) fn status(&mut self, text: &str) -> Vec<u8> {
        self.packet("status", &[("st", text), ("dt", "1388"), ("protocol", "1"), ("hb-v", "1")])
    }

    pub(crate) fn seal(&self, message: &Message) -> Vec<u8> {
        let packet = self.keys.seal(message, InnerAuth::Yes);
        assert!(!packet.is_empty(), "has no form on the wire: {message:?}");
        packet
    }
}

/// A netstring body of these fields, raw: whatever is written in them.
pub(crate) fn body(fields: &[&[u8]]) -> Vec<u8> {
    let mut body = b"###\n".to_vec();
    for field in fields {
        body.extend_from_slice(format!("{}:", field.len()).as_bytes());
        body.extend_from_slice(field);
        body.push(b',');
    }
    body.extend_from_slice(b"%%%\n");
    body
}

/// A raw body with a trailer that verifies (key 3, crc).
pub(crate) fn signed(body: &[u8]) -> Vec<u8> {
    with_trailer(body, format!("3 {:x}", crc(body)).as_bytes())
}

/// Raw lines as a classic text with an `auth` field that verifies (key 3, crc).
pub(crate) fn signed_lines(lines: &[u8]) -> Vec<u8> {
    [&b">>>\n"[..], lines, format!("auth=3 {:x}\n<<<\n", crc(lines)).as_bytes()].concat()
}

/// A raw body with any trailer.
pub(crate) fn with_trailer(body: &[u8], trailer: &[u8]) -> Vec<u8> {
    let mut packet = body.to_vec();
    netstring::push_trailer(trailer, &mut packet);
    packet
}

/// `wire.md` 3.2: polynomial 0x04C11DB7, most significant bit first, initial value 0, complemented.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc >> 31 == 1 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{Forger, body, crc, keys, signed, signed_lines};

    #[test]
    fn what_is_signed_here_is_accepted() {
        assert_eq!(crc(b"123456789"), 0x765e_7680);
        let packet = signed(&body(&[b"(0)t=status"]));
        assert_eq!(keys(1).open(&packet).unwrap().kind(), Some("status"));
        assert_eq!(keys(1).open(&signed_lines(b"t=status\n")).unwrap().kind(), Some("status"));
        let packet = Forger::new("beta", 5).status("active");
        assert_eq!(keys(2).open(&packet).unwrap().text("st"), Some("active"));
    }
}
