//! Selection of the signing key, and that no key is ever shown.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::read;
use crate::code::Code;
use crate::diagnostic::Report;

fn codes(text: &[u8]) -> (Vec<Code>, Option<String>, String) {
    let mut report = Report::default();
    let read = read(PathBuf::from("authkeys"), &Zeroizing::new(text.to_vec()), &mut report);
    let codes = report.into_sorted().iter().map(|diagnostic| diagnostic.code).collect();
    let ring = read.key_ring.map(|ring| format!("{ring:?}"));
    (codes, ring, String::from_utf8_lossy(read.source.bytes()).into_owned())
}

#[test]
fn the_last_key_line_of_the_active_number_signs() {
    for (text, active) in [
        ("auth 1\n1 sha1 a\n", 1),
        ("auth1\n1sha1 a\n", 1),
        ("auth 1\nauth 2\n1 md5 a\n2 sha1 b\n", 2),
        ("auth 1\n1 md5 a\nauth 2\n2 sha1 b\n", 2),
        ("auth 1\n1 md5 a\n2 sha1 b\nauth 2\n", 1),
        ("auth 0\n+0 sha1 a\n", 0),
        ("auth 15\r\n15 sha1 a\r\n", 15),
    ] {
        let (codes, ring, _) = codes(text.as_bytes());
        assert_eq!(codes, [], "{text}");
        assert!(ring.is_some_and(|ring| ring.contains(&format!("active: {active},"))), "{text}");
    }
}

#[test]
fn each_mistake_has_its_code_and_is_reported_once() {
    for (text, code) in [
        ("", Code::NoAuthLine),
        ("# auth 1\n", Code::NoAuthLine),
        ("auth x\n1 crc\n", Code::BadAuthLine),
        ("authx 1\n1 crc\n", Code::BadAuthLine),
        ("auth 1\n", Code::NoSigningKey),
        ("1 sha1 a\nauth 1\n", Code::NoSigningKey),
        ("auth 2\n1 sha1 a\n", Code::NoSigningKey),
        ("auth 1\n1 sha1 a\n!!!\n", Code::BadKeyLine),
        ("auth 1\n1 sha1 a\n2\n", Code::BadKeyLine),
        ("auth 16\n16 sha1 a\n", Code::BadKeyNumber),
        ("auth 1\n1 SHA1 a\n", Code::BadMethod),
        ("auth 1\n1 md5\n", Code::KeyMissing),
        ("auth 1\n1 crc # no key\n", Code::KeyUnexpected),
        ("\u{feff}auth 1\n1 sha1 a\n", Code::BadKeyLine),
    ] {
        let (codes, ring, _) = codes(text.as_bytes());
        assert_eq!(codes, [code], "{text}");
        assert!(ring.is_none() || code == Code::BadKeyLine, "{text}");
    }
}

#[test]
fn keys_are_masked_wherever_they_stand() {
    let text =
        b"#1 md5 hushhush\nauth 1\n1 sha1 hushhush more\n1 hushhush\nhushhush\n2sha256 hushhush\nahushhush\n";
    let (_, _, shown) = codes(text);
    assert!(!shown.contains("hush"), "{shown}");
    assert!(shown.contains("auth 1\n1 sha1 ******** ****\n1 ********\n"), "{shown}");
    assert!(shown.contains("\n2sha256 ********\n"), "{shown}");
}
