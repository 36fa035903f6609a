//! Addresses of `haresources`: `ADDRESS[/MASK[/INTERFACE or BROADCAST[/BROADCAST]]]` for IPv4 (`failover.md` 1.3),
//! `ADDRESS[/PREFIX[/INTERFACE]]` for IPv6 (2.5 there).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nom::bytes::complete::{tag, take_till};
use nom::multi::separated_list1;
use nom::{IResult, Parser};

use crate::checked::AddressSpec;

/// Why parameters are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressError {
    /// The first part.
    #[error("the first part is not an IPv4 address")]
    Address,
    /// The second part.
    #[error("the mask must be 1 to 32 or a dotted mask such as 255.255.255.0")]
    Mask,
    /// The third part is empty, or a colon without an interface before it.
    #[error("the third part is neither an interface nor a broadcast address")]
    Interface,
    /// A broadcast address that is none.
    #[error("the broadcast address is not an IPv4 address")]
    Broadcast,
    /// More than four parts, or something behind a broadcast address.
    #[error("there are too many parts")]
    TooMany,
    /// The first part where IPv6 is expected.
    #[error("the first part is not an IPv6 address")]
    Address6,
    /// The second part of an IPv6 address.
    #[error("the prefix must be 1 to 128")]
    Prefix6,
    /// The third part of an IPv6 address is empty.
    #[error("the third part is not an interface")]
    Interface6,
}

/// Whether a word counts as an address: four parts that begin with digits, whatever follows each of them.
pub(super) fn looks_like_address(word: &[u8]) -> bool {
    let dots = word.windows(2).filter(|pair| matches!(pair, [b'.', b'0'..=b'9'])).count();
    word.first().is_some_and(u8::is_ascii_digit) && dots >= 3
}

/// Whether a word without a name counts as an IPv6 address. Written short it needs its prefix, because `db2::1` may as
/// well be a script with a parameter.
pub(super) fn looks_like_ipv6(word: &str) -> bool {
    let (address, rest) = word.split_once('/').map_or((word, None), |(address, rest)| (address, Some(rest)));
    (rest.is_some() || !word.contains("::")) && address.parse::<Ipv6Addr>().is_ok()
}

/// Reads the parameter of `IPv6addr`: all behind the first `::`, so that the short form of an address may be used.
pub(super) fn parse_ipv6(text: &str) -> Result<AddressSpec, AddressError> {
    let mut parts = text.split('/');
    let address = parts.next().and_then(|part| part.parse().ok()).ok_or(AddressError::Address6)?;
    let prefix = match parts.next() {
        None => None,
        Some(part) if part.bytes().all(|byte| byte.is_ascii_digit()) => {
            let bits = part.parse().ok().filter(|bits| (1..=128).contains(bits));
            Some(bits.ok_or(AddressError::Prefix6)?)
        }
        Some(_) => return Err(AddressError::Prefix6),
    };
    let interface = parts.next().map(str::to_owned);
    if interface.as_deref() == Some("") {
        return Err(AddressError::Interface6);
    }
    if parts.next().is_some() {
        return Err(AddressError::TooMany);
    }
    Ok(AddressSpec { address: IpAddr::V6(address), prefix, interface, label: None, broadcast: None })
}

/// Reads the one parameter of `IPaddr`.
pub(super) fn parse_address(text: &str) -> Result<AddressSpec, AddressError> {
    let parts: IResult<&str, Vec<&str>> = separated_list1(tag("/"), take_till(|c| c == '/')).parse(text);
    let (_, parts) = parts.map_err(|_| AddressError::Address)?;
    let mut parts = parts.into_iter();
    let address = parts.next().and_then(|part| part.parse().ok()).map(IpAddr::V4);
    let address = address.ok_or(AddressError::Address)?;
    let prefix = parts.next().map(|part| parse_mask(part).ok_or(AddressError::Mask)).transpose()?;
    let mut spec = AddressSpec { address, prefix, interface: None, label: None, broadcast: None };
    let mut broadcast = None;
    if let Some(third) = parts.next() {
        if third.starts_with(|first: char| first.is_ascii_digit()) {
            broadcast = Some(third);
        } else {
            let (interface, label) = match third.split_once(':') {
                Some((interface, label)) => (interface, Some(label)),
                None => (third, None),
            };
            if interface.is_empty() {
                return Err(AddressError::Interface);
            }
            spec.interface = Some(interface.to_owned());
            spec.label = label.filter(|label| !label.is_empty()).map(str::to_owned);
            broadcast = parts.next();
        }
    }
    if parts.next().is_some() {
        return Err(AddressError::TooMany);
    }
    spec.broadcast = broadcast.map(|text| text.parse().map_err(|_| AddressError::Broadcast)).transpose()?;
    Ok(spec)
}

/// Bits, or a dotted mask without holes.
fn parse_mask(text: &str) -> Option<u8> {
    let bits = if text.contains('.') {
        let mask = u32::from(text.parse::<Ipv4Addr>().ok()?);
        (mask.leading_ones() + mask.trailing_zeros() >= 32).then_some(mask.leading_ones())?
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()?
    } else {
        return None;
    };
    u8::try_from(bits).ok().filter(|bits| (1..=32).contains(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, AddressError> {
        parse_address(text).map(|spec| {
            let part = |part: Option<String>| part.unwrap_or_else(|| "-".into());
            format!(
                "{} {} {} {} {}",
                spec.address,
                part(spec.prefix.map(|prefix| prefix.to_string())),
                part(spec.interface),
                part(spec.label),
                part(spec.broadcast.map(|broadcast| broadcast.to_string()))
            )
        })
    }

    #[test]
    fn good_parameters() {
        for (text, expected) in [
            ("10.79.0.100", "10.79.0.100 - - - -"),
            ("10.79.0.100/25", "10.79.0.100 25 - - -"),
            ("10.79.0.100/255.255.255.0", "10.79.0.100 24 - - -"),
            ("10.79.0.100/24/10.79.0.7", "10.79.0.100 24 - - 10.79.0.7"),
            ("10.79.0.100/24/e0", "10.79.0.100 24 e0 - -"),
            ("10.79.0.100/24/e0:1", "10.79.0.100 24 e0 1 -"),
            ("10.79.0.100/24/e0:", "10.79.0.100 24 e0 - -"),
            ("10.79.0.100/24/e0/10.79.0.255", "10.79.0.100 24 e0 - 10.79.0.255"),
            ("192.0.2.9/32", "192.0.2.9 32 - - -"),
            ("192.0.2.9/255.255.255.255", "192.0.2.9 32 - - -"),
        ] {
            assert_eq!(shown(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn bad_parameters() {
        for (text, expected) in [
            ("", AddressError::Address),
            ("10.1.2.3junk", AddressError::Address),
            ("10.1.2", AddressError::Address),
            ("10.1.2.3/", AddressError::Mask),
            ("10.1.2.3//e0", AddressError::Mask),
            ("10.1.2.3/0", AddressError::Mask),
            ("10.1.2.3/33", AddressError::Mask),
            ("10.1.2.3/255.0.255.0", AddressError::Mask),
            ("10.1.2.3/0.0.0.0", AddressError::Mask),
            ("10.1.2.3/+24", AddressError::Mask),
            ("10.1.2.3/24/", AddressError::Interface),
            ("10.1.2.3/24/:1", AddressError::Interface),
            ("10.1.2.3/24/1.2.3", AddressError::Broadcast),
            ("10.1.2.3/24/e0/x", AddressError::Broadcast),
            ("10.1.2.3/24/10.1.2.255/e0", AddressError::TooMany),
            ("10.1.2.3/24/e0/10.1.2.255/x", AddressError::TooMany),
        ] {
            assert_eq!(shown(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn what_counts_as_an_address() {
        for word in ["10.1.2.3", "10.1.2.3/24/eth0", "10.1.2.3junk", "1x.2y.3z.4", "1.2.3.4.5"] {
            assert!(looks_like_address(word.as_bytes()), "{word}");
        }
        for word in ["", "www", "10.1.2", "a10.1.2.3", "10.1.2.x", "IPaddr::10.1.2.3"] {
            assert!(!looks_like_address(word.as_bytes()), "{word}");
        }
    }

    #[test]
    fn ipv6_parameters() {
        let shown = |text: &str| {
            parse_ipv6(text)
                .map(|spec| (spec.address.to_string(), spec.prefix, spec.interface.unwrap_or_default()))
        };
        let good = |prefix, interface: &str| Ok(("fd00::5".to_owned(), prefix, interface.to_owned()));
        assert_eq!(shown("fd00::5"), good(None, ""));
        assert_eq!(shown("fd00:0:0:0:0:0:0:5/64"), good(Some(64), ""));
        assert_eq!(shown("FD00::5/128/eth0"), good(Some(128), "eth0"));
        for (text, expected) in [
            ("", AddressError::Address6),
            ("10.0.0.1", AddressError::Address6),
            ("fd00", AddressError::Address6),
            ("fd00::5/", AddressError::Prefix6),
            ("fd00::5//eth0", AddressError::Prefix6),
            ("fd00::5/0", AddressError::Prefix6),
            ("fd00::5/129", AddressError::Prefix6),
            ("fd00::5/ffff::", AddressError::Prefix6),
            ("fd00::5/64/", AddressError::Interface6),
            ("fd00::5/64/eth0/x", AddressError::TooMany),
        ] {
            assert_eq!(shown(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn what_counts_as_an_ipv6_address() {
        for word in ["fd00::5/64", "fd00::5/64/eth0", "fd00:0:0:0:0:0:0:5", "fd00:0:0:0:0:0:0:5/64/eth0"] {
            assert!(looks_like_ipv6(word), "{word}");
        }
        for word in ["", "db2::1", "fd00::5", "IPv6addr::fd00::5/64", "www", "10.0.0.1/24", "a/b"] {
            assert!(!looks_like_ipv6(word), "{word}");
        }
    }
}
