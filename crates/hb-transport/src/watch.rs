//! Word from the kernel that an interface or an address has changed (rtnetlink(7)).
//!
//! Tells when to look again, and which addresses went away; how things are now is asked elsewhere.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

/// What has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Addresses that were removed, with the numbers of their interfaces.
    pub(crate) removed: Vec<(u32, IpAddr)>,
    /// More happened than could be told.
    pub(crate) overflowed: bool,
}

/// A subscription to the changes of interfaces and addresses; its descriptor is readable when there are some.
#[derive(Debug)]
pub(crate) struct NetworkWatch {
    socket: OwnedFd,
}

impl NetworkWatch {
    /// Begins to watch the network namespace of the caller.
    ///
    /// # Errors
    /// The kernel's answer, where netlink is forbidden.
    pub(crate) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // Protocol 0 is NETLINK_ROUTE.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(Self { socket })
    }

    /// Everything that has changed since the last call; never waits.
    pub(crate) fn changes(&self) -> Changes {
        let mut changes = Changes::default();
        let mut buffer = [0; 8192];
        for _ in 0..MOST_MESSAGES {
            match recv(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok((length, _)) => read(buffer.get(..length).unwrap_or_default(), &mut changes.removed),
                Err(Errno::NOBUFS) => changes.overflowed = true,
                Err(_) => return changes,
            }
        }
        changes.overflowed = true;
        changes
    }
}

impl AsFd for NetworkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Reads netlink messages, each a header (length, type, ...) and a body, as far as removed addresses go.
fn read(mut messages: &[u8], removed: &mut Vec<(u32, IpAddr)>) {
    while let Some(length) = number(messages, 0).and_then(|length| usize::try_from(length).ok()) {
        let Some(message) = messages.get(..length).filter(|message| message.len() >= HEADER) else { return };
        if message.get(4..6) == Some(&DELADDR.to_ne_bytes()[..]) {
            removed.extend(address(message));
        }
        messages = messages.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
    }
}

/// Interface and address of an `ifaddrmsg` with its attributes.
fn address(message: &[u8]) -> Option<(u32, IpAddr)> {
    let index = number(message, HEADER + 4)?;
    let mut attributes = message.get(HEADER + ADDRESS_HEADER..)?;
    let mut found = None;
    while let Some(length) = attributes.get(..2).and_then(|bytes| <[u8; 2]>::try_from(bytes).ok()) {
        let length = usize::from(u16::from_ne_bytes(length));
        let Some(attribute) = attributes.get(..length).filter(|attribute| attribute.len() >= 4) else {
            break;
        };
        let (kind, value) = (attribute.get(2..4)?, attribute.get(4..)?);
        let value = <[u8; 4]>::try_from(value)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from))
            .ok();
        if kind == IFA_LOCAL.to_ne_bytes() {
            found = value;
        } else if kind == IFA_ADDRESS.to_ne_bytes() {
            // The peer's on a point-to-point interface, else the same.
            found = found.or(value);
        }
        attributes = attributes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
    }
    Some((index, found?))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV6_IFADDR`.
const GROUPS: u32 = 0x1 | 0x10 | 0x100;
/// `RTM_DELADDR`.
const DELADDR: u16 = 21;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// Bytes of an `nlmsghdr` and of an `ifaddrmsg`, and what everything is aligned to.
const HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;
const ALIGNMENT: usize = 4;
/// Netlink messages read in one call: more than a queue holds.
const MOST_MESSAGES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as the kernel sends it when 10.77.0.1/24 leaves interface 3.
    fn removal() -> Vec<u8> {
        let mut message = Vec::new();
        message.extend(0_u32.to_ne_bytes());
        message.extend(DELADDR.to_ne_bytes());
        message.extend([0; 10]);
        message.extend([2, 24, 0x80, 0]);
        message.extend(3_u32.to_ne_bytes());
        for (kind, value) in
            [(IFA_ADDRESS, &[10, 77, 0, 1][..]), (IFA_LOCAL, &[10, 77, 0, 1]), (3, b"eth0\0")]
        {
            message.extend(u16::try_from(value.len() + 4).unwrap().to_ne_bytes());
            message.extend(kind.to_ne_bytes());
            message.extend(value);
            message.resize(message.len().next_multiple_of(4), 0);
        }
        let length = u32::try_from(message.len()).unwrap();
        message[..4].copy_from_slice(&length.to_ne_bytes());
        message
    }

    #[test]
    fn removed_addresses_are_found() {
        let mut removed = Vec::new();
        read(&[removal(), removal()].concat(), &mut removed);
        assert_eq!(removed, [(3, IpAddr::from([10, 77, 0, 1])); 2]);
    }

    #[test]
    fn what_is_cut_or_wrong_is_harmless() {
        let whole = removal();
        for end in 0..whole.len() {
            let mut removed = Vec::new();
            read(&whole[..end], &mut removed);
            assert!(removed.is_empty());
        }
        for at in 0..whole.len() {
            for value in [0, 1, 3, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                read(&bytes, &mut Vec::new());
            }
        }
    }
}
