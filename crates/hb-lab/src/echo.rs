//! The service that a test cluster keeps available: a UDP responder that says whose host it runs on.
//!
//! It is bound to the floating addresses all the time, whether the host holds them or not; so whether it
//! answers depends only on whether packets for the address reach it. Or it is one of the many that can be bound only to what is there.

use std::ffi::OsStr;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, poll};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::chain;
use crate::probe::packet;

/// What the responder needs to know; its only argument, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EchoSpec {
    pub(crate) node: String,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) port: u16,
    /// Whether it binds addresses that are not there.
    pub(crate) binds_freely: bool,
}

/// Answers until it is killed.
pub(crate) fn run(argument: &OsStr) -> Result<(), String> {
    let spec: EchoSpec =
        serde_json::from_slice(argument.as_encoded_bytes()).map_err(chain("the echo's argument"))?;
    // So that the machine's load does not look like an outage; refused to ordinary users.
    let _refused = hb_sys::sched::set_fifo(1);
    let sockets = spec
        .addresses
        .iter()
        .map(|address| open(SocketAddr::new(*address, spec.port), spec.binds_freely))
        .collect::<io::Result<Vec<_>>>()
        .map_err(chain("bind the echo's sockets"))?;
    loop {
        let mut waiting: Vec<_> = sockets.iter().map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        match poll(&mut waiting, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(chain("wait for probes")(error)),
        }
        for (socket, ready) in sockets.iter().zip(&waiting) {
            if !ready.revents().is_empty() {
                answer(socket.as_fd(), &spec.node);
            }
        }
    }
}

fn open(address: SocketAddr, binds_freely: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_freebind_v6(binds_freely)?;
    } else {
        socket.set_freebind_v4(binds_freely)?;
    }
    socket.set_nonblocking(true)?;
    roomy(&socket);
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// Room for what comes while the process does not run; more than the system's limit only for root.
pub(crate) fn roomy(socket: impl AsFd) {
    use rustix::net::sockopt;
    if sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER).is_err() {
        // Never refused, only cut to the limit.
        let _cut = sockopt::set_socket_recv_buffer_size(&socket, BUFFER);
    }
}

/// Answers what waits, at most some at a time so that one address does not starve another.
fn answer(socket: BorrowedFd<'_>, node: &str) {
    use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};
    let mut buffer = [0; 256];
    for _ in 0..64 {
        let Ok((length, _, Some(from))) = recvfrom(socket, &mut buffer, RecvFlags::empty()) else { return };
        if let Some(answer) = buffer.get(..length).and_then(|probe| packet::answer(probe, node)) {
            // The address may just have gone: then there is no answer, as it should be.
            let _gone = sendto(socket, &answer, SendFlags::empty(), &from);
        }
    }
}

/// Bytes; a small datagram takes nearly a thousand of them.
const BUFFER: usize = 4 << 20;
