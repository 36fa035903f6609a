//! Packet sockets (`packet(7)`): whole Ethernet frames to and from one interface.
//!
//! Used for ARP announcements and for the probes of the laboratory. What a frame says is decided by the caller;
//! this module only carries bytes. All sockets are non-blocking and closed on exec.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

/// Ethernet type of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// Ethernet type of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Ethernet type of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// Stands for every Ethernet type in [`PacketSocket::bind`] (`ETH_P_ALL`); also delivers what this host sends.
pub const ETHERTYPE_ALL: u16 = 0x0003;

/// Destination (6), source (6), Ethernet type (2).
const ETHERNET_HEADER: usize = 14;

/// For whom a received frame was (`sll_pkttype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the address of this interface.
    Host,
    /// To everybody on the link.
    Broadcast,
    /// To a group of stations.
    Multicast,
    /// To another station, caught in promiscuous mode.
    OtherHost,
    /// Sent by this host.
    Outgoing,
    /// Another kind, by the kernel's number.
    Other(u8),
}

/// Where a received frame came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Length of the frame in bytes. It was cut when this is more than the buffer held.
    pub length: usize,
    /// Index of the interface that received the frame.
    pub interface: u32,
    /// For whom it was.
    pub direction: Direction,
}

/// A raw packet socket.
#[derive(Debug)]
pub struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// A socket that sends on any interface and receives nothing until [`bind`](Self::bind).
    ///
    /// # Errors
    /// `EPERM` without `CAP_NET_RAW` in the user namespace that owns the network namespace.
    pub fn open() -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: the call takes plain numbers; protocol 0 means that nothing is delivered.
        let fd = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is a fresh descriptor that nobody else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// From now on receives frames of one Ethernet type from one interface (0: from all).
    ///
    /// # Errors
    /// `ENODEV` when there is no such interface; `ENETDOWN` when it is down (the socket is bound all the same).
    pub fn bind(&self, interface: u32, ethertype: u16) -> io::Result<()> {
        let address = link_layer(interface, ethertype)?;
        // SAFETY: `address` is an initialised `sockaddr_ll` of the stated length and outlives the call.
        let result = unsafe { libc::bind(self.as_raw_fd(), (&raw const address).cast(), address_length()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Sends one whole frame, Ethernet header first, out of an interface.
    ///
    /// # Errors
    /// `EINVAL` for a frame without a whole header, `ENXIO` when the interface is gone, `ENETDOWN` when it is down,
    /// `EWOULDBLOCK` or `ENOBUFS` when its queue is full.
    pub fn send(&self, interface: u32, frame: &[u8]) -> io::Result<()> {
        let Some([high, low]) = frame.get(ETHERNET_HEADER - 2..ETHERNET_HEADER) else {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        };
        let address = link_layer(interface, u16::from_be_bytes([*high, *low]))?;
        // SAFETY: the kernel reads `frame.len()` bytes of `frame` and one `sockaddr_ll`; both outlive the call.
        let sent = unsafe {
            libc::sendto(
                self.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                0,
                (&raw const address).cast(),
                address_length(),
            )
        };
        // A packet socket sends a frame whole or not at all.
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Takes the next frame. Bytes beyond the buffer are lost; [`Received::length`] tells.
    ///
    /// # Errors
    /// `EWOULDBLOCK` when no frame is waiting; `ENETDOWN` once after the interface went down.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut address = MaybeUninit::<libc::sockaddr_ll>::zeroed();
        let mut length = address_length();
        // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer` and at most `length` bytes into
        // `address`; both are exclusively ours during the call.
        let received = unsafe {
            libc::recvfrom(
                self.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                libc::MSG_TRUNC,
                address.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        let Ok(frame_length) = usize::try_from(received) else {
            return Err(io::Error::last_os_error());
        };
        // SAFETY: the structure was zeroed, and every bit pattern is a valid `sockaddr_ll`.
        let address = unsafe { address.assume_init() };
        Ok(Received {
            length: frame_length,
            interface: u32::try_from(address.sll_ifindex).unwrap_or(0),
            direction: direction(address.sll_pkttype),
        })
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

fn link_layer(interface: u32, ethertype: u16) -> io::Result<libc::sockaddr_ll> {
    let index = i32::try_from(interface).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?;
    // SAFETY: `sockaddr_ll` is plain numbers, for which zero is a valid value.
    let mut address: libc::sockaddr_ll = unsafe { MaybeUninit::zeroed().assume_init() };
    address.sll_family = FAMILY;
    address.sll_protocol = ethertype.to_be();
    address.sll_ifindex = index;
    Ok(address)
}

fn direction(kind: u8) -> Direction {
    match kind {
        libc::PACKET_HOST => Direction::Host,
        libc::PACKET_BROADCAST => Direction::Broadcast,
        libc::PACKET_MULTICAST => Direction::Multicast,
        libc::PACKET_OTHERHOST => Direction::OtherHost,
        libc::PACKET_OUTGOING => Direction::Outgoing,
        other => Direction::Other(other),
    }
}

fn address_length() -> libc::socklen_t {
    LENGTH
}

const FAMILY: u16 = 17;
const LENGTH: libc::socklen_t = 20;
const _: () = assert!(FAMILY as libc::c_int == libc::AF_PACKET);
const _: () = assert!(LENGTH as usize == size_of::<libc::sockaddr_ll>());

#[cfg(test)]
mod tests {
    use super::*;

    // What travels through a socket is tested in namespaces, by the crates that send: see hb-resource.

    #[test]
    fn a_frame_without_a_whole_header_is_refused() {
        let Ok(socket) = PacketSocket::open() else {
            assert_eq!(PacketSocket::open().unwrap_err().raw_os_error(), Some(libc::EPERM));
            return;
        };
        assert_eq!(socket.send(1, &[0; 13]).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }

    #[test]
    fn an_interface_that_does_not_exist_is_told() {
        let Ok(socket) = PacketSocket::open() else {
            assert_eq!(PacketSocket::open().unwrap_err().raw_os_error(), Some(libc::EPERM));
            return;
        };
        assert_eq!(socket.send(0x7fff_fff0, &[0; 60]).unwrap_err().raw_os_error(), Some(libc::ENXIO));
        assert_eq!(socket.bind(0x7fff_fff0, ETHERTYPE_ARP).unwrap_err().raw_os_error(), Some(libc::ENODEV));
        assert_eq!(socket.bind(u32::MAX, ETHERTYPE_ARP).unwrap_err().raw_os_error(), Some(libc::ENODEV));
    }

    #[test]
    fn loopback_delivers_what_was_sent_to_it() {
        let Ok(socket) = PacketSocket::open() else {
            assert_eq!(PacketSocket::open().unwrap_err().raw_os_error(), Some(libc::EPERM));
            return;
        };
        // An experimental Ethernet type (IEEE 802 local), so that nobody else's traffic is seen.
        socket.bind(1, 0x88b5).unwrap();
        let mut frame = [0_u8; 60];
        frame[12..14].copy_from_slice(&[0x88, 0xb5]);
        frame[14..18].copy_from_slice(b"test");
        socket.send(1, &frame).unwrap();
        let mut buffer = [0_u8; 32];
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let received = loop {
            match socket.receive(&mut buffer) {
                Ok(received) if received.direction != Direction::Outgoing => break received,
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            assert!(std::time::Instant::now() < limit, "the frame never came back");
            std::thread::yield_now();
        };
        assert_eq!((received.length, received.interface), (60, 1));
        assert_eq!(&buffer[14..18], b"test");
    }
}
