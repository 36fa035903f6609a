//! Hears that nobody has the port to which a unicast medium sends (ICMP port unreachable, `udp(7)`).
//!
//! Not by the sending socket: it would have to be connected, or ask for errors, and then the next packet fails in
//! place of the one that was refused, so that whoever forges an ICMP message keeps a node from sending. A second socket has the
//! same port and is connected to the peer; the kernel gives an error to the socket that fits best, which is this one. Nothing is
//! sent through it, and what comes to it is dropped by a filter.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};

use crate::sockets::Sockets;
use crate::spec::MediumSpec;

/// What listens for refusals of one medium.
#[derive(Debug)]
pub(crate) struct Ear {
    interface: String,
    /// Of the sending socket.
    port: u16,
    destination: SockAddr,
    socket: Option<Socket>,
}

impl Ear {
    /// For unicast media only: of others, one of many who refuses means nothing.
    pub(crate) fn of(spec: &MediumSpec, sockets: &Sockets) -> Option<Self> {
        spec.single_peer()?;
        let port = sockets.send.local_addr().ok()?.as_socket()?.port();
        let destination = sockets.destination.clone();
        let mut ear = Self { interface: spec.interface().to_owned(), port, destination, socket: None };
        ear.renew();
        (port != 0).then_some(ear)
    }

    /// Another socket: it stands for the address that this node had when it was made. Without a way to the peer there is none.
    pub(crate) fn renew(&mut self) {
        self.socket = self.open().ok();
    }

    /// Whether it could not be opened or connected: for want of a descriptor, or of a way to the peer.
    pub(crate) const fn is_deaf(&self) -> bool {
        self.socket.is_none()
    }

    /// Whether the port was refused since this was asked last. An error of another kind is forgotten.
    pub(crate) fn heard(&self) -> bool {
        let error = self.socket.as_ref().and_then(|socket| socket.take_error().ok().flatten());
        error.is_some_and(|error| Errno::from_io_error(&error) == Some(Errno::CONNREFUSED))
    }

    /// Has an error when there is something to hear; is of no use for anything else.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// As when it could not be opened.
    #[cfg(test)]
    pub(crate) fn deafen(&mut self) {
        self.socket = None;
    }

    fn open(&self) -> io::Result<Socket> {
        let (domain, any) = match self.destination.as_socket() {
            Some(SocketAddr::V6(_)) => (Domain::IPV6, SocketAddr::from((Ipv6Addr::UNSPECIFIED, self.port))),
            Some(SocketAddr::V4(_)) | None => (Domain::IPV4, (Ipv4Addr::UNSPECIFIED, self.port).into()),
        };
        let socket = Socket::new_raw(domain, Type::DGRAM.nonblocking().cloexec(), Some(Protocol::UDP))?;
        socket.attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])?;
        socket.bind_device(Some(self.interface.as_bytes()))?;
        socket.set_reuse_port(true)?;
        socket.bind(&any.into())?;
        socket.connect(&self.destination)?;
        Ok(socket)
    }
}

/// Of the filter's language: how much to keep of a packet.
const RETURN: u16 = 0x06;

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn is_refused(spec: &MediumSpec) {
        let Sockets { send, receive, destination, .. } = Sockets::open(spec).unwrap();
        let sockets = Sockets { send, receive, destination, doorbell: None };
        let ear = Ear::of(spec, &sockets).unwrap();
        sockets.send.send_to(b"heard", &sockets.destination).unwrap();
        let limit = Timespec { tv_sec: 10, tv_nsec: 0 };
        let arrived = poll(&mut [PollFd::new(&sockets.receive, PollFlags::IN)], Some(&limit)).unwrap();
        assert_eq!((arrived, ear.heard()), (1, false), "{spec}");

        let Sockets { send, destination, .. } = sockets;
        drop(sockets.receive);
        for _ in 0..3 {
            send.send_to(b"refused", &destination).unwrap();
            let descriptor = ear.descriptor().unwrap();
            let told = poll(&mut [PollFd::new(&descriptor, PollFlags::empty())], Some(&limit)).unwrap();
            assert_eq!((told, ear.heard(), ear.heard()), (1, true, false), "{spec}");
        }
        // What is sent to it is dropped.
        let stranger = Socket::new_raw(send.domain().unwrap(), Type::DGRAM, None).unwrap();
        stranger.bind(&destination).unwrap();
        let mut own = destination.as_socket().unwrap();
        own.set_port(ear.port);
        stranger.send_to(b"flood", &own.into()).unwrap();
        let nothing = ear.socket.as_ref().unwrap().recv(&mut [MaybeUninit::uninit(); 8]).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_port_that_nobody_has_is_refused_and_sending_goes_on() {
        let interface = || "lo".to_owned();
        is_refused(&MediumSpec::Ucast { interface: interface(), peer: Ipv4Addr::LOCALHOST, port: 26_934 });
        is_refused(&MediumSpec::Ucast6 { interface: interface(), peer: Ipv6Addr::LOCALHOST, port: 26_933 });
    }

    #[test]
    fn who_sends_to_many_has_none() {
        let spec = MediumSpec::Bcast { interface: "lo".to_owned(), port: 26_932 };
        assert!(Ear::of(&spec, &Sockets::open(&spec).unwrap()).is_none());
    }
}
