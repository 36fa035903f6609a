//! The message model: an ordered list of named, typed fields (`wire.md` 1.1).
//!
//! Decides how fields are found and changed; does not know which fields a protocol needs.

use alloc::vec::Vec;
use core::fmt;

use crate::ByteString;

/// One message: fields in the order in which they stand on the wire.
///
/// Names may occur more than once; look-up and change concern the first one, all are kept and sent on.
///
/// ```
/// use hb_wire::Message;
/// let mut message = Message::new("status");
/// message.push_text("st", "up");
/// message.set_text("st", "active");
/// assert_eq!(message.kind(), Some("status"));
/// assert_eq!(message.text("st"), Some("active"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    fields: Vec<Field>,
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Not empty; holds neither `=` nor NUL.
    pub name: ByteString,
    /// The typed value.
    pub value: Value,
}

/// The value of a field; the variants are the type codes of `wire.md` 1.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Type 0. Holds no NUL.
    Text(ByteString),
    /// Type 1: any bytes.
    Binary(ByteString),
    /// Type 2: a nested message.
    Struct(Message),
    /// Type 3: a list of byte strings.
    List(Vec<Vec<u8>>),
    /// Type 4: a compressed nested message, still packed.
    Compressed(ByteString),
    /// Type 5: a nested message that the sender wanted to be compressed; read like [`Value::Struct`].
    Uncompressed(Message),
}

impl Message {
    /// A message of type `kind` (field `t`).
    #[must_use]
    pub fn new(kind: &str) -> Self {
        let mut message = Self { fields: Vec::with_capacity(16) };
        message.push_text("t", kind);
        message
    }

    /// A message of these fields, in this order.
    #[must_use]
    pub const fn from_fields(fields: Vec<Field>) -> Self {
        Self { fields }
    }

    /// All fields, in order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The type of the message (first field `t`), if it is UTF-8 text.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.text("t")
    }

    /// The first value of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|field| field.name == *name.as_bytes()).map(|field| &field.value)
    }

    /// The first value of that name, if it is UTF-8 text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(bytes) => core::str::from_utf8(bytes).ok(),
            Value::Binary(_)
            | Value::Struct(_)
            | Value::List(_)
            | Value::Compressed(_)
            | Value::Uncompressed(_) => None,
        }
    }

    /// The first value of that name, if it is binary.
    #[must_use]
    pub fn binary(&self, name: &str) -> Option<&[u8]> {
        match self.get(name)? {
            Value::Binary(bytes) => Some(bytes),
            Value::Text(_)
            | Value::Struct(_)
            | Value::List(_)
            | Value::Compressed(_)
            | Value::Uncompressed(_) => None,
        }
    }

    /// Appends a field, also when there is one of that name.
    pub fn push(&mut self, name: &str, value: Value) {
        self.fields.push(Field { name: name.into(), value });
    }

    /// Appends a text field.
    pub fn push_text(&mut self, name: &str, value: &str) {
        self.push(name, Value::Text(value.into()));
    }

    /// Appends a text field with a hexadecimal number.
    pub fn push_hex(&mut self, name: &str, number: u64) {
        self.push(name, Value::Text(ByteString::hex(number)));
    }

    /// Appends a text field with what formatting gives: `push_written("firstseq", format_args!("{first}"))`.
    pub fn push_written(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.push(name, Value::Text(ByteString::written(value)));
    }

    /// Changes the first field of that name in place, or appends one (`wire.md` 4.2).
    pub fn set(&mut self, name: &str, value: Value) {
        match self.fields.iter_mut().find(|field| field.name == *name.as_bytes()) {
            Some(field) => field.value = value,
            None => self.push(name, value),
        }
    }

    /// [`Message::set`] with a text value.
    pub fn set_text(&mut self, name: &str, value: &str) {
        self.set(name, Value::Text(value.into()));
    }

    /// [`Message::set`] with a hexadecimal number as a text value.
    pub fn set_hex(&mut self, name: &str, number: u64) {
        self.set(name, Value::Text(ByteString::hex(number)));
    }

    /// [`Message::set`] with what formatting gives as a text value.
    pub fn set_written(&mut self, name: &str, value: fmt::Arguments<'_>) {
        self.set(name, Value::Text(ByteString::written(value)));
    }

    /// Whether there is a field of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

impl Value {
    /// The type code on the wire, 0 to 5 (`wire.md` 1.2).
    #[must_use]
    pub const fn type_code(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Binary(_) => 1,
            Self::Struct(_) => 2,
            Self::List(_) => 3,
            Self::Compressed(_) => 4,
            Self::Uncompressed(_) => 5,
        }
    }
}
