//! Which messages are packed before they are sent, and which cannot be sent at all (`wire.md` 1.4, 1.5, 10.1).

use hb_auth::{InnerAuth, KeyRing};
use hb_wire::{EncodeError, Message, Value, netstring};
use thiserror::Error;

use crate::{ALGORITHM, MAX_PLAIN, Method, PAYLOAD};

/// The longest packet that fits into a UDP datagram over IPv4.
pub const MAX_DATAGRAM: usize = 65_507;

/// How messages become packets (directives `msgfmt`, `compression`, `compression_threshold` and
/// `traditional_compression`).
///
/// ```
/// use hb_auth::{InnerAuth, KeyRing, Method};
/// use hb_compress::{Packing, unpack};
/// let ring = KeyRing::new(1, [(1, Method::Crc, Vec::new())])?;
/// let mut message = hb_wire::Message::new("news");
/// message.push_text("text", &"again and ".repeat(1000));
/// let packing = Packing { inner: InnerAuth::No, method: Default::default(), threshold: Some(2048) };
/// let mut packet = Vec::new();
/// packing.seal_into(&ring, &message, &mut packet)?;
/// assert!(packet.len() < 300);
/// assert_eq!(unpack(ring.open(&packet)?)?, message);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// Whether messages carry an `auth` field inside.
    pub inner: InnerAuth,
    /// How messages are packed.
    pub method: Method,
    /// Packets above this length in bytes are packed (`traditional_compression`); nothing: only those that fit into no
    /// datagram as they are.
    pub threshold: Option<usize>,
}

/// Why a message cannot be sent as a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// It has no encoded form.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// It fits into no datagram, not even packed: 3.0.6 would fail to send it for ever (`wire.md` 1.5).
    #[error("{length} bytes are too long for a datagram")]
    TooLong {
        /// The length of its packet in bytes, not packed.
        length: usize,
    },
}

impl Packing {
    /// The packet of a message: as [`KeyRing::seal_into`] makes it, or packed if it is long. A message that packing does
    /// not shorten goes as it is. Fields of type 5 are packed in any case (`wire.md` 10.2).
    ///
    /// 3.0.6 packs on its own only what reaches 256 KiB, and cannot send what lies between a datagram and that; it reads
    /// packed messages of any length, so these are packed here too.
    ///
    /// # Errors
    ///
    /// If the message has no encoded form, or one that no datagram can hold; `packet` is then empty.
    pub fn seal_into(self, ring: &KeyRing, message: &Message, packet: &mut Vec<u8>) -> Result<(), SealError> {
        packet.clear();
        let with_packed_fields = self.pack_fields(message)?;
        let message = with_packed_fields.as_ref().unwrap_or(message);
        ring.seal_into(message, self.inner, packet)?;
        let length = packet.len();
        if length <= self.threshold.unwrap_or(MAX_DATAGRAM).min(MAX_DATAGRAM) {
            return Ok(());
        }
        if let Some(packed) = self.pack(ring, message) {
            let mut shorter = Vec::new();
            ring.seal_into(&packed, InnerAuth::No, &mut shorter)?;
            if shorter.len() < length {
                *packet = shorter;
            }
        }
        if packet.len() > MAX_DATAGRAM {
            packet.clear();
            return Err(SealError::TooLong { length });
        }
        Ok(())
    }

    /// The classic text of a message for a serial line, as [`KeyRing::seal_text_into`] makes it: a whole message is never
    /// packed there, fields of type 5 are (`wire.md` 2.5).
    ///
    /// # Errors
    ///
    /// If the message has no classic form; `text` is then empty.
    pub fn seal_text_into(
        self,
        ring: &KeyRing,
        message: &Message,
        text: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        text.clear();
        let with_packed_fields = self.pack_fields(message)?;
        ring.seal_text_into(with_packed_fields.as_ref().unwrap_or(message), text)
    }

    /// The two fields that stand for a whole message; nothing if it is too long to be unpacked by anybody.
    fn pack(self, ring: &KeyRing, message: &Message) -> Option<Message> {
        let plain = plain(ring, message, self.inner).filter(|plain| plain.len() <= MAX_PLAIN)?;
        let mut packed = Message::default();
        packed.push(PAYLOAD, Value::Binary(self.method.deflate(&plain)?.into()));
        packed.push_text(ALGORITHM, self.method.name());
        Some(packed)
    }
}

/// What 3.0.6 packs: with `msgfmt classic` classic text with its `auth` field and a final NUL, unless the message holds
/// another one; else a netstring body.
fn plain(ring: &KeyRing, message: &Message, inner: InnerAuth) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let is_text = inner == InnerAuth::Yes && !holds_messages(message);
    if is_text && ring.seal_text_into(message, &mut plain).is_ok() {
        plain.push(0);
        return Some(plain);
    }
    netstring::encode(message).ok()
}

/// Whether a message holds another one, packed or not.
pub(crate) fn holds_messages(message: &Message) -> bool {
    message.fields().iter().any(|field| match field.value {
        Value::Struct(_) | Value::Compressed(_) | Value::Uncompressed(_) => true,
        Value::Text(_) | Value::Binary(_) | Value::List(_) => false,
    })
}
