//! Media that take a whole line: `ucast`, `ucast6`, `mcast`, `mcast6`, `ping_group` (`config.md` 4.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checked::{Medium, PingKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::line::{Words, is_blank, words};
use crate::source::Word;
use crate::value::parse_number;

use super::HaCf;
use super::media::{add, add_ping_node, current_port, has_interface, interface_exists, unresolvable};
use super::nodes::member_name;

/// `ucast IF HOST`; further words are ignored.
pub(super) fn ucast(cf: &mut HaCf<'_>, rest: Word<'_>) {
    let Some((interface, host)) = two_words(cf, rest, "the peer's address") else { return };
    let port = current_port(cf);
    let port = *cf.draft.ports.ucast.get_or_insert(port);
    let exists = interface_exists(cf, interface);
    let Some(peer) = cf.lookup.resolve(&host.lossy()) else {
        unresolvable(cf, host);
        return;
    };
    cf.draft.fixed_addresses.insert(peer, host.mark);
    if exists {
        let medium = Medium::Ucast { interface: interface.lossy(), peer: IpAddr::V4(peer), port };
        let _ = add(cf, medium, rest.mark);
    }
}

/// `ucast6 IF ADDR`: a numeric IPv6 address of one other host.
pub(super) fn ucast6(cf: &mut HaCf<'_>, rest: Word<'_>) {
    let Some((interface, peer)) = two_words(cf, rest, "the peer's IPv6 address") else { return };
    let port = current_port(cf);
    let port = *cf.draft.ports.ucast6.get_or_insert(port);
    let exists = interface_exists(cf, interface);
    let address = address_text(peer)
        .and_then(|text| text.parse::<Ipv6Addr>().ok())
        .filter(|address| !address.is_unspecified() && !address.is_loopback() && !address.is_multicast());
    let Some(address) = address else {
        bad_address(cf, peer, "is not the IPv6 address of another host");
        return;
    };
    if exists {
        let medium = Medium::Ucast { interface: interface.lossy(), peer: IpAddr::V6(address), port };
        let _ = add(cf, medium, rest.mark);
    }
}

/// `mcast IF GROUP PORT TTL LOOP`; further words are ignored.
pub(super) fn mcast(cf: &mut HaCf<'_>, rest: Word<'_>) {
    multicast(cf, rest, |text| {
        let group = text.parse::<Ipv4Addr>().ok();
        group.filter(Ipv4Addr::is_multicast).map(IpAddr::V4)
    });
}

/// `mcast6 IF GROUP PORT HOPS LOOP`; further words are ignored.
pub(super) fn mcast6(cf: &mut HaCf<'_>, rest: Word<'_>) {
    multicast(cf, rest, |text| text.parse().ok().filter(is_usable_group).map(IpAddr::V6));
}

/// `wire.md` 8.3: flags 0 or 1, scope 2, 4, 5 or 8, and the rest is not zero.
fn is_usable_group(group: &Ipv6Addr) -> bool {
    let [first, rest @ ..] = group.segments();
    matches!(first & 0xfff0, 0xff00 | 0xff10)
        && matches!(first & 0xf, 2 | 4 | 5 | 8)
        && rest.iter().any(|part| *part != 0)
}

fn multicast(cf: &mut HaCf<'_>, rest: Word<'_>, group_of: fn(&str) -> Option<IpAddr>) {
    let mut parts = words(rest, is_blank);
    let Some(interface) = next(cf, &mut parts, "an interface") else { return };
    let exists = has_interface(cf, interface);
    let Some(group_word) = next(cf, &mut parts, "a multicast group") else { return };
    let group = address_text(group_word).and_then(group_of);
    if group.is_none() {
        bad_address(cf, group_word, "is not a multicast group that can be used");
    }
    let Some(port) = next(cf, &mut parts, "a port") else { return };
    let port = wrapped_number(cf, port, "port", 65536, 1..=65535);
    let Some(ttl) = next(cf, &mut parts, "a TTL") else { return };
    let ttl = wrapped_number(cf, ttl, "TTL", 256, 0..=4);
    let Some(looped) = next(cf, &mut parts, "a loop flag") else { return };
    let loopback = match parse_number(looped.text).value {
        0 => false,
        1 => true,
        _ => {
            cf.draft.doubts.media = true;
            cf.bad_line(Code::BadNumber, Some(looped.mark), || {
                format!("the loop flag is 0 or 1, not {}", quoted(looped.text))
            });
            return;
        }
    };
    if let (true, Some(group), Some(port), Some(ttl)) = (exists, group, port, ttl) {
        let _ =
            add(cf, Medium::Mcast { interface: interface.lossy(), group, port, ttl, loopback }, rest.mark);
    }
}

/// `ping_group NAME HOST...`; hosts that cannot be resolved are accepted.
pub(super) fn ping_group(cf: &mut HaCf<'_>, rest: Word<'_>) {
    let mut parts = words(rest, is_blank);
    let Some(name) = next(cf, &mut parts, "a name") else { return };
    let mut members = 0;
    let mut hosts = Vec::new();
    for host in parts.by_ref() {
        members += 1;
        if let Some(address) = cf.lookup.resolve(&host.lossy()) {
            cf.draft.fixed_addresses.insert(address, host.mark);
            if !hosts.contains(&IpAddr::V4(address)) {
                hosts.push(IpAddr::V4(address));
            }
        } else {
            cf.warning(host.mark, || {
                let message = format!("member {} of the ping group cannot be resolved", quoted(host.text));
                Diagnostic::warning(Code::PingMemberUnknown, message)
                    .hint("give its IPv4 address, or a name that stands in /etc/hosts")
            });
        }
    }
    if members == 0 {
        missing(cf, "at least one host");
    } else if let Some(name) = member_name(cf, name) {
        add_ping_node(cf, PingKind::Group, name, hosts, rest.mark);
    }
}

/// Interface and one word more.
fn two_words<'a>(cf: &mut HaCf<'_>, rest: Word<'a>, second: &str) -> Option<(Word<'a>, Word<'a>)> {
    let mut parts = words(rest, is_blank);
    let interface = next(cf, &mut parts, "an interface")?;
    let other = next(cf, &mut parts, second)?;
    Some((interface, other))
}

/// The next word, or nothing after reporting that it is missing.
fn next<'a>(cf: &mut HaCf<'_>, parts: &mut Words<'a>, what: &str) -> Option<Word<'a>> {
    let word = parts.next();
    if word.is_none() {
        missing(cf, what);
    }
    word
}

fn missing(cf: &mut HaCf<'_>, what: &str) {
    cf.draft.doubts.media = true;
    let name = cf.directive.name;
    cf.bad_line(Code::MediumArguments, None, || format!("`{name}` lacks {what}"));
}

fn bad_address(cf: &mut HaCf<'_>, word: Word<'_>, problem: &str) {
    cf.draft.doubts.media = true;
    cf.bad_line(Code::BadMediumAddress, Some(word.mark), || format!("{} {problem}", quoted(word.text)));
}

fn address_text(word: Word<'_>) -> Option<&str> {
    std::str::from_utf8(word.text).ok()
}

/// A number that 3.0.6 keeps in a small integer: taken modulo `modulus`, then checked; nothing if it is bad.
fn wrapped_number<T: TryFrom<i32>>(
    cf: &mut HaCf<'_>,
    word: Word<'_>,
    what: &str,
    modulus: i32,
    range: std::ops::RangeInclusive<i32>,
) -> Option<T> {
    let number = parse_number(word.text);
    let value = number.value.rem_euclid(modulus);
    if !range.contains(&value) {
        cf.draft.doubts.media = true;
        let (first, last) = (range.start(), range.end());
        cf.bad_line(Code::BadNumber, Some(word.mark), || {
            format!("the {what} is a number from {first} to {last}, not {}", quoted(word.text))
        });
        return None;
    }
    if value != number.value || number.ignored > 0 {
        cf.warning(word.mark, || {
            Diagnostic::warning(
                Code::PartlyRead,
                format!("the {what} {} is read as {value}", quoted(word.text)),
            )
            .hint(format!("write `{value}`"))
        });
    }
    T::try_from(value).ok()
}
