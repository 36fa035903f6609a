//! Datagrams with the time at which the kernel got them (`SO_TIMESTAMPNS`, `socket(7)`).

use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd as _};
use std::time::Duration;

use crate::switch;

/// A datagram that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Its length in bytes; what the buffer did not hold is lost.
    pub length: usize,
    /// When it came, since 1970 by the wall clock of that moment; nothing if the socket does not stamp.
    pub at: Option<Duration>,
}

/// From now on the socket tells of each datagram when it came.
///
/// # Errors
/// What the kernel says about a descriptor that is no socket.
pub fn stamp(socket: impl AsFd) -> io::Result<()> {
    switch::on(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)
}

/// Takes the next datagram without waiting.
///
/// # Errors
/// `WouldBlock` when there is none; else the kernel's answer.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Stamped> {
    let mut control = MaybeUninit::<Control>::uninit();
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: a `msghdr` of zeros is one without addresses and buffers.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of::<Control>();
    // SAFETY: the kernel writes at most `buffer.len()` bytes into `buffer` and at most the size of `control` into that;
    // both are ours alone and outlive the call.
    let received = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT) };
    let Ok(length) = usize::try_from(received) else { return Err(io::Error::last_os_error()) };
    Ok(Stamped { length, at: stamp_in(&header) })
}

/// The time stamp among the control messages that the kernel has just written.
fn stamp_in(header: &libc::msghdr) -> Option<Duration> {
    // SAFETY: `header` describes a control buffer that the kernel filled to the length that it wrote into `header`.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: not null, so a whole header lies there, within that buffer.
        let message = unsafe { next.read_unaligned() };
        if (message.cmsg_level, message.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
            // SAFETY: the content of a message of this kind is one `timespec`.
            let at = unsafe { libc::CMSG_DATA(next).cast::<libc::timespec>().read_unaligned() };
            return Some(Duration::new(at.tv_sec.try_into().ok()?, at.tv_nsec.try_into().ok()?));
        }
        // SAFETY: `next` came from this `header`.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
    None
}

/// Room for the control messages of a datagram, aligned as they must be.
#[repr(C)]
struct Control {
    _align: [libc::cmsghdr; 0],
    _room: [u8; 128],
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_datagram_has_the_time_at_which_it_came() {
        let (ours, theirs) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        stamp(&ours).unwrap();
        assert_eq!(receive(&ours, &mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let wall = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let before = wall();
        theirs.send_to(b"hello", ours.local_addr().unwrap()).unwrap();
        let between = wall();
        let mut buffer = [0; 8];
        let stamped = receive(&ours, &mut buffer).unwrap();
        assert_eq!((stamped.length, &buffer[..5]), (5, &b"hello"[..]));
        let at = stamped.at.unwrap();
        // The kernel may have learnt only after the datagram came that stamps are wanted; it then stamps at the read.
        assert!(before <= at && (at <= between || at <= wall()), "{before:?} {at:?} {between:?}");
    }

    #[test]
    fn a_socket_that_does_not_stamp_still_receives() {
        let (ours, theirs) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        theirs.send_to(b"hello", ours.local_addr().unwrap()).unwrap();
        assert_eq!(receive(&ours, &mut [0; 3]).unwrap(), Stamped { length: 3, at: None });
    }
}
