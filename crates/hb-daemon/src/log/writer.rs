//! Takes lines from the queue and hands each to the destinations that want it.
//!
//! `logfile` gets everything but debug, the others get everything (`config.md` 10.1). Before the configuration is
//! read only stderr is known; what was written till then goes to the other destinations when they become known.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::console;
use super::file::LogFile;
use super::format::{FileFormat, Origin, file_line, syslog_datagram};
use super::level::Level;
use super::queue::{Log, Reader, Record, Taken};
use super::syslog::Syslog;

/// Where lines go, from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Targets {
    /// Directive `logfile`.
    pub(crate) logfile: Option<PathBuf>,
    /// Directive `debugfile`.
    pub(crate) debugfile: Option<PathBuf>,
    /// Number of the syslog facility; 0 sends nothing there (`config.md` 4.4).
    pub(crate) facility: u8,
    /// Directive `syslogmsgfmt`.
    pub(crate) format: FileFormat,
}

/// The receiving end of the log.
pub(crate) struct Writer {
    reader: Reader,
    log: Log,
    origin: Origin,
    format: FileFormat,
    stderr: bool,
    logfile: Option<LogFile>,
    debugfile: Option<LogFile>,
    syslog: Option<(u8, Syslog)>,
    /// Lines from before the destinations were known.
    backlog: Option<Vec<Record>>,
    dropped_told: u64,
}

/// A writer that runs in its own thread.
pub(crate) struct WriterThread {
    log: Log,
    ended: mpsc::Receiver<()>,
}

impl Writer {
    pub(super) fn new(reader: Reader, log: Log, host: &str) -> Self {
        Self {
            reader,
            log,
            origin: Origin { host: host.to_owned(), pid: std::process::id() },
            format: FileFormat::Syslog,
            stderr: true,
            logfile: None,
            debugfile: None,
            syslog: None,
            backlog: Some(Vec::new()),
            dropped_told: 0,
        }
    }

    /// Opens the destinations and writes there what came before.
    pub(crate) fn set_targets(&mut self, targets: &Targets) {
        self.drain();
        self.format = targets.format;
        let mut problems = Vec::new();
        self.logfile = targets.logfile.as_ref().map(|path| open_file("logfile", path, &mut problems));
        self.debugfile = targets.debugfile.as_ref().map(|path| open_file("debugfile", path, &mut problems));
        if targets.facility > 0 {
            self.syslog = Some((targets.facility, Syslog::at("/dev/log".as_ref())));
        }
        for record in self.backlog.take().unwrap_or_default() {
            self.write_beyond_stderr(&record);
        }
        for problem in problems {
            self.say(Level::Warn, problem);
        }
    }

    /// Other destinations from now on; files that stay are kept open.
    fn change_targets(&mut self, targets: &Targets) {
        self.format = targets.format;
        let mut problems = Vec::new();
        exchange(&mut self.logfile, "logfile", targets.logfile.as_deref(), &mut problems);
        exchange(&mut self.debugfile, "debugfile", targets.debugfile.as_deref(), &mut problems);
        let syslog = self.syslog.take().map(|(_, syslog)| syslog);
        if targets.facility > 0 {
            let syslog = syslog.unwrap_or_else(|| Syslog::at("/dev/log".as_ref()));
            self.syslog = Some((targets.facility, syslog));
        }
        for problem in problems {
            self.say(Level::Warn, problem);
        }
    }

    /// After the process has gone into the background: a new process number, and no stderr any more.
    pub(crate) fn set_background(&mut self) {
        self.origin.pid = std::process::id();
        self.stderr = false;
    }

    /// Shows a text to whoever started the daemon, as it is, and nowhere else.
    pub(crate) fn show(&mut self, text: &str) {
        self.drain();
        if self.stderr {
            // Nobody may be there to see it.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
        }
    }

    /// Writes what waits now.
    pub(crate) fn drain(&mut self) {
        while let Ok(Some(Taken::Record(record))) = self.reader.take_waiting() {
            self.write(record);
        }
    }

    /// Goes on in a thread of its own.
    pub(crate) fn spawn(mut self) -> std::io::Result<WriterThread> {
        let log = self.log.clone();
        let (end, ended) = mpsc::sync_channel(1);
        thread::Builder::new().name("hb-log".to_owned()).stack_size(crate::STACK_SIZE).spawn(move || {
            self.run();
            // Whoever waited may have given up.
            let _ = end.send(());
        })?;
        Ok(WriterThread { log, ended })
    }

    fn run(&mut self) {
        // An error of the socket cannot pass by itself: without the queue there is nothing left to do.
        while let Ok(Taken::Record(record)) = self.reader.take() {
            self.tell_dropped();
            if let Some(targets) = self.log.take_targets() {
                self.change_targets(&targets);
            }
            self.write(record);
        }
        self.tell_dropped();
    }

    fn tell_dropped(&mut self) {
        let dropped = self.log.counts().dropped;
        let lost = dropped.saturating_sub(self.dropped_told);
        if lost > 0 {
            self.dropped_told = dropped;
            self.say(
                Level::Warn,
                format!("{lost} log lines were lost: they came faster than they could be written"),
            );
        }
    }

    fn say(&mut self, level: Level, text: String) {
        self.write(Record { level, time: std::time::SystemTime::now(), text });
    }

    fn write(&mut self, record: Record) {
        if self.stderr {
            let result = console::write(&file_line(self.format, &self.origin, &record));
            self.count(&result);
        }
        self.write_beyond_stderr(&record);
        if let Some(backlog) = &mut self.backlog
            && backlog.len() < BACKLOG
        {
            backlog.push(record);
        }
    }

    fn write_beyond_stderr(&mut self, record: &Record) {
        if self.logfile.is_some() || self.debugfile.is_some() {
            let line = file_line(self.format, &self.origin, record);
            let log =
                self.logfile.as_mut().filter(|_| record.level != Level::Debug).map(|file| file.write(&line));
            let debug = self.debugfile.as_mut().map(|file| file.write(&line));
            for result in [log, debug].into_iter().flatten() {
                self.count(&result);
            }
        }
        if let Some((facility, syslog)) = &mut self.syslog {
            let result = syslog.write(&syslog_datagram(*facility, self.origin.pid, record));
            self.count(&result);
        }
    }

    fn count(&self, result: &std::io::Result<()>) {
        if result.is_err() {
            self.log.count_unwritten();
        }
    }
}

impl WriterThread {
    /// Lets the writer write what waits, at most `limit` long.
    pub(crate) fn finish(self, limit: Duration) {
        self.log.close();
        // A destination that hangs (a dead file server) keeps its lines; the process ends all the same.
        let _ = self.ended.recv_timeout(limit);
    }
}

fn open_file(directive: &str, path: &Path, problems: &mut Vec<String>) -> LogFile {
    let (file, opened) = LogFile::open(path);
    if let Err(error) = opened {
        problems
            .push(format!("Cannot open {directive} {}: {error}; trying again every minute", path.display()));
    }
    file
}

fn exchange(file: &mut Option<LogFile>, directive: &str, path: Option<&Path>, problems: &mut Vec<String>) {
    if file.as_ref().map(LogFile::path) != path {
        *file = path.map(|path| open_file(directive, path, problems));
    }
}

/// Lines kept until the destinations are known.
const BACKLOG: usize = 1000;

#[cfg(test)]
mod tests;
