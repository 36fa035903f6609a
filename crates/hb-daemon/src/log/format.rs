//! A log line as bytes: the two file formats and the syslog datagram of `config.md` 10.1 and 10.2.
//!
//! Control characters in a text are shown, not written: a line stays a line whatever a peer calls itself. Shown they
//! are longer, and a line stays short enough to be taken by a pipe in one piece.

use std::fmt::Write as _;

use hb_sys::localtime::{LocalTime, local_time};

use super::queue::Record;

/// How lines in files and on stderr look (directive `syslogmsgfmt`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFormat {
    /// `Nov 21 19:41:31 cc1 heartbeat: [57]: WARN: text`
    Syslog,
    /// `heartbeat[57]: 2026/11/21_19:41:31 WARN: text`
    Classic,
}

/// What stands in every line besides time, level and text.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The machine's name, as `uname -n` gives it.
    pub(super) host: String,
    /// The writing process.
    pub(super) pid: u32,
}

/// The line for a file, line end included.
pub(super) fn file_line(format: FileFormat, origin: &Origin, record: &Record) -> Vec<u8> {
    let time = local_time(record.time);
    let level = record.level.name();
    let Origin { host, pid } = origin;
    let mut line = match format {
        FileFormat::Syslog => format!("{} {host} heartbeat: [{pid}]: {level}: ", syslog_time(time)),
        FileFormat::Classic => format!("heartbeat[{pid}]: {} {level}: ", classic_time(time)),
    };
    push_shown(&mut line, &record.text);
    line.push('\n');
    line.into_bytes()
}

/// The datagram for syslog, final NUL included; `facility` is the plain number (daemon = 3).
pub(super) fn syslog_datagram(facility: u8, pid: u32, record: &Record) -> Vec<u8> {
    let priority = u16::from(facility) * 8 + u16::from(record.level.severity());
    let time = syslog_time(local_time(record.time));
    let mut line = format!("<{priority}>{time} heartbeat: [{pid}]: {}: ", record.level.name());
    push_shown(&mut line, &record.text);
    line.push('\0');
    line.into_bytes()
}

fn syslog_time(time: LocalTime) -> String {
    let month = MONTHS.get(usize::from(time.month).wrapping_sub(1)).copied().unwrap_or("???");
    format!("{month} {:02} {:02}:{:02}:{:02}", time.day, time.hour, time.minute, time.second)
}

fn classic_time(time: LocalTime) -> String {
    let LocalTime { year, month, day, hour, minute, second } = time;
    format!("{year:04}/{month:02}/{day:02}_{hour:02}:{minute:02}:{second:02}")
}

fn push_shown(line: &mut String, text: &str) {
    for c in text.chars() {
        // Room for the longest way to show a character, and for the end of the line.
        if line.len() + 12 > MAX_LINE {
            return;
        }
        if c.is_control() {
            // Writing to a string cannot fail.
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
}

/// What a pipe takes in one piece (`PIPE_BUF`), in bytes.
const MAX_LINE: usize = 4096;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::level::Level;
    use super::*;

    fn record(level: Level, text: &str) -> Record {
        // 2026-11-05 19:41:31 UTC
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_907_691);
        Record { level, time, text: text.to_owned() }
    }

    fn origin() -> Origin {
        Origin { host: "cc1".to_owned(), pid: 57 }
    }

    /// The time in the local zone, made from the same clock, so that the test holds in every zone.
    fn local(format: impl Fn(LocalTime) -> String) -> String {
        format(local_time(record(Level::Info, "").time))
    }

    #[test]
    fn the_two_file_formats_are_those_of_the_classic_daemon() {
        let warning = record(Level::Warn, "node cc2: is dead");
        assert_eq!(
            String::from_utf8(file_line(FileFormat::Syslog, &origin(), &warning)).unwrap(),
            format!("{} cc1 heartbeat: [57]: WARN: node cc2: is dead\n", local(syslog_time))
        );
        assert_eq!(
            String::from_utf8(file_line(FileFormat::Classic, &origin(), &warning)).unwrap(),
            format!("heartbeat[57]: {} WARN: node cc2: is dead\n", local(classic_time))
        );
    }

    #[test]
    fn days_have_two_digits_in_both_times() {
        let time = LocalTime { year: 2026, month: 11, day: 5, hour: 19, minute: 41, second: 31 };
        assert_eq!(syslog_time(time), "Nov 05 19:41:31");
        assert_eq!(classic_time(time), "2026/11/05_19:41:31");
    }

    #[test]
    fn a_syslog_datagram_has_priority_and_nul() {
        // facility daemon = 3, severity warning = 4
        let bytes = syslog_datagram(3, 57, &record(Level::Warn, "text"));
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            format!("<28>{} heartbeat: [57]: WARN: text\0", local(syslog_time))
        );
    }

    #[test]
    fn control_characters_cannot_forge_a_line() {
        let line = file_line(FileFormat::Classic, &origin(), &record(Level::Info, "a\nb\u{1b}[2Jc\u{85}"));
        let line = String::from_utf8(line).unwrap();
        assert!(line.ends_with("info: a\\nb\\u{1b}[2Jc\\u{85}\n"), "{line}");
    }

    #[test]
    fn a_line_fits_into_a_pipe_however_long_it_is_when_shown() {
        let record = record(Level::Info, &"\u{10ffff}\u{1}".repeat(1000));
        for line in [file_line(FileFormat::Syslog, &origin(), &record), syslog_datagram(3, 57, &record)] {
            assert!((4000..=MAX_LINE).contains(&line.len()), "{}", line.len());
        }
    }
}
