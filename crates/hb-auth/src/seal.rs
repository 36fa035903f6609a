//! Message to packet, signed with the active key (`wire.md` 3.3, 3.4).

use std::iter;

use hb_wire::{EncodeError, Field, Message, Value, classic, netstring};

use crate::KeyRing;

/// Whether a packet carries an `auth` field inside besides its trailer (`wire.md` 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InnerAuth {
    /// As with `msgfmt classic`, the default. A message with a nested message goes without even so.
    Yes,
    /// As with `msgfmt netstring`.
    No,
}

impl KeyRing {
    /// The netstring packet of a message, with its trailer.
    ///
    /// A message that breaks the rules of [`Field`] or [`Value`] gives an empty packet; such a message cannot come
    /// from a decoder or from text without NUL. [`Self::seal_into`] tells the cause.
    #[must_use]
    pub fn seal(&self, message: &Message, inner: InnerAuth) -> Vec<u8> {
        let mut packet = Vec::new();
        // On an error the packet stays empty.
        let _ = self.seal_into(message, inner, &mut packet);
        packet
    }

    /// [`Self::seal`] into a buffer that can be used again; its old content is replaced.
    ///
    /// # Errors
    ///
    /// If the message has no netstring form; `packet` is then empty.
    pub fn seal_into(
        &self,
        message: &Message,
        inner: InnerAuth,
        packet: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        packet.clear();
        let auth = match inner {
            InnerAuth::Yes => self.inner_auth(message, packet),
            InnerAuth::No => None,
        };
        match &auth {
            Some(auth) => {
                let others = message.fields().iter().filter(|field| field.name != b"auth");
                netstring::encode_fields_into(others.chain(iter::once(auth)), packet)?;
            }
            None => netstring::encode_into(message, packet)?,
        }
        let trailer = self.sign(packet);
        netstring::push_trailer(&trailer, packet);
        Ok(())
    }

    /// The classic text of a message with its `auth` field, as it goes over a serial line (`wire.md` 2.5); into a buffer
    /// that can be used again.
    ///
    /// # Errors
    ///
    /// If the message has no classic form; `text` is then empty.
    pub fn seal_text_into(&self, message: &Message, text: &mut Vec<u8>) -> Result<(), EncodeError> {
        text.clear();
        classic::auth_text_into(message, text).inspect_err(|_| text.clear())?;
        let auth = self.sign(text);
        text.clear();
        let others = message.fields().iter().filter(|field| field.name != b"auth").cloned();
        let auth = Field { name: "auth".into(), value: Value::Text(auth.into()) };
        let signed = Message::from_fields(others.chain(iter::once(auth)).collect());
        classic::encode_into(&signed, text).inspect_err(|_| text.clear())
    }

    /// The `auth` field of a message, unless it has none: with a field of type 2, 4 or 5, or with something that
    /// classic text cannot express. `scratch` is empty before and after.
    fn inner_auth(&self, message: &Message, scratch: &mut Vec<u8>) -> Option<Field> {
        let nested = |field: &Field| match field.value {
            Value::Struct(_) | Value::Compressed(_) | Value::Uncompressed(_) => true,
            Value::Text(_) | Value::Binary(_) | Value::List(_) => false,
        };
        if message.fields().iter().any(nested) {
            return None;
        }
        classic::auth_text_into(message, scratch).ok()?;
        let value = Value::Text(self.sign(scratch).into());
        scratch.clear();
        Some(Field { name: "auth".into(), value })
    }
}
