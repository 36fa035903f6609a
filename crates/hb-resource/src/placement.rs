//! On which interface, with which mask, broadcast address and label a floating address is put up.
//!
//! Decides from plain values; reading routing table and addresses is done by [`crate::netlink`]. Source:
//! failover.md 1.3, table and "Route choice".

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::spec::AddressSpec;

/// One row of the routing table `main`, of the address's own family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) destination: IpAddr,
    pub(crate) prefix: u8,
    pub(crate) metric: u32,
    /// Index of the interface; of the first one where the route has several. `None`: the row rejects.
    pub(crate) interface: Option<u32>,
}

/// Where an address goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// Index of the interface.
    pub(crate) interface: u32,
    pub(crate) prefix: u8,
    /// IPv6 has none.
    pub(crate) broadcast: Option<Ipv4Addr>,
}

/// Why an address has no place on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum PlacementError {
    #[error("no route leads to it, and no interface is given")]
    NoRoute,
    #[error("cannot use the default route without netmask")]
    DefaultRouteWithoutMask,
    #[error("the route to it rejects packets")]
    Rejected,
    #[error("it is no address that one machine can have")]
    NotUnicast,
    #[error("only a default route leads there through the given interface, so the netmask must be given too")]
    MaskUnknown,
    #[error("an address of that kind is on each interface, so the interface must be given")]
    LinkLocal,
}

/// Finds the place for `spec`. `named` is the index of the interface that it names, if it names one; `routes` is the
/// routing table in the kernel's order and is not used when both interface and mask are given.
pub(crate) fn place(
    spec: &AddressSpec,
    named: Option<u32>,
    routes: &[Route],
) -> Result<Placement, PlacementError> {
    // The kernel would take some of them.
    if spec.address.is_unspecified()
        || spec.address.is_multicast()
        || spec.address == IpAddr::V4(Ipv4Addr::BROADCAST)
    {
        return Err(PlacementError::NotUnicast);
    }
    if named.is_none() && matches!(spec.address, IpAddr::V6(address) if address.is_unicast_link_local()) {
        return Err(PlacementError::LinkLocal);
    }
    let (interface, prefix) = match (named, spec.prefix) {
        (Some(interface), Some(prefix)) => (interface, prefix),
        (Some(interface), None) => {
            let on_it: Vec<Route> =
                routes.iter().filter(|route| route.interface == Some(interface)).copied().collect();
            match choose(spec.address, &on_it) {
                Some(route) if route.prefix > 0 => (interface, route.prefix),
                _ => return Err(PlacementError::MaskUnknown),
            }
        }
        (None, prefix) => {
            let route = choose(spec.address, routes).ok_or(PlacementError::NoRoute)?;
            let interface = route.interface.ok_or(PlacementError::Rejected)?;
            match prefix {
                Some(prefix) => (interface, prefix),
                None if route.prefix == 0 => return Err(PlacementError::DefaultRouteWithoutMask),
                None => (interface, route.prefix),
            }
        }
    };
    let broadcast = match spec.address {
        IpAddr::V4(address) => {
            let last = || Ipv4Addr::from_bits(address.to_bits() | !mask(prefix));
            Some(spec.broadcast.unwrap_or_else(last))
        }
        IpAddr::V6(_) => None,
    };
    Ok(Placement { interface, prefix, broadcast })
}

/// The network of this prefix length that an address is in; two addresses of different families are in none together.
pub(crate) fn network(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & mask(prefix)).into(),
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix.into())).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

/// The mask of a prefix length, as bits.
fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(prefix.into())).unwrap_or(0)
}

/// The label for `ifconfig` and its users: the interface with the first number, from 0, that no label in `taken`
/// has. `None` when it would not fit into the 15 bytes of a label; the address then goes without.
pub(crate) fn free_label(interface: &str, taken: &[&str]) -> Option<String> {
    // One of the first `taken.len() + 1` numbers is free.
    let label = (0..=taken.len())
        .map(|number| format!("{interface}:{number}"))
        .find(|l| !taken.contains(&l.as_str()))?;
    (label.len() <= LABEL_LIMIT).then_some(label)
}

/// The rule of 3.0.6: row by row, a row that matches replaces the best so far when its metric is not higher *and*
/// its mask is not shorter. So a lower metric seen first excludes longer prefixes with a worse metric. For IPv6, of which
/// that rule knows nothing, the kernel's: the longest prefix, then the lowest metric.
fn choose(address: IpAddr, routes: &[Route]) -> Option<Route> {
    let mut matching = routes.iter().filter(|route| network(address, route.prefix) == route.destination);
    if address.is_ipv6() {
        return matching.max_by_key(|route| (route.prefix, Reverse(route.metric))).copied();
    }
    let first = *matching.next()?;
    Some(matching.fold(first, |best, route| {
        let is_better = route.metric <= best.metric && route.prefix >= best.prefix;
        if is_better { *route } else { best }
    }))
}

/// `IFNAMSIZ` less the final zero byte.
const LABEL_LIMIT: usize = 15;

#[cfg(test)]
mod tests;
