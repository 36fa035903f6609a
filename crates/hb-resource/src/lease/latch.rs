//! The heart's hand on the lease: one marked datagram for each step, and the kernel's answer in the same system call.
//!
//! The datagram goes to its own socket over the loopback interface. Granted, it is taken away by the table on its way
//! out, which the sender is told (`ENOBUFS`); refused, or where there is no table, it arrives. Nothing is allocated, no
//! answer is waited for.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hb_sys::interface::report_drops;
use rustix::io::Errno;
use socket2::SockRef;

use super::table::Step;

/// What the kernel said.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Granted,
    /// It is not: the lease has expired, the second step of an acquisition came too late, or the table is gone.
    Refused,
}

/// The sockets, one for each step, with the marks of this run.
#[derive(Debug)]
pub struct Latch {
    renew: UdpSocket,
    arm: UdpSocket,
    acquire: UdpSocket,
    release: UdpSocket,
    /// For a table that is built again.
    is_engaged: Arc<AtomicBool>,
}

impl Latch {
    /// `mark` is the first of the marks.
    pub(super) fn open(mark: u32, is_engaged: Arc<AtomicBool>) -> io::Result<Self> {
        let open = |step| step_socket(mark, step);
        Ok(Self {
            renew: open(Step::Renew)?,
            arm: open(Step::Arm)?,
            acquire: open(Step::Acquire)?,
            release: open(Step::Release)?,
            is_engaged,
        })
    }

    /// Lets the lease live on for its length from now; refused when it lives no longer.
    pub fn renew(&self) -> Answer {
        ask(&self.renew, &[])
    }

    /// First step of an acquisition. From here on the addresses are gated, whether the second step comes or not.
    pub fn arm(&self) -> Answer {
        self.is_engaged.store(true, Ordering::Relaxed);
        ask(&self.arm, &[])
    }

    /// Second step, not later than 50 ms after the first.
    pub fn acquire(&self) -> Answer {
        ask(&self.acquire, &[])
    }

    /// None of the addresses is on this machine any more: nothing is gated.
    pub fn release(&self) -> Answer {
        self.is_engaged.store(false, Ordering::Relaxed);
        ask(&self.release, &[])
    }

    /// A mutant: see [`super::Renewal::ByATimer`].
    pub(super) fn renew_by_a_timer(&self, mark: u32) -> io::Result<()> {
        let latch = Self::open(mark, Arc::clone(&self.is_engaged))?;
        let renew = move || {
            loop {
                let _ = latch.renew();
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        std::thread::Builder::new().spawn(renew).map(drop)
    }
}

/// A socket that talks to itself, with the mark of this step; `mark` is the first one.
pub(super) fn step_socket(mark: u32, step: Step) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(socket.local_addr()?)?;
    socket.set_nonblocking(true)?;
    report_drops(&socket)?;
    SockRef::from(&socket).set_mark(mark.wrapping_add(step as u32))?;
    Ok(socket)
}

/// Asks for the step of a socket.
pub(super) fn ask(socket: &UdpSocket, what: &[u8]) -> Answer {
    match socket.send(what) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NOBUFS) => Answer::Granted,
        // Whatever else came of it, it was not granted.
        Ok(_) | Err(_) => Answer::Refused,
    }
}
