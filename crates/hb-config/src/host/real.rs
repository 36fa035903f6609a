//! The machine that we run on. Files under `/etc` and `/proc` are read; nothing is changed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs, UdpSocket};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use super::{Host, InterfaceState, PathFacts, PathKind, Route};

/// This machine. Users and groups are those of `/etc/passwd` and `/etc/group`; those of a directory service are not seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealHost;

impl Host for RealHost {
    fn node_name(&self) -> String {
        // One line that ends in LF; the kernel's own name, so it is right inside a UTS namespace too.
        let name = fs::read("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = name.strip_suffix(b"\n").unwrap_or(&name);
        String::from_utf8_lossy(name).into_owned()
    }

    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let expected = file.metadata().map_or(0, |metadata| usize::try_from(metadata.len()).unwrap_or(limit));
        let mut bytes = Vec::with_capacity(expected.min(limit) + 1);
        file.take(u64::try_from(limit).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn metadata(&self, path: &Path) -> io::Result<PathFacts> {
        let metadata = fs::metadata(path)?;
        let kind = metadata.file_type();
        let kind = if kind.is_file() {
            PathKind::File
        } else if kind.is_dir() {
            PathKind::Directory
        } else if kind.is_char_device() {
            if is_terminal(metadata.rdev()) { PathKind::Terminal } else { PathKind::CharacterDevice }
        } else {
            PathKind::Other
        };
        Ok(PathFacts { kind, mode: metadata.permissions().mode() & 0o7777 })
    }

    fn entries(&self, path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<_> = names.take(MOST_ENTRIES).collect();
        names.sort();
        names
    }

    fn interface(&self, name: &str) -> InterfaceState {
        // Only used to ask the kernel; nothing is sent.
        let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)) else { return InterfaceState::Absent };
        match hb_sys::interface::broadcast_address(&socket, name) {
            Ok(_) => InterfaceState::Usable,
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => InterfaceState::NoAddress,
            Err(_) => InterfaceState::Absent,
        }
    }

    fn interfaces(&self) -> Vec<String> {
        interface_names()
    }

    fn routes(&self) -> Vec<Route> {
        let table = fs::read_to_string("/proc/thread-self/net/route").unwrap_or_default();
        table.lines().filter_map(route).take(MOST_ROUTES).collect()
    }

    fn user_exists(&self, name: &str) -> bool {
        first_fields("/etc/passwd").iter().any(|known| known == name)
    }

    fn group_exists(&self, name: &str) -> bool {
        first_fields("/etc/group").iter().any(|known| known == name)
    }

    fn resolve(&self, name: &str) -> Option<Ipv4Addr> {
        (name, 0).to_socket_addrs().ok()?.find_map(|address| match address.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
    }

    fn udp_port_of(&self, service: &str) -> Option<u16> {
        services()
            .into_iter()
            .find(|(_, names)| names.iter().any(|name| name == service))
            .map(|(port, _)| port)
    }

    fn service_at_udp_port(&self, port: u16) -> Option<String> {
        services()
            .into_iter()
            .find(|(known, _)| *known == port)
            .and_then(|(_, names)| names.into_iter().next())
    }
}

/// By the kernel's table of terminal drivers. Opening the device to ask it would start a watchdog that stands there.
fn is_terminal(device: u64) -> bool {
    let major = (device >> 8 & 0xfff) | (device >> 32 & !0xfff);
    let minor = (device & 0xff) | (device >> 12 & !0xff);
    let table = fs::read_to_string("/proc/tty/drivers").unwrap_or_default();
    table.lines().any(|line| {
        // The first two columns may contain blanks: driver, device, major, minor or range of minors, type.
        let mut columns = line.split_whitespace().rev().skip(1);
        let (Some(minors), Some(driver)) = (columns.next(), columns.next()) else { return false };
        let (first, last) = minors.split_once('-').unwrap_or((minors, minors));
        let within = first.parse().is_ok_and(|first: u64| first <= minor)
            && last.parse().is_ok_and(|last: u64| minor <= last);
        within && driver.parse() == Ok(major)
    })
}

/// The interfaces of the network namespace of this thread; `/sys/class/net` may belong to another one.
fn interface_names() -> Vec<String> {
    let table = fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    table.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().to_owned()).collect()
}

/// A row of `/proc/net/route`: interface, destination, gateway, flags, three numbers, mask; addresses in hexadecimal,
/// their bytes as they lie in memory. The heading, rows that reject and unused ones are left out.
fn route(row: &str) -> Option<Route> {
    let mut columns = row.split_ascii_whitespace();
    let interface = columns.next()?;
    let mut next = || u32::from_str_radix(columns.next()?, 16).ok();
    let (destination, _gateway, flags) = (next()?, next()?, next()?);
    let mask = u32::from_str_radix(columns.nth(3)?, 16).ok()?;
    let address = |bits: u32| Ipv4Addr::from(bits.to_ne_bytes());
    let is_used = flags & ROUTE_UP != 0 && flags & ROUTE_REJECT == 0;
    let prefix = u8::try_from(address(mask).to_bits().count_ones()).ok()?;
    let is_direct = flags & ROUTE_GATEWAY == 0 && prefix > 0;
    let route =
        Route { interface: interface.to_owned(), destination: address(destination), prefix, is_direct };
    is_used.then_some(route)
}

/// Flags of `route(8)`.
const ROUTE_UP: u32 = 0x1;
const ROUTE_GATEWAY: u32 = 0x2;
const ROUTE_REJECT: u32 = 0x200;
/// Names of a directory that are looked at.
const MOST_ENTRIES: usize = 4096;
/// Rows that are looked at.
const MOST_ROUTES: usize = 4096;

/// The names in a file such as `/etc/passwd`.
fn first_fields(path: &str) -> Vec<String> {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().filter_map(|line| line.split(':').next()).map(str::to_owned).collect()
}

/// UDP lines of `/etc/services`: port, then name and aliases.
fn services() -> Vec<(u16, Vec<String>)> {
    let bytes = fs::read("/etc/services").unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let name = words.next()?;
            let port = words.next()?.strip_suffix("/udp")?.parse().ok()?;
            Some((port, std::iter::once(name).chain(words).map(str::to_owned).collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_routing_table() {
        let row = |text: &str| {
            route(text).map(|route| {
                format!("{} {}/{} {}", route.interface, route.destination, route.prefix, route.is_direct)
            })
        };
        let heading = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
        assert_eq!(row(heading), None);
        if cfg!(target_endian = "little") {
            let direct = "eth0\t0001510A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0";
            assert_eq!(row(direct).unwrap(), "eth0 10.81.1.0/24 true");
            let default = "eth0\t00000000\t0101510A\t0003\t0\t0\t0\t00000000\t0\t0\t0";
            assert_eq!(row(default).unwrap(), "eth0 0.0.0.0/0 false");
            assert_eq!(row(&direct.replace("\t0001\t", "\t0201\t")), None);
        }
    }

    #[test]
    fn this_machine_answers() {
        let host = RealHost;
        assert!(!host.node_name().is_empty());
        assert_eq!(host.interface("lo"), InterfaceState::Usable);
        assert_eq!(host.interface("no-such-if"), InterfaceState::Absent);
        assert!(host.user_exists("root") && !host.user_exists("no-such-user"));
        assert!(host.group_exists("root"));
        assert_eq!(host.resolve("127.0.0.1"), Some(Ipv4Addr::LOCALHOST));
        let kind = |path: &str| host.metadata(Path::new(path)).map(|facts| facts.kind).ok();
        assert_eq!(kind("/dev/null"), Some(PathKind::CharacterDevice));
        assert_eq!(kind("/"), Some(PathKind::Directory));
        assert_eq!(kind("/no/such/path"), None);
        assert!(host.entries(Path::new("/proc/self")).contains(&"status".to_owned()));
        assert!(host.entries(Path::new("/no/such/path")).is_empty());
        assert_eq!(host.read(Path::new("/dev/zero"), 10).map(|bytes| bytes.len()).ok(), Some(10));
    }
}
