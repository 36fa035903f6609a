//! `serial TTY`: classic text over a serial line (`wire.md` 2.5, 8.7).
//!
//! A thread for each line, because a line is slow and can hang: it takes packets from its owner at once, writes them at
//! the speed of the line, and opens the device again when it was pulled out. For its owner the line is a socket like
//! those of other media. `line` opens and sets the device, `lock` keeps other programs off it, `queue` says what waits to be
//! written and what is given up, `worker` is the thread.

mod line;
mod lock;
mod queue;
mod worker;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::error::OpenError;
use crate::keeper::{Happening, Notice, Report};
use crate::spec::MediumSpec;

use line::Line;
use worker::Worker;

/// Starts a line. It exists in any case; with a cause beside it, it cannot be used yet.
///
/// # Errors
/// When there are no more descriptors or threads.
pub(crate) fn start(
    path: &Path,
    baud: u32,
    priority: Option<i32>,
    report: &Report,
) -> io::Result<(OwnedFd, Option<OpenError>)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (owner, worker) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    let (line, error) = match Line::open(path, baud) {
        Ok(line) => (Some(line), None),
        Err(error) => (None, Some(error)),
    };
    let spec = MediumSpec::Serial { path: path.to_owned(), baud };
    let report = Report::clone(report);
    let tell = move |what: Happening| report(Notice { spec: spec.clone(), what });
    let worker = Worker::new(worker, path.to_owned(), baud, line, Box::new(tell));
    let run = move || {
        if let Some(priority) = priority {
            // Where that is not permitted, the owner has been told already.
            let _ = hb_sys::sched::set_fifo(priority);
        }
        worker.run();
    };
    thread::Builder::new().name("hb-serial".to_owned()).stack_size(STACK).spawn(run)?;
    Ok((owner, error))
}

/// The rates that 3.0.6 knows.
pub const BAUD_RATES: [u32; 7] = [9600, 19200, 38400, 57600, 115_200, 230_400, 460_800];

/// A serial device as messages name it.
struct Device<'a>(&'a Path);

impl fmt::Display for Device<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.display())
    }
}

/// Bytes of the thread's stack: it may be locked into memory.
const STACK: usize = 256 * 1024;
