//! The log: a handle that never waits, and a thread that writes.
//!
//! * `level`: how urgent a line is, and its names (`config.md` 10.1)
//! * `queue`: from any thread to the writer; full means dropped and counted
//! * `format`: a line as bytes, for files and for syslog
//! * `writer`: takes lines from the queue and hands them to the destinations
//! * `bridge`: what libraries say through `tracing`
//! * `afterwards`: the same destinations for the guard, which outlives that thread
//! * `file`, `syslog`, `console`: the destinations; none of them can hold up another for long
//!
//! What is worth a line, and its text, is decided elsewhere.

pub(crate) mod afterwards;
mod bridge;
mod console;
mod file;
mod format;
mod level;
mod queue;
mod syslog;
mod writer;

pub(crate) use bridge::Bridge;
pub(crate) use format::FileFormat;
pub(crate) use level::Level;
pub(crate) use queue::{Log, LogCounts};
pub(crate) use writer::{Targets, Writer};

/// A handle and the writer at its other end. Until the writer runs in its own thread, its owner has it write what
/// waits ([`Writer::drain`]); `host` is the machine's name as `uname -n` gives it.
pub(crate) fn open(host: &str) -> std::io::Result<(Log, Writer)> {
    let (log, reader) = queue::open()?;
    let writer = Writer::new(reader, log.clone(), host);
    Ok((log, writer))
}

/// For tests: a log whose lines can be looked at, level and text.
#[cfg(test)]
pub(crate) fn for_tests() -> (Log, impl Fn() -> Vec<(Level, String)>) {
    let (log, reader) = queue::open().unwrap();
    let take = move || {
        let mut lines = Vec::new();
        while let Some(queue::Taken::Record(record)) = reader.take_waiting().unwrap() {
            lines.push((record.level, record.text));
        }
        lines
    };
    (log, take)
}
