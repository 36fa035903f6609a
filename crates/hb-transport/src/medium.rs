//! An open medium: sending and receiving.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use hb_sys::sched::Crew;
use hb_sys::stamped;
use rustix::net::{SendFlags, send};
use socket2::Socket;

use crate::doorbell;
use crate::error::OpenError;
use crate::hint::Hint;
use crate::keeper::Report;
use crate::serial;
use crate::serial::patience::Patience;
use crate::slot::{Ends, Slot};
use crate::sockets::Sockets;
use crate::spec::MediumSpec;

/// An open medium. No call waits; whoever wants to wait until something has come does so on its descriptor.
///
/// ```
/// use hb_transport::{Medium, MediumSpec, RECEIVE_BUFFER};
/// use rustix::event::{PollFd, PollFlags, poll};
///
/// let medium = Medium::open(&MediumSpec::Bcast { interface: "lo".into(), port: 26_940 })?;
/// medium.try_send(b"hello")?;
/// poll(&mut [PollFd::new(&medium, PollFlags::IN)], None)?;
/// let mut buffer = vec![0; RECEIVE_BUFFER];
/// let length = medium.try_recv(&mut buffer)?;
/// assert_eq!(&buffer[..length], b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Medium {
    spec: MediumSpec,
    name: String,
    ends: Ends,
    /// Of media that are kept.
    slot: Option<Arc<Slot>>,
}

impl Medium {
    /// Opens the sockets, or the line with a thread that serves it.
    ///
    /// # Errors
    ///
    /// What is missing; nothing stays open.
    pub fn open(spec: &MediumSpec) -> Result<Self, OpenError> {
        if spec.is_line() {
            let silent: Report = Arc::new(|_| ());
            let failed = |source| OpenError::Other { action: "serve a serial line".to_owned(), source };
            return match serial::start(spec, Crew::default(), Patience::default(), &silent).map_err(failed)? {
                (_, Some(error)) => Err(error),
                (line, None) => Ok(Self::new(spec, Ends::Line(line), None)),
            };
        }
        Ok(Self::new(spec, Ends::Open(Sockets::open(spec)?), None))
    }

    /// A medium whose sockets come and go, if there is a slot for them.
    pub(crate) fn new(spec: &MediumSpec, ends: Ends, slot: Option<Arc<Slot>>) -> Self {
        Self { spec: spec.clone(), name: spec.name().into_owned(), ends, slot }
    }

    /// Whether the [`crate::Keeper`] has other sockets for it, as after an interface vanished and came back. To be asked
    /// again and again, as with each packet that is sent; costs next to nothing.
    #[must_use]
    pub fn is_renewable(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| slot.has_new())
    }

    /// Takes the other sockets, if there are some; never waits. True if there is another descriptor now. The old one
    /// stays open for a moment, so whoever watches it must stop that before.
    pub fn renew(&mut self) -> bool {
        self.slot.as_ref().is_some_and(|slot| slot.exchange(&mut self.ends))
    }

    /// What the network says about it now, if it is kept. Never waits.
    #[must_use]
    pub fn hints(&self) -> Vec<Hint> {
        self.slot.as_ref().map(|slot| slot.board.read(self.spec.single_peer())).unwrap_or_default()
    }

    /// What was opened.
    #[must_use]
    pub const fn spec(&self) -> &MediumSpec {
        &self.spec
    }

    /// The name of the link: the interface or device, as in "Link wa2:eth0 up.".
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directive of `ha.cf`: `bcast`, `ucast` and so on.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.spec.kind()
    }

    /// Sends one packet; never waits. A serial line is slow: what it cannot send in time is lost without an error, but
    /// for the newest status.
    ///
    /// # Errors
    ///
    /// The kernel's answer: `WouldBlock` when the queue is full, `EMSGSIZE` above [`crate::MAX_PAYLOAD`],
    /// `ENETDOWN`, `ENETUNREACH`, `ENODEV` and their like while the network is away, `ENODEV` while the medium is missing. The packet is then not sent,
    /// and the caller decides what that means; the medium stays usable.
    pub fn try_send(&self, packet: &[u8]) -> io::Result<()> {
        match &self.ends {
            Ends::Open(Sockets { send, destination, .. }) => send.send_to(packet, destination).map(drop),
            Ends::Line(line) => Ok(send(line, packet, SendFlags::DONTWAIT | SendFlags::NOSIGNAL).map(drop)?),
            Ends::Missing(_) => Err(rustix::io::Errno::NODEV.into()),
        }
    }

    /// Readable when something has come that is in a hurry ([`crate::is_unhurried`]), which then can be read from the medium, now or a
    /// moment later: for whoever reads heartbeats only now and then. Nothing without [`crate::Keeper::with_doorbells`],
    /// without the right to have one, and for media that are not UDP.
    #[must_use]
    pub fn doorbell(&self) -> Option<BorrowedFd<'_>> {
        self.bell().map(AsFd::as_fd)
    }

    /// Takes back that the doorbell rang.
    pub fn answer_doorbell(&self) {
        if let Some(bell) = self.bell() {
            doorbell::answer(bell);
        }
    }

    fn bell(&self) -> Option<&Socket> {
        match &self.ends {
            Ends::Open(sockets) => sockets.doorbell.as_ref(),
            Ends::Line(_) | Ends::Missing(_) => None,
        }
    }

    /// [`Medium::try_recv`], and when the packet came if the medium has a doorbell (since 1970, by the wall clock).
    ///
    /// # Errors
    ///
    /// As [`Medium::try_recv`].
    pub fn try_recv_stamped(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<Duration>)> {
        if self.bell().is_none() {
            return Ok((self.try_recv(buffer)?, None));
        }
        let packet = stamped::receive(self, buffer)?;
        Ok((packet.length, packet.at))
    }

    /// Reads one packet that has come in, and tells its length; never waits, allocates nothing.
    ///
    /// A packet longer than `buffer` is cut: use [`crate::RECEIVE_BUFFER`] bytes.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is none; else the kernel's answer.
    pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let (length, _) = rustix::net::recv(self.as_fd(), buffer, rustix::net::RecvFlags::DONTWAIT)?;
        Ok(length)
    }
}

impl AsFd for Medium {
    /// Readable when a packet has come; never, while the medium is missing.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.ends {
            Ends::Open(sockets) => sockets.receive.as_fd(),
            Ends::Line(line) => line.as_fd(),
            Ends::Missing(stand_in) => stand_in.as_fd(),
        }
    }
}
