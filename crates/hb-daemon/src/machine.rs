//! What the kernel says of this machine, read by a thread of its own at ordinary priority, because the heart touches no
//! file: the load average for the field `ld`, and why the heart stood still (`stall`).
//!
//! ```text
//! heart ── late by so much (datagram) ──> observer ── log line
//!   ^──── load average (tried, never waited for) ──┘
//! ```

mod stall;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hb_engine::Tick;
use rustix::thread::Pid;

use crate::clock;
use crate::log::{Level, Log};
use stall::Stall;

/// The heart's end; nothing of it waits.
pub(crate) struct Machine {
    bell: UnixDatagram,
    load: Arc<Mutex<Option<String>>>,
}

/// The thread's end.
pub(crate) struct Observer {
    bell: UnixDatagram,
    load: Arc<Mutex<Option<String>>>,
    file: Option<File>,
}

impl Machine {
    /// Both ends. There is a load average from the begin, if the kernel tells one.
    ///
    /// # Errors
    /// That no more descriptors can be opened.
    pub(crate) fn open() -> io::Result<(Self, Observer)> {
        let (ours, theirs) = UnixDatagram::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_read_timeout(Some(INTERVAL))?;
        let load = Arc::new(Mutex::new(None));
        let file = File::open("/proc/loadavg").ok();
        let observer = Observer { bell: theirs, load: Arc::clone(&load), file };
        observer.look_at_load();
        Ok((Self { bell: ours, load }, observer))
    }

    /// The load average, if there is another one than at the last call.
    pub(crate) fn load(&self) -> Option<String> {
        // Whoever writes it just now is done before the next turn.
        self.load.try_lock().ok()?.take()
    }

    /// The heart, awake since this time, was late by so much: the log shall say why.
    pub(crate) fn explain(&self, now: Tick, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let mut bytes = [0; 16];
        let (when, length) = bytes.split_at_mut(8);
        when.copy_from_slice(&now.as_nanos().to_ne_bytes());
        length.copy_from_slice(&nanos.to_ne_bytes());
        // A full queue means that many stalls wait to be explained; that there was one is told in any case.
        let _ = self.bell.send(&bytes);
    }
}

impl Observer {
    /// Begins to look, at this thread and at the machine.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub(crate) fn start(self, heart: Pid, log: Log) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("hb-machine".to_owned()).stack_size(crate::STACK_SIZE);
        thread.spawn(move || self.watch(&mut Stall::of(heart), &log)).map(drop)
    }

    fn watch(self, stall: &mut Stall, log: &Log) {
        let mut told: Option<Tick> = None;
        loop {
            let late = self.wait();
            let now = clock::tick();
            // Another one within the second has most often the same cause.
            if let Some((at, by)) = late
                && told.is_none_or(|told| now.since(told) >= INTERVAL)
            {
                log.line(Level::Warn, &stall.explain(at, by));
                told = Some(now);
            }
            stall.look(now);
            self.look_at_load();
        }
    }

    /// Until the heart was late, or it is time to look again.
    fn wait(&self) -> Option<(Tick, Duration)> {
        let mut bytes = [0; 16];
        self.bell.recv(&mut bytes).ok().filter(|length| *length == bytes.len())?;
        let (when, length) = bytes.split_first_chunk()?;
        let length = length.first_chunk()?;
        let by = Duration::from_nanos(u64::from_ne_bytes(*length));
        Some((Tick::from_nanos(u64::from_ne_bytes(*when)), by))
    }

    fn look_at_load(&self) {
        let Some(text) = text(self.file.as_ref()) else { return };
        let Some(line) = text.lines().next() else { return };
        *self.load.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.to_owned());
    }
}

/// The begin of a file of the kernel's, kept open: reading it touches no disk.
fn text(file: Option<&File>) -> Option<String> {
    // The first line of `/proc/stat` is the longest that is wanted.
    let mut buffer = [0; 512];
    let count = file?.read_at(&mut buffer, 0).ok()?;
    Some(String::from_utf8_lossy(buffer.get(..count)?).into_owned())
}

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log;

    #[test]
    fn a_load_average_is_handed_over_once() {
        let (machine, observer) = Machine::open().unwrap();
        let text = machine.load().unwrap();
        assert_eq!(text.split(' ').count(), 5, "{text}");
        assert_eq!(machine.load(), None);
        observer.look_at_load();
        assert!(machine.load().is_some());
        let _held = observer.load.lock().unwrap();
        assert_eq!(machine.load(), None, "not waited for");
    }

    #[test]
    fn a_stall_is_explained_by_another_thread() {
        let (machine, observer) = Machine::open().unwrap();
        let (log, lines) = log::for_tests();
        machine.explain(clock::tick(), Duration::from_millis(1500));
        machine.explain(clock::tick(), Duration::from_millis(1600));
        observer.start(rustix::thread::gettid(), log).unwrap();
        let began = std::time::Instant::now();
        let mut told = Vec::new();
        while told.is_empty() && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
            told = lines();
        }
        assert!(told.iter().any(|(_, line)| line.starts_with("The stall of 1500 ms")), "{told:?}");
    }

    #[test]
    fn stalls_that_nobody_can_explain_yet_hold_up_nobody() {
        let (machine, _observer) = Machine::open().unwrap();
        for _ in 0..10_000 {
            machine.explain(clock::tick(), Duration::from_secs(1));
        }
    }
}
