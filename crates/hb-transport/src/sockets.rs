//! The sockets of the media that use UDP: one to send, one to receive, with the options of 3.0.6, in its order.
//!
//! `ipv4` and `ipv6` have the options of each medium; here is what they share. Some options are our own and change no
//! packet: receiving sockets of multicast media are bound to their interface, and those of IPv6 media take no IPv4.
//! Without these the kernel gives a packet of one medium to another one as well, and a link that is cut seems to live.

mod ipv4;
mod ipv6;
#[cfg(test)]
mod tests;

use std::io;
use std::net::Ipv4Addr;

use hb_sys::{interface, stamped};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::doorbell;
use crate::error::OpenError;
use crate::spec::MediumSpec;

/// Bytes in the longest name of an interface (`IFNAMSIZ` without its NUL).
const LONGEST_NAME: usize = 15;

/// One socket to send, one to receive, and perhaps a doorbell; all non-blocking.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) send: Socket,
    pub(crate) receive: Socket,
    pub(crate) destination: SockAddr,
    pub(crate) doorbell: Option<Socket>,
}

impl Sockets {
    pub(crate) fn open(spec: &MediumSpec) -> Result<Self, OpenError> {
        let attempt = Attempt { interface: spec.interface(), port: spec.port() };
        attempt.check_name()?;
        match spec {
            MediumSpec::Bcast { .. } => ipv4::bcast(&attempt),
            MediumSpec::Mcast { group, ttl, loopback, .. } => ipv4::mcast(&attempt, *group, *ttl, *loopback),
            MediumSpec::Mcast6 { group, hops, loopback, .. } => {
                ipv6::mcast(&attempt, *group, *hops, *loopback)
            }
            // Not among these media; their name was refused above.
            MediumSpec::PppUdp { .. } | MediumSpec::Serial { .. } => {
                Err(OpenError::NoInterface { interface: String::new() })
            }
            MediumSpec::Ucast { peer, .. } => ipv4::ucast(&attempt, *peer),
            MediumSpec::Ucast6 { peer, .. } => ipv6::ucast(&attempt, *peer),
        }
    }
}

impl Sockets {
    fn new(send: Socket, receive: Socket, destination: impl Into<SockAddr>) -> Self {
        Self { send, receive, destination: destination.into(), doorbell: None }
    }

    /// The same with a doorbell, and stamped packets, if this process may have that.
    pub(crate) fn with_doorbell(mut self, spec: &MediumSpec) -> Self {
        self.doorbell =
            doorbell::open(spec).and_then(|bell| stamped::stamp(&self.receive).map(|()| bell)).ok();
        self
    }
}

/// What is being opened, for the errors.
struct Attempt<'a> {
    interface: &'a str,
    port: u16,
}

impl Attempt<'_> {
    fn to<T>(&self, action: &str, result: io::Result<T>) -> Result<T, OpenError> {
        result.map_err(|error| OpenError::from_io(error, action, self.interface, self.port))
    }

    /// Non-blocking and closed on exec.
    fn socket(&self, domain: Domain) -> Result<Socket, OpenError> {
        let kind = Type::DGRAM.nonblocking().cloexec();
        self.to("open a socket", Socket::new_raw(domain, kind, Some(Protocol::UDP)))
    }

    /// The kernel takes an empty name for "any interface" and shortens a long one.
    fn check_name(&self) -> Result<(), OpenError> {
        if (1..=LONGEST_NAME).contains(&self.interface.len()) && !self.interface.contains('\0') {
            return Ok(());
        }
        Err(OpenError::NoInterface { interface: self.interface.to_owned() })
    }

    /// Gives a sending socket its port now, and not with its first packet, and lets another socket have it too: see
    /// `refusal`. The port is one that nobody has, because it is shared only afterwards.
    fn share_port(&self, socket: &Socket, any: impl Into<SockAddr>) -> Result<(), OpenError> {
        self.to("bind a port to send from", socket.bind(&any.into()))?;
        self.to("set SO_REUSEPORT", socket.set_reuse_port(true))
    }

    fn bind_device(&self, socket: &Socket) -> Result<(), OpenError> {
        self.to("bind a socket to the interface", socket.bind_device(Some(self.interface.as_bytes())))
    }

    fn index(&self, socket: &Socket) -> Result<u32, OpenError> {
        let index = rustix::net::netdevice::name_to_index(socket, self.interface);
        self.to("find the interface", index.map_err(io::Error::from))
    }

    fn ipv4_address(&self, socket: &Socket) -> Result<Ipv4Addr, OpenError> {
        self.to("read the addresses of the interface", interface::ipv4_address(socket, self.interface))
    }
}
