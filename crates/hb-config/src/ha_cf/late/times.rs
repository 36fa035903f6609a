//! How the times must relate, and the defaults that depend on other times (`config.md` 7).

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::protection::LEASE_MARGIN;
use crate::source::Mark;

use super::super::HaCf;
use super::super::draft::Setting;
use super::whole_file;

/// Times in milliseconds, defaults filled in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) keepalive: u64,
    pub(crate) deadtime: u64,
    pub(crate) warntime: u64,
    pub(crate) initdead: u64,
    pub(crate) deadping: u64,
}

const DEFAULT_KEEPALIVE: u64 = 1000;
const DEFAULT_DEADTIME: u64 = 30_000;
/// A shorter initial dead time gets a warning.
const COMFORTABLE_INITDEAD: u64 = 10_000;

/// Fills in the defaults and checks the relations.
pub(super) fn check(cf: &mut HaCf<'_>) {
    let given = |setting: &Setting<u64>| setting.value().copied();
    let keepalive = given(&cf.draft.keepalive).unwrap_or(DEFAULT_KEEPALIVE);
    let deadtime = given(&cf.draft.deadtime).unwrap_or(DEFAULT_DEADTIME);
    let initdead = match deadtime {
        ..6000 => 12_000,
        6000..=10_000 => 2 * deadtime,
        _ => deadtime,
    };
    let times = Times {
        keepalive,
        deadtime,
        warntime: given(&cf.draft.warntime).unwrap_or(deadtime / 2),
        initdead: given(&cf.draft.initdead).unwrap_or(initdead),
        deadping: given(&cf.draft.deadping).unwrap_or(deadtime),
    };
    cf.draft.times = times;
    let keepalive_ok = !cf.draft.keepalive.is_spoiled();
    let deadtime_ok = !cf.draft.deadtime.is_spoiled();
    if keepalive_ok && deadtime_ok && deadtime <= 2 * keepalive {
        let message = format!(
            "the dead time, {}, must be more than two keepalives of {}",
            shown(deadtime),
            shown(keepalive)
        );
        let mark = cf.draft.deadtime.mark();
        too_small(
            cf,
            Code::DeadtimeTooSmall,
            mark,
            message,
            &format!("`deadtime {}`", seconds(5 * keepalive)),
        );
    }
    if deadtime_ok && !cf.draft.initdead.is_spoiled() {
        check_initdead(cf, times);
    }
    let deadping_given = cf.draft.deadping.value().is_some() && !cf.draft.deadping.is_spoiled();
    if keepalive_ok && deadping_given && times.deadping <= 2 * keepalive {
        let (dead, alive) = (shown(times.deadping), shown(keepalive));
        let message =
            format!("the dead time of ping nodes, {dead}, must be more than two keepalives of {alive}");
        let mark = cf.draft.deadping.mark();
        too_small(
            cf,
            Code::DeadpingTooSmall,
            mark,
            message,
            &format!("`deadping {}`", seconds(5 * keepalive)),
        );
    }
    if deadping_given && deadtime_ok && times.deadping > times.deadtime {
        check_long_deadping(cf, times);
    }
    if keepalive_ok && deadtime_ok {
        check_lease(cf, times);
        check_warntime(cf, times);
    }
}

/// `failover.md` 11, number 18.
fn check_long_deadping(cf: &mut HaCf<'_>, times: Times) {
    let Some(mark) = cf.draft.deadping.mark() else { return };
    let deadtime = cf.draft.deadtime.mark().map(|mark| cf.place(mark));
    cf.warning(mark, || {
        let (dead_ping, dead) = (shown(times.deadping), shown(times.deadtime));
        let message = format!("the dead time of ping nodes, {dead_ping}, is above the dead time of {dead}");
        let diagnostic = Diagnostic::warning(Code::DeadpingLong, message)
            .hint(format!("`deadping {}` is the default", seconds(times.deadtime)));
        match deadtime {
            Some(place) => diagnostic.second(place, "nodes are dead after this"),
            None => diagnostic.label("the default deadtime is 30 s"),
        }
    });
}

/// Reports a dead time that keepalive makes too small, at whichever of the two is in the file.
fn too_small(cf: &mut HaCf<'_>, code: Code, mark: Option<Mark>, message: String, better: &str) {
    let keepalive = cf.draft.keepalive.mark();
    let diagnostic =
        Diagnostic::error(code, message).hint(format!("{better} tolerates four lost heartbeats"));
    match (mark, keepalive) {
        (Some(mark), Some(keepalive)) => {
            let second = cf.place(keepalive);
            cf.error(mark, || diagnostic.label("too short").second(second, "two of these must fit"));
        }
        (Some(mark), None) => {
            cf.error(mark, || diagnostic.label("too short for the default keepalive of 1 s"));
        }
        (None, Some(keepalive)) => {
            cf.error(keepalive, || diagnostic.label("too long for the default deadtime of 30 s"));
        }
        (None, None) => whole_file(cf, || diagnostic),
    }
}

fn check_initdead(cf: &mut HaCf<'_>, times: Times) {
    let mark = cf.draft.initdead.mark();
    let deadtime = cf.draft.deadtime.mark().map(|mark| cf.place(mark));
    if times.initdead < times.deadtime {
        let message = format!(
            "the initial dead time, {}, is smaller than the dead time of {}",
            shown(times.initdead),
            shown(times.deadtime)
        );
        let diagnostic = Diagnostic::error(Code::InitdeadTooSmall, message)
            .hint(format!("`initdead {}` is twice the dead time", seconds(2 * times.deadtime)));
        let diagnostic = match deadtime {
            Some(place) => diagnostic.second(place, "at least this"),
            None => diagnostic.label("the default deadtime is 30 s"),
        };
        match mark {
            Some(mark) => cf.error(mark, || diagnostic),
            None => whole_file(cf, || diagnostic),
        }
    } else if let Some(mark) = mark.filter(|_| times.initdead < COMFORTABLE_INITDEAD) {
        cf.warning(mark, || {
            let message = format!("the initial dead time, {}, may be too small", shown(times.initdead));
            Diagnostic::warning(Code::InitdeadShort, message)
                .hint("it covers the slow start of networks: at least 10 s is usual")
        });
    }
}

/// A lease lasts for the dead time less two keepalives and a margin, and at least for two keepalives.
fn check_lease(cf: &mut HaCf<'_>, times: Times) {
    let needed = times.keepalive.saturating_mul(4).saturating_add(LEASE_MARGIN);
    let is_possible = times.deadtime > 2 * times.keepalive;
    let mark = cf.draft.deadtime.mark().or_else(|| cf.draft.keepalive.mark());
    let Some(mark) = mark.filter(|_| is_possible && times.deadtime < needed) else { return };
    cf.warning(mark, || {
        let (dead, alive) = (shown(times.deadtime), shown(times.keepalive));
        let message = format!("a dead time of {dead} leaves no room for a lease with a keepalive of {alive}");
        Diagnostic::warning(Code::NoRoomForLease, message).hint(format!(
            "`deadtime {}` would do; without a lease a node that hangs keeps its addresses",
            seconds(5 * times.keepalive)
        ))
    });
}

fn check_warntime(cf: &mut HaCf<'_>, times: Times) {
    let Some(mark) = cf.draft.warntime.mark().filter(|_| !cf.draft.warntime.is_spoiled()) else { return };
    let problem = if times.warntime >= times.deadtime {
        format!(
            "{} is not below the dead time of {}: it never warns",
            shown(times.warntime),
            shown(times.deadtime)
        )
    } else if times.warntime <= times.keepalive {
        format!(
            "{} is not above the keepalive of {}: it always warns",
            shown(times.warntime),
            shown(times.keepalive)
        )
    } else {
        return;
    };
    cf.warning(mark, || {
        Diagnostic::warning(Code::WarntimeOdd, format!("the warning time, {problem}"))
            .hint(format!("half of the dead time is usual: `warntime {}`", seconds(times.deadtime / 2)))
    });
}

/// A time as people read it.
fn shown(millis: u64) -> String {
    if millis.is_multiple_of(1000) { format!("{} s", millis / 1000) } else { format!("{millis} ms") }
}

/// A time as `ha.cf` reads it.
fn seconds(millis: u64) -> String {
    if millis.is_multiple_of(1000) { format!("{}", millis / 1000) } else { format!("{millis}ms") }
}
