//! What the kernel knows about interfaces (`netdevice(7)`), and socket options about the way of packets.
//!
//! What the answers mean for a medium is decided by the caller.

use std::ffi::CStr;
use std::io;
use std::mem::zeroed;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd as _};

use crate::switch;

/// The IPv4 broadcast address of the interface as it was configured; 0.0.0.0 when it was given none.
///
/// # Errors
/// `ENODEV` when there is no such interface; `EADDRNOTAVAIL` when it has no IPv4 address; `EINVAL` for a name that
/// no interface can have.
pub fn broadcast_address(socket: impl AsFd, interface: &str) -> io::Result<Ipv4Addr> {
    address(&socket, libc::SIOCGIFBRDADDR, interface)
}

/// The first IPv4 address of the interface.
///
/// # Errors
/// As [`broadcast_address`].
pub fn ipv4_address(socket: impl AsFd, interface: &str) -> io::Result<Ipv4Addr> {
    address(&socket, libc::SIOCGIFADDR, interface)
}

/// The netmask of the first IPv4 address of the interface.
///
/// # Errors
/// As [`broadcast_address`].
pub fn netmask(socket: impl AsFd, interface: &str) -> io::Result<Ipv4Addr> {
    address(&socket, libc::SIOCGIFNETMASK, interface)
}

/// The hardware address of the interface, where it has one of 6 bytes; zeros for loopback.
///
/// # Errors
/// As [`broadcast_address`], for a missing interface or name.
pub fn hardware_address(socket: impl AsFd, interface: &str) -> io::Result<[u8; 6]> {
    let mut request = request(interface)?;
    control(&socket, libc::SIOCGIFHWADDR, &mut request)?;
    // SAFETY: the request fills in a `sockaddr` at the start of the union; any bytes are a valid one.
    let address = unsafe { request.ifr_ifru.ifru_hwaddr };
    let mut bytes = [0; 6];
    for (to, from) in bytes.iter_mut().zip(address.sa_data) {
        *to = from.cast_unsigned();
    }
    Ok(bytes)
}

/// Sets `SO_DONTROUTE`: packets go only to directly connected networks.
///
/// # Errors
/// None is known for a socket.
pub fn set_dont_route(socket: impl AsFd) -> io::Result<()> {
    switch::on(socket, libc::SOL_SOCKET, libc::SO_DONTROUTE)
}

/// Sets `IP_RECVERR`: a packet that a rule of the kernel takes away on its way out is then told to the sender, as
/// `ENOBUFS` (`ip(7)`).
///
/// # Errors
/// None is known for an IPv4 socket.
pub fn report_drops(socket: impl AsFd) -> io::Result<()> {
    switch::on(socket, libc::IPPROTO_IP, libc::IP_RECVERR)
}

/// Number and name of every interface of the network namespace.
///
/// # Errors
/// `ENOBUFS` when there is no memory for the answer.
pub fn all() -> io::Result<Vec<(u32, String)>> {
    // SAFETY: the call takes nothing; its answer is a list of our own until it is freed below.
    let list = unsafe { libc::if_nameindex() };
    if list.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut interfaces = Vec::new();
    let mut entry = list;
    // SAFETY: the list ends with an entry whose number is 0 and whose name is null; nothing behind it is looked at.
    while let libc::if_nameindex { if_index: 1.., if_name } = unsafe { *entry }
        && !if_name.is_null()
    {
        // SAFETY: the name of an entry ends with NUL and lives as long as the list.
        let name = unsafe { CStr::from_ptr(if_name) };
        // SAFETY: as above; `entry` is not the last one.
        interfaces.push((unsafe { *entry }.if_index, name.to_string_lossy().into_owned()));
        // SAFETY: there is at least the last entry behind this one.
        entry = unsafe { entry.add(1) };
    }
    // SAFETY: `list` came from `if_nameindex` and is freed once; nothing of it is used after this.
    unsafe { libc::if_freenameindex(list) };
    Ok(interfaces)
}

fn address(socket: &impl AsFd, what: libc::Ioctl, interface: &str) -> io::Result<Ipv4Addr> {
    let mut request = request(interface)?;
    control(socket, what, &mut request)?;
    // SAFETY: each request that is used here fills in an IPv4 `sockaddr_in` at the start of the union, whose
    // members all allow a `sockaddr` to be read; any bytes are a valid one.
    let address = unsafe { request.ifr_ifru.ifru_addr };
    let [_, _, first, second, third, fourth, ..] = address.sa_data;
    Ok(Ipv4Addr::from([first, second, third, fourth].map(libc::c_char::cast_unsigned)))
}

/// A request for the named interface, all else zero.
fn request(interface: &str) -> io::Result<libc::ifreq> {
    // SAFETY: zero bytes are a valid `ifreq`: an empty name and a union of plain numbers.
    let mut request: libc::ifreq = unsafe { zeroed() };
    let name = interface.as_bytes();
    if name.is_empty() || name.len() >= request.ifr_name.len() || name.contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name) {
        *to = from.cast_signed();
    }
    Ok(request)
}

fn control(socket: &impl AsFd, what: libc::Ioctl, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: all requests used in this module take an `ifreq`, whose name ends with NUL, and write only into it.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), what, &raw mut *request) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::{
        all, broadcast_address, hardware_address, ipv4_address, netmask, report_drops, set_dont_route,
    };

    #[test]
    fn loopback() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(ipv4_address(&socket, "lo").unwrap(), Ipv4Addr::LOCALHOST);
        assert_eq!(netmask(&socket, "lo").unwrap(), Ipv4Addr::new(255, 0, 0, 0));
        // Without a broadcast address there is an answer nevertheless.
        assert!(broadcast_address(&socket, "lo").is_ok());
        set_dont_route(&socket).unwrap();
        assert_eq!(hardware_address(&socket, "lo").unwrap(), [0; 6]);
    }

    #[test]
    fn loopback_is_among_all() {
        let interfaces = all().unwrap();
        assert!(interfaces.contains(&(1, "lo".to_owned())), "{interfaces:?}");
        report_drops(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
    }

    #[test]
    fn no_such_interface() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let error = broadcast_address(&socket, "hb-none").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
        for name in ["", "sixteen-letters-", "a\0b"] {
            let error = ipv4_address(&socket, name).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{name}");
        }
    }
}
