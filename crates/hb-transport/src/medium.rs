//! An open medium: sending, receiving, opening again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use tokio::net::UdpSocket;
use tokio::runtime::Handle;

use crate::error::OpenError;
use crate::sockets::Sockets;
use crate::spec::MediumSpec;

/// An open medium.
///
/// ```
/// use hb_transport::{Medium, MediumSpec, RECEIVE_BUFFER};
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
/// # runtime.block_on(async {
/// let medium = Medium::open(&MediumSpec::Bcast { interface: "lo".into(), port: 26_940 })?;
/// medium.try_send(b"hello")?;
/// let mut buffer = vec![0; RECEIVE_BUFFER];
/// medium.readable().await?;
/// let length = medium.try_recv(&mut buffer)?;
/// assert_eq!(&buffer[..length], b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Medium {
    spec: MediumSpec,
    send: socket2::Socket,
    destination: socket2::SockAddr,
    receive: UdpSocket,
}

impl Medium {
    /// Opens the sockets, inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// What is missing; nothing stays open.
    ///
    /// # Panics
    ///
    /// If the runtime was built without I/O.
    pub fn open(spec: &MediumSpec) -> Result<Self, OpenError> {
        Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let Sockets { send, receive, destination } = Sockets::open(spec)?;
        let receive = UdpSocket::from_std(receive)
            .map_err(|source| OpenError::Other { action: "watch the socket".to_owned(), source })?;
        Ok(Self { spec: spec.clone(), send, destination, receive })
    }

    /// Opens new sockets in place of the old ones: after an interface vanished and came back, the old ones are
    /// still bound to the one that is gone, and its broadcast address may be another.
    ///
    /// # Errors
    ///
    /// As [`Medium::open`]; the old sockets are then kept.
    ///
    /// # Panics
    ///
    /// As [`Medium::open`].
    pub fn reopen(&mut self) -> Result<(), OpenError> {
        *self = Self::open(&self.spec)?;
        Ok(())
    }

    /// What was opened.
    #[must_use]
    pub const fn spec(&self) -> &MediumSpec {
        &self.spec
    }

    /// The name of the link: the interface, as in "Link wa2:eth0 up.".
    #[must_use]
    pub fn name(&self) -> &str {
        self.spec.interface()
    }

    /// The directive of `ha.cf`: `bcast` or `ucast`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.spec.kind()
    }

    /// Sends one packet; never waits.
    ///
    /// # Errors
    ///
    /// The kernel's answer: `WouldBlock` when the queue is full, `EMSGSIZE` above [`crate::MAX_PAYLOAD`],
    /// `ENETDOWN`, `ENETUNREACH`, `ENODEV` and their like while the network is away. The packet is then not sent,
    /// and the caller decides what that means; the medium stays usable.
    pub fn try_send(&self, packet: &[u8]) -> io::Result<()> {
        self.send.send_to(packet, &self.destination).map(|_| ())
    }

    /// Reads one packet that has come in, and tells its length; never waits, allocates nothing.
    ///
    /// A packet longer than `buffer` is cut: use [`crate::RECEIVE_BUFFER`] bytes.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is none; else the kernel's answer.
    pub fn try_recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive.try_recv(buffer)
    }

    /// Waits until [`Medium::try_recv`] may have something. It may also find nothing: then wait again.
    ///
    /// # Errors
    ///
    /// If the runtime is shutting down.
    pub async fn readable(&self) -> io::Result<()> {
        self.receive.readable().await
    }
}

impl AsFd for Medium {
    /// The socket that receives, for callers with an event loop of their own: readable when a packet has come.
    /// Such a caller reads it directly; [`Medium::try_recv`] only knows what the tokio runtime has seen.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receive.as_fd()
    }
}
