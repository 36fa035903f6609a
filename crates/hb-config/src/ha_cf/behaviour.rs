//! Directives that stand alone and need little checking (`config.md` 4.1, 4.5).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use hb_compress::Method;

use crate::checked::{Failback, GenerationMethod, UuidFrom};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity, quoted};
use crate::host::PathKind;
use crate::source::Word;
use crate::value::{parse_bool, parse_number};

use super::{HaCf, path_of};

/// Takes any word; it is only recorded.
pub(super) fn nothing(_: &mut HaCf<'_>, _: Word<'_>) {}

/// As [`nothing`]: clients (ccm) read the name.
pub(super) fn cluster(_: &mut HaCf<'_>, _: Word<'_>) {}

/// Takes a truth value that is only recorded.
pub(super) fn truth_value(cf: &mut HaCf<'_>, word: Word<'_>) {
    let _ = cf.truth(word);
}

/// Takes a number above zero that is only recorded.
pub(super) fn positive(cf: &mut HaCf<'_>, word: Word<'_>) {
    let _ = cf.number(Code::BadNumber, word, 1..=i32::MAX);
}

pub(super) fn hopfudge(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = cf.number(Code::BadNumber, word, 0..=255);
    cf.draft.hopfudge.set(value, word.mark);
}

pub(super) fn watchdog(cf: &mut HaCf<'_>, word: Word<'_>) {
    if let Some((_, first)) = cf.draft.watchdog {
        given_twice(cf, word, first);
        return;
    }
    let path = path_of(word);
    cf.draft.watchdog = Some((path.to_owned(), word.mark));
    let problem = match cf.lookup.path(path).map(|facts| facts.kind) {
        Some(PathKind::CharacterDevice | PathKind::Terminal) => return,
        None => "does not exist",
        Some(PathKind::File | PathKind::Directory | PathKind::Other) => "is not a character device",
    };
    cf.warning(word.mark, || {
        let message = format!("watchdog {} {problem}: the node runs without one", quoted(word.text));
        Diagnostic::warning(Code::NoWatchdog, message)
            .hint("load the driver of the hardware, or `softdog` where there is none")
    });
}

/// Reports the second value of a directive that takes one.
pub(super) fn given_twice(cf: &mut HaCf<'_>, word: Word<'_>, first: crate::source::Mark) {
    let source = cf.source;
    let name = cf.directive.name;
    cf.error(word.mark, || {
        Diagnostic::error(Code::GivenTwice, format!("`{name}` may be given only once"))
            .second(source.place(first), "first given here")
            .hint("keep one of the two")
    });
}

pub(super) fn auto_failback(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = match parse_bool(word.text) {
        Some(true) => Some(Failback::On),
        Some(false) => Some(Failback::Off),
        None if word.text.eq_ignore_ascii_case(b"legacy") => Some(Failback::Legacy),
        None => {
            cf.bad_value(Code::BadWord, word);
            None
        }
    };
    cf.draft.failback.set(value, word.mark);
}

pub(super) fn realtime(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = cf.truth(word);
    cf.draft.realtime.set(value, word.mark);
}

pub(super) fn rtprio(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = cf.number(Code::BadNumber, word, 1..=99);
    cf.draft.rtprio.set(value, word.mark);
}

pub(super) fn hbgenmethod(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = match word.text {
        b"file" => Some(GenerationMethod::File),
        b"time" => Some(GenerationMethod::Time),
        _ => None,
    };
    if value.is_none() {
        cf.bad_value_with(Code::BadWord, word, || in_lower_case(word, &["file", "time"]));
    }
    cf.draft.generation_method.set(value, word.mark);
}

pub(super) fn uuidfrom(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = match word.text {
        b"file" => Some(UuidFrom::File),
        b"nodename" => Some(UuidFrom::NodeName),
        _ => None,
    };
    if value.is_none() {
        cf.bad_value_with(Code::BadWord, word, || in_lower_case(word, &["file", "nodename"]));
    }
    cf.draft.uuid_from.set(value, word.mark);
}

pub(super) fn msgfmt(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = match word.text {
        b"classic" => Some(true),
        b"netstring" => Some(false),
        _ => None,
    };
    if value.is_none() {
        cf.bad_value_with(Code::BadWord, word, || in_lower_case(word, &["classic", "netstring"]));
    }
    cf.draft.inner_auth.set(value, word.mark);
}

/// The modules of Debian's package of 3.0.6.
pub(super) fn compression(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = std::str::from_utf8(word.text).ok().and_then(|name| name.parse::<Method>().ok());
    if value.is_none() {
        cf.bad_value_with(Code::BadWord, word, || in_lower_case(word, &["zlib", "bz2"]));
    }
    cf.draft.compression.set(value, word.mark);
}

pub(super) fn compression_threshold(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = cf.number(Code::BadNumber, word, 1..=i32::MAX);
    cf.draft.compression_threshold.set(value, word.mark);
}

pub(super) fn traditional_compression(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = cf.truth(word);
    cf.draft.traditional_compression.set(value, word.mark);
}

/// Absolute paths are not looked at, relative ones must be directories.
pub(super) fn coreroot(cf: &mut HaCf<'_>, word: Word<'_>) {
    let path = path_of(word);
    if path.is_absolute() {
        return;
    }
    if cf.lookup.path(path).is_none_or(|facts| facts.kind != PathKind::Directory) {
        cf.error(word.mark, || {
            Diagnostic::error(Code::BadPath, format!("{} is not a directory", quoted(word.text)))
                .hint("give the full path: for example `coreroot /var/lib/heartbeat/cores`")
        });
    }
}

/// `NAME=VALUE` becomes `HA_NAME=VALUE` for children.
pub(super) fn env(cf: &mut HaCf<'_>, word: Word<'_>) {
    let equals = word.text.iter().position(|byte| *byte == b'=');
    let (name, value) = word.text.split_at_checked(equals.unwrap_or(word.text.len())).unwrap_or_default();
    if name.is_empty() {
        cf.bad_value(Code::BadEnvironment, word);
        return;
    }
    if equals.is_none() {
        cf.warning(word.mark, || {
            let message = format!("{} has no `=`; the variable is empty", quoted(word.text));
            Diagnostic::warning(Code::BadEnvironment, message).hint(format!("write `env {}=`", word.lossy()))
        });
    }
    let value = value.strip_prefix(b"=").unwrap_or_default();
    if name == b"STOPRETRYMAX" {
        stop_retries(cf, word, value);
    }
    let mut variable = std::ffi::OsString::from("HA_");
    variable.push(OsStr::from_bytes(name));
    cf.draft.environment.push((variable, OsStr::from_bytes(value).to_owned()));
}

/// How often a failed stop is repeated (`failover.md` 1.5); zero and less: for ever.
fn stop_retries(cf: &mut HaCf<'_>, word: Word<'_>, value: &[u8]) {
    let number = parse_number(value);
    if number.digits == 0 || number.ignored > 0 {
        cf.warning(word.mark, || {
            let message = format!("STOPRETRYMAX is a whole number, not {}; it is ignored", quoted(value));
            Diagnostic::warning(Code::BadEnvironment, message).hint("for example `env STOPRETRYMAX=3`")
        });
        return;
    }
    let retries = u32::try_from(number.value).ok().filter(|retries| *retries > 0);
    cf.draft.stop_retries.set(Some(retries), word.mark);
}

/// "did you mean" for a word that is right but for its case.
fn in_lower_case(word: Word<'_>, known: &[&str]) -> Option<String> {
    let meant = known.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(word.text))?;
    Some(format!("write it in lower case: `{meant}`"))
}

/// Says what legacy failback means; `mark` is where it was chosen.
pub(super) fn legacy_notice(cf: &mut HaCf<'_>, mark: Option<crate::source::Mark>) {
    const RULE: &str = "resources always return to their preferred node";
    match mark.map(|mark| cf.source.place(mark)) {
        Some(place) => cf.report.note(|| {
            let message = format!("`auto_failback legacy`: {RULE}, as before release 1.2");
            Diagnostic::new(Severity::Note, Code::LegacyFailback, message).at(place)
        }),
        None => cf.report.warning(|| {
            let message = format!("auto_failback is not given, so it is `legacy`: {RULE}");
            Diagnostic::new(Severity::Warning, Code::LegacyFailback, message).in_file(cf.source.file())
        }),
    }
}
