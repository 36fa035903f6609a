//! `authkeys`: keys are never shown, and a ring that is accepted signs what it can verify.
#![no_main]

use hb_auth::InnerAuth;
use hb_config::{FileKind, Loaded};
use hb_fuzz::{KEYS, answer, text};
use hb_wire::Message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some(text) = text(input, KEYS, WORDS) else { return };
    let loaded = answer("authkeys", &text);
    check_mask(&loaded, &text);
    if let Some(config) = &loaded.config {
        let message = Message::new("status");
        let mut packet = Vec::new();
        config.key_ring.seal_into(&message, InnerAuth::No, &mut packet).expect("a good message");
        assert_eq!(config.key_ring.open(&packet).as_ref(), Ok(&message));
    }
});

/// Nothing that is longer than a method's name and is not a number is readable in what diagnostics show.
fn check_mask(loaded: &Loaded, text: &[u8]) {
    let source =
        loaded.sources.iter().find(|source| source.file() == FileKind::Authkeys).expect("it was read");
    let shown = source.bytes();
    assert_eq!(shown.len(), text.len());
    let rendered = loaded.render(false) + &loaded.json();
    let mut start = 0;
    for word in text.split(|byte| matches!(byte, b' ' | b'\t'..=b'\r')) {
        let end = start + word.len();
        let secret = word.strip_prefix(b"auth").unwrap_or(word);
        let secret = secret.strip_prefix(b"+").or(secret.strip_prefix(b"-")).unwrap_or(secret);
        let digits = secret.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let secret = &secret[digits..];
        // What follows a NUL or an overlong piece is read anew.
        if secret.len() >= 10 && secret.len() < 4000 && text.len() < 5000 && !word.contains(&0) {
            let shown = &shown[end - secret.len()..end];
            assert!(shown.iter().all(|byte| *byte == b'*'), "{:?}", String::from_utf8_lossy(shown));
        }
        // A key of digits may also be the number of another line, and numbers are shown.
        if secret.len() >= 24
            && !secret.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-'))
            && let Ok(secret) = std::str::from_utf8(secret)
        {
            assert!(!rendered.contains(secret), "{secret}");
        }
        start = end + 1;
    }
}

const WORDS: &[&str] = &[
    "1 hushhushhush\n",
    "1 sha1 hushhushhush x\n",
    "hushhushhush\n",
    "auth hushhushhush\n",
    "3 crc hushhushhush\n",
    "\n",
    "\n",
    "\n",
    " ",
    " ",
    "\t",
    "\r\n",
    "\u{b}",
    "\u{c}",
    "\0",
    "#",
    "auth ",
    "auth",
    "a",
    "0",
    "1",
    "2",
    "15",
    "16",
    "-1",
    "+1",
    "99999999999999999999",
    " sha1 ",
    " md5 ",
    " crc",
    "sha1",
    "SHA1",
    "sha256",
    "crc32",
    "secret",
    "hushhushhush",
    "a-very-long-secret-of-thirty-letters",
    "auth 1\n",
    "auth 2\n",
    "1 sha1 one\n",
    "2 md5 two\n",
    "3 crc\n",
    "é",
    "\u{feff}",
    "*",
];
