//! Serial lines: `serial TTY`, with classic text (`wire.md` 2.5, 8.7), and what `ppp-udp` has in common with it.
//!
//! A thread for each line, because a line is slow and can hang: it takes packets from its owner at once, writes them at
//! the speed of the line, and opens the device again when it was pulled out. For its owner the line is a socket like
//! those of other media. `line` opens and sets the device, `lock` keeps other programs off it, `queue` says what waits to be
//! written and what is given up, `worker` is the thread, `talk` is what is spoken: `text` here, or PPP.
//! `last_word` is for another process, once the owner of the line has died.

pub(crate) mod last_word;
mod line;
mod lock;
pub(crate) mod patience;
pub(crate) mod queue;
pub(crate) mod talk;
mod text;
mod worker;

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::thread;

use hb_sys::sched::Crew;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::error::OpenError;
use crate::keeper::{Happening, Notice, Report};
use crate::ppp::PppTalk;
use crate::spec::MediumSpec;

use line::{Line, Modes};
use patience::Patience;
use talk::Talk;
use text::Text;
use worker::Worker;

/// Starts a line. It exists in any case; with a cause beside it, it cannot be used yet.
///
/// # Errors
/// When there are no more descriptors or threads.
pub(crate) fn start(
    spec: &MediumSpec,
    crew: Crew,
    patience: Patience,
    report: &Report,
) -> io::Result<(OwnedFd, Option<OpenError>)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (owner, worker) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    let (path, baud, modes, talk): (_, _, _, Box<dyn Talk>) = match spec {
        MediumSpec::Serial { path, baud } => (path, *baud, Modes::Text, Box::new(Text::new())),
        MediumSpec::PppUdp { path, baud, local, port } => {
            (path, *baud, Modes::Binary, Box::new(PppTalk::new(*local, *port)))
        }
        MediumSpec::Bcast { .. }
        | MediumSpec::Mcast { .. }
        | MediumSpec::Mcast6 { .. }
        | MediumSpec::Ucast { .. }
        | MediumSpec::Ucast6 { .. } => return Err(io::ErrorKind::Unsupported.into()),
    };
    let (line, error) = match Line::open(path, baud, modes) {
        Ok(line) => (Some(line), None),
        Err(error) => (None, Some(error)),
    };
    let device = Device { path: path.clone(), baud, modes, patience };
    let spec = spec.clone();
    let report = Report::clone(report);
    let tell = move |what: Happening| report(Notice { spec: spec.clone(), what });
    let worker = Worker::new(worker, device, line, talk, Box::new(tell));
    let run = move || {
        let _member = crew.join();
        worker.run();
    };
    thread::Builder::new().name("hb-serial".to_owned()).stack_size(STACK).spawn(run)?;
    Ok((owner, error))
}

/// The rates that 3.0.6 knows; a line can have any that its hardware has.
pub const BAUD_RATES: [u32; 7] = [9600, 19200, 38400, 57600, 115_200, 230_400, 460_800];

/// A serial device and how it is set.
struct Device {
    path: PathBuf,
    baud: u32,
    modes: Modes,
    patience: Patience,
}

/// Bytes of the thread's stack: it may be locked into memory.
const STACK: usize = 256 * 1024;
