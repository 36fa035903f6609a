//! `mcast6` and `ucast6` (`wire.md` 8.3, 8.5).

use std::net::{Ipv6Addr, SocketAddrV6};

use socket2::{Domain, Socket};

use super::{Attempt, Sockets};
use crate::error::OpenError;

/// Bytes asked for in the queues of each socket; the kernel may give less.
const QUEUE: usize = 1024 * 1024;

pub(super) fn mcast(
    attempt: &Attempt<'_>,
    group: Ipv6Addr,
    hops: u8,
    loopback: bool,
) -> Result<Sockets, OpenError> {
    let send = attempt.socket(Domain::IPV6)?;
    let index = attempt.index(&send)?;
    queues(attempt, &send)?;
    attempt.to("set IPV6_MULTICAST_IF", send.set_multicast_if_v6(index))?;
    attempt.to("set IPV6_MULTICAST_LOOP", send.set_multicast_loop_v6(loopback))?;
    attempt.to("set IPV6_MULTICAST_HOPS", send.set_multicast_hops_v6(hops.into()))?;

    let receive = attempt.socket(Domain::IPV6)?;
    attempt.to("set SO_REUSEADDR", receive.set_reuse_address(true))?;
    queues(attempt, &receive)?;
    attempt.bind_device(&receive)?;
    bind(attempt, &receive)?;
    attempt.to("join the multicast group", receive.join_multicast_v6(&group, index))?;
    // A link-local group needs the interface.
    Ok(Sockets::new(send, receive, SocketAddrV6::new(group, attempt.port, 0, index)))
}

pub(super) fn ucast(attempt: &Attempt<'_>, peer: Ipv6Addr) -> Result<Sockets, OpenError> {
    // First, so that the port to send from is another one.
    let receive = attempt.socket(Domain::IPV6)?;
    attempt.to("set SO_REUSEADDR", receive.set_reuse_address(true))?;
    queues(attempt, &receive)?;
    attempt.bind_device(&receive)?;
    attempt.to("set SO_REUSEPORT", receive.set_reuse_port(true))?;
    bind(attempt, &receive)?;

    let send = attempt.socket(Domain::IPV6)?;
    queues(attempt, &send)?;
    attempt.bind_device(&send)?;
    attempt.share_port(&send, SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0))?;
    let scope = if peer.is_unicast_link_local() { attempt.index(&send)? } else { 0 };
    Ok(Sockets::new(send, receive, SocketAddrV6::new(peer, attempt.port, 0, scope)))
}

fn queues(attempt: &Attempt<'_>, socket: &Socket) -> Result<(), OpenError> {
    attempt.to("set SO_SNDBUF", socket.set_send_buffer_size(QUEUE))?;
    attempt.to("set SO_RCVBUF", socket.set_recv_buffer_size(QUEUE))
}

fn bind(attempt: &Attempt<'_>, socket: &Socket) -> Result<(), OpenError> {
    attempt.to("set IPV6_V6ONLY", socket.set_only_v6(true))?;
    let any = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, attempt.port, 0, 0);
    attempt.to("bind the port", socket.bind(&any.into()))
}
