//! Lines of the guard, which outlives the log's thread: written directly, to the same destinations.
//!
//! The guard gets the destinations as words of ours, because it knows no configuration. Nobody waits for it in real
//! time, so that it may wait for a disk.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::file::LogFile;
use super::format::{FileFormat, Origin, file_line, syslog_datagram};
use super::level::Level;
use super::queue::Record;
use super::syslog::Syslog;
use super::writer::Targets;

/// The words for [`write()`].
pub(crate) fn words(host: &str, targets: &Targets) -> String {
    json!({
        "host": host,
        "logfile": targets.logfile,
        "debugfile": targets.debugfile,
        "facility": targets.facility,
        "classic": targets.format == FileFormat::Classic,
    })
    .to_string()
}

/// Writes a line wherever `words` say, and to stderr.
pub(crate) fn write(words: &str, level: Level, text: &str) {
    let words: Value = serde_json::from_str(words).unwrap_or_default();
    let field = |name: &str| words.get(name);
    let host = field("host").and_then(Value::as_str).unwrap_or("localhost").to_owned();
    let origin = Origin { host, pid: std::process::id() };
    let classic = field("classic").and_then(Value::as_bool).unwrap_or(false);
    let format = if classic { FileFormat::Classic } else { FileFormat::Syslog };
    let record = Record { level, time: SystemTime::now(), text: text.to_owned() };
    let line = file_line(format, &origin, &record);
    // What cannot be written is told nowhere else.
    let _ = std::io::stderr().write_all(&line);
    for file in ["logfile", "debugfile"] {
        if let Some(path) = field(file).and_then(Value::as_str).map(PathBuf::from)
            && (file == "debugfile" || level != Level::Debug)
        {
            let _ = LogFile::open(&path).0.write(&line);
        }
    }
    let facility = field("facility").and_then(Value::as_u64).and_then(|facility| u8::try_from(facility).ok());
    if let Some(facility) = facility.filter(|facility| *facility > 0) {
        let _ = Syslog::at(Path::new("/dev/log")).write(&syslog_datagram(facility, origin.pid, &record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_where_the_words_say() {
        let directory = std::env::temp_dir().join(format!("hb-log-afterwards-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let targets = Targets {
            logfile: Some(directory.join("ha-log")),
            debugfile: Some(directory.join("ha-debug")),
            facility: 0,
            format: FileFormat::Syslog,
        };
        let words = words("cc1", &targets);
        write(&words, Level::Crit, "The heart has died");
        write(&words, Level::Debug, "a detail");
        let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
        let (log, debug) = (read("ha-log"), read("ha-debug"));
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(log.contains(" cc1 heartbeat: [") && log.ends_with("]: CRIT: The heart has died\n"), "{log}");
        assert_eq!(debug.lines().count(), 2, "{debug}");
        // Words that nobody understands cost the line, not the guard.
        write("", Level::Info, "lost");
    }
}
