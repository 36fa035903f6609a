//! `bcast`, `mcast` and `ucast` (`wire.md` 8.1, 8.2, 8.4).

use std::net::{Ipv4Addr, SocketAddrV4};

use hb_sys::interface;
use socket2::{Domain, Socket};

use super::{Attempt, Sockets};
use crate::error::OpenError;

/// `IPTOS_LOWDELAY`.
const LOW_DELAY: u32 = 0x10;

pub(super) fn bcast(attempt: &Attempt<'_>) -> Result<Sockets, OpenError> {
    let send = attempt.socket(Domain::IPV4)?;
    attempt.to("allow broadcasts", send.set_broadcast(true))?;
    attempt.to("set SO_DONTROUTE", interface::set_dont_route(&send))?;
    attempt.bind_device(&send)?;
    let address = broadcast_address(attempt, &send)?;

    let receive = attempt.socket(Domain::IPV4)?;
    attempt.to("set SO_REUSEADDR", receive.set_reuse_address(true))?;
    attempt.bind_device(&receive)?;
    bind(attempt, &receive, Ipv4Addr::UNSPECIFIED)?;
    Ok(Sockets::new(send, receive, SocketAddrV4::new(address, attempt.port)))
}

pub(super) fn mcast(
    attempt: &Attempt<'_>,
    group: Ipv4Addr,
    ttl: u8,
    loopback: bool,
) -> Result<Sockets, OpenError> {
    let send = attempt.socket(Domain::IPV4)?;
    let address = attempt.ipv4_address(&send)?;
    attempt.to("set IP_MULTICAST_IF", send.set_multicast_if_v4(&address))?;
    attempt.to("set IP_MULTICAST_LOOP", send.set_multicast_loop_v4(loopback))?;
    attempt.to("set IP_MULTICAST_TTL", send.set_multicast_ttl_v4(ttl.into()))?;

    let receive = attempt.socket(Domain::IPV4)?;
    attempt.to("set SO_REUSEADDR", receive.set_reuse_address(true))?;
    attempt.bind_device(&receive)?;
    bind(attempt, &receive, group)?;
    attempt.to("join the multicast group", receive.join_multicast_v4(&group, &address))?;
    Ok(Sockets::new(send, receive, SocketAddrV4::new(group, attempt.port)))
}

pub(super) fn ucast(attempt: &Attempt<'_>, peer: Ipv4Addr) -> Result<Sockets, OpenError> {
    // First, so that the port to send from is another one.
    let receive = attempt.socket(Domain::IPV4)?;
    attempt.to("set SO_REUSEADDR", receive.set_reuse_address(true))?;
    attempt.bind_device(&receive)?;
    attempt.to("set SO_REUSEPORT", receive.set_reuse_port(true))?;
    bind(attempt, &receive, Ipv4Addr::UNSPECIFIED)?;

    let send = attempt.socket(Domain::IPV4)?;
    attempt.to("set the type of service", send.set_tos_v4(LOW_DELAY))?;
    attempt.bind_device(&send)?;
    attempt.share_port(&send, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
    Ok(Sockets::new(send, receive, SocketAddrV4::new(peer, attempt.port)))
}

fn bind(attempt: &Attempt<'_>, socket: &Socket, address: Ipv4Addr) -> Result<(), OpenError> {
    attempt.to("bind the port", socket.bind(&SocketAddrV4::new(address, attempt.port).into()))
}

/// The configured broadcast address, or, where there is none, that of the network.
///
/// 3.0.6 takes 0.0.0.0 as it comes, and then no peer hears it.
fn broadcast_address(attempt: &Attempt<'_>, socket: &Socket) -> Result<Ipv4Addr, OpenError> {
    let action = "read the addresses of the interface";
    let configured = attempt.to(action, interface::broadcast_address(socket, attempt.interface))?;
    if !configured.is_unspecified() {
        return Ok(configured);
    }
    let address = attempt.ipv4_address(socket)?;
    let netmask = attempt.to(action, interface::netmask(socket, attempt.interface))?;
    let hosts = !netmask;
    if hosts.to_bits().count_ones() < 2 {
        return Err(OpenError::NoBroadcast { interface: attempt.interface.to_owned() });
    }
    Ok(address | hosts)
}
