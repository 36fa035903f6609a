//! Word from the kernel that an interface or an address has changed (rtnetlink(7)).
//!
//! Tells when to look again, which addresses went away, and which interfaces have a carrier; all else is asked elsewhere.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

/// What has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Addresses that were removed, with the numbers of their interfaces.
    pub(crate) removed: Vec<(u32, IpAddr)>,
    /// Numbers of interfaces, and whether there is a carrier on each; nothing for one that is gone.
    pub(crate) carriers: Vec<(u32, Option<bool>)>,
    /// There was a change, of whatever kind.
    pub(crate) any: bool,
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
        let watch = Self { socket };
        watch.ask();
        Ok(watch)
    }

    /// Asks for all interfaces as they are now; the answers come like changes. Without them it is their next change that
    /// tells.
    fn ask(&self) {
        let mut request = [0; HEADER + LINK_HEADER];
        let head = u32::try_from(request.len()).unwrap_or(0).to_ne_bytes().into_iter();
        let head = head.chain(GETLINK.to_ne_bytes()).chain(REQUEST_ALL.to_ne_bytes());
        request.iter_mut().zip(head).for_each(|(to, from)| *to = from);
        let _ = send(&self.socket, &request, SendFlags::DONTWAIT);
    }

    /// Everything that has changed since the last call; never waits.
    pub(crate) fn changes(&self) -> Changes {
        let mut changes = Changes::default();
        let mut buffer = [0; 8192];
        for _ in 0..MOST_MESSAGES {
            match recv(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok((length, _)) => read(buffer.get(..length).unwrap_or_default(), &mut changes),
                Err(Errno::NOBUFS) => {
                    changes.overflowed = true;
                    self.ask();
                }
                Err(_) => return changes,
            }
        }
        changes.overflowed = true;
        self.ask();
        changes
    }
}

impl AsFd for NetworkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Reads netlink messages, each a header (length, type, ...) and a body, as far as removed addresses and carriers go.
fn read(mut messages: &[u8], changes: &mut Changes) {
    changes.any = true;
    while let Some(length) = number(messages, 0).and_then(|length| usize::try_from(length).ok()) {
        let Some(message) = messages.get(..length).filter(|message| message.len() >= HEADER) else { return };
        match message.get(4..6).and_then(|kind| kind.try_into().ok()).map(u16::from_ne_bytes) {
            Some(DELADDR) => changes.removed.extend(address(message)),
            Some(NEWLINK) => changes
                .carriers
                .extend(link(message).map(|(index, flags)| (index, Some(flags & LOWER_UP != 0)))),
            Some(DELLINK) => changes.carriers.extend(link(message).map(|(index, _)| (index, None))),
            Some(_) | None => {}
        }
        messages = messages.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
    }
}

/// Number and flags of an `ifinfomsg`; not those about an interface as a port of a bridge.
fn link(message: &[u8]) -> Option<(u32, u32)> {
    let is_plain = message.get(HEADER) == Some(&0);
    is_plain.then_some((number(message, HEADER + 4)?, number(message, HEADER + 8)?))
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
/// `RTM_NEWLINK`, `RTM_DELLINK`, `RTM_GETLINK`, and `NLM_F_REQUEST | NLM_F_DUMP`.
const NEWLINK: u16 = 16;
const DELLINK: u16 = 17;
const GETLINK: u16 = 18;
const REQUEST_ALL: u16 = 0x301;
/// `IFF_LOWER_UP` (`netdevice(7)`); an interface that is set down has it not.
const LOWER_UP: u32 = 0x1_0000;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// Bytes of an `nlmsghdr`, an `ifinfomsg` and an `ifaddrmsg`, and what everything is aligned to.
const HEADER: usize = 16;
const LINK_HEADER: usize = 16;
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
        let mut changes = Changes::default();
        read(&[removal(), removal()].concat(), &mut changes);
        assert_eq!(changes.removed, [(3, IpAddr::from([10, 77, 0, 1])); 2]);
    }

    /// A message about interface 7 as the kernel sends it, without attributes.
    fn interface(kind: u16, family: u8, flags: u32) -> Vec<u8> {
        let mut message = Vec::new();
        message.extend(32_u32.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend([0; 10]);
        message.extend([family, 0, 1, 0]);
        message.extend(7_u32.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend([0; 4]);
        message
    }

    #[test]
    fn carriers_are_found() {
        let mut changes = Changes::default();
        let messages = [
            interface(NEWLINK, 0, 0x1_1043),
            interface(NEWLINK, 0, 0x1003),
            interface(DELLINK, 7, 0x1_1043),
            removal(),
            interface(DELLINK, 0, 0x1002),
        ];
        read(&messages.concat(), &mut changes);
        assert_eq!(changes.carriers, [(7, Some(true)), (7, Some(false)), (7, None)]);
    }

    #[test]
    fn every_interface_is_told_at_first() {
        let watch = NetworkWatch::open().unwrap();
        assert!(watch.changes().carriers.iter().any(|(index, _)| *index == 1));
    }

    #[test]
    fn what_is_cut_or_wrong_is_harmless() {
        let whole = removal();
        for end in 0..whole.len() {
            let mut changes = Changes::default();
            read(&whole[..end], &mut changes);
            assert!(changes.removed.is_empty());
        }
        for at in 0..whole.len() {
            for value in [0, 1, 3, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                read(&bytes, &mut Changes::default());
            }
        }
    }
}
