//! What the targets for configuration files share: a made-up machine, text made of words that mean something, and what
//! holds for every answer. [`pair`] has the two engines of the target `engine`.

#[path = "../../crates/hb-config/tests/config/fake_host.rs"]
mod fake_host;
pub mod pair;

use std::path::Path;
use std::sync::LazyLock;

use fake_host::{DIR, FakeHost};
use hb_config::{LoadOptions, Loaded, Severity, convert, load};

/// A good `ha.cf` for the made-up machine.
pub const HA_CF: &str =
    "logfile /var/log/ha-log\nbcast eth0\nauto_failback on\nnode cc1 cc2\nping 10.81.0.254\n";
/// A good `authkeys`.
pub const KEYS: &str = "auth 1\n1 sha1 secret\n";

static GOOD: LazyLock<FakeHost> = LazyLock::new(|| FakeHost::with(HA_CF, KEYS, ""));

/// The input as text of a file: its first byte says whether good lines stand above, and whether the other bytes are the
/// text or numbers of words.
#[must_use]
pub fn text(input: &[u8], good: &str, words: &[&str]) -> Option<Vec<u8>> {
    let (how, rest) = input.split_first()?;
    let rest = rest.get(..LONGEST).unwrap_or(rest);
    let mut text = if how & 1 == 0 { Vec::new() } else { good.as_bytes().to_vec() };
    if how & 2 == 0 {
        text.extend_from_slice(rest);
    } else {
        // Files are short sentences, so every number is a word; other bytes come by the other way.
        let words = rest.iter().filter_map(|byte| words.get(usize::from(*byte) % words.len()));
        words.for_each(|word| text.extend_from_slice(word.as_bytes()));
    }
    Some(text)
}

/// The answer to a directory in which one file has this text and the others are good; checked.
#[must_use]
pub fn answer(file: &str, text: &[u8]) -> Loaded {
    let mut host = GOOD.clone();
    host.file(Path::new(DIR).join(file), text, 0o600);
    let loaded = load(Path::new(DIR), &host);
    check(&loaded);
    loaded
}

/// Converts an `ha.cf` and checks that an accepted one stays accepted, and that there is nothing left to convert.
pub fn check_conversion(text: &[u8], was_accepted: bool) {
    let lower = text.to_ascii_lowercase();
    if !OLD.iter().any(|old| lower.windows(old.len()).any(|word| word == old.as_bytes())) {
        return;
    }
    let mut host = GOOD.clone();
    let convert = |host: &FakeHost| convert(Path::new(DIR), host, &LoadOptions::default());
    let path = Path::new(DIR).join("ha.cf");
    host.file(&path, text, 0o600);
    // It compares the meanings itself, and fails if they differ.
    let once = convert(&host).expect("the meaning stays");
    assert!(!was_accepted || once.checked.config.is_some());
    assert_eq!(once.is_empty(), once.text() == text);
    assert_eq!(once.is_empty(), once.view().is_empty());
    host.file(&path, once.text(), 0o600);
    assert!(convert(&host).expect("the meaning stays").is_empty());
}

/// Parts of words that are converted.
const OLD: [&str; 5] = ["udp ", "udp\t", "crm ", "nice_failback", "hosts"];
/// Bytes of an input that are looked at: enough for everything but limits of length.
const LONGEST: usize = 500;
/// Diagnostics that are always drawn.
const FEW: usize = 5;

fn check(loaded: &Loaded) {
    assert_eq!(loaded.config.is_some(), loaded.counts.errors == 0);
    assert_eq!(loaded.exit_code() == 0, loaded.config.is_some());
    for found in &loaded.diagnostics {
        assert!(found.severity != Severity::Error || found.hint.is_some(), "{found:?}");
        let places = found.place.iter().chain(found.second.iter().map(|(place, _)| place));
        for place in places {
            let source =
                loaded.sources.iter().find(|source| source.file() == place.file).expect("it was read");
            let before = source.bytes().get(..place.start).expect("inside the file");
            assert!(place.start <= place.end && place.end <= source.bytes().len(), "{found:?}");
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!((place.line, place.column > 0), (line, true), "{found:?}");
        }
    }
    // Drawing takes most of the time, so long answers are drawn only now and then.
    if loaded.diagnostics.len() > FEW && loaded.diagnostics.len() % 8 != 0 {
        return;
    }
    let text = loaded.render(false);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    if loaded.diagnostics.len() % 2 == 0 {
        let _ = loaded.render(true);
    }
    let json: serde_json::Value = serde_json::from_str(&loaded.json()).expect("JSON");
    assert_eq!(json["errors"], loaded.counts.errors);
}
