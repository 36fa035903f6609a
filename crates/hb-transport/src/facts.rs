//! What the sockets of a medium depend on: while that stays as it was when they were opened, they work, or work again
//! as soon as the network is there again.

use std::net::{IpAddr, Ipv4Addr};

use hb_sys::interface;
use rustix::net::netdevice::{index_to_name, name_to_index};
use rustix::net::{AddressFamily, SocketType, socket};

use crate::spec::MediumSpec;
use crate::watch::Changes;

/// The facts at one moment. Compare two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The interface's number: another one means another interface, whatever its name.
    index: Option<u32>,
    /// Where the medium needs it: the interface's first IPv4 address.
    address: Option<Ipv4Addr>,
    /// Where the medium needs it: the interface's broadcast address.
    broadcast: Option<Ipv4Addr>,
}

impl Facts {
    /// As they are now. Asks the kernel; never waits.
    pub(crate) fn of(spec: &MediumSpec) -> Self {
        let Ok(socket) = socket(AddressFamily::INET, SocketType::DGRAM, None) else { return Self::default() };
        let name = spec.interface();
        let address = || interface::ipv4_address(&socket, name).ok();
        let (address, broadcast) = match spec {
            MediumSpec::Bcast { .. } => (address(), interface::broadcast_address(&socket, name).ok()),
            MediumSpec::Mcast { .. } => (address(), None),
            MediumSpec::Mcast6 { .. }
            | MediumSpec::PppUdp { .. }
            | MediumSpec::Serial { .. }
            | MediumSpec::Ucast { .. }
            | MediumSpec::Ucast6 { .. } => (None, None),
        };
        Self { index: name_to_index(&socket, name).ok(), address, broadcast }
    }

    /// The name under which the interface of these facts is known now; nothing if it is gone.
    pub(crate) fn present_name(&self) -> Option<String> {
        let socket = socket(AddressFamily::INET, SocketType::DGRAM, None).ok()?;
        index_to_name(&socket, self.index?).ok()
    }

    /// The interface's number.
    pub(crate) const fn index(&self) -> Option<u32> {
        self.index
    }

    /// Whether something happened to what the sockets depend on, even if it looks the same now: with its last address
    /// an interface loses the multicast groups that were joined on it.
    pub(crate) fn are_touched_by(&self, changes: &Changes) -> bool {
        let (Some(index), Some(address)) = (self.index, self.address) else { return changes.overflowed };
        changes.overflowed || changes.removed.contains(&(index, IpAddr::V4(address)))
    }
}
