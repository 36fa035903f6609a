//! What the actuator is asked to hold: resources and groups, as checked values.
//!
//! Also reads the parameters of `IPaddr` and `IPv6addr` in all their forms (failover.md 1.3), so that this crate serves alone. Where
//! a group stands in a file and who prefers it is not known here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::agent::Agent;
use crate::ocf::OcfSpec;

/// A floating address: the parameter of `IPaddr` (failover.md 1.3), or that of `IPv6addr`.
///
/// ```
/// let spec: hb_resource::AddressSpec = "192.168.1.53/24/eth0:0".parse()?;
/// assert_eq!((spec.prefix, spec.interface.as_deref()), (Some(24), Some("eth0")));
/// let spec: hb_resource::AddressSpec = "fd00::53/64".parse()?;
/// assert!(spec.address.is_ipv6());
/// # Ok::<(), hb_resource::AddressSpecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressSpec {
    /// The address.
    pub address: IpAddr,
    /// Length of the network mask, 1 to 32, or of the prefix, 1 to 128. `None`: that of the route to the address.
    pub prefix: Option<u8>,
    /// Name of the interface. `None`: that of the route to the address.
    pub interface: Option<String>,
    /// The part behind the colon of `eth0:label`. Kept for messages only: like in 3.0.6 it is dropped, and the
    /// address is labelled with the interface and the first free number.
    pub label: Option<String>,
    /// Broadcast address of an IPv4 network, taken as it is. `None`: the last address of the network.
    pub broadcast: Option<Ipv4Addr>,
}

/// Why a parameter is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AddressSpecError {
    /// The first part is not an address.
    #[error("`{0}` is not an IP address")]
    Address(String),
    /// The second part is neither 1 to 32 nor a network mask.
    #[error("`{0}` is not a network mask: 1 to 32, or as 255.255.255.0")]
    Mask(String),
    /// The second part of an IPv6 address is not 1 to 128.
    #[error("`{0}` is not the length of a prefix: 1 to 128")]
    Prefix(String),
    /// The third part cannot name an interface.
    #[error("`{0}` is not the name of an interface")]
    Interface(String),
    /// A part that begins with a digit where a broadcast address may stand is not an IPv4 address.
    #[error("`{0}` is not a broadcast address")]
    Broadcast(String),
    /// More parts than address, mask, interface and broadcast.
    #[error("`{0}` is too much: ADDRESS[/MASK[/INTERFACE[:LABEL]][/BROADCAST]]")]
    Excess(String),
}

impl FromStr for AddressSpec {
    type Err = AddressSpecError;

    /// Reads `ip`, `ip/mask`, `ip/mask/nic`, `ip/mask/broadcast` or `ip/mask/nic/broadcast`. The mask is a length
    /// or a dotted quad; the third part is a broadcast address when it begins with a digit. For IPv6 `ip`, `ip/prefix`
    /// or `ip/prefix/nic`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/').peekable();
        let first = parts.next().unwrap_or_default();
        let address = first.parse().map_err(|_| AddressSpecError::Address(first.to_owned()))?;
        let mut spec = Self { address, prefix: None, interface: None, label: None, broadcast: None };
        let is_ipv6 = spec.address.is_ipv6();
        if let Some(mask) = parts.next() {
            spec.prefix = Some(if is_ipv6 {
                length_from(mask, 128).ok_or_else(|| AddressSpecError::Prefix(mask.to_owned()))?
            } else {
                prefix_from(mask).ok_or_else(|| AddressSpecError::Mask(mask.to_owned()))?
            });
        }
        if let Some(name) = parts.next_if(|part| is_ipv6 || !part.starts_with(|c: char| c.is_ascii_digit())) {
            let (interface, label) =
                name.split_once(':').map_or((name, None), |(nic, label)| (nic, Some(label)));
            if !is_interface_name(interface) {
                return Err(AddressSpecError::Interface(name.to_owned()));
            }
            spec.interface = Some(interface.to_owned());
            spec.label = label.map(str::to_owned);
        }
        if let Some(text) = parts.next_if(|_| !is_ipv6) {
            spec.broadcast = Some(text.parse().map_err(|_| AddressSpecError::Broadcast(text.to_owned()))?);
        }
        match parts.next() {
            Some(rest) => Err(AddressSpecError::Excess(rest.to_owned())),
            None => Ok(spec),
        }
    }
}

impl fmt::Display for AddressSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if let Some(prefix) = self.prefix {
            write!(f, "/{prefix}")?;
        }
        if let Some(interface) = &self.interface {
            write!(f, "/{interface}")?;
        }
        if let Some(label) = &self.label {
            write!(f, ":{label}")?;
        }
        if let Some(broadcast) = self.broadcast {
            write!(f, "/{broadcast}")?;
        }
        Ok(())
    }
}

/// One word of a `haresources` line, after the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResourceSpec {
    /// A floating address, put up by ourselves: `IPaddr`, `IPaddr2`, `IPv6addr` and the bare address.
    Address(AddressSpec),
    /// A script from one of the agent directories.
    Script {
        /// Its file name.
        name: String,
        /// What comes before the operation on its command line.
        arguments: Vec<String>,
    },
    /// An OCF agent: `ocf:PROVIDER:AGENT::name=value`.
    Ocf(OcfSpec),
    /// A unit of systemd by its name, `.service` may be left out: `systemd::NAME`.
    Unit(String),
}

impl ResourceSpec {
    pub(crate) fn means(&self) -> Means<'_> {
        match self {
            Self::Address(spec) => Means::Address(spec),
            Self::Script { name, arguments } => Means::Agent(Agent::Script { name, arguments }),
            Self::Ocf(spec) => Means::Agent(Agent::Ocf(spec)),
            Self::Unit(name) => Means::Agent(Agent::Unit(name)),
        }
    }
}

/// By what a resource is started and stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Means<'a> {
    /// By this process.
    Address(&'a AddressSpec),
    /// By a program.
    Agent(Agent<'a>),
}

impl fmt::Display for ResourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(spec) => spec.fmt(f),
            Self::Script { name, arguments } => {
                f.write_str(name)?;
                arguments.iter().try_for_each(|argument| write!(f, "::{argument}"))
            }
            Self::Ocf(spec) => spec.fmt(f),
            Self::Unit(name) => write!(f, "systemd::{name}"),
        }
    }
}

/// Resources that move together (failover.md 1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSpec {
    /// Name of the group in messages: its first resource as spelled.
    pub key: String,
    /// Started from first to last, stopped from last to first.
    pub resources: Vec<ResourceSpec>,
}

impl GroupSpec {
    /// The floating addresses of the group, in order.
    pub fn addresses(&self) -> impl Iterator<Item = &AddressSpec> {
        self.resources.iter().filter_map(|resource| match resource {
            ResourceSpec::Address(spec) => Some(spec),
            ResourceSpec::Script { .. } | ResourceSpec::Ocf(_) | ResourceSpec::Unit(_) => None,
        })
    }
}

/// The length of a mask written as a number or as a dotted quad without holes.
fn prefix_from(mask: &str) -> Option<u8> {
    let Ok(quad) = mask.parse::<Ipv4Addr>() else { return length_from(mask, 32) };
    let bits = quad.to_bits();
    let length = (bits.leading_ones() + bits.trailing_zeros() >= 32).then_some(bits.leading_ones())?;
    u8::try_from(length).ok().filter(|length| *length > 0)
}

fn length_from(text: &str, longest: u8) -> Option<u8> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let length = is_number.then(|| text.parse().ok()).flatten()?;
    (1..=longest).contains(&length).then_some(length)
}

/// The kernel's rule for interface names (`dev_valid_name`), less the colon.
fn is_interface_name(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c == '/' || c == ':';
    !name.is_empty() && name.len() <= 15 && name != "." && name != ".." && !name.contains(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> AddressSpec {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_form_of_the_parameter_is_read() {
        let address = IpAddr::V4(Ipv4Addr::new(10, 79, 0, 100));
        let bare = AddressSpec { address, prefix: None, interface: None, label: None, broadcast: None };
        assert_eq!(spec("10.79.0.100"), bare);
        let masked = AddressSpec { prefix: Some(25), ..bare };
        assert_eq!(spec("10.79.0.100/25"), masked);
        assert_eq!(spec("10.79.0.100/255.255.255.128"), masked);
        let on_e0 = AddressSpec { interface: Some("e0".into()), ..masked.clone() };
        assert_eq!(spec("10.79.0.100/25/e0"), on_e0);
        let labelled = AddressSpec { label: Some("www".into()), ..on_e0.clone() };
        assert_eq!(spec("10.79.0.100/25/e0:www"), labelled);
        let broadcast = Some(Ipv4Addr::new(10, 79, 0, 7));
        assert_eq!(spec("10.79.0.100/25/10.79.0.7"), AddressSpec { broadcast, ..masked });
        assert_eq!(spec("10.79.0.100/25/e0/10.79.0.7"), AddressSpec { broadcast, ..on_e0 });
        assert_eq!(spec("10.79.0.100/25/e0:www/10.79.0.7"), AddressSpec { broadcast, ..labelled });
    }

    #[test]
    fn every_form_of_the_ipv6_parameter_is_read() {
        let bare = spec("fd00::5");
        assert_eq!((bare.address, bare.prefix), ("fd00:0:0:0:0:0:0:5".parse().unwrap(), None));
        assert_eq!(spec("fd00::5/64"), AddressSpec { prefix: Some(64), ..bare.clone() });
        let on_e0 = AddressSpec { prefix: Some(128), interface: Some("0e".into()), ..bare };
        assert_eq!(spec("fd00::5/128/0e"), on_e0);
    }

    #[test]
    fn a_spec_is_shown_as_it_is_written() {
        for text in [
            "10.0.0.1",
            "10.0.0.1/24",
            "10.0.0.1/24/eth0:0/10.0.0.255",
            "10.0.0.1/24/10.0.0.255",
            "fd00::5/64/e0",
        ] {
            assert_eq!(spec(text).to_string(), text);
        }
        let script =
            ResourceSpec::Script { name: "datadisk".into(), arguments: vec!["r0".into(), "x".into()] };
        assert_eq!(script.to_string(), "datadisk::r0::x");
    }

    #[test]
    fn what_is_wrong_is_named() {
        type E = AddressSpecError;
        let cases = [
            ("", E::Address(String::new())),
            ("10.1.2.3junk", E::Address("10.1.2.3junk".into())),
            ("10.1.2", E::Address("10.1.2".into())),
            ("10.1.2.3/", E::Mask(String::new())),
            ("10.1.2.3//e0", E::Mask(String::new())),
            ("10.1.2.3/0", E::Mask("0".into())),
            ("10.1.2.3/33", E::Mask("33".into())),
            ("10.1.2.3/256", E::Mask("256".into())),
            ("10.1.2.3/+8", E::Mask("+8".into())),
            ("10.1.2.3/e0", E::Mask("e0".into())),
            ("10.1.2.3/255.0.255.0", E::Mask("255.0.255.0".into())),
            ("10.1.2.3/0.0.0.0", E::Mask("0.0.0.0".into())),
            ("10.1.2.3/24/", E::Interface(String::new())),
            ("10.1.2.3/24/:0", E::Interface(":0".into())),
            ("10.1.2.3/24/a-name-beyond-15", E::Interface("a-name-beyond-15".into())),
            ("10.1.2.3/24/10.1.2", E::Broadcast("10.1.2".into())),
            ("10.1.2.3/24/e0/e1", E::Broadcast("e1".into())),
            ("10.1.2.3/24/e0/10.1.2.255/x", E::Excess("x".into())),
            ("10.1.2.3/24/10.1.2.255/e0", E::Excess("e0".into())),
            ("fd00:5", E::Address("fd00:5".into())),
            ("fd00::5/", E::Prefix(String::new())),
            ("fd00::5/0", E::Prefix("0".into())),
            ("fd00::5/129", E::Prefix("129".into())),
            ("fd00::5/255.255.255.0", E::Prefix("255.255.255.0".into())),
            ("fd00::5/64/", E::Interface(String::new())),
            ("fd00::5/64/e0/x", E::Excess("x".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<AddressSpec>(), Err(expected), "{text}");
        }
    }
}
