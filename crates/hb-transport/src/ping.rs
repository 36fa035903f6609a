//! Ping members: hosts that answer ICMP echo requests (`ping`, `ping6`, `ping_group`; `wire.md` 8.8).
//!
//! A request carries the packet that its sender wants to receive as if from the host; the host sends it back. Opens the
//! socket, asks and listens; what was asked and not answered yet is in `echo`, what the packet says in `message`.
//! Signs nothing: whoever asks seals [`PingSpec::request`] and opens the answer. Never waits.
//!
//! The socket depends on no interface and no address, so there is nothing to open anew when the network comes or goes.

mod echo;
mod filter;
mod message;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use hb_sys::stamped;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

pub use echo::{Answer, Echo, EchoRefusal, Family};
pub use message::{PingKind, PingSpec};

use crate::error::OpenError;

/// Asks the hosts of one ping member.
///
/// ```no_run
/// use hb_transport::{PingKind, PingSpec, Pinger, RECEIVE_BUFFER};
///
/// let hosts = vec![[192, 168, 1, 254].into()];
/// let mut pinger = Pinger::open(&PingSpec { kind: PingKind::Ping, name: "192.168.1.254".into(), hosts }, 0)?;
/// pinger.ask(b"hello")?;
/// let mut buffer = vec![0; RECEIVE_BUFFER];
/// // Later, when its descriptor is readable:
/// if let Heard::Answer { sequence, payload, .. } = pinger.listen(&mut buffer)? {
///     assert_eq!(&buffer[payload], b"hello");
///     pinger.settle(sequence);
/// }
/// # use hb_transport::Heard;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pinger {
    spec: PingSpec,
    socket: Socket,
    hosts: Vec<SockAddr>,
    echo: Echo,
    request: Vec<u8>,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An answer to a request that was not answered before. It counts from [`Pinger::settle`] on.
    Answer {
        /// The number of the request.
        sequence: u16,
        /// Where in the buffer the payload lies.
        payload: Range<usize>,
        /// When it came (since 1970), if the kernel tells.
        at: Option<Duration>,
    },
    /// Another host of the group has answered before.
    Again,
    /// Something that is no answer.
    Refused(EchoRefusal),
}

impl Pinger {
    /// Opens the socket. `number` tells the members of one process apart: two may ask the same host, and each would hear what is
    /// meant for the other. Without `CAP_NET_RAW` that is one of those that the kernel lends to users
    /// (`net.ipv4.ping_group_range`); it then chooses the identifier.
    ///
    /// # Errors
    /// The kernel's answer. That the hosts cannot be reached is none.
    pub fn open(spec: &PingSpec, number: u16) -> Result<Self, OpenError> {
        let family = spec.family();
        let attempt = |action: &str, result: io::Result<()>| {
            result.map_err(|error| OpenError::from_io(error, action, &spec.name, 0))
        };
        let (domain, protocol) = match family {
            Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
            Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
        };
        let open = |kind: Type| Socket::new_raw(domain, kind.nonblocking().cloexec(), Some(protocol));
        let (socket, echo) = match open(Type::RAW) {
            Ok(socket) => (socket, Echo::new(family, identifier(number), family == Family::V4)),
            Err(error) if is_forbidden(&error) => {
                let socket = open(Type::DGRAM).map_err(|lent| {
                    // What is missing is the privilege; few know of the other way.
                    let source = if is_forbidden(&lent) { error } else { lent };
                    OpenError::from_io(source, "open an ICMP socket", &spec.name, 0)
                })?;
                let any: IpAddr = match family {
                    Family::V4 => [0; 4].into(),
                    Family::V6 => [0_u16; 8].into(),
                };
                attempt("bind an ICMP socket", socket.bind(&SocketAddr::new(any, 0).into()))?;
                let lent = socket.local_addr().ok().and_then(|address| address.as_socket());
                let identifier = lent.map_or(0, |address| address.port()).to_be_bytes();
                (socket, Echo::new(family, identifier, false))
            }
            Err(error) => {
                return Err(OpenError::from_io(error, "open an ICMP socket", &spec.name, 0));
            }
        };
        attempt("filter an ICMP socket", filter::attach(&socket, &echo, &spec.hosts))?;
        // Without stamps an answer counts from when it is read.
        let _ = stamped::stamp(&socket);
        let hosts = spec.hosts.iter().map(|host| SocketAddr::new(*host, 0).into()).collect();
        Ok(Self { spec: spec.clone(), socket, hosts, echo, request: Vec::new() })
    }

    /// What was opened.
    #[must_use]
    pub const fn spec(&self) -> &PingSpec {
        &self.spec
    }

    /// Sends one request, the same to each host. Returns without an error if one of them could be sent.
    ///
    /// # Errors
    /// The kernel's answer for the last host; `AddrNotAvailable` if there is no host.
    pub fn ask(&mut self, payload: &[u8]) -> io::Result<()> {
        self.echo.request_into(payload, &mut self.request);
        let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
        for host in &self.hosts {
            let sent = self.socket.send_to(&self.request, host).map(drop);
            if result.is_err() {
                result = sent;
            }
        }
        result
    }

    /// Reads one packet that has come in.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; else the kernel's answer.
    pub fn listen(&self, buffer: &mut [u8]) -> io::Result<Heard> {
        let packet = stamped::receive(&self.socket, buffer)?;
        let bytes = buffer.get(..packet.length).unwrap_or_default();
        Ok(match self.echo.read(bytes) {
            Ok(answer) => {
                let payload = packet.length - answer.payload.len()..packet.length;
                Heard::Answer { sequence: answer.sequence, payload, at: packet.at }
            }
            Err(EchoRefusal::AnsweredBefore) if self.hosts.len() > 1 => Heard::Again,
            Err(refusal) => Heard::Refused(refusal),
        })
    }

    /// An answer was found good: that request is not to be answered again.
    pub fn settle(&mut self, sequence: u16) {
        self.echo.settle(sequence);
    }
}

impl AsFd for Pinger {
    /// Readable when a packet has come.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn is_forbidden(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// The low 16 bits of the process id in the host's byte order, for all members of 3.0.6 the same; ours count on from there.
fn identifier(number: u16) -> [u8; 2] {
    let [low, high, ..] = std::process::id().to_le_bytes();
    u16::from_le_bytes([low, high]).wrapping_add(number).to_ne_bytes()
}
