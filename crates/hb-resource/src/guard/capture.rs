//! What a script prints: its beginning is kept, the rest is counted.
//!
//! A pipe, not a file: a disk must not hold a script up. A service that a script started may keep the pipe open as
//! its output long after the script ended; it is read and thrown away for as long, because a closed pipe would kill
//! the service with SIGPIPE.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use tokio::net::unix::pipe::Receiver;

use crate::guard::protocol::Captured;

/// The reading end of a script's standard output or error.
pub(crate) struct Capture {
    pipe: Option<Receiver>,
    kept: Vec<u8>,
    lost: u64,
}

impl Capture {
    /// Watches the pipe; `None` is one that is at its end.
    pub(crate) fn new(pipe: Option<OwnedFd>) -> io::Result<Self> {
        Ok(Self { pipe: pipe.map(Receiver::from_owned_fd).transpose()?, kept: Vec::new(), lost: 0 })
    }

    /// Waits for output and takes some; at the end of the pipe, waits for ever. May be cancelled.
    pub(crate) async fn pump(&mut self) {
        let mut buffer = [0; CHUNK];
        let Some(pipe) = &self.pipe else { return std::future::pending().await };
        let read = match pipe.readable().await {
            Ok(()) => pipe.try_read(&mut buffer),
            Err(error) => Err(error),
        };
        match read {
            Ok(length @ 1..) => self.keep(buffer.get(..length).unwrap_or_default()),
            Err(error) if is_passing(&error) => {}
            Ok(0) | Err(_) => self.pipe = None,
        }
    }

    /// Takes what is in the pipe at this moment and closes the account.
    pub(crate) fn finish(mut self) -> Captured {
        self.drain();
        if let Some(pipe) = self.pipe {
            tokio::task::spawn_local(discard(pipe));
        }
        Captured { text: String::from_utf8_lossy(&self.kept).into_owned(), lost: self.lost }
    }

    /// Reads until the pipe is empty or at its end, but not for longer than a pipe can have been filled.
    fn drain(&mut self) {
        let mut buffer = [0; CHUNK];
        for _ in 0..DRAIN_CHUNKS {
            let Some(pipe) = &self.pipe else { return };
            // Not through the event loop, which may not have looked at the pipe since the last words came.
            match rustix::io::read(pipe, &mut buffer) {
                Ok(length @ 1..) => self.keep(buffer.get(..length).unwrap_or_default()),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Ok(0) | Err(_) => self.pipe = None,
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = OUTPUT_LIMIT.saturating_sub(self.kept.len());
        let (kept, lost) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.kept.extend_from_slice(kept);
        self.lost += u64::try_from(lost.len()).unwrap_or(u64::MAX);
    }
}

async fn discard(pipe: Receiver) {
    let mut buffer = [0; CHUNK];
    while pipe.readable().await.is_ok() {
        match pipe.try_read(&mut buffer) {
            Ok(1..) => {}
            Err(error) if is_passing(&error) => {}
            Ok(0) | Err(_) => return,
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Bytes of output that are kept: enough for the complaint of a script.
pub(crate) const OUTPUT_LIMIT: usize = 16 * 1024;

const CHUNK: usize = 4096;

/// 1 MiB, the most that a pipe holds: the last words of a script are not missed, a chatty service cannot keep us.
const DRAIN_CHUNKS: usize = 256;
