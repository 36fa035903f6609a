//! The destination stderr: every line, as long as the process has one.
//!
//! A reader that stops reading (a full pipe, a stopped terminal) is asked before each line whether it takes
//! one: a pipe that is ready takes at least a page. So it costs lines, never the other destinations' time.

use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Writes to stderr if it takes the line now.
pub(super) fn write(line: &[u8]) -> io::Result<()> {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now))?;
    let [fd] = fds;
    if !fd.revents().contains(PollFlags::OUT) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    stderr.lock().write_all(line)
}
