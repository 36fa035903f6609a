//! Options of the sockets on the loopback interface; what they do is tested with packets elsewhere.

use std::net::{Ipv4Addr, Ipv6Addr};

use socket2::Socket;

use super::Sockets;
use crate::MediumSpec;

/// `SO_BROADCAST`, `IP_TOS`, `SO_REUSEADDR`, `SO_REUSEPORT` of a socket.
fn options(socket: &Socket) -> (bool, u32, bool, bool) {
    assert!(socket.nonblocking().unwrap());
    let (broadcast, tos) = (socket.broadcast().unwrap(), socket.tos_v4().unwrap());
    (broadcast, tos, socket.reuse_address().unwrap(), socket.reuse_port().unwrap())
}

fn is_on_loopback(socket: &Socket) -> bool {
    socket.device().unwrap().as_deref() == Some(&b"lo"[..])
}

#[test]
fn options_are_those_of_3_0_6() {
    let interface = || "lo".to_owned();
    let bcast = Sockets::open(&MediumSpec::Bcast { interface: interface(), port: 26_938 }).unwrap();
    assert_eq!(options(&bcast.send), (true, 0, false, false));
    assert_eq!(options(&bcast.receive), (false, 0, true, false));
    assert!(is_on_loopback(&bcast.send) && is_on_loopback(&bcast.receive));

    let peer = Ipv4Addr::LOCALHOST;
    let ucast = Sockets::open(&MediumSpec::Ucast { interface: interface(), peer, port: 26_939 }).unwrap();
    assert_eq!(options(&ucast.send), (false, 0x10, false, true));
    assert_eq!(options(&ucast.receive), (false, 0, true, true));
    assert!(is_on_loopback(&ucast.send) && is_on_loopback(&ucast.receive));

    let group = Ipv4Addr::new(239, 0, 0, 43);
    let spec = MediumSpec::Mcast { interface: interface(), group, port: 26_937, ttl: 3, loopback: false };
    let mcast = Sockets::open(&spec).unwrap();
    assert_eq!(options(&mcast.send), (false, 0, false, false));
    assert_eq!(mcast.send.multicast_if_v4().unwrap(), Ipv4Addr::LOCALHOST);
    assert_eq!((mcast.send.multicast_ttl_v4().unwrap(), mcast.send.multicast_loop_v4().unwrap()), (3, false));
    assert!(!is_on_loopback(&mcast.send));
    assert_eq!(options(&mcast.receive), (false, 0, true, false));
    let bound = mcast.receive.local_addr().unwrap().as_socket_ipv4().unwrap();
    assert_eq!((*bound.ip(), bound.port()), (group, 26_937));
}

#[test]
fn options_are_those_of_3_0_6_with_ipv6() {
    let interface = || "lo".to_owned();
    let peer = Ipv6Addr::LOCALHOST;
    let ucast = Sockets::open(&MediumSpec::Ucast6 { interface: interface(), peer, port: 26_936 }).unwrap();
    assert!(is_on_loopback(&ucast.send) && is_on_loopback(&ucast.receive));
    assert_eq!((ucast.receive.reuse_address().unwrap(), ucast.receive.reuse_port().unwrap()), (true, true));
    // Our own, as `refusal` needs it.
    assert_eq!((ucast.send.reuse_address().unwrap(), ucast.send.reuse_port().unwrap()), (false, true));
    assert!(ucast.receive.only_v6().unwrap());

    let group = "ff12::43:1".parse().unwrap();
    let spec = MediumSpec::Mcast6 { interface: interface(), group, port: 26_935, hops: 2, loopback: true };
    let mcast = Sockets::open(&spec).unwrap();
    assert_eq!((mcast.send.multicast_hops_v6().unwrap(), mcast.send.multicast_loop_v6().unwrap()), (2, true));
    assert_eq!(mcast.send.multicast_if_v6().unwrap(), 1);
    assert!(!is_on_loopback(&mcast.send));
    assert_eq!((mcast.receive.reuse_address().unwrap(), mcast.receive.reuse_port().unwrap()), (true, false));
    let bound = mcast.receive.local_addr().unwrap().as_socket_ipv6().unwrap();
    assert_eq!((*bound.ip(), bound.port()), (Ipv6Addr::UNSPECIFIED, 26_935));
}
