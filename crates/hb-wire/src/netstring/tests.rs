//! One input per cause, and the odd but legal ones.

use alloc::vec;
use alloc::vec::Vec;

use super::{MAX_LIST, MAX_TRAILER, decode, encode, push_trailer, split};
use crate::{ByteString, DecodeError, EncodeError, Field, Message, Value};

#[test]
fn refused_bodies() {
    let cases: [(&[u8], DecodeError); 26] = [
        (b"", DecodeError::Start),
        (b"###", DecodeError::Start),
        (b"##\n", DecodeError::Start),
        (b"\n###\n%%%\n", DecodeError::Start),
        (b"###\n", DecodeError::End),
        (b"###\n8:(0)t=abc,", DecodeError::End),
        (b"###\n%%%", DecodeError::Length),
        (b"###\n%%\n", DecodeError::Length),
        (b"###\n:(0)t=abc,%%%\n", DecodeError::Length),
        (b"###\n-8:(0)t=abc,%%%\n", DecodeError::Length),
        (b"###\n 8:(0)t=abc,%%%\n", DecodeError::Length),
        (b"###\n8(0)t=abc,%%%\n", DecodeError::Length),
        (b"###\n9:(0)t=abc", DecodeError::Truncated),
        (b"###\n99:(0)t=abc,%%%\n", DecodeError::Truncated),
        (b"###\n99999999999999999999999:(0)t=abc,%%%\n", DecodeError::Truncated),
        (b"###\n8:(0)t=abc", DecodeError::Comma),
        (b"###\n7:(0)t=abc,%%%\n", DecodeError::Comma),
        (b"###\n0:,%%%\n", DecodeError::FieldType),
        (b"###\n5:t=abc,%%%\n", DecodeError::FieldType),
        (b"###\n7:()t=abc,%%%\n", DecodeError::FieldType),
        (b"###\n8:(6)t=abc,%%%\n", DecodeError::FieldType),
        (b"###\n8:(x)t=abc,%%%\n", DecodeError::FieldType),
        (b"###\n7:(0)tabc,%%%\n", DecodeError::Name),
        (b"###\n7:(0)=abc,%%%\n", DecodeError::Name),
        (b"###\n8:(0)\0=abc,%%%\n", DecodeError::Name),
        (b"###\n8:(0)t=a\0b,%%%\n", DecodeError::Nul),
    ];
    for (bytes, cause) in cases {
        assert_eq!(decode(bytes), Err(cause), "{}", bytes.escape_ascii());
    }
}

/// A body of these fields, their lengths added.
fn body(fields: &[&[u8]]) -> Vec<u8> {
    let mut body = b"###\n".to_vec();
    for field in fields {
        push_trailer(field, &mut body);
    }
    body.extend_from_slice(b"%%%\n");
    body
}

#[test]
fn refused_values() {
    let cases: [(&[u8], DecodeError); 8] = [
        (b"(3)l=3:a,", DecodeError::List),
        (b"(3)l=1:ab,", DecodeError::List),
        (b"(3)l=1:a,x", DecodeError::List),
        (b"(3)l=1:\0,", DecodeError::Nul),
        (b"(2)s=", DecodeError::Start),
        (b"(2)s=###\n", DecodeError::End),
        (b"(5)s=###\n%%%\nx", DecodeError::Trailing),
        (b"(2)s=###\n5:(7)a=,%%%\n", DecodeError::FieldType),
    ];
    for (field, cause) in cases {
        assert_eq!(decode(&body(&[field])), Err(cause), "{}", field.escape_ascii());
    }
}

#[test]
fn every_type() {
    let body = body(&[
        b"(0)t=abc",
        b"(0)e=",
        b"(1)b=\0\n",
        b"(2)s=###\n%%%\n",
        b"(3)n=",
        b"(3)l=0:,2:x,,",
        b"(4)c=\0=",
        b"(5)u=###\n%%%\n",
    ]);
    let field = |name: &[u8], value| Field { name: name.into(), value };
    let expected = Message::from_fields(vec![
        field(b"t", Value::Text("abc".into())),
        field(b"e", Value::Text(ByteString::EMPTY)),
        field(b"b", Value::Binary("\0\n".into())),
        field(b"s", Value::Struct(Message::default())),
        field(b"n", Value::List(Vec::new())),
        field(b"l", Value::List(vec![Vec::new(), b"x,".to_vec()])),
        field(b"c", Value::Compressed("\0=".into())),
        field(b"u", Value::Uncompressed(Message::default())),
    ]);
    assert_eq!(decode(&body).as_ref(), Ok(&expected));
    let codes: Vec<u8> = expected.fields().iter().map(|field| field.value.type_code()).collect();
    assert_eq!(codes, [0, 0, 1, 2, 3, 3, 4, 5]);
    assert_eq!(encode(&expected), Ok(body));
    assert_eq!(decode(b"###\n008:(0)t=abc,%%%\n"), Ok(Message::new("abc")));
}

#[test]
fn trailers() {
    let body = b"###\n8:(0)t=abc,%%%\n";
    let with = |behind: &[u8]| {
        split(&[body, behind].concat()).map(|split| (split.trailer.to_vec(), split.rest.to_vec()))
    };
    assert_eq!(with(b""), Err(DecodeError::TrailerMissing));
    assert_eq!(with(b"x"), Err(DecodeError::Length));
    assert_eq!(with(b"3:abc"), Err(DecodeError::Comma));
    assert_eq!(with(b"3:ab,"), Err(DecodeError::Comma));
    assert_eq!(with(b"3:ab"), Err(DecodeError::Truncated));
    assert_eq!(with(b"3:abc,"), Ok((b"abc".to_vec(), Vec::new())));
    assert_eq!(with(b"3:abc,\0"), Ok((b"abc".to_vec(), b"\0".to_vec())));
    let trailer = |length| {
        let mut behind = Vec::new();
        push_trailer(&vec![b'x'; length], &mut behind);
        with(&behind).map(|(trailer, _)| trailer.len())
    };
    assert_eq!(trailer(MAX_TRAILER), Ok(MAX_TRAILER));
    assert_eq!(trailer(MAX_TRAILER + 1), Err(DecodeError::TrailerTooLong));
}

#[test]
fn fields_are_not_parsed_to_find_the_trailer() {
    let packet = b"###\n4:what,0:,9:(9)x=\0###,%%%\n3:abc,";
    assert_eq!(split(packet).map(|split| split.trailer), Ok(&b"abc"[..]));
    assert_eq!(decode(packet), Err(DecodeError::FieldType));
}

#[test]
fn messages_without_a_form() {
    let encoded = |name: &str, value| {
        let mut message = Message::new("status");
        message.push(name, value);
        let mut out = b"before".to_vec();
        let result = super::encode_into(&message, &mut out);
        assert!(result.is_ok() || out == b"before");
        result
    };
    let text = || Value::Text("x".into());
    assert_eq!(encoded("a", text()), Ok(()));
    for name in ["", "a=b", "=", "a\0"] {
        assert_eq!(encoded(name, text()), Err(EncodeError::Name));
    }
    assert_eq!(encoded("a", Value::Text("a\0".into())), Err(EncodeError::Nul));
    assert_eq!(encoded("a", Value::List(vec![b"\0".to_vec()])), Err(EncodeError::Nul));
    // Length, colon and comma take 5 bytes: 1018 + 5 is the longest list.
    assert_eq!(encoded("a", Value::List(vec![vec![b'x'; MAX_LIST - 1 - 6]])), Ok(()));
    assert_eq!(encoded("a", Value::List(vec![vec![b'x'; MAX_LIST - 6]])), Err(EncodeError::List));
}
