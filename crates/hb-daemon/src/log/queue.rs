//! From any thread to the log writer: a socket pair inside the process.
//!
//! A socket pair rather than a queue in memory: a send never waits for a thread that was preempted in the middle of
//! a receive, no allocator is shared, and the kernel bounds the queue. When it is full the line is dropped and
//! counted; the writer says how many as soon as it comes along again.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, sockopt};

use super::level::Level;
use super::writer::Targets;
use crate::excerpt::excerpt;

/// The sending end. Cheap to clone; sending costs one system call and never waits.
#[derive(Clone)]
pub(crate) struct Log {
    shared: Arc<Shared>,
}

/// The receiving end.
pub(super) struct Reader {
    socket: OwnedFd,
}

/// A line on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) level: Level,
    /// When it was written, to the second.
    pub(super) time: SystemTime,
    pub(super) text: String,
}

/// What can be taken from the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Record(Record),
    /// Nothing more will come.
    End,
}

/// What became of lines since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogCounts {
    /// Lost because the queue was full.
    pub(crate) dropped: u64,
    /// Not taken by a destination.
    pub(crate) unwritten: u64,
}

struct Shared {
    socket: OwnedFd,
    debug: AtomicBool,
    dropped: AtomicU64,
    unwritten: AtomicU64,
    /// Destinations that the writer shall change to. Only the front and the writer lock it.
    targets: Mutex<Option<Targets>>,
}

impl Log {
    /// Hands a line to the writer, or drops and counts it.
    pub(crate) fn line(&self, level: Level, text: &str) {
        if level == Level::Debug && !self.shared.debug.load(Ordering::Relaxed) {
            return;
        }
        let bytes = encode(level, SystemTime::now(), excerpt(text, MAX_TEXT));
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        if rustix::net::send(&self.shared.socket, &bytes, flags).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether lines of [`Level::Debug`] are written from now on.
    pub(crate) fn set_debug(&self, on: bool) {
        self.shared.debug.store(on, Ordering::Relaxed);
    }

    /// Lines that are written from now on go there. Not for the heart: it takes a lock.
    pub(crate) fn set_targets(&self, targets: Targets) {
        let mut waiting = self.shared.targets.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting = Some(targets);
    }

    /// The destinations of the last [`Log::set_targets`], once.
    pub(super) fn take_targets(&self) -> Option<Targets> {
        self.shared.targets.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What became of lines so far.
    pub(crate) fn counts(&self) -> LogCounts {
        LogCounts {
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            unwritten: self.shared.unwritten.load(Ordering::Relaxed),
        }
    }

    /// Tells the writer that nothing more will come; what is sent later is dropped and counted.
    pub(super) fn close(&self) {
        // Cannot fail: the socket is connected.
        let _ = rustix::net::shutdown(&self.shared.socket, Shutdown::Write);
    }

    pub(super) fn count_unwritten(&self) {
        self.shared.unwritten.fetch_add(1, Ordering::Relaxed);
    }
}

impl Reader {
    /// The next line; waits for it.
    pub(super) fn take(&self) -> io::Result<Taken> {
        self.receive(RecvFlags::empty()).map(|taken| taken.unwrap_or(Taken::End))
    }

    /// The next line if there is one now.
    pub(super) fn take_waiting(&self) -> io::Result<Option<Taken>> {
        self.receive(RecvFlags::DONTWAIT)
    }

    fn receive(&self, flags: RecvFlags) -> io::Result<Option<Taken>> {
        let mut buffer = [0; HEAD + MAX_TEXT];
        loop {
            match rustix::net::recv(&self.socket, &mut buffer, flags) {
                Ok((_, 0)) => return Ok(Some(Taken::End)),
                Ok((_, count)) => {
                    // What does not decode was not written by `Log::line`; nobody else has the socket.
                    if let Some(record) = buffer.get(..count).and_then(decode) {
                        return Ok(Some(Taken::Record(record)));
                    }
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A connected pair of ends.
pub(super) fn open() -> io::Result<(Log, Reader)> {
    let flags = SocketFlags::CLOEXEC;
    let (sender, receiver) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    // More room for bursts, as far as the system allows it; the default does if it does not.
    let _ = sockopt::set_socket_send_buffer_size(&sender, SEND_BUFFER);
    let shared = Shared {
        socket: sender,
        debug: AtomicBool::new(false),
        dropped: AtomicU64::new(0),
        unwritten: AtomicU64::new(0),
        targets: Mutex::new(None),
    };
    Ok((Log { shared: Arc::new(shared) }, Reader { socket: receiver }))
}

fn encode(level: Level, time: SystemTime, text: &str) -> Vec<u8> {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let mut bytes = Vec::with_capacity(HEAD + text.len());
    bytes.push(level.severity());
    bytes.extend_from_slice(&seconds.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Record> {
    let (severity, rest) = bytes.split_first()?;
    let (seconds, text) = rest.split_first_chunk::<8>()?;
    Some(Record {
        level: Level::from_severity(*severity)?,
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from_le_bytes(*seconds)),
        text: String::from_utf8_lossy(text).into_owned(),
    })
}

/// Level and time before the text.
const HEAD: usize = 9;
/// Longest text of a line in bytes; the rest is cut off.
const MAX_TEXT: usize = 2000;
/// Size of the queue that is asked for: a few hundred lines.
const SEND_BUFFER: usize = 1 << 19;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_in_order_and_then_the_end() {
        let (log, reader) = open().unwrap();
        log.line(Level::Info, "one");
        log.line(Level::Debug, "not asked for");
        log.line(Level::Warn, "two");
        log.close();
        let mut seen = Vec::new();
        while let Taken::Record(record) = reader.take().unwrap() {
            seen.push((record.level, record.text));
        }
        assert_eq!(seen, [(Level::Info, "one".to_owned()), (Level::Warn, "two".to_owned())]);
    }

    #[test]
    fn a_full_queue_drops_and_counts_and_does_not_wait() {
        let (log, reader) = open().unwrap();
        let sent: u64 = 20_000;
        for _ in 0..sent {
            log.line(Level::Info, "the reader sleeps");
        }
        let dropped = log.counts().dropped;
        let mut kept = 0;
        while let Some(Taken::Record(_)) = reader.take_waiting().unwrap() {
            kept += 1;
        }
        assert!(kept >= 100, "{kept}");
        assert_eq!(kept + dropped, sent);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let (log, reader) = open().unwrap();
        log.line(Level::Info, &format!("x{}", "ö".repeat(MAX_TEXT)));
        let Taken::Record(record) = reader.take().unwrap() else { panic!("no record") };
        assert_eq!(record.text.len(), MAX_TEXT - 1);
        assert!(record.text.ends_with('ö'));
    }
}
