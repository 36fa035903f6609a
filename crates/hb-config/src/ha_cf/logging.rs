//! Log directives (`config.md` 4.4).

use std::path::{Path, PathBuf};

use crate::checked::Facility;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::host::PathKind;
use crate::source::Word;
use crate::suggest::nearest;

use super::{HaCf, path_of};

pub(super) fn logfacility(cf: &mut HaCf<'_>, word: Word<'_>) {
    let facility = Facility::from_name(word.text);
    if facility.is_none() {
        cf.bad_value_with(Code::BadWord, word, || {
            let names = Facility::NAMES.iter().map(|(name, _)| *name);
            nearest(word.text, names).map(|name| format!("did you mean `logfacility {name}`?"))
        });
        cf.draft.doubts.log = true;
    }
    cf.draft.facility.set(facility, word.mark);
}

pub(super) fn logfile(cf: &mut HaCf<'_>, word: Word<'_>) {
    let path = log_path(cf, word);
    cf.draft.logfile.set(Some(path), word.mark);
}

pub(super) fn debugfile(cf: &mut HaCf<'_>, word: Word<'_>) {
    let path = log_path(cf, word);
    cf.draft.debugfile.set(Some(path), word.mark);
}

pub(super) fn use_logd(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = cf.truth(word);
    if value == Some(true) {
        let message =
            "`use_logd` is accepted, but there is no logging daemon here: hb writes to syslog itself";
        cf.notice("use_logd", Some(word.mark), Severity::Note, Code::WithoutEffect, message.to_owned());
    }
    cf.draft.use_logd.set(value, word.mark);
}

pub(super) fn syslogmsgfmt(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = cf.truth(word);
    cf.draft.syslog_format.set(value, word.mark);
}

pub(super) fn log_badpack(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = cf.truth(word);
    cf.draft.log_badpack.set(value, word.mark);
}

pub(super) fn debug(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = cf.number(Code::BadNumber, word, 0..=255);
    cf.draft.debug.set(value, word.mark);
}

/// Any path is accepted; what will fail at run time gets a warning.
fn log_path(cf: &mut HaCf<'_>, word: Word<'_>) -> PathBuf {
    let path = path_of(word);
    let problem = if path.is_relative() {
        let unquoted =
            word.text.iter().filter(|byte| !matches!(byte, b'"' | b'\'')).count() < word.text.len();
        Some(if unquoted {
            "quotes belong to the path, so it is a relative one"
        } else {
            "the path is relative"
        })
    } else if cf.lookup.path(path).is_some_and(|facts| facts.kind == PathKind::Directory) {
        Some("this is a directory")
    } else if !is_directory(cf, path.parent().unwrap_or(path)) {
        Some("the directory of this file does not exist")
    } else {
        None
    };
    if let Some(problem) = problem {
        let name = cf.directive.name;
        cf.warning(word.mark, || {
            Diagnostic::warning(Code::LogPath, format!("`{name}`: {problem}"))
                .hint("name a file in an existing directory by its full path, without blanks")
        });
    }
    path.to_owned()
}

fn is_directory(cf: &mut HaCf<'_>, path: &Path) -> bool {
    cf.lookup.path(path).is_some_and(|facts| facts.kind == PathKind::Directory)
}
