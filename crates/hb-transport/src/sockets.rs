//! The sockets of each medium, with exactly the options of 3.0.6, in its order (`wire.md` 8.1, 8.4).

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

use hb_sys::interface;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::error::OpenError;
use crate::spec::MediumSpec;

/// `IPTOS_LOWDELAY`.
const LOW_DELAY: u32 = 0x10;

/// Bytes in the longest name of an interface (`IFNAMSIZ` without its NUL).
const LONGEST_NAME: usize = 15;

/// One socket to send, one to receive; both non-blocking.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) send: Socket,
    pub(crate) receive: UdpSocket,
    pub(crate) destination: SockAddr,
}

impl Sockets {
    pub(crate) fn open(spec: &MediumSpec) -> Result<Self, OpenError> {
        let attempt = Attempt { interface: spec.interface(), port: spec.port() };
        let send = attempt.socket()?;
        let receive = attempt.socket()?;
        let address = match spec {
            MediumSpec::Bcast { .. } => {
                attempt.to("allow broadcasts", send.set_broadcast(true))?;
                attempt.to("set SO_DONTROUTE", interface::set_dont_route(&send))?;
                attempt.bind_device(&send)?;
                attempt.broadcast_address(&send)?
            }
            MediumSpec::Ucast { peer, .. } => {
                attempt.to("set the type of service", send.set_tos_v4(LOW_DELAY))?;
                attempt.bind_device(&send)?;
                attempt.to("set SO_REUSEPORT", send.set_reuse_port(true))?;
                *peer
            }
        };
        attempt.to("set SO_REUSEADDR", receive.set_reuse_address(true))?;
        attempt.bind_device(&receive)?;
        match spec {
            MediumSpec::Bcast { .. } => {}
            MediumSpec::Ucast { .. } => attempt.to("set SO_REUSEPORT", receive.set_reuse_port(true))?,
        }
        let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, spec.port());
        attempt.to("bind the port", receive.bind(&any.into()))?;
        let destination = SocketAddrV4::new(address, spec.port()).into();
        Ok(Self { send, receive: receive.into(), destination })
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
    fn socket(&self) -> Result<Socket, OpenError> {
        let kind = Type::DGRAM.nonblocking().cloexec();
        self.to("open a socket", Socket::new_raw(Domain::IPV4, kind, Some(Protocol::UDP)))
    }

    fn bind_device(&self, socket: &Socket) -> Result<(), OpenError> {
        // The kernel takes an empty name for "any interface" and shortens a long one.
        if !(1..=LONGEST_NAME).contains(&self.interface.len()) || self.interface.contains('\0') {
            return Err(OpenError::NoInterface { interface: self.interface.to_owned() });
        }
        self.to("bind a socket to the interface", socket.bind_device(Some(self.interface.as_bytes())))
    }

    /// The configured broadcast address, or, where there is none, that of the network.
    ///
    /// 3.0.6 takes 0.0.0.0 as it comes, and then no peer hears it.
    fn broadcast_address(&self, socket: &Socket) -> Result<Ipv4Addr, OpenError> {
        let action = "read the addresses of the interface";
        let configured = self.to(action, interface::broadcast_address(socket, self.interface))?;
        if !configured.is_unspecified() {
            return Ok(configured);
        }
        let address = self.to(action, interface::ipv4_address(socket, self.interface))?;
        let netmask = self.to(action, interface::netmask(socket, self.interface))?;
        let hosts = !netmask;
        if hosts.to_bits().count_ones() < 2 {
            return Err(OpenError::NoBroadcast { interface: self.interface.to_owned() });
        }
        Ok(address | hosts)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::Sockets;
    use crate::MediumSpec;

    /// `SO_BROADCAST`, `IP_TOS`, `SO_REUSEADDR`, `SO_REUSEPORT` of a socket that is bound to the loopback interface.
    fn options(socket: &socket2::Socket) -> (bool, u32, bool, bool) {
        assert_eq!(socket.device().unwrap().as_deref(), Some(&b"lo"[..]));
        assert!(socket.nonblocking().unwrap());
        let (broadcast, tos) = (socket.broadcast().unwrap(), socket.tos_v4().unwrap());
        (broadcast, tos, socket.reuse_address().unwrap(), socket.reuse_port().unwrap())
    }

    #[test]
    fn options_are_those_of_3_0_6() {
        let interface = || "lo".to_owned();
        let bcast = Sockets::open(&MediumSpec::Bcast { interface: interface(), port: 26_938 }).unwrap();
        assert_eq!(options(&bcast.send), (true, 0, false, false));
        assert_eq!(options(&bcast.receive.into()), (false, 0, true, false));
        let peer = Ipv4Addr::LOCALHOST;
        let ucast = Sockets::open(&MediumSpec::Ucast { interface: interface(), peer, port: 26_939 }).unwrap();
        assert_eq!(options(&ucast.send), (false, 0x10, false, true));
        assert_eq!(options(&ucast.receive.into()), (false, 0, true, true));
    }
}
