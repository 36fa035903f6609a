//! Captured packets as data that can be shown: `hb-ctl decode`.
//!
//! Tells for each packet its fields, what the keys say to its digest, and why a node would refuse it. What a node
//! would do with the fields (sequence numbers, generations, unknown senders) is not decided here.

use hb_auth::{KeyRing, Refusal, claimed_index};
use hb_compress::Budget;
use hb_wire::capture::{Capture, CaptureError, Datagram};
use hb_wire::{DecodeError, Encoding, Field, Message, Value, classic, netstring};
use serde::Serialize;

#[cfg(test)]
mod tests;

/// One packet, or, with nothing but a cause, a place where a file could not be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Decoded {
    /// The name of the file, as it was given.
    pub source: String,
    /// The number of the packet in the file, from 1; packets of other programs count.
    pub packet: u64,
    /// When it was captured, in seconds since 1970; only in captures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
    /// Address and port of the sender; only in captures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Address and port of the receiver; only in captures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// `netstring`, `classic` or nothing.
    pub encoding: Option<&'static str>,
    /// The type of the message: its field `t`, or that of the compressed message inside.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// All fields, in order; none if the message cannot be decoded.
    pub fields: Vec<DecodedField>,
    /// The fields of the compressed message inside, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compressed: Option<Vec<DecodedField>>,
    /// What single compressed fields hold, as if they were nested messages; those that are damaged are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compressed_fields: Vec<DecodedField>,
    /// What became of the digest; nothing for packets of other programs.
    pub digest: Option<Digest>,
    /// The stable short name of the reason for which a node with these keys would refuse the packet.
    pub cause: Option<&'static str>,
}

/// A field, written as `[type code, name, value]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DecodedField(pub u8, pub DecodedValue, pub DecodedValue);

/// A name or a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DecodedValue {
    /// Text that is UTF-8.
    Text(String),
    /// Anything else, as `{"hex": ".."}`.
    Bytes {
        /// Two lower case digits a byte.
        hex: String,
    },
    /// The items of a list.
    List(Vec<Self>),
    /// The fields of a nested message.
    Fields(Vec<DecodedField>),
}

/// The digest of a packet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Digest {
    /// The number of the key line that the packet names.
    pub index: Option<i64>,
    /// The method of that line.
    pub method: Option<&'static str>,
    /// `good`, `good with active key`, `mismatch`, `unknown index`, `malformed`, `missing`, `unreadable`, or
    /// `unchecked` without keys.
    pub verdict: &'static str,
}

/// Decodes a file: a capture (libpcap) or one raw datagram. Without keys, digests stay unchecked.
///
/// In a capture, packets that do not start like a message are left out. A file that cannot be read as the capture
/// that it starts like ends with an entry that has a cause and no encoding.
///
/// ```
/// let decoded = hb_client::decode::decode("datagram", b"###\n11:(0)t=status,%%%\n3:1 x,", None);
/// assert_eq!(decoded[0].kind.as_deref(), Some("status"));
/// ```
#[must_use]
pub fn decode(name: &str, file: &[u8], keys: Option<&KeyRing>) -> Vec<Decoded> {
    if !Capture::is_capture(file) {
        return vec![Decoded { source: name.to_owned(), packet: 1, ..packet(file, keys) }];
    }
    let broken = |error| Decoded {
        source: name.to_owned(),
        packet: match error {
            CaptureError::Truncated(number) => number,
            CaptureError::Unrecognised | CaptureError::PcapNg | CaptureError::LinkType(_) => 0,
        },
        cause: Some(capture_cause(error)),
        ..Decoded::default()
    };
    match Capture::read(file) {
        Err(error) => vec![broken(error)],
        Ok(capture) => capture
            .filter_map(|item| match item {
                Err(error) => Some(broken(error)),
                Ok(datagram) => captured(name, &datagram, keys),
            })
            .collect(),
    }
}

/// A datagram of a capture, if it is ours.
fn captured(name: &str, datagram: &Datagram<'_>, keys: Option<&KeyRing>) -> Option<Decoded> {
    Encoding::of(datagram.payload)?;
    let decoded = packet(datagram.payload, keys);
    // A cut datagram fails anyhow; that the capture is to blame is the better answer.
    let cause = if datagram.cut { Some("cut-by-capture") } else { decoded.cause };
    Some(Decoded {
        source: name.to_owned(),
        packet: datagram.number,
        time: Some(datagram.time.as_secs_f64()),
        from: Some(datagram.source.to_string()),
        to: Some(datagram.destination.to_string()),
        cause,
        ..decoded
    })
}

fn packet(packet: &[u8], keys: Option<&KeyRing>) -> Decoded {
    let Some(encoding) = Encoding::of(packet) else {
        return Decoded { cause: Some(Refusal::Unrecognised.cause()), ..Decoded::default() };
    };
    let message = match encoding {
        Encoding::Netstring => netstring::decode(packet),
        Encoding::Classic => classic::decode(packet),
    };
    let digest = match keys {
        Some(keys) => {
            let verdict = keys.verdict(packet);
            let method = verdict.method.map(hb_auth::Method::name);
            Digest { index: verdict.index, method, verdict: verdict.outcome.name() }
        }
        None => Digest { index: claimed_index(packet).ok(), method: None, verdict: "unchecked" },
    };
    let cause = match keys {
        Some(keys) => keys.open(packet).err().map(Refusal::cause),
        None => unkeyed_cause(packet, &message),
    };
    let message = message.unwrap_or_default();
    let (inside, packed_cause) = match hb_compress::unpack(message.clone()) {
        Ok(inside) => (inside, None),
        Err(error) => (Message::default(), Some(error.cause())),
    };
    Decoded {
        encoding: Some(encoding.name()),
        kind: inside.kind().map(str::to_owned),
        fields: fields(&message),
        compressed: (inside != message && packed_cause.is_none()).then(|| fields(&inside)),
        compressed_fields: compressed_fields(&inside),
        digest: Some(digest),
        cause: cause.or(packed_cause),
        ..Decoded::default()
    }
}

/// What is packed in single fields, in order; all together no more than one message may hold.
fn compressed_fields(message: &Message) -> Vec<DecodedField> {
    let mut budget = Budget::default();
    let packed = message.fields().iter().filter(|field| matches!(field.value, Value::Compressed(_)));
    let unpacked = packed.filter_map(|field| {
        let inner = hb_compress::nested(message, str::from_utf8(&field.name).ok()?, &mut budget).ok()??;
        let value = DecodedValue::Fields(fields(&inner));
        Some(DecodedField(field.value.type_code(), text_or_hex(&field.name), value))
    });
    unpacked.collect()
}

/// What can be wrong with a packet whatever the keys are.
fn unkeyed_cause(packet: &[u8], message: &Result<Message, DecodeError>) -> Option<&'static str> {
    let claim = claimed_index(packet).err().map(Refusal::cause);
    claim.or_else(|| message.as_ref().err().map(|error| error.cause()))
}

const fn capture_cause(error: CaptureError) -> &'static str {
    match error {
        CaptureError::Unrecognised => "unrecognised",
        CaptureError::PcapNg => "pcapng",
        CaptureError::LinkType(_) => "link-type",
        CaptureError::Truncated(_) => "file-truncated",
    }
}

fn fields(message: &Message) -> Vec<DecodedField> {
    message.fields().iter().map(field).collect()
}

fn field(field: &Field) -> DecodedField {
    let value = match &field.value {
        Value::Text(text) => text_or_hex(text),
        Value::Binary(bytes) | Value::Compressed(bytes) => hex(bytes),
        Value::List(items) => DecodedValue::List(items.iter().map(|item| text_or_hex(item)).collect()),
        Value::Struct(message) | Value::Uncompressed(message) => DecodedValue::Fields(fields(message)),
    };
    DecodedField(field.value.type_code(), text_or_hex(&field.name), value)
}

fn text_or_hex(bytes: &[u8]) -> DecodedValue {
    str::from_utf8(bytes).map_or_else(|_| hex(bytes), |text| DecodedValue::Text(text.to_owned()))
}

fn hex(bytes: &[u8]) -> DecodedValue {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    DecodedValue::Bytes { hex: bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect() }
}
