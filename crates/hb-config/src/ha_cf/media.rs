//! Media that take lists: `bcast`, `serial`, `ping`, `ping6`; and `udpport` and `baud` that go with them (`config.md` 4.2, 4.3).

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use crate::checked::{Medium, PingKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::host::{InterfaceState, PathKind};
use crate::source::{Mark, Word};
use crate::suggest::{nearest, nearest_number};
use crate::value::parse_number;

use super::behaviour::given_twice;
use super::draft::AwaitedInterface;
use super::nodes::{count_member, member_name};
use super::{HaCf, path_of};

/// Media of one node, ping nodes included; 3.0.6 dies after its start with one more.
const MOST_MEDIA: usize = 63;
/// Bytes in the longest name of an interface.
const LONGEST_NAME: usize = 15;
/// Speed of a serial line that none was given for.
const DEFAULT_RATE: u32 = 19200;
/// Speeds of serial lines: those of 3.0.6, up to 460800, and the higher ones that hardware has.
const RATES: [i32; 18] = [
    9600, 19200, 38400, 57600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000,
    1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
];

pub(super) fn baud(cf: &mut HaCf<'_>, word: Word<'_>) {
    if let Some(first) = cf.draft.baud {
        given_twice(cf, word, first);
        return;
    }
    cf.draft.baud = Some(word.mark);
    let number = parse_number(word.text);
    if !RATES.contains(&number.value) {
        cf.bad_value_with(Code::BadBaud, word, || {
            let meant = nearest_number(number.value, &RATES).filter(|_| number.digits > 0)?;
            let others = RATES.map(|rate| rate.to_string()).join(", ");
            Some(format!("did you mean `baud {meant}`? The speeds are {others}"))
        });
        return;
    }
    let rate = cf.number(Code::BadBaud, word, 9600..=4_000_000);
    cf.draft.baud_rate = rate.and_then(|rate| u32::try_from(rate).ok());
    if let Some(serial) = cf.draft.serial {
        let source = cf.source;
        cf.warning(word.mark, || {
            Diagnostic::warning(
                Code::NoEffectHere,
                "`baud` has no effect on serial lines that stand before it",
            )
            .second(source.place(serial), "keeps its speed")
            .hint("move `baud` above `serial`")
        });
    }
}

pub(super) fn udpport(cf: &mut HaCf<'_>, word: Word<'_>) {
    let Some(port) = cf.number(Code::BadPort, word, 1..=65535).and_then(|port| u16::try_from(port).ok())
    else {
        cf.draft.udpport.set(None, word.mark);
        return;
    };
    if let Some(service) =
        cf.lookup.service_at_udp_port(port).filter(|service| *service != "ha-cluster").map(str::to_owned)
    {
        cf.warning(word.mark, || {
            let message =
                format!("UDP port {port} is reserved for the service {}", quoted(service.as_bytes()));
            Diagnostic::warning(Code::PortReserved, message).hint("the usual port is 694")
        });
    }
    let fixed = cf.draft.ports;
    if [fixed.bcast, fixed.ucast, fixed.ucast6, fixed.ppp]
        .into_iter()
        .flatten()
        .any(|earlier| earlier != port)
    {
        cf.warning(word.mark, || {
            Diagnostic::warning(
                Code::NoEffectHere,
                "`udpport` has no effect on kinds of media that stand before it",
            )
            .hint("move `udpport` above the first medium")
        });
    }
    cf.draft.udpport.set(Some(port), word.mark);
}

pub(super) fn udp(cf: &mut HaCf<'_>, word: Word<'_>) {
    cf.warning(word.mark, || {
        Diagnostic::warning(Code::OldUdp, "`udp` is read as `bcast`, its new name")
            .hint(format!("write `bcast {}`", word.lossy()))
    });
    bcast(cf, word);
}

pub(super) fn bcast(cf: &mut HaCf<'_>, word: Word<'_>) {
    let port = current_port(cf);
    let port = *cf.draft.ports.bcast.get_or_insert(port);
    if has_interface(cf, word) {
        let medium = Medium::Bcast { interface: word.lossy(), port };
        let _ = add(cf, medium, word.mark);
    }
}

pub(super) fn serial(cf: &mut HaCf<'_>, word: Word<'_>) {
    if let Some((path, baud)) = terminal(cf, word) {
        let _ = add(cf, Medium::Serial { path, baud }, word.mark);
    }
}

/// A serial port and the speed that it has here; nothing after reporting that it is none.
pub(super) fn terminal(cf: &mut HaCf<'_>, word: Word<'_>) -> Option<(PathBuf, u32)> {
    cf.draft.serial = Some(word.mark);
    let path = path_of(word);
    let problem = if path.is_relative() {
        "is not a full path"
    } else {
        match cf.lookup.path(path).map(|facts| facts.kind) {
            None => "does not exist",
            Some(PathKind::Terminal) => {
                return Some((path.to_owned(), cf.draft.baud_rate.unwrap_or(DEFAULT_RATE)));
            }
            Some(PathKind::CharacterDevice) => "is not a terminal device",
            Some(PathKind::File | PathKind::Directory | PathKind::Other) => "is not a character device",
        }
    };
    cf.draft.doubts.media = true;
    // Looking for it costs time, and only kept errors are shown.
    let meant = if cf.report.has_room_for_errors() { serial_meant(cf, word) } else { String::new() };
    cf.error(word.mark, || {
        Diagnostic::error(Code::BadSerial, format!("serial port {} {problem}", quoted(word.text))).hint(meant)
    });
    None
}

/// A serial port that exists and whose name is near: `/dev/ttyS1` for `/dev/ttys1` or `ttyS1`.
fn serial_meant(cf: &mut HaCf<'_>, word: Word<'_>) -> String {
    if parse_number(word.text).ignored == 0 {
        return format!("a speed is set by a line of its own above this one: `baud {}`", word.lossy());
    }
    let text = word.lossy();
    let name = text.rsplit('/').next().unwrap_or_default();
    let number = name.trim_start_matches(|character: char| !character.is_ascii_digit());
    let candidates = [format!("/dev/{name}"), format!("/dev/ttyS{number}"), "/dev/ttyS0".to_owned()];
    for candidate in candidates {
        let kind = cf.lookup.path(std::path::Path::new(&candidate)).map(|facts| facts.kind);
        if kind == Some(PathKind::Terminal) && candidate != text {
            return format!("did you mean `{} {candidate}`?", cf.directive.name);
        }
    }
    format!("{}; /dev/ttyS0 is the first serial port (with a capital S)", cf.directive.hint())
}

pub(super) fn ping(cf: &mut HaCf<'_>, word: Word<'_>) {
    let Some(name) = member_name(cf, word) else { return };
    let Some(address) = cf.lookup.resolve(name) else {
        unresolvable(cf, word);
        return;
    };
    cf.draft.fixed_addresses.insert(address, word.mark);
    add_ping_node(cf, PingKind::Ping, name, vec![IpAddr::V4(address)], word.mark);
}

pub(super) fn ping6(cf: &mut HaCf<'_>, word: Word<'_>) {
    let Some(name) = member_name(cf, word) else { return };
    let Ok(address) = name.parse::<Ipv6Addr>() else {
        cf.draft.doubts.media = true;
        cf.bad_value(Code::BadMediumAddress, word);
        return;
    };
    add_ping_node(cf, PingKind::Ping6, name, vec![IpAddr::V6(address)], word.mark);
}

/// A ping node is a medium and an entry of the node list.
pub(super) fn add_ping_node(cf: &mut HaCf<'_>, kind: PingKind, name: &str, hosts: Vec<IpAddr>, mark: Mark) {
    if !add(cf, Medium::Ping { kind, name: name.to_owned(), hosts }, mark) || !count_member(cf, mark) {
        return;
    }
    if let Some((_, first)) = cf.draft.ping_nodes.iter().find(|(known, _)| known == name) {
        let (source, first) = (cf.source, *first);
        cf.warning(mark, || {
            let message = format!("ping node {} is named twice", quoted(name.as_bytes()));
            Diagnostic::warning(Code::NodeTwice, message)
                .second(source.place(first), "first named here")
                .hint("name it once")
        });
    }
    cf.draft.ping_nodes.push((name.to_owned(), mark));
}

/// Adds a medium; false, after reporting it, if there are too many.
pub(super) fn add(cf: &mut HaCf<'_>, medium: Medium, mark: Mark) -> bool {
    if cf.draft.media.len() >= MOST_MEDIA {
        cf.error(mark, || {
            Diagnostic::error(
                Code::TooManyMedia,
                "this is the 64th medium; at most 63 are possible, ping nodes included",
            )
            .hint("`bcast` or `mcast` reaches all nodes of a network by one medium")
        });
        return false;
    }
    warn_if_twice(cf, &medium, mark);
    cf.draft.media.push((medium, mark));
    true
}

fn warn_if_twice(cf: &mut HaCf<'_>, medium: &Medium, mark: Mark) {
    // Ping nodes have a warning of their own.
    let is_ping = matches!(medium, Medium::Ping { .. });
    let source = cf.source;
    let earlier = cf.draft.media.iter().find(|(known, _)| known == medium && !is_ping);
    let Some((_, earlier)) = earlier else { return };
    let earlier = *earlier;
    cf.warning(mark, || {
        Diagnostic::warning(Code::MediumTwice, "this medium is given twice: every message goes out twice")
            .second(source.place(earlier), "first given here")
            .hint("delete one of the two")
    });
}

/// The UDP port that a kind of medium fixes when it is used for the first time.
pub(super) fn current_port(cf: &HaCf<'_>) -> u16 {
    if let Some(port) = cf.draft.udpport.value() {
        return *port;
    }
    cf.draft.default_port
}

/// Whether the medium of this interface is to be kept: if there is none of that name, or it has no IPv4 address, it may
/// come later; what that means is decided when all media are known.
pub(super) fn has_interface(cf: &mut HaCf<'_>, word: Word<'_>) -> bool {
    match cf.lookup.interface(&word.lossy()) {
        InterfaceState::Usable => true,
        InterfaceState::Absent => is_awaited(cf, word, "does not exist"),
        InterfaceState::NoAddress => is_awaited(cf, word, "has no IPv4 address"),
    }
}

/// The same for media that need no IPv4 address.
pub(super) fn interface_exists(cf: &mut HaCf<'_>, word: Word<'_>) -> bool {
    match cf.lookup.interface(&word.lossy()) {
        InterfaceState::Usable | InterfaceState::NoAddress => true,
        InterfaceState::Absent => is_awaited(cf, word, "does not exist"),
    }
}

/// Something that no interface will ever be called is an error in any case.
fn is_awaited(cf: &mut HaCf<'_>, word: Word<'_>, problem: &'static str) -> bool {
    let awaited = AwaitedInterface { mark: word.mark, problem, directive: cf.directive.name };
    let can_be = word.text.len() <= LONGEST_NAME
        && parse_number(word.text).ignored > 0
        && word.text.iter().all(|byte| byte.is_ascii_graphic() && !b"/:".contains(byte));
    if can_be {
        cf.draft.awaited.push(awaited);
    } else {
        report_interface(cf, awaited, false);
    }
    can_be
}

/// Reports an interface that is not there: an error, or a warning if the medium can be waited for.
pub(super) fn report_interface(cf: &mut HaCf<'_>, interface: AwaitedInterface, can_wait: bool) {
    let AwaitedInterface { mark, problem, directive } = interface;
    let (source, host) = (cf.source, cf.lookup.host());
    let text = source.bytes().get(mark.start..mark.end).unwrap_or_default();
    let make = || {
        let message = format!("network interface {} {problem}", quoted(text));
        if can_wait {
            let known = host.interfaces().join(", ");
            let hint = format!("it is used as soon as it is there; this machine has {known}");
            return Diagnostic::warning(Code::BadInterface, message).hint(hint);
        }
        let diagnostic = Diagnostic::error(Code::BadInterface, message);
        let known = host.interfaces();
        if parse_number(text).ignored == 0 {
            let text = String::from_utf8_lossy(text);
            return diagnostic
                .hint(format!("a port is set by a line of its own above this one: `udpport {text}`"));
        }
        match nearest(text, known.iter().map(String::as_str)).filter(|near| near.as_bytes() != text) {
            Some(near) => diagnostic
                .hint(format!("did you mean `{directive} {near}`? This machine has {}", known.join(", "))),
            None => diagnostic.hint(format!("this machine has {}", known.join(", "))),
        }
    };
    if can_wait {
        cf.warning(mark, make);
    } else {
        cf.draft.doubts.media = true;
        cf.error(mark, make);
    }
}

/// Reports a host that has no IPv4 address.
pub(super) fn unresolvable(cf: &mut HaCf<'_>, word: Word<'_>) {
    cf.draft.doubts.media = true;
    cf.error(word.mark, || {
        let host = word.lossy();
        let diagnostic =
            Diagnostic::error(Code::Unresolvable, format!("host {} cannot be resolved", quoted(word.text)));
        match host.rsplit_once(':') {
            Some((address, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                diagnostic.hint(format!(
                    "write `{address}`, and the port on a line of its own above this one: `udpport {port}`"
                ))
            }
            _ => diagnostic.hint("give its IPv4 address, or a name that stands in /etc/hosts"),
        }
    });
}
