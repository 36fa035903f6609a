//! Rows of the kernel's tables, from netlink messages to what we need of them.
//!
//! The kernel's attributes are an open set: what is not known here is none of our business.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtnetlink::packet_route::AddressFamily;

use rtnetlink::packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressProtocol,
};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType};

use crate::arp::Mac;
use crate::netlink::{ADDRESS_MARK, STAGED_MARK};
use crate::placement::Route;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) up: bool,
    /// The hardware address, where ARP or neighbour discovery is spoken: Ethernet, not loopback, ARP not switched off.
    pub(crate) mac: Option<Mac>,
}

/// An address as the kernel holds it.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(super) message: AddressMessage,
}

impl Held {
    /// Index of the interface.
    pub(crate) fn interface(&self) -> u32 {
        self.message.header.index
    }

    pub(crate) fn prefix(&self) -> u8 {
        self.message.header.prefix_len
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        let local = self.message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(address) => Some(*address),
            _ => None,
        });
        // For IPv6 it stands only on point-to-point links.
        local.or_else(|| self.peer().filter(IpAddr::is_ipv6))
    }

    /// What the kernel derives the network from: differs from [`address`](Self::address) on point-to-point links.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    }

    pub(crate) fn label(&self) -> Option<&str> {
        self.message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Label(label) => Some(label.as_str()),
            _ => None,
        })
    }

    pub(crate) fn is_marked(&self) -> bool {
        self.is_from(ADDRESS_MARK)
    }

    /// Whether it is the copy of a staged address.
    pub(crate) fn is_staged(&self) -> bool {
        self.is_from(STAGED_MARK)
    }

    fn is_from(&self, origin: u8) -> bool {
        self.message.attributes.contains(&AddressAttribute::Protocol(AddressProtocol::Other(origin)))
    }

    /// Whether the kernel removes it together with the primary address of its network. For IPv6 the flag means another
    /// thing: a temporary address.
    pub(crate) fn is_secondary(&self) -> bool {
        self.message.header.family == AddressFamily::Inet
            && self.message.header.flags.contains(AddressHeaderFlags::Secondary)
    }
}

/// A row of the table `main` that may lead to an address.
pub(super) fn route(message: &RouteMessage) -> Option<Route> {
    let any: IpAddr = match message.header.address_family {
        AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    let (mut table, mut destination, mut metric, mut output) =
        (u32::from(message.header.table), any, 0, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Destination(RouteAddress::Inet(address)) => destination = (*address).into(),
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => destination = (*address).into(),
            RouteAttribute::Priority(priority) => metric = *priority,
            RouteAttribute::Oif(index) => output = Some(*index),
            RouteAttribute::MultiPath(hops) => output = hops.first().map(|hop| hop.interface_index),
            _ => {}
        }
    }
    let interface = match message.header.kind {
        RouteType::Unicast | RouteType::Local => output,
        RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit => None,
        _ => return None,
    };
    let prefix = message.header.destination_prefix_length;
    (table == u32::from(RouteHeader::RT_TABLE_MAIN)).then_some(Route {
        destination,
        prefix,
        metric,
        interface,
    })
}

pub(super) fn link(message: &LinkMessage) -> Option<Link> {
    let flags = message.header.flags;
    let name = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })?;
    let mac = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Address(bytes) => Mac::try_from(bytes.as_slice()).ok(),
        _ => None,
    });
    let speaks_arp = message.header.link_layer_type == LinkLayerType::Ether
        && !flags.intersects(LinkFlags::Loopback | LinkFlags::Noarp);
    Some(Link {
        index: message.header.index,
        name,
        up: flags.contains(LinkFlags::Up),
        mac: mac.filter(|_| speaks_arp),
    })
}
