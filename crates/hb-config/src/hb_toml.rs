//! Reads `hb.toml`, the optional file for what `ha.cf` has no words for.
//!
//! From TOML (the crate `toml`) over the shape of the file ([`raw`]: serde, unknown keys refused) to checked values.
//! Serde stops at its first error; [`walk`] tries the entries one by one, so that one run reports all of them. What
//! people read about each key stands in [`keys`]. Nothing here says how the values are used.

mod keys;
mod named;
mod raw;
mod secret;
mod staged;
mod time;
mod walk;

use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use zeroize::Zeroizing;

use crate::checked::{AgentLimits, FenceSettings, LeaseBy, LeaseSettings, MonitorSettings, StopFailed};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report, quoted};
use crate::ha_cf::Draft;
use crate::protection::{length_of_lease, length_of_life};
use crate::source::{Mark, Source};
use crate::suggest::nearest;

pub use keys::{example, manual_page};
pub(crate) use named::check_monitored;
use raw::Raw;
pub(crate) use staged::check_staged;
use walk::{Offence, Problem};

/// What the file says, defaults filled in.
#[derive(Clone, Debug)]
pub(crate) struct HbToml {
    pub(crate) agents: AgentLimits,
    /// Where `stop-retries` stands, if it is given: `env STOPRETRYMAX` in ha.cf says the same thing.
    pub(crate) stop_retries: Option<Mark>,
    pub(crate) native_addresses: bool,
    pub(crate) fencing: FenceSettings,
    pub(crate) fencing_marks: FencingMarks,
    pub(crate) lease: LeaseSettings,
    /// Where each of `lease.staged` stands, in their order.
    staged: Vec<Mark>,
    pub(crate) monitor: Option<MonitorSettings>,
    /// Where each of `monitor.groups` stands, in their order.
    monitored: Vec<Mark>,
}

/// Where the keys of `[fencing]` stand that are given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FencingMarks {
    pub(crate) agent: Option<Mark>,
    pub(crate) options: Option<Mark>,
    pub(crate) own_options: Option<Mark>,
    pub(crate) delay: Option<Mark>,
    pub(crate) timeout: Option<Mark>,
    /// An agent was named in a way that was refused.
    pub(crate) agent_is_spoiled: bool,
}

impl Default for HbToml {
    fn default() -> Self {
        Self {
            agents: AgentLimits::default(),
            stop_retries: None,
            native_addresses: true,
            fencing: FenceSettings::default(),
            fencing_marks: FencingMarks::default(),
            lease: LeaseSettings::default(),
            staged: Vec::new(),
            monitor: None,
            monitored: Vec::new(),
        }
    }
}

/// Reads the file and reports everything that is wrong with it. What may be a password is hidden in `source`.
pub(crate) fn read(source: &mut Source, report: &mut Report) -> HbToml {
    let bytes = Zeroizing::new(source.bytes().to_vec());
    let lines = Lines::of(&bytes);
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => {
            source.hide(secret::in_lines(&bytes));
            let at = error.valid_up_to();
            Reading { source, lines, report, agent_is_spoiled: false }.error(at..at + 1, || {
                Diagnostic::error(Code::NotUtf8, "the file is not UTF-8").hint("convert the file to UTF-8")
            });
            return HbToml::default();
        }
    };
    let (tree, errors) = parse(text);
    if !errors.is_empty() {
        source.hide(secret::in_lines(&bytes));
    }
    if let Some(tree) = &tree {
        source.hide(secret::in_tree(tree.get_ref()));
    }
    let mut reading = Reading { source, lines, report, agent_is_spoiled: false };
    reading.syntax(&errors);
    let Some(tree) = tree else { return HbToml::default() };
    let span = tree.span();
    let good = walk::keep_good(tree.into_inner(), &mut |offence| reading.offence(&offence));
    let whole = toml::Spanned::new(span, DeValue::Table(good));
    // Every entry was tried, so it cannot fail; if it did, the file must not pass.
    match Raw::deserialize(ValueDeserializer::from(whole)) {
        Ok(raw) => {
            let policy = raw.agents.stop_failed.as_ref().map(toml::Spanned::span);
            let read = reading.checked(raw);
            reading.check_own_reset(policy, &read);
            read
        }
        Err(error) => {
            reading.error(error.span().unwrap_or(0..0), || {
                Diagnostic::error(Code::BadValue, error.message()).hint("see hb.toml(5)")
            });
            HbToml::default()
        }
    }
}

/// Warns when lifetimes of addresses need a longer dead time than `ha.cf` has, but a table would not, of which is said
/// there.
pub(crate) fn check_lifetime(hb_toml: &HbToml, draft: &Draft, ha_cf: &Source, report: &mut Report) {
    let [keepalive, deadtime] = [draft.times.keepalive, draft.times.deadtime].map(Duration::from_millis);
    let is_asked_for = hb_toml.lease.enabled && hb_toml.lease.by == LeaseBy::Lifetime;
    let has_table = length_of_lease(keepalive, deadtime).is_some();
    let mark = draft.deadtime.mark().or_else(|| draft.keepalive.mark());
    let Some(mark) = mark.filter(|_| is_asked_for && has_table) else { return };
    let Err(needed) = length_of_life(keepalive, deadtime) else { return };
    report.warning(|| {
        let message = "the dead time leaves no room for a lease by lifetimes of addresses";
        Diagnostic::warning(Code::NoRoomForLease, message).at(ha_cf.place(mark)).hint(format!(
            "`deadtime {}ms` would do; without a lease a node that hangs keeps its addresses",
            needed.as_millis()
        ))
    });
}

/// Warns about what both files say, in different ways; hb.toml counts.
pub(crate) fn compare(hb_toml: &HbToml, source: &Source, draft: &Draft, ha_cf: &Source, report: &mut Report) {
    let there = draft.stop_retries.value().zip(draft.stop_retries.mark());
    let (Some(here), Some((retries, there))) = (hb_toml.stop_retries, there) else { return };
    if *retries != hb_toml.agents.stop_retries {
        report.warning(|| {
            Diagnostic::warning(
                Code::SaidTwice,
                "`env STOPRETRYMAX` in ha.cf says something else; this counts",
            )
            .at(source.place(here))
            .second(ha_cf.place(there), "does not count")
            .hint("delete one of the two")
        });
    }
}

/// What `[fencing]` says; the device stands in ha.cf.
fn fence_settings(raw: raw::Fencing) -> FenceSettings {
    let options = |given: Option<toml::Spanned<Vec<raw::AgentOption>>>| -> Vec<String> {
        given.map_or_else(Vec::new, |list| list.into_inner().into_iter().map(|option| option.0).collect())
    };
    let default = FenceSettings::default();
    FenceSettings {
        device: None,
        agent: raw.agent.map(|name| name.into_inner().0).filter(|name| !name.is_empty()),
        options: options(raw.options),
        own_options: Some(options(raw.own_options)).filter(|options| !options.is_empty()),
        delay: raw.delay.map_or(default.delay, |time| time.into_inner().0),
        timeout: raw.timeout.map_or(default.timeout, |time| time.into_inner().0),
    }
}

/// Nothing if nobody wants anything looked at.
fn monitor(raw: raw::Monitor) -> Option<MonitorSettings> {
    let default = AgentLimits::default();
    Some(MonitorSettings {
        interval: raw.interval?.0?,
        timeout: raw.timeout.map_or(default.status_timeout, |time| time.0),
        failures: raw.failures.map_or(1, |number| number.0),
        restarts: raw.restarts.map_or(3, |number| number.0),
        within: raw.within.map_or(Duration::from_secs(600), |time| time.0),
        moves: raw.then.is_none_or(|then| then.0),
        groups: raw.groups.unwrap_or_default().into_iter().map(toml::Spanned::into_inner).collect(),
    })
}

struct Reading<'a> {
    source: &'a Source,
    lines: Lines,
    report: &'a mut Report,
    /// An agent is named, in a way that is refused.
    agent_is_spoiled: bool,
}

/// The entries, what could be understood of them, and errors of syntax.
fn parse(text: &str) -> (Option<toml::Spanned<DeTable<'_>>>, Vec<toml::de::Error>) {
    if text.len() <= RECOVERABLE {
        let (tree, errors) = DeTable::parse_recoverable(text);
        return (Some(tree), errors);
    }
    match DeTable::parse(text) {
        Ok(tree) => (Some(tree), Vec::new()),
        Err(error) => (None, vec![error]),
    }
}

impl Reading<'_> {
    fn syntax(&mut self, errors: &[toml::de::Error]) {
        for error in errors {
            self.error(error.span().unwrap_or(0..0), || {
                Diagnostic::error(Code::BadToml, error.message())
                    .hint("see toml.io, or hb.toml(5) for examples")
            });
        }
    }

    /// A node that is to reset itself needs what does that: what resets the other one would reset that.
    fn check_own_reset(&mut self, policy: Option<Range<usize>>, read: &HbToml) {
        let is_missing = read.agents.stop_failed == StopFailed::Fence && read.fencing.for_itself().is_none();
        let Some(span) = policy.filter(|_| is_missing) else { return };
        self.error(span, || {
            let message = "nothing is known that resets this node itself";
            let hint = if read.fencing.agent.is_some() {
                "say in [fencing] what the agent reads for that: `own-options = [...]`"
            } else {
                "name an agent in [fencing], with `own-options`; for a device of ha.cf use `stop-failed-command`"
            };
            Diagnostic::error(Code::NoOwnReset, message).hint(hint)
        });
    }

    fn checked(&self, raw: Raw) -> HbToml {
        let agents = raw.agents;
        let default = AgentLimits::default();
        let staged = raw.lease.staged.unwrap_or_default();
        let marks = |names: &[toml::Spanned<String>]| {
            names.iter().map(|given| self.lines.mark(given.span())).collect()
        };
        let fencing = raw.fencing;
        HbToml {
            fencing_marks: FencingMarks {
                agent: self.mark(fencing.agent.as_ref()),
                options: self.mark(fencing.options.as_ref()),
                own_options: self.mark(fencing.own_options.as_ref()),
                delay: self.mark(fencing.delay.as_ref()),
                timeout: self.mark(fencing.timeout.as_ref()),
                agent_is_spoiled: self.agent_is_spoiled,
            },
            staged: marks(&staged),
            monitored: marks(raw.monitor.groups.as_deref().unwrap_or_default()),
            stop_retries: self.mark(agents.stop_retries.as_ref()),
            agents: AgentLimits {
                start_timeout: agents.start_timeout.map_or(default.start_timeout, |time| time.0),
                stop_timeout: agents.stop_timeout.map_or(default.stop_timeout, |time| time.0),
                status_timeout: agents.status_timeout.map_or(default.status_timeout, |time| time.0),
                kill_grace: agents.kill_grace.map_or(default.kill_grace, |time| time.0),
                stop_retries: agents.stop_retries.map_or(default.stop_retries, |given| given.into_inner().0),
                stop_pause: agents.stop_pause.map_or(default.stop_pause, |time| time.0),
                stop_failed: agents.stop_failed.map_or(default.stop_failed, |policy| policy.into_inner().0),
                stop_failed_command: agents.stop_failed_command.map_or_else(Vec::new, |command| command.0),
                end_hung_heart: agents.end_hung_heart.unwrap_or(default.end_hung_heart),
            },
            native_addresses: raw.addresses.native.unwrap_or(true),
            fencing: fence_settings(fencing),
            lease: LeaseSettings {
                enabled: raw.lease.enabled.unwrap_or(true),
                by: raw.lease.by.map_or(LeaseBy::Nftables, |by| by.0),
                except: raw.lease.except.unwrap_or_default(),
                staged: staged.into_iter().map(toml::Spanned::into_inner).collect(),
            },
            monitor: monitor(raw.monitor),
        }
    }

    fn offence(&mut self, offence: &Offence<'_>) {
        let source = self.source;
        let text = |span: &Range<usize>| source.bytes().get(span.clone()).unwrap_or_default();
        match offence.problem {
            Problem::UnknownKey => self.error(offence.key.clone(), || unknown_key(offence.path)),
            Problem::NotATable => self.error(offence.value.clone(), || {
                let name = offence.path.join(".");
                let message = format!("`{name}` is a table, not {}", quoted(text(&offence.value)));
                Diagnostic::error(Code::BadValue, message)
                    .hint(format!("write its keys below a line `[{name}]`"))
            }),
            Problem::BadValue => {
                let Some(key) = keys::find(offence.path) else { return };
                self.agent_is_spoiled |= offence.path == ["fencing", "agent"];
                self.error(offence.value.clone(), || {
                    if secret::is_secret(offence.path) {
                        let message = format!("`{}` takes {}", key.name, key.takes);
                        return Diagnostic::error(Code::BadValue, message)
                            .hint("a list of texts in quotes, each of the form name=value; what stands there is not shown");
                    }
                    let value = quoted(text(&offence.value));
                    let message = format!("`{}` takes {}, not {value}", key.name, key.takes);
                    let digits = text(&offence.value);
                    if key.is_time() && digits.iter().all(u8::is_ascii_digit) {
                        let seconds = String::from_utf8_lossy(digits);
                        let hint =
                            format!("times have a unit: write `{} = \"{seconds}s\"` for seconds", key.name);
                        return Diagnostic::error(Code::BadValue, message).hint(hint);
                    }
                    Diagnostic::error(Code::BadValue, message)
                        .hint(format!("for example `{} = {}`", key.name, key.default))
                });
            }
        }
    }

    /// Where a key's value stands, if it is given.
    fn mark<T>(&self, given: Option<&toml::Spanned<T>>) -> Option<Mark> {
        given.map(|given| self.lines.mark(given.span()))
    }

    fn error(&mut self, span: Range<usize>, make: impl FnOnce() -> Diagnostic) {
        let (source, lines) = (self.source, &self.lines);
        self.report.error(|| make().at(source.place(lines.mark(span))));
    }
}

fn unknown_key(path: &[String]) -> Diagnostic {
    let name = path.last().map(String::as_str).unwrap_or_default();
    let table = path.split_last().map_or(String::new(), |(_, table)| table.join("."));
    let place = if table.is_empty() { String::new() } else { format!(" in [{table}]") };
    let what = if table.is_empty() { "table or key" } else { "key" };
    let message = format!("unknown {what} {}{place}", quoted(name.as_bytes()));
    let here = keys::names_in(&table);
    let hint = if let Some(near) = nearest(name.as_bytes(), here.iter().copied()) {
        format!("did you mean `{near}`?")
    } else if let Some(key) = keys::KEYS.iter().find(|key| key.name == name) {
        format!("`{name}` belongs below [{}]", key.table)
    } else {
        format!("known are {}", here.join(", "))
    };
    Diagnostic::error(Code::UnknownKey, message).hint(hint)
}

/// Bytes of a file of which all errors of syntax are reported; of a larger one, which no person wrote, only the first:
/// each costs time.
const RECOVERABLE: usize = 1 << 16;

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(bytes: &[u8]) -> Self {
        let feeds = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        Self(std::iter::once(0).chain(feeds.map(|(at, _)| at + 1)).collect())
    }

    /// A span as a place: at most to the end of its first line.
    fn mark(&self, span: Range<usize>) -> Mark {
        let line = self.0.partition_point(|start| *start <= span.start);
        let line_start = line.checked_sub(1).and_then(|index| self.0.get(index)).copied().unwrap_or(0);
        let line_end = self.0.get(line).map_or(usize::MAX, |next| next - 1);
        let end = span.end.min(line_end).max(span.start);
        Mark { line, line_start, start: span.start, end }
    }
}

#[cfg(test)]
mod tests;
