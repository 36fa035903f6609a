//! Sockets in a host's network that a program outside holds: to attack a node at full speed, or to listen to it
//! without a detour.
//!
//! A socket belongs to the network in which it was made. A small helper makes it inside the host and hands it over.

use std::ffi::OsStr;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use hb_sys::packet::{ETHERTYPE_IPV4, PacketSocket};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::UnixListener;
use tokio::time::timeout;

use crate::lab::LIMIT;
use crate::{Host, LabError, chain};

/// What the helper makes; its second argument, as JSON.
#[derive(Debug, Serialize, Deserialize)]
enum SocketSpec {
    Udp { port: u16 },
    Packet { interface: String },
}

impl Host {
    /// A UDP socket of the host, bound to `port` of every address (0: a free one), also beside the sockets of
    /// programs in the host that share their port; it may send broadcasts.
    ///
    /// # Errors
    /// When the host has no power or the port is taken.
    pub async fn udp_socket(&self, port: u16) -> Result<UdpSocket, LabError> {
        self.socket(&SocketSpec::Udp { port }).await.map(UdpSocket::from)
    }

    /// A raw socket that takes every IPv4 frame that comes in on the cable to `network`, Ethernet header first. It
    /// does not block.
    ///
    /// # Errors
    /// When the host has no power or no such cable.
    pub async fn packet_socket(&self, network: &str) -> Result<OwnedFd, LabError> {
        let interface = self.link(network)?.interface.clone();
        self.socket(&SocketSpec::Packet { interface }).await
    }

    async fn socket(&self, spec: &SocketSpec) -> Result<OwnedFd, LabError> {
        let path = self.fresh_socket("handover");
        let listener = UnixListener::bind(&path).map_err(LabError::file("listen on", &path))?;
        let json = serde_json::to_string(spec).map_err(|error| LabError::Unfit(error.to_string()))?;
        let argv = self.agent("socket", &[path.to_string_lossy().into_owned(), json]);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        self.spawn(&argv, &[], LOG, LOG).await?;
        let silent = |_late| LabError::Silent { who: format!("the helper on {}", self.name()), limit: LIMIT };
        let accepted = timeout(LIMIT, listener.accept()).await.map_err(silent)?;
        let received = accepted.and_then(|(stream, _)| {
            let stream = stream.into_std()?;
            stream.set_nonblocking(false)?;
            stream.set_read_timeout(Some(LIMIT))?;
            receive(&stream)
        });
        received.map_err(LabError::file("take a socket from", &path))
    }
}

/// The helper: makes the socket, hands it over, ends.
pub(crate) fn run(lab: &Path, argument: &OsStr) -> Result<(), String> {
    let spec: SocketSpec =
        serde_json::from_slice(argument.as_encoded_bytes()).map_err(chain("the socket's argument"))?;
    let socket = match spec {
        SocketSpec::Udp { port } => udp(port).map_err(chain("a UDP socket"))?,
        SocketSpec::Packet { interface } => packet(&interface).map_err(chain("a packet socket"))?,
    };
    let lab = UnixStream::connect(lab).map_err(chain("reach the lab"))?;
    let fds = [socket.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err("no room for a descriptor".to_owned());
    }
    sendmsg(&lab, &[IoSlice::new(b"s")], &mut control, SendFlags::empty()).map_err(chain("hand over"))?;
    Ok(())
}

fn udp(port: u16) -> std::io::Result<OwnedFd> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_broadcast(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(std::net::SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)))?;
    Ok(socket.into())
}

fn packet(interface: &str) -> std::io::Result<OwnedFd> {
    let socket = PacketSocket::open()?;
    let index = rustix::net::netdevice::name_to_index(&socket, interface)?;
    socket.bind(index, ETHERTYPE_IPV4)?;
    socket.as_fd().try_clone_to_owned()
}

fn receive(stream: &UnixStream) -> std::io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut fds) = message
            && let Some(fd) = fds.next()
        {
            return Ok(fd);
        }
    }
    Err(std::io::ErrorKind::UnexpectedEof.into())
}

/// Where the helper complains, inside the host.
const LOG: &str = "/var/log/socket";
