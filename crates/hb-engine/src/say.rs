//! Messages that programs of this machine send to the cluster, by whatever way they come (`client-api.md` 8 and 12).
//!
//! Decides which types are theirs to send. What the types of the protocol say is this node's own to know: 3.0.6 takes
//! them from programs too, and a forged `status` made its peer take over.

use core::fmt;

use hb_wire::{Message, Value};

use crate::bus::REACTIONS;
use crate::engine::Engine;
use crate::event::Event;
use crate::time::Now;

/// A message is of a type that this node alone sends, or could be: what is packed in it nobody has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnType;

impl fmt::Display for OwnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("messages of this type are sent by nodes, not by their programs")
    }
}

impl core::error::Error for OwnType {}

impl Engine {
    /// Sends a program's message to every node, or to the one that `dest` names, and to this node's own scripts as well
    /// ([`Event::OtherMessage`]). What a node writes into its messages (`src`, `seq` and so on) replaces what stands there.
    /// Outputs are to be drained afterwards.
    ///
    /// Each one pushes an older one out of the history from which lost messages are sent again: whoever calls this bounds
    /// how often.
    ///
    /// # Errors
    ///
    /// If it has no type, or one of the protocol, or is packed; nothing is sent then.
    pub fn say(&mut self, now: Now, message: &Message) -> Result<(), OwnType> {
        if message.kind().is_none_or(is_own_type) || is_packed(message) {
            return Err(OwnType);
        }
        self.advance(now);
        let for_us = match message.get("dest") {
            None => true,
            Some(Value::Text(name)) => **name == *self.node(self.config.local).name.as_bytes(),
            Some(_) => false,
        };
        self.send(without_own_fields(message));
        if for_us {
            self.report(Event::OtherMessage);
        }
        Ok(())
    }
}

/// What is left of a program's message without the fields that nodes write (`src`, `seq` and so on).
#[must_use]
pub fn without_own_fields(message: &Message) -> Message {
    let foreign = |name: &[u8]| !WRITTEN_BY_NODES.iter().any(|own| own.as_bytes() == name);
    Message::from_fields(message.fields().iter().filter(|field| foreign(&field.name)).cloned().collect())
}

/// Whether receivers take another message out of this one and read that instead (`wire.md` 10.1): it may be of any type, and
/// say that it is from anybody.
#[must_use]
pub fn is_packed(message: &Message) -> bool {
    message.has(PAYLOAD)
}

/// Whether messages of this type mean something to the daemons themselves (`wire.md` 5).
#[must_use]
pub fn is_own_type(kind: &str) -> bool {
    ["NS_", "hbapi-"].iter().any(|prefix| kind.starts_with(prefix))
        || [REACTIONS, OWN_TYPES].iter().any(|types| types.contains(&kind))
}

/// Beside those of a prefix, and those that make a node do something.
const OWN_TYPES: &[&str] =
    &["status", "stonith", "ifstat", "you_are_dead", "abort_giveup", "query-cstatus", "respond-cstatus"];

/// The whole message, compressed.
const PAYLOAD: &str = "_compressed_payload";

/// Fields of every message (`wire.md` 4.2), the trailer of classic text, and the number that belongs to `dest`.
const WRITTEN_BY_NODES: &[&str] =
    &["src", "srcuuid", "seq", "hg", "ts", "ld", "ttl", "auth", "destuuid", "client_gen"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::tests::{at, drain, engine};

    #[test]
    fn a_programs_message_is_completed_and_sent() {
        let mut engine = engine(false, &[]);
        let mut message = Message::new("backup");
        for (name, value) in [("src", "x"), ("seq", "1"), ("auth", "1 x"), ("what", "now"), ("src", "y")] {
            message.push_text(name, value);
        }
        engine.say(at(1), &message).unwrap();
        let (sent, events) = drain(&mut engine);
        assert_eq!(events, [Event::OtherMessage], "for our own scripts");
        let sent = &sent[0];
        assert_eq!(
            (sent.kind(), sent.text("what"), sent.text("src")),
            (Some("backup"), Some("now"), Some("a"))
        );
        assert_eq!(sent.fields().iter().filter(|field| *field.name == *b"src").count(), 1);
        assert!(!sent.has("auth") && sent.has("seq"));
        assert_ne!(sent.text("seq"), Some("1"));
        message.push_text("dest", "b");
        engine.say(at(2), &message).unwrap();
        let (sent, events) = drain(&mut engine);
        assert_eq!((sent[0].text("dest"), events.len()), (Some("b"), 0), "not for us");
    }

    #[test]
    fn types_of_the_protocol_are_not_for_programs() {
        let mut engine = engine(false, &[]);
        for kind in ["status", "NS_rexmit", "NS_mine", "hbapi-req", "stonith"].iter().chain(REACTIONS) {
            assert_eq!(engine.say(at(1), &Message::new(kind)), Err(OwnType), "{kind}");
        }
        assert_eq!(engine.say(at(1), &Message::default()), Err(OwnType));
        let mut packed = Message::new("backup");
        packed.push_text("_compression_algorithm", "zlib");
        packed.push_text("_compressed_payload", "x");
        assert_eq!(engine.say(at(1), &packed), Err(OwnType), "what is in it could be anything");
        assert_eq!(drain(&mut engine), (alloc::vec![], alloc::vec![]));
    }
}
