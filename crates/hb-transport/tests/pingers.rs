//! Ping members on the loopback interface of a network namespace: with the right to raw sockets, and with those that the
//! kernel lends to users.
//!
//! The test starts itself again under `unshare`, because a namespace belongs to a process.

use std::process::Command;

#[cfg(test)]
mod inside {
    use std::net::IpAddr;

    use hb_transport::{Heard, OpenError, PingKind, PingSpec, Pinger};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

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
