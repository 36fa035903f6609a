//! Broadcast and multicast on interfaces of a network namespace that the tests make for themselves.
//!
//! The test starts itself again under `unshare`, because a namespace belongs to a process.

use std::process::Command;

#[cfg(test)]
mod inside {
    use std::io::ErrorKind;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::sync::{Arc, mpsc};
    use std::time::{Duration, Instant, SystemTime};

    use hb_transport::{Happening, Hint, Keeper, Medium, MediumSpec, Notice, OpenError, RECEIVE_BUFFER};
    use rtnetlink::packet_route::AddressFamily;
    use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
    use rtnetlink::{Handle, LinkUnspec, LinkVeth};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    pub(crate) async fn run() {
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        addresses(&handle).await;
        network_down(&handle).await;
        interface_recreated(&handle).await;
        multicast(&handle).await;
        doorbells(&handle).await;
        carrier(&handle).await;
    }

    /// The other end of the cable is set down and up again, and then this end.
    async fn carrier(handle: &Handle) {
        let index = pair(handle).await;
        address(handle, index, [10, 99, 0, 1], 24, Some([10, 99, 0, 255])).await;
        let (sender, notices) = mpsc::channel();
        let keeper = Keeper::start(
            Arc::new(move |notice| sender.send(notice).unwrap()),
            hb_sys::sched::Crew::default(),
        )
        .unwrap();
        let group = Ipv4Addr::new(239, 0, 0, 43);
        let interface = "hb0".to_owned();
        let mcast = MediumSpec::Mcast { interface, group, port: 694, ttl: 1, loopback: true };
        let media = [spec(), mcast].map(|spec| keeper.open(&spec).unwrap().0);
        let limit = Duration::from_secs(10);
        for name in ["hb1", "hb0"] {
            down(handle, name).await;
            assert_eq!(notices.recv_timeout(limit).unwrap().to_string(), "hb0: no carrier");
            until(|| media.iter().all(|medium| matches!(medium.hints()[..], [Hint::NoCarrier { .. }])));
            up(handle, name).await;
            assert_eq!(notices.recv_timeout(limit).unwrap().to_string(), "hb0: carrier is back");
            until(|| media.iter().all(|medium| medium.hints().is_empty()));
        }
        assert!(notices.try_recv().is_err(), "each is told once, however many media an interface has");
        remove(handle, index).await;
    }

    fn until(is_true: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_true() {
            assert!(begun.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn spec() -> MediumSpec {
        MediumSpec::Bcast { interface: "hb0".to_owned(), port: 694 }
    }

    /// A pair of interfaces, both up; returns the index of `hb0`.
    async fn pair(handle: &Handle) -> u32 {
        handle.link().add(LinkVeth::new("hb0", "hb1").build()).execute().await.unwrap();
        for name in ["hb1", "hb0"] {
            up(handle, name).await;
        }
        index("hb0")
    }

    async fn up(handle: &Handle, name: &str) {
        handle.link().set(LinkUnspec::new_with_name(name).up().build()).execute().await.unwrap();
    }

    async fn down(handle: &Handle, name: &str) {
        handle.link().set(LinkUnspec::new_with_name(name).down().build()).execute().await.unwrap();
    }

    fn index(name: &str) -> u32 {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        rustix::net::netdevice::name_to_index(socket, name).unwrap()
    }

    async fn address(handle: &Handle, index: u32, address: [u8; 4], prefix: u8, broadcast: Option<[u8; 4]>) {
        let mut request = handle.address().add(index, IpAddr::from(address), prefix);
        let attributes = &mut request.message_mut().attributes;
        attributes.retain(|attribute| !matches!(attribute, AddressAttribute::Broadcast(_)));
        attributes.extend(broadcast.map(|broadcast| AddressAttribute::Broadcast(Ipv4Addr::from(broadcast))));
        request.execute().await.unwrap();
    }

    fn works(medium: &Medium) {
        medium.try_send(b"hello").unwrap();
        receives(medium);
    }

    fn receives(medium: &Medium) {
        let mut buffer = vec![0; RECEIVE_BUFFER];
        let mut fds = [PollFd::new(medium, PollFlags::IN)];
        let limit = Timespec { tv_sec: 10, tv_nsec: 0 };
        assert_eq!(poll(&mut fds, Some(&limit)).unwrap(), 1, "{}: nothing came", medium.spec());
        let length = medium.try_recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"hello");
    }

    async fn remove(handle: &Handle, index: u32) {
        handle.link().del(index).execute().await.unwrap();
    }

    async fn addresses(handle: &Handle) {
        let index = pair(handle).await;
        let error = Medium::open(&spec()).unwrap_err();
        assert!(matches!(error, OpenError::NoAddress { .. }), "{error:?}");
        address(handle, index, [10, 99, 0, 1], 32, None).await;
        let error = Medium::open(&spec()).unwrap_err();
        assert!(matches!(error, OpenError::NoBroadcast { .. }), "{error:?}");
        remove(handle, index).await;

        for broadcast in [Some([10, 99, 0, 255]), None] {
            let index = pair(handle).await;
            address(handle, index, [10, 99, 0, 1], 24, broadcast).await;
            works(&Medium::open(&spec()).unwrap());
            remove(handle, index).await;
        }
    }

    /// The packets of several media with one port come back on their own medium only, and only where they shall.
    async fn multicast(handle: &Handle) {
        std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0").unwrap();
        let index = pair(handle).await;
        address(handle, index, [10, 99, 0, 1], 24, Some([10, 99, 0, 255])).await;
        ipv6_works();
        let other = self::index("hb1");
        address(handle, other, [10, 98, 0, 1], 24, Some([10, 98, 0, 255])).await;
        let (group, group6) = (Ipv4Addr::new(239, 0, 0, 43), "ff12::43:1".parse().unwrap());
        let mcast = |interface: &str, loopback| {
            let interface = interface.to_owned();
            MediumSpec::Mcast { interface, group, port: 694, ttl: 1, loopback }
        };
        let mcast6 = |loopback| {
            let interface = "hb0".to_owned();
            MediumSpec::Mcast6 { interface, group: group6, port: 694, hops: 1, loopback }
        };
        let specs = [spec(), mcast("hb0", true), mcast6(true), mcast("hb1", true)];
        let media = specs.each_ref().map(|spec| Medium::open(spec).unwrap());
        for medium in &media {
            works(medium);
        }
        let nothing = |medium: &Medium| {
            let error = medium.try_recv(&mut [0; 16]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "{}", medium.spec());
        };
        media[1..].iter().for_each(nothing);
        for (loud, quiet) in [(mcast("hb0", true), mcast("hb0", false)), (mcast6(true), mcast6(false))] {
            assert_eq!((loud.hears_itself(), quiet.hears_itself()), (true, false));
            let (loud, quiet) = (Medium::open(&loud).unwrap(), Medium::open(&quiet).unwrap());
            quiet.try_send(b"unheard").unwrap();
            works(&loud);
            receives(&quiet);
            nothing(&quiet);
        }
        for spec in [mcast("no", true), MediumSpec::Bcast { interface: "no".to_owned(), port: 694 }] {
            let error = Medium::open(&spec).unwrap_err();
            assert!(matches!(error, OpenError::NoInterface { .. }), "{error:?}");
        }
        remove(handle, index).await;
    }

    /// What is in a hurry rings, in every family; heartbeats and acknowledgements are only there.
    async fn doorbells(handle: &Handle) {
        let index = pair(handle).await;
        address(handle, index, [10, 99, 0, 1], 24, Some([10, 99, 0, 255])).await;
        ipv6_works();
        up(handle, "lo").await;
        let keeper =
            Keeper::start(Arc::new(|_| ()), hb_sys::sched::Crew::default()).unwrap().with_doorbells();
        let interface = || "hb0".to_owned();
        let (group, group6) = (Ipv4Addr::new(239, 0, 0, 43), "ff12::43:1".parse().unwrap());
        for spec in [
            spec(),
            MediumSpec::Mcast { interface: interface(), group, port: 694, ttl: 1, loopback: true },
            MediumSpec::Mcast6 { interface: interface(), group: group6, port: 694, hops: 1, loopback: true },
            MediumSpec::Ucast { interface: "lo".to_owned(), peer: Ipv4Addr::LOCALHOST, port: 694 },
            MediumSpec::Ucast6 { interface: "lo".to_owned(), peer: Ipv6Addr::LOCALHOST, port: 694 },
        ] {
            assert!(Medium::open(&spec).unwrap().doorbell().is_none(), "{spec}: only where it is wanted");
            let (medium, error) = keeper.open(&spec).unwrap();
            assert!(error.is_none(), "{spec}: {error:?}");
            let bell = medium.doorbell().unwrap();
            let rings =
                || poll(&mut [PollFd::new(&bell, PollFlags::IN)], Some(&Timespec::default())) == Ok(1);
            let (heartbeat, early) =
                ("###\n11:(0)t=status,12:(0)st=active,8:", "###\n11:(0)t=status,8:(0)st=up,9:");
            let acknowledgement = "###\n14:(0)t=NS_ackmsg,8:";
            for (packet, hurry) in [
                (heartbeat, false),
                (acknowledgement, false),
                (early, true),
                (&heartbeat[..35], false),
                ("###\n11:(0)t=status,12:(0)st=activE,8:", true),
                ("###\n14:(0)t=NS_rexmit,8:", true),
                (">>>\nt=status\nst=active\ndt=3e8\nprotocol=1\n", true),
                ("hello, this is a packet of another kind", true),
            ] {
                medium.try_send(packet.as_bytes()).unwrap();
                let mut fds = [PollFd::new(&medium, PollFlags::IN)];
                let limit = Timespec { tv_sec: 10, tv_nsec: 0 };
                assert_eq!(poll(&mut fds, Some(&limit)).unwrap(), 1, "{spec}: nothing came");
                // It rings before the packet is there, so it has rung by now if it does.
                assert_eq!(rings(), hurry, "{spec}: {packet}");
                medium.answer_doorbell();
                assert!(!rings(), "{spec}: answered");
                let mut buffer = [0; 64];
                let (length, at) = medium.try_recv_stamped(&mut buffer).unwrap();
                assert_eq!(&buffer[..length], packet.as_bytes());
                let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH + at.unwrap()).unwrap();
                assert!(age < Duration::from_secs(10), "{age:?}");
            }
        }
        remove(handle, index).await;
    }

    /// The kernel gives an interface its link-local address a moment after it came up.
    fn ipv6_works() {
        let begun = Instant::now();
        loop {
            let table = std::fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap();
            let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            // The fifth column has the flags; 40 is "tentative".
            if rows.any(|row| row[5] == "hb0" && u32::from_str_radix(row[4], 16).unwrap() & 0x40 == 0) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{table}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends fail while the network is away, and work again afterwards with the same sockets.
    async fn network_down(handle: &Handle) {
        let index = pair(handle).await;
        address(handle, index, [10, 99, 0, 1], 24, Some([10, 99, 0, 255])).await;
        let medium = Medium::open(&spec()).unwrap();
        works(&medium);
        down(handle, "hb0").await;
        medium.try_send(b"lost").unwrap_err();
        assert_eq!(medium.try_recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
        up(handle, "hb0").await;
        works(&medium);
        remove(handle, index).await;
    }

    /// The keeper tells each loss and each return once, and the medium works after each return.
    async fn interface_recreated(handle: &Handle) {
        let (sender, notices) = mpsc::channel();
        let report = move |notice: Notice| {
            // Hints are another test's.
            if !matches!(notice.what, Happening::NoCarrier | Happening::Carrier) {
                sender.send(notice).unwrap();
            }
        };
        let keeper = Keeper::start(Arc::new(report), hb_sys::sched::Crew::default()).unwrap();
        let (mut medium, error) = keeper.open(&spec()).unwrap();
        assert!(matches!(error, Some(OpenError::NoInterface { .. })), "{error:?}");
        assert_eq!(medium.try_send(b"lost").unwrap_err().raw_os_error(), Some(19), "ENODEV");
        let mut happens = async |what: &str| {
            let begun = Instant::now();
            let notice = loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                if let Ok(notice) = notices.try_recv() {
                    break notice;
                }
                assert!(begun.elapsed() < Duration::from_secs(10), "not told: {what}");
            };
            assert!(notice.to_string().contains(what), "{notice}");
            assert!(medium.renew() || what.contains("called"), "{what}");
            assert!(!medium.renew());
            if what.contains("as soon as") {
                medium.try_send(b"lost").unwrap_err();
            } else {
                works(&medium);
            }
        };

        let first = pair(handle).await;
        address(handle, first, [10, 99, 0, 1], 24, Some([10, 99, 0, 255])).await;
        happens("open again").await;
        address(handle, first, [10, 99, 7, 1], 24, Some([10, 99, 7, 255])).await;
        handle.address().del(address_message(first, [10, 99, 0, 1])).execute().await.unwrap();
        happens("opened anew").await;
        remove(handle, first).await;
        happens("as soon as").await;
        let second = pair(handle).await;
        address(handle, second, [10, 99, 1, 1], 24, Some([10, 99, 1, 255])).await;
        happens("open again").await;
        rename(handle, second, "hb7").await;
        happens("the interface is called hb7 now").await;
        rename(handle, second, "hb0").await;
        happens("opened anew").await;
        // Down and up again is nothing to tell.
        down(handle, "hb0").await;
        up(handle, "hb0").await;
        remove(handle, second).await;
        happens("as soon as").await;
        assert!(notices.try_recv().is_err());
    }

    async fn rename(handle: &Handle, index: u32, name: &str) {
        let change = LinkUnspec::new_with_index(index).name(name.to_owned()).build();
        handle.link().set(change).execute().await.unwrap();
    }

    fn address_message(index: u32, address: [u8; 4]) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.index = index;
        message.header.prefix_len = 24;
        message.attributes.push(AddressAttribute::Local(IpAddr::from(address)));
        message
    }
}

#[test]
fn in_a_namespace_of_its_own() {
    const INSIDE: &str = "HB_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(inside::run());
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "in_a_namespace_of_its_own", "--nocapture"]).env(INSIDE, "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
