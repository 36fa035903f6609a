//! One input per cause, and the odd but legal ones.

use alloc::vec;
use alloc::vec::Vec;

use super::{LINE_ENDS, decode, decode_first, encode};
use crate::{ByteString, DecodeError, EncodeError, Field, Message, Value};

#[test]
fn refused_texts() {
    let cases: [(&[u8], DecodeError); 25] = [
        (b"", DecodeError::Start),
        (b">>>", DecodeError::Start),
        (b">>>junk\n", DecodeError::Start),
        (b">>>\r\nt=a\r\n<<<\r\n", DecodeError::Start),
        (b"\0>>>\n<<<\n", DecodeError::Start),
        (b">>>\n", DecodeError::End),
        (b">>>\nt=a\n", DecodeError::End),
        (b">>>\nt=a\n\0", DecodeError::End),
        (b">>>\nt=a", DecodeError::End),
        (b">>>\nt=a\n<<<", DecodeError::End),
        (b">>>\nt=a\n<<<\0", DecodeError::End),
        (b">>>\nt=a\n<<<junk\n", DecodeError::End),
        (b">>>\nt=a\n <<<\n", DecodeError::End),
        (b">>>\nno equals sign\n<<<\n", DecodeError::End),
        (b">>>\n=a\n<<<\n", DecodeError::Name),
        (b">>>\n(1)=AA==\n<<<\n", DecodeError::Name),
        (b">>>\n(1)(1)a=AA==\n<<<\n", DecodeError::Name),
        (b">>>\na\0=a\n<<<\n", DecodeError::Name),
        (b">>>\na=a\0\n<<<\n", DecodeError::Nul),
        (b">>>\n(0)a=a\n<<<\n", DecodeError::FieldType),
        (b">>>\n(5)a=>>>\x14<<<\x14\n<<<\n", DecodeError::FieldType),
        (b">>>\n(9)a=a\n<<<\n", DecodeError::FieldType),
        (b">>>\n(1)a=A\n<<<\n", DecodeError::Base64),
        (b">>>\n(3)a=3:a,\n<<<\n", DecodeError::List),
        (b">>>\n(2)a=>>>\x14<<<\x14x\n<<<\n", DecodeError::Trailing),
    ];
    for (text, cause) in cases {
        assert_eq!(decode(text), Err(cause), "{}", text.escape_ascii());
    }
}

#[test]
fn odd_but_legal_texts() {
    let lines = |text: &[u8]| {
        let message = decode(&[b">>>\n", text, b"<<<\n"].concat()).unwrap();
        let text = |field: &Field| {
            let Value::Text(text) = &field.value else { panic!("{field:?}") };
            (field.name.clone(), text.clone())
        };
        message.fields().iter().map(text).collect::<Vec<_>>()
    };
    let field = |name: &[u8], value: &[u8]| (ByteString::from(name), ByteString::from(value));
    assert_eq!(lines(b""), []);
    assert_eq!(lines(b"\n\na=\n\n"), [field(b"a", b"")]);
    assert_eq!(lines(b"a=b=c\n"), [field(b"a", b"b=c")]);
    assert_eq!(lines(b"a=b\r\n"), [field(b"a", b"b\r")]);
    assert_eq!(lines(b"no sign\na=b\n"), [field(b"no sign\na", b"b")]);
    assert_eq!(lines(b"a=x\x13y\n"), [field(b"a", b"x\ny")]);
    assert_eq!(lines(b"(ab)=x\n(=y\n<<=z\n"), [field(b"(ab)", b"x"), field(b"(", b"y"), field(b"<<", b"z")]);
}

#[test]
fn back_to_back() {
    let (message, rest) = decode_first(b">>>\nt=a\n<<<\n>>>\nt=b\n<<<\n").unwrap();
    assert_eq!((message.kind(), rest), (Some("a"), &b">>>\nt=b\n<<<\n"[..]));
}

/// The table of `wire.md` 2.2, from the outside in.
#[test]
fn line_ends_of_nested_messages() {
    let mut message = Message::new("inside");
    for _ in 0..16 {
        message = Message::from_fields(vec![Field { name: "s".into(), value: Value::Struct(message) }]);
    }
    let text = encode(&message).unwrap();
    let seen: Vec<u8> =
        text.windows(4).filter(|window| window.starts_with(b">>>")).map(|window| window[3]).collect();
    let table =
        [0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x0f, 0x10, 0x11, 0x12];
    assert_eq!(seen, [&b"\n"[..], &table].concat());
    assert_eq!(seen, LINE_ENDS);
}

#[test]
fn a_nested_name_may_span_lines() {
    let text = b">>>\n(2)s=>>>\x14one\x14two=x\x13y\x14<<<\x14\n<<<\n";
    let message = decode(text).unwrap();
    let Some(Value::Struct(inner)) = message.get("s") else { panic!("{message:?}") };
    assert_eq!(inner.text("one\ntwo"), Some("x\ny"));
    assert_eq!(encode(&message).unwrap(), text);
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
    for name in ["", "a=b", "a\0", "\na", "<<<a", "(1)a"] {
        assert_eq!(encoded(name, text()), Err(EncodeError::Name), "{name:?}");
    }
    assert_eq!(encoded("a", Value::Text("\0".into())), Err(EncodeError::Nul));
    assert_eq!(encoded("a", Value::List(vec![b"\0".to_vec()])), Err(EncodeError::Nul));
    assert_eq!(encoded("a", Value::List(vec![b"\n".to_vec()])), Err(EncodeError::List));
    assert_eq!(encoded("a", Value::Uncompressed(Message::default())), Err(EncodeError::Uncompressed));
    let mut inner = Message::default();
    inner.push_text("x", "\x15");
    assert_eq!(encoded("a", Value::Struct(inner.clone())), Ok(()));
    inner.push_text("x", "\x14");
    assert_eq!(encoded("a", Value::Struct(inner)), Err(EncodeError::Reserved));
}
