//! Whether an address can be put up on this machine and would be found there: interface, network, other machines.
//!
//! Only warnings: 3.0.6 looks at addresses when a group starts, not before (`failover.md` 1.3).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checked::AddressSpec;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::host::{InterfaceState, Route};
use crate::source::Mark;

use super::Reading;
use super::resource::remember;

/// Different addresses that are held against the routing table; a file with more is not a real one.
const LOOKED_AT: usize = 1000;
/// Networks that a message names.
const NAMED: usize = 4;

/// What was found out so far.
#[derive(Default)]
pub(super) struct Networks {
    interfaces: HashMap<String, bool>,
    addresses: HashMap<IpAddr, (Mark, String)>,
    routes: Option<Vec<Route>>,
}

/// Warns about an address that stands at `mark` and is written `spelled`.
pub(super) fn check(
    reading: &mut Reading<'_>,
    networks: &mut Networks,
    mark: Mark,
    spelled: &str,
    spec: &AddressSpec,
) {
    let problem = odd_address(spec).or_else(|| {
        let interface = spec.interface.as_deref()?;
        let host = reading.host;
        let is_there = remember(&mut networks.interfaces, interface, |name| {
            host.interface(name) != InterfaceState::Absent
        });
        (!is_there).then(|| Problem {
            code: Code::BadAddress,
            message: format!(
                "the address cannot be put up here: no interface {}",
                quoted(interface.as_bytes())
            ),
            hint: format!("this machine has {}", host.interfaces().join(", ")),
        })
    });
    let is_new = twice(reading, networks, mark, spelled, spec.address);
    let host = reading.host;
    let problem = problem.or_else(|| {
        // Only IPv4 routes are known here.
        let IpAddr::V4(address) = spec.address else { return None };
        if !is_new || networks.addresses.len() > LOOKED_AT {
            return None;
        }
        let routes = networks.routes.get_or_insert_with(|| host.routes());
        outside(spec, address, routes)
    });
    if let Some(Problem { code, message, hint }) = problem {
        reading.warning(mark, || Diagnostic::warning(code, message).hint(hint));
    }
    if let IpAddr::V4(address) = spec.address {
        other_machine(reading, mark, address);
    }
}

struct Problem {
    code: Code,
    message: String,
    hint: String,
}

/// An address that no machine can have, or that means a whole network.
fn odd_address(spec: &AddressSpec) -> Option<Problem> {
    let address = match spec.address {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => return odd_ipv6(spec, address),
    };
    let host_bits = u32::MAX.checked_shr(spec.prefix.unwrap_or(32).into()).unwrap_or(0);
    let (what, hint) = if address.is_unspecified() || address.is_multicast() || address.is_broadcast() {
        ("is no address that one machine can have", "name a free address of the network".to_owned())
    } else if host_bits > 1 && address.to_bits() & host_bits == 0 {
        let first = Ipv4Addr::from_bits(address.to_bits() | 1);
        ("is the address of the network itself", format!("the first address in it is {first}"))
    } else if host_bits > 1 && address.to_bits() & host_bits == host_bits {
        let last = Ipv4Addr::from_bits(address.to_bits() - 1);
        ("is the broadcast address of its network", format!("the last address in it is {last}"))
    } else {
        return None;
    };
    Some(Problem { code: Code::BadAddress, message: format!("{address} {what}"), hint })
}

/// The same for IPv6, where no address means the network.
fn odd_ipv6(spec: &AddressSpec, address: Ipv6Addr) -> Option<Problem> {
    let (what, hint) = if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
        ("is no address that can float", "name a free address of the network")
    } else if address.is_unicast_link_local() && spec.interface.is_none() {
        ("is on each interface", "name prefix and interface, for example `fe80::53/64/eth0`")
    } else {
        return None;
    };
    Some(Problem { code: Code::BadAddress, message: format!("{address} {what}"), hint: hint.to_owned() })
}

/// Whether the address was not seen before; a second spelling of one that was gets a warning. The same spelling is
/// seen to in `traps.rs`.
fn twice(
    reading: &mut Reading<'_>,
    networks: &mut Networks,
    mark: Mark,
    spelled: &str,
    address: IpAddr,
) -> bool {
    let Some((earlier, text)) = networks.addresses.get(&address) else {
        networks.addresses.insert(address, (mark, spelled.to_owned()));
        return true;
    };
    if text != spelled {
        let (source, earlier) = (reading.source, *earlier);
        reading.warning(mark, || {
            Diagnostic::warning(Code::AddressTwice, format!("{address} is the address of two resources"))
                .second(source.place(earlier), "the other one")
                .hint("an address belongs to one group and stands there once")
        });
    }
    false
}

/// Holds an address against the networks of this machine (`failover.md` 1.3).
fn outside(spec: &AddressSpec, address: Ipv4Addr, routes: &[Route]) -> Option<Problem> {
    if address.is_loopback() {
        return None;
    }
    let direct = || routes.iter().filter(|route| route.is_direct);
    let home = direct().filter(|route| route.contains(address)).max_by_key(|route| route.prefix);
    let problem = |message, hint| Some(Problem { code: Code::OutsideNetwork, message, hint });
    let Some(interface) = spec.interface.as_deref() else {
        return match home {
            Some(_) => None,
            None => without_interface(spec, address, routes),
        };
    };
    if direct().any(|route| route.interface == interface && route.contains(address))
        || spec.prefix == Some(32)
    {
        return None;
    }
    if let Some(home) = home {
        let network = network(home);
        let message =
            format!("{address} is in {network} of {}, not in a network of {interface}", home.interface);
        return problem(message, format!("write `{}`", written(spec, home.prefix, &home.interface)));
    }
    let own: Vec<String> =
        direct().filter(|route| route.interface == interface).take(NAMED).map(network).collect();
    if own.is_empty() {
        // The interface has no fixed address, so any network may be there.
        return None;
    }
    let message = format!("{address} is in no network of {interface}, which has {}", own.join(", "));
    problem(message, "a typing error? Other machines look for an address where its network is".to_owned())
}

/// No interface is named and no network fits: 3.0.6 and hb take the interface of the route.
fn without_interface(spec: &AddressSpec, address: Ipv4Addr, routes: &[Route]) -> Option<Problem> {
    let through = routes.iter().filter(|route| route.contains(address)).max_by_key(|route| route.prefix);
    let known: Vec<String> = routes
        .iter()
        .filter(|route| route.is_direct)
        .take(NAMED)
        .map(|route| format!("{} on {}", network(route), route.interface))
        .collect();
    let known = if known.is_empty() { "no network".to_owned() } else { known.join(", ") };
    let better = |interface: &str| {
        let example = written(spec, 24, interface);
        format!("name mask and interface, for example `{example}`; this machine has {known}")
    };
    let (message, hint) = match through {
        None => (
            format!("the group cannot start here: no route leads to {address}, and no interface is named"),
            better("eth0"),
        ),
        Some(route) if route.prefix == 0 && spec.prefix.is_none() => (
            format!(
                "the group cannot start here: only the default route leads to {address}, and no mask is named"
            ),
            better(&route.interface),
        ),
        Some(_) if spec.prefix == Some(32) => return None,
        Some(route) => {
            let interface = &route.interface;
            (
                format!(
                    "{address} is in no network of this machine; it would be put up on {interface}, the way to it"
                ),
                format!("this machine has {known}"),
            )
        }
    };
    Some(Problem { code: Code::OutsideNetwork, message, hint })
}

fn network(route: &Route) -> String {
    format!("{}/{}", route.destination, route.prefix)
}

/// The address with mask and interface as `haresources` takes it.
fn written(spec: &AddressSpec, bits: u8, interface: &str) -> String {
    format!("{}/{}/{interface}", spec.address, spec.prefix.unwrap_or(bits))
}

/// `ucast` and `ping` lines name addresses of other machines.
fn other_machine(reading: &mut Reading<'_>, mark: Mark, address: Ipv4Addr) {
    let Some(place) = reading.known.and_then(|known| known.place_of(address)) else { return };
    reading.warning(mark, || {
        let message = format!("{address} is the address of another machine and cannot float");
        Diagnostic::warning(Code::AddressIsPeer, message)
            .second(place, "named here")
            .hint("choose an address that no machine has")
    });
}
