//! Media that work on the loopback interface, with ports that need no privilege.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hb_sys::alloc_count::{Counting, measure};
use hb_transport::{Keeper, MAX_PAYLOAD, Medium, MediumSpec, OpenError, RECEIVE_BUFFER};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[cfg(test)]
fn bcast(interface: &str, port: u16) -> MediumSpec {
    MediumSpec::Bcast { interface: interface.to_owned(), port }
}

#[cfg(test)]
fn ucast(interface: &str, port: u16) -> MediumSpec {
    MediumSpec::Ucast { interface: interface.to_owned(), peer: Ipv4Addr::LOCALHOST, port }
}

#[cfg(test)]
fn ucast6(interface: &str, port: u16) -> MediumSpec {
    MediumSpec::Ucast6 { interface: interface.to_owned(), peer: Ipv6Addr::LOCALHOST, port }
}

/// Waits for a packet, within a limit that only a failure reaches.
#[cfg(test)]
fn wait(media: &[&Medium]) {
    let mut fds: Vec<_> = media.iter().map(|medium| PollFd::new(medium, PollFlags::IN)).collect();
    let ready = poll(&mut fds, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })).unwrap();
    assert!(ready > 0, "nothing came");
}

/// The next packet.
#[cfg(test)]
fn receive(medium: &Medium) -> Vec<u8> {
    let mut buffer = vec![0; RECEIVE_BUFFER];
    wait(&[medium]);
    let length = medium.try_recv(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

#[test]
fn own_packets_come_back() {
    for spec in [bcast("lo", 26_941), ucast("lo", 26_942), ucast6("lo", 26_952)] {
        let medium = Medium::open(&spec).unwrap();
        assert_eq!((medium.name(), medium.kind(), medium.spec()), ("lo", spec.kind(), &spec));
        for length in [5, 0, 9000, MAX_PAYLOAD] {
            let packet = vec![0xff; length];
            medium.try_send(&packet).unwrap();
            assert!(receive(&medium) == packet, "{spec}: {length} bytes");
        }
        assert_eq!(medium.try_recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn a_packet_that_is_too_long_is_an_error_and_no_end() {
    let medium = Medium::open(&ucast("lo", 26_943)).unwrap();
    let error = medium.try_send(&vec![0; MAX_PAYLOAD + 1]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(90), "EMSGSIZE");
    medium.try_send(b"next").unwrap();
    assert_eq!(receive(&medium), b"next");
}

#[test]
fn several_lines_share_a_port() {
    // One peer per line (`wire.md` 8.4): the kernel gives each packet to one of the sockets.
    let media = [Medium::open(&ucast("lo", 26_944)).unwrap(), Medium::open(&ucast("lo", 26_944)).unwrap()];
    let mut buffer = vec![0; RECEIVE_BUFFER];
    media[0].try_send(b"shared").unwrap();
    wait(&[&media[0], &media[1]]);
    let length = media.iter().find_map(|medium| medium.try_recv(&mut buffer).ok());
    assert_eq!(length, Some(b"shared".len()));
}

#[test]
fn sending_and_receiving_allocate_nothing() {
    let medium = Medium::open(&bcast("lo", 26_945)).unwrap();
    let mut buffer = vec![0; RECEIVE_BUFFER];
    for _ in 0..3 {
        let (sent, counts) = measure(|| medium.try_send(b"packet"));
        assert_eq!((sent.is_ok(), counts.calls), (true, 0));
        wait(&[&medium]);
        let (received, counts) = measure(|| medium.try_recv(&mut buffer));
        assert_eq!((received.ok(), counts.calls), (Some(6), 0));
    }
}

#[test]
fn what_is_missing_is_told() {
    for name in ["hb-none", "", "name-of-sixteen-", "a name"] {
        for make in [bcast, ucast, ucast6] {
            let spec = make(name, 26_947);
            let error = Medium::open(&spec).unwrap_err();
            assert!(
                matches!(&error, OpenError::NoInterface { interface } if interface == name),
                "{spec}: {error:?}"
            );
        }
    }
    let other = std::net::UdpSocket::bind("0.0.0.0:26948").unwrap();
    let error = Medium::open(&bcast("lo", 26_948)).unwrap_err();
    assert!(matches!(error, OpenError::PortInUse { port: 26_948, .. }), "{error:?}");
    drop(other);
}

/// What hears for it that nobody has the port (ICMP) is a socket of its own, which the keeper holds.
#[test]
fn nothing_stays_open_of_a_medium_that_is_dropped() {
    let keeper = Keeper::start(Arc::new(|_| ()), hb_sys::sched::Crew::default()).unwrap();
    let (medium, error) = keeper.open(&ucast("lo", 26_956)).unwrap();
    assert!(error.is_none());
    // Its far end, as the kernel lists it.
    let is_open = || fs::read_to_string("/proc/net/udp").unwrap().contains(" 0100007F:694C ");
    assert!(is_open());
    drop(medium);
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_open() {
        assert!(Instant::now() < deadline, "the keeper still has it");
        thread::sleep(Duration::from_millis(5));
    }
}
