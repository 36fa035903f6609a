//! The vectors as raw datagrams and in a capture.

use hb_auth::{KeyRing, Method};
use serde_json::{Value as Json, json};

use super::decode;

#[path = "../../../hb-wire/tests/vectors/load.rs"]
mod load;

const AUTHKEYS: &str = "auth 1\n1 sha1 alpha-key\n2 md5 beta-key\n3 crc\n";

/// The keys of [`AUTHKEYS`].
fn keys() -> KeyRing {
    let keys = [(1, Method::Sha1, &b"alpha-key"[..]), (2, Method::Md5, b"beta-key"), (3, Method::Crc, b"")];
    KeyRing::new(1, keys.map(|(index, method, key)| (index, method, key.to_vec()))).unwrap()
}

fn shown(packet: &[u8], keys: Option<&KeyRing>) -> Json {
    serde_json::to_value(decode("name", packet, keys)).unwrap()[0].clone()
}

#[test]
fn vectors() {
    let keys = keys();
    let mut count = 0;
    for vector in load::single().filter(|vector| vector.text("authkeys") == AUTHKEYS) {
        let file = vector.file();
        let shown = shown(&vector.packet, Some(&keys));
        assert_eq!((&shown["source"], &shown["packet"]), (&json!("name"), &json!(1)));
        match vector.text("open") {
            "ok" => {
                assert_eq!(shown["cause"], Json::Null, "{file}");
                assert_eq!(shown["digest"]["verdict"], "good", "{file}");
            }
            cause => assert_eq!(shown["cause"], cause, "{file}"),
        }
        match vector.text("decode") {
            "ok" => assert_eq!(shown["fields"], vector.entry["fields"], "{file}"),
            _ => assert_eq!(shown["fields"], json!([]), "{file}"),
        }
        count += 1;
    }
    assert_eq!(count, 73);
}

#[test]
fn single_compressed_fields_are_shown_unpacked() {
    for (file, length) in [("170_types_withunc.bin", 300), ("177_serial_types_withunc.bin", 30)] {
        let vector = load::single().find(|vector| vector.file() == file).unwrap();
        let shown = shown(&vector.packet, None);
        let inner = json!([[4, "sub", [[0, "a", "1"], [0, "b", "q".repeat(length)]]]]);
        assert_eq!(shown["compressed_fields"], inner, "{file}");
        assert_eq!((&shown["compressed"], &shown["cause"]), (&Json::Null, &Json::Null), "{file}");
    }
}

#[test]
fn one_packet_in_full() {
    let packet = keys().seal(&hb_wire::Message::new("status"), hb_auth::InnerAuth::No);
    let check = |packet: &[u8], keys: Option<&KeyRing>, digest: [Json; 3], cause: Option<&str>| {
        let [index, method, verdict] = digest;
        let expected = json!({
            "source": "name", "packet": 1, "encoding": "netstring", "type": "status",
            "fields": [[0, "t", "status"]],
            "digest": {"index": index, "method": method, "verdict": verdict},
            "cause": cause,
        });
        assert_eq!(shown(packet, keys), expected);
    };
    let digest =
        |index: Option<i64>, method: Option<&str>, verdict| [json!(index), json!(method), json!(verdict)];
    check(&packet, Some(&keys()), digest(Some(1), Some("sha1"), "good"), None);
    check(&packet, None, digest(Some(1), None, "unchecked"), None);
    let other = KeyRing::new(1, [(1, Method::Md5, b"x".to_vec())]).unwrap();
    check(&packet, Some(&other), digest(Some(1), Some("md5"), "mismatch"), Some("digest-mismatch"));
    let other = KeyRing::new(2, [(2, Method::Md5, b"x".to_vec())]).unwrap();
    check(&packet, Some(&other), digest(Some(1), None, "unknown index"), Some("unknown-index"));
    check(&packet[..packet.len() - 1], None, digest(None, None, "unchecked"), Some("comma"));
}

#[test]
fn compressed_messages_are_shown_inside_and_outside() {
    for vector in load::single().filter(|vector| matches!(&vector.file()[..3], "166" | "167" | "171")) {
        let shown = shown(&vector.packet, None);
        assert_eq!(shown["fields"], vector.entry["fields"]);
        assert_eq!(shown["compressed"][0][1], "t");
        assert_eq!(shown["type"], shown["compressed"][0][2]);
        assert_eq!(shown["cause"], Json::Null);
    }
    let body = b"###\n26:(1)_compressed_payload=abc,30:(0)_compression_algorithm=zlib,%%%\n3:1 x,";
    let shown = shown(body, None);
    assert_eq!((&shown["cause"], &shown["type"]), (&json!("compression-damaged"), &Json::Null));
}

#[test]
fn bytes_that_are_no_text() {
    let shown = shown(b"###\n11:(1)b=\0\xff\x10abc,7:(0)\xffx=\xfe,%%%\n3:1 x,", None);
    assert_eq!(
        shown["fields"],
        json!([[1, "b", {"hex": "00ff10616263"}], [0, {"hex": "ff78"}, {"hex": "fe"}]])
    );
    assert_eq!(shown["type"], Json::Null);
}

#[test]
fn other_bytes() {
    for bytes in [&b""[..], b"\n###\n", b"GET / HTTP/1.1\r\n"] {
        let shown = shown(bytes, None);
        assert_eq!((&shown["cause"], &shown["digest"]), (&json!("unrecognised"), &Json::Null));
    }
}

/// A capture of raw IPv4 packets from 10.0.0.1:40000 to 10.0.0.255:694.
fn capture(payloads: &[&[u8]]) -> Vec<u8> {
    let mut file = vec![0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 101];
    for payload in payloads {
        let udp = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
        let [high, low] = u16::try_from(payload.len() + 28).unwrap().to_be_bytes();
        let captured = u32::try_from(payload.len() + 28).unwrap().to_be_bytes();
        file.extend([[0, 0, 0, 9], [0, 7, 161, 32], captured, captured].concat());
        file.extend([0x45, 0, high, low, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 255]);
        file.extend([&[0x9c, 0x40, 0x02, 0xb6], &udp[..], &[0, 0], payload].concat());
    }
    file
}

#[test]
fn captures() {
    let packet = keys().seal(&hb_wire::Message::new("status"), hb_auth::InnerAuth::Yes);
    let file = capture(&[&packet, b"other program", b"###\n"]);
    let shown = serde_json::to_value(decode("x.pcap", &file, Some(&keys()))).unwrap();
    assert_eq!(shown.as_array().unwrap().len(), 2);
    assert_eq!(shown[0]["packet"], 1);
    assert_eq!(shown[0]["time"], json!(9.5));
    assert_eq!((&shown[0]["from"], &shown[0]["to"]), (&json!("10.0.0.1:40000"), &json!("10.0.0.255:694")));
    assert_eq!((&shown[0]["type"], &shown[0]["digest"]["verdict"]), (&json!("status"), &json!("good")));
    assert_eq!((&shown[1]["packet"], &shown[1]["cause"]), (&json!(3), &json!("end-marker")));
    assert_eq!(shown[1]["digest"]["verdict"], "unreadable");

    let cut = &file[..file.len() - 1];
    let shown = serde_json::to_value(decode("x.pcap", cut, None)).unwrap();
    assert_eq!((&shown[1]["packet"], &shown[1]["cause"]), (&json!(3), &json!("file-truncated")));
    let mut first_part = file[..24 + 16 + 28 + packet.len() - 10].to_vec();
    let captured = u32::try_from(28 + packet.len() - 10).unwrap().to_be_bytes();
    first_part.splice(32..36, captured);
    let shown = serde_json::to_value(decode("x.pcap", &first_part, Some(&keys()))).unwrap();
    assert_eq!(shown[0]["cause"], "cut-by-capture");
    let shown = serde_json::to_value(decode("x.pcapng", &[0x0a, 0x0d, 0x0d, 0x0a], None)).unwrap();
    assert_eq!(shown[0]["cause"], "pcapng");
}
