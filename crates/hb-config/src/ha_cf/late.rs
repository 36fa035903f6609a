//! Checks over the whole file after all lines were read (`config.md` 7), and the defaults that depend on other values.
//!
//! All of them run, also after other errors; one that would only repeat an earlier error stays silent.

mod nodes;
mod times;

use crate::checked::{Failback, Medium};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};

use super::HaCf;
use super::behaviour::legacy_notice;
use super::fencing::check_hosts;
use super::media::report_interface;

pub(crate) use nodes::{check_autojoin, check_number_of_nodes};
pub(crate) use times::Times;

/// Runs them.
pub(super) fn check_late(cf: &mut HaCf<'_>) {
    media(cf);
    nodes::check(cf);
    times::check(cf);
    if cf.draft.failback.is_absent() || cf.draft.failback.value() == Some(&Failback::Legacy) {
        let mark = cf.draft.failback.mark();
        legacy_notice(cf, mark);
    }
    ipfail(cf);
    check_hosts(cf);
    log(cf);
}

fn media(cf: &mut HaCf<'_>) {
    // A medium may come later, but not all of them: such a node would hear nobody and take everything.
    let carriers = cf.draft.media.iter().filter(|(medium, _)| !matches!(medium, Medium::Ping { .. })).count();
    let awaited = std::mem::take(&mut cf.draft.awaited);
    let can_wait = carriers > awaited.len();
    for interface in awaited {
        report_interface(cf, interface, can_wait);
    }
    if cf.draft.media.is_empty() {
        if !cf.draft.doubts.media {
            whole_file(cf, || {
                Diagnostic::error(Code::NoMedia, "no medium is defined, so nodes cannot hear each other")
                    .hint("add a line: for example `bcast eth0`")
            });
        }
    } else if cf.draft.media.iter().all(|(medium, _)| matches!(medium, Medium::Ping { .. }))
        && !cf.draft.doubts.media
    {
        let file = cf.source.file();
        cf.report.warning(|| {
            let message = "the file has ping nodes, but no medium between nodes: the node would hear nobody";
            Diagnostic::warning(Code::NoWorkingMedium, message)
                .in_file(file)
                .hint("add a `bcast` or `ucast` line")
        });
    }
}

/// Says when the rule of `ipfail` was asked for in vain.
fn ipfail(cf: &mut HaCf<'_>) {
    let Some(mark) = cf.draft.ipfail else { return };
    let is_legacy = matches!(cf.draft.failback.value(), None | Some(Failback::Legacy));
    let why = if is_legacy {
        "with `auto_failback legacy`"
    } else if cf.draft.ping_nodes.is_empty() {
        "without ping nodes"
    } else {
        return;
    };
    let message = format!("the rule of ipfail has no effect {why}");
    cf.notice("respawn", Some(mark), Severity::Warning, Code::WithoutEffect, message);
}

fn log(cf: &mut HaCf<'_>) {
    let draft = &cf.draft;
    if draft.has_log_destination() || draft.doubts.log || draft.use_logd.is_spoiled() {
        return;
    }
    match draft.use_logd.value() {
        Some(true) => {}
        None => {
            let file = cf.source.file();
            cf.report.note(|| {
                let message = "no log destination is named: messages go to syslog, facility daemon";
                Diagnostic::note(Code::LogAssumed, message)
                    .in_file(file)
                    .hint("for example `logfacility daemon`")
            });
        }
        Some(false) => {
            let message = "no log destination is named, and use_logd is off";
            let diagnostic = Diagnostic::error(Code::NoLog, message).hint("for example `logfacility daemon`");
            match cf.draft.use_logd.mark() {
                Some(mark) => cf.error(mark, || diagnostic),
                None => whole_file(cf, || diagnostic),
            }
        }
    }
}

/// Reports an error of the file that has no place in it.
fn whole_file(cf: &mut HaCf<'_>, make: impl FnOnce() -> Diagnostic) {
    let file = cf.source.file();
    cf.report.error(|| {
        let diagnostic = make();
        if diagnostic.place.is_some() { diagnostic } else { diagnostic.in_file(file) }
    });
}
