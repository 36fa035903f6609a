//! Directives of other times and other managers: `nice_failback`, and Pacemaker's (`config.md` 4.5, 4.6).

use crate::checked::Failback;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::source::Word;
use crate::value::parse_bool;

use super::HaCf;
use super::behaviour::given_twice;

/// The meaning it had when it was introduced (`failover.md` 3.10), not the one that 3.0.6 gives it.
pub(super) fn nice_failback(cf: &mut HaCf<'_>, word: Word<'_>) {
    let Some(is_nice) = cf.truth(word) else {
        cf.draft.failback.set(None, word.mark);
        return;
    };
    let (failback, name) = if is_nice { (Failback::Off, "off") } else { (Failback::Legacy, "legacy") };
    let (source, earlier) = (cf.source, cf.draft.failback.mark());
    cf.warning(word.mark, || {
        let message = format!("`nice_failback` is obsolete; this line is read as `auto_failback {name}`");
        let diagnostic = Diagnostic::warning(Code::NiceFailback, message)
            .hint(format!("write `auto_failback {name}`; a 3.0.6 peer reads `nice_failback` differently"));
        match earlier {
            Some(earlier) => diagnostic.second(source.place(earlier), "no longer counts"),
            None => diagnostic,
        }
    });
    cf.draft.failback.set(Some(failback), word.mark);
}

/// `pacemaker` and its older name `crm`: once, together, and only switched off.
pub(super) fn pacemaker(cf: &mut HaCf<'_>, word: Word<'_>) {
    if let Some(first) = cf.draft.pacemaker {
        given_twice(cf, word, first);
        return;
    }
    cf.draft.pacemaker = Some(word.mark);
    let is_mode =
        [b"respawn".as_slice(), b"minimal", b"manual", b"valgrind", b"ccm-only"].contains(&word.text);
    match parse_bool(word.text) {
        Some(false) => {}
        None if !is_mode => cf.bad_value(Code::BadWord, word),
        Some(true) | None => {
            cf.draft.wants_pacemaker = true;
            let name = cf.directive.name;
            cf.error(word.mark, || {
                let message = format!(
                    "`{name} {}`: Pacemaker mode is not supported",
                    quoted(word.text).trim_matches('`')
                );
                Diagnostic::error(Code::Pacemaker, message)
                    .hint(format!("write `{name} off` and name the resources in haresources"))
            });
        }
    }
}

/// Must stand before `pacemaker`.
pub(super) fn crmd_spawns_pengine(cf: &mut HaCf<'_>, word: Word<'_>) {
    if let Some(pacemaker) = cf.draft.pacemaker {
        let source = cf.source;
        cf.error(word.mark, || {
            Diagnostic::error(Code::PacemakerOrder, "`crmd_spawns_pengine` must stand before `pacemaker`")
                .second(source.place(pacemaker), "stands here")
                .hint("delete the line: there is no Pacemaker here")
        });
        return;
    }
    let _ = cf.truth(word);
}

/// Refused before `pacemaker`, ignored after it, as by 3.0.6.
pub(super) fn crm_daemon_dir(cf: &mut HaCf<'_>, word: Word<'_>) {
    if cf.draft.pacemaker.is_none() {
        cf.error(word.mark, || {
            Diagnostic::error(Code::PacemakerOrder, "`crm_daemon_dir` is refused here, as by Heartbeat 3.0.6")
                .hint("delete the line: there is no Pacemaker here")
        });
    }
}
