//! Single packed fields (`wire.md` 10.2): a nested message that its sender wanted to be packed.
//!
//! Decides how such a field is made and read. Daemons pass it on as it is: only who wants to know what is in it unpacks it.

use hb_auth::InnerAuth;
use hb_wire::{EncodeError, Field, Message, Value, classic, netstring};

use crate::packing::holds_messages;
use crate::unpack::{decode, inflate, method_of};
use crate::{ALGORITHM, Budget, Packing, UnpackError};

/// The nested message in the first field of that name, packed or not; nothing if there is no such field or it holds none.
///
/// What comes out of a packed one is taken from `budget`, so that many fields cost no more than one message.
///
/// # Errors
///
/// The cause, if there is something packed that is no message.
///
/// ```
/// use hb_compress::{Budget, nested};
/// let mut message = hb_wire::Message::new("news");
/// message.push("sub", hb_wire::Value::Struct(hb_wire::Message::new("inner")));
/// let inner = nested(&message, "sub", &mut Budget::default())?;
/// assert_eq!(inner, Some(hb_wire::Message::new("inner")));
/// # Ok::<(), hb_compress::UnpackError>(())
/// ```
pub fn nested(message: &Message, name: &str, budget: &mut Budget) -> Result<Option<Message>, UnpackError> {
    match message.get(name) {
        Some(Value::Struct(inner) | Value::Uncompressed(inner)) => Ok(Some(inner.clone())),
        Some(Value::Compressed(packed)) => {
            let plain = inflate(method_of(message), packed, budget)?;
            decode(&plain).map(Some)
        }
        Some(Value::Text(_) | Value::Binary(_) | Value::List(_)) | None => Ok(None),
    }
}

impl Packing {
    /// The message with each field of type 5 packed, and with the field that names the method: in front of those that a
    /// daemon adds, where 3.0.6 has it. Nothing if there is no such field. If a client packed others already, its
    /// method is kept.
    pub(crate) fn pack_fields(self, message: &Message) -> Result<Option<Message>, EncodeError> {
        if !message.fields().iter().any(|field| matches!(field.value, Value::Uncompressed(_))) {
            return Ok(None);
        }
        let packing = Self { method: method_of(message).unwrap_or(self.method), ..self };
        let fields = message.fields().iter().map(|field| packing.pack_field(field));
        let mut fields = fields.collect::<Result<Vec<_>, _>>()?;
        if method_of(message).is_none() {
            fields.retain(|field| field.name != ALGORITHM.as_bytes());
            let place = fields.iter().position(|field| field.name == b"src").unwrap_or(fields.len());
            let value = Value::Text(packing.method.name().into());
            fields.insert(place, Field { name: ALGORITHM.into(), value });
        }
        Ok(Some(Message::from_fields(fields)))
    }

    fn pack_field(self, field: &Field) -> Result<Field, EncodeError> {
        let Value::Uncompressed(inner) = &field.value else { return Ok(field.clone()) };
        let plain = self.plain_of(inner)?;
        // What cannot be packed goes as a nested message does.
        let value = self
            .method
            .deflate(&plain)
            .map_or_else(|| Value::Struct(inner.clone()), |packed| Value::Compressed(packed.into()));
        Ok(Field { name: field.name.clone(), value })
    }

    /// The form in which a nested message is packed: that of whole messages, without `auth`.
    fn plain_of(self, inner: &Message) -> Result<Vec<u8>, EncodeError> {
        if self.inner == InnerAuth::Yes
            && !holds_messages(inner)
            && let Ok(mut text) = classic::encode(inner)
        {
            text.push(0);
            return Ok(text);
        }
        netstring::encode(inner)
    }
}
