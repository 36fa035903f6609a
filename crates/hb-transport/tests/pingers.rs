//! Ping members on the loopback interface of a network namespace: with the right to raw sockets, and with those that the
//! kernel lends to users.
//!
//! The test starts itself again under `unshare`, because a namespace belongs to a process.

use std::process::Command;

#[cfg(test)]
mod inside {
    use std::net::{IpAddr, SocketAddr};

    use hb_transport::{Echo, EchoRefusal, Family, Heard, OpenError, PingKind, PingSpec, Pinger};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use socket2::{Domain, Protocol, Socket, Type};

    fn spec(kind: PingKind, hosts: &[&str]) -> PingSpec {
        let hosts = hosts.iter().map(|host| host.parse::<IpAddr>().unwrap()).collect();
        PingSpec { kind, name: "host".to_owned(), hosts }
    }

    fn is_readable(pinger: &Pinger, wait: Timespec) -> bool {
        poll(&mut [PollFd::new(pinger, PollFlags::IN)], Some(&wait)).unwrap() == 1
    }

    /// What comes next, within a second.
    fn hear(pinger: &Pinger) -> (Heard, Vec<u8>) {
        assert!(is_readable(pinger, Timespec { tv_sec: 1, tv_nsec: 0 }), "no answer");
        let mut buffer = vec![0; 4096];
        let heard = pinger.listen(&mut buffer).unwrap();
        let payload = match &heard {
            Heard::Answer { payload, at, .. } => {
                assert!(at.is_some());
                buffer[payload.clone()].to_vec()
            }
            Heard::Again | Heard::Refused(_) => Vec::new(),
        };
        (heard, payload)
    }

    pub(crate) fn asks_and_hears() {
        const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        for (kind, host) in [(PingKind::Ping, "127.0.0.1"), (PingKind::Ping6, "::1")] {
            let mut pinger = Pinger::open(&spec(kind, &[host]), 0).unwrap();
            let mut other = Pinger::open(&spec(kind, &[host]), 1).unwrap();
            for number in 0..3_u16 {
                pinger.ask(&[b'x'; 200]).unwrap();
                let (heard, payload) = hear(&pinger);
                assert!(matches!(heard, Heard::Answer { sequence, .. } if sequence == number), "{heard:?}");
                assert_eq!(payload, [b'x'; 200]);
                pinger.settle(number);
                assert!(!is_readable(&pinger, NOW), "requests are not heard");
            }
            other.ask(b"y").unwrap();
            assert!(matches!(hear(&other), (Heard::Answer { sequence: 0, .. }, payload) if payload == b"y"));
        }
        let mut group =
            Pinger::open(&spec(PingKind::Group, &["127.0.0.1", "127.0.0.2", "192.0.2.1"]), 3).unwrap();
        group.ask(b"z").unwrap();
        let (first, _) = hear(&group);
        assert!(matches!(first, Heard::Answer { sequence: 0, .. }), "{first:?}");
        group.settle(0);
        assert_eq!(hear(&group).0, Heard::Again);

        let mut nobody = Pinger::open(&spec(PingKind::Group, &[]), 4).unwrap();
        nobody.ask(b"z").unwrap_err();
        // A host that was not asked: what it says does not even wake anybody.
        let mut other = Pinger::open(&spec(PingKind::Group, &["127.0.0.3"]), 5).unwrap();
        other.ask(b"z").unwrap();
        hear(&other);
        assert!(!is_readable(&nobody, NOW) && !is_readable(&group, NOW));
        let mut away = Pinger::open(&spec(PingKind::Ping, &["192.0.2.1"]), 6).unwrap();
        assert_eq!(
            rustix::io::Errno::from_io_error(&away.ask(b"z").unwrap_err()),
            Some(rustix::io::Errno::NETUNREACH)
        );
    }

    /// A reply from 127.0.0.`from`, with the identifier of this process's first member and a good sum.
    fn forge(from: u8, sequence: u16, payload: &[u8]) {
        let [low, high, ..] = std::process::id().to_le_bytes();
        let mut echo = Echo::new(Family::V4, u16::from_le_bytes([low, high]).to_ne_bytes(), false);
        let mut packet = Vec::new();
        for _ in 0..=sequence {
            echo.request_into(payload, &mut packet);
        }
        packet[0] = 0;
        let (sum, carry) = u16::from_be_bytes([packet[2], packet[3]]).overflowing_add(0x800);
        packet[2..4].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
        let liar = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        liar.bind(&SocketAddr::from(([127, 0, 0, from], 0)).into()).unwrap();
        liar.send_to(&packet, &SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    }

    /// Who knows everything but the key is heard, and spoils nothing.
    pub(crate) fn hears_liars() {
        const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut pinger = Pinger::open(&spec(PingKind::Ping, &["127.0.0.1"]), 0).unwrap();
        forge(1, 0, b"before it was asked");
        assert_eq!(hear(&pinger).0, Heard::Refused(EchoRefusal::NotAsked));
        forge(9, 0, b"from another host");
        assert!(!is_readable(&pinger, NOW));
        pinger.ask(b"true").unwrap();
        forge(1, 0, b"rubbish");
        let mut heard = [hear(&pinger).1, hear(&pinger).1];
        heard.sort();
        assert_eq!(
            heard,
            [b"rubbish".to_vec(), b"true".to_vec()],
            "rubbish does not take the place of the answer"
        );
        pinger.settle(0);
        forge(1, 0, b"again");
        assert_eq!(hear(&pinger).0, Heard::Refused(EchoRefusal::AnsweredBefore));
    }

    pub(crate) fn is_forbidden() {
        let error = Pinger::open(&spec(PingKind::Ping, &["127.0.0.1"]), 0).unwrap_err();
        assert!(matches!(error, OpenError::Permission { .. }), "{error:?}");
    }
}

#[test]
fn in_a_namespace() {
    const INSIDE: &str = "HB_TEST_INSIDE";
    match std::env::var(INSIDE).as_deref() {
        Ok("forbidden") => return inside::is_forbidden(),
        Ok("raw") => {
            inside::asks_and_hears();
            return inside::hears_liars();
        }
        Ok(_) => return inside::asks_and_hears(),
        Err(_) => {}
    }
    let without = "setpriv --bounding-set=-net_raw --inh-caps=-net_raw --ambient-caps=-net_raw";
    for (case, prepare, with) in [
        ("raw", "true", ""),
        ("lent", "echo 0 0 > /proc/sys/net/ipv4/ping_group_range", without),
        // As it is unless somebody lends them.
        ("forbidden", "true", without),
    ] {
        let script = format!(
            "ip link set lo up && {prepare} && exec {with} \"$0\" --exact in_a_namespace --nocapture"
        );
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-c", &script]).arg(std::env::current_exe().unwrap());
        let output = command.env(INSIDE, case).output().unwrap();
        assert!(output.status.success(), "{case}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
