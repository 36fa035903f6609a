//! Broadcast on interfaces of a network namespace that the tests make for themselves.
//!
//! The test starts itself again under `unshare`, because a namespace belongs to a process.

use std::process::Command;

#[cfg(test)]
mod inside {
    use std::io::ErrorKind;
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use hb_transport::{Medium, MediumSpec, OpenError, RECEIVE_BUFFER};
    use rtnetlink::packet_route::address::AddressAttribute;
    use rtnetlink::{Handle, LinkUnspec, LinkVeth};

    pub(crate) async fn run() {
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        addresses(&handle).await;
        network_down(&handle).await;
        interface_recreated(&handle).await;
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

    async fn works(medium: &Medium) {
        medium.try_send(b"hello").unwrap();
        let mut buffer = vec![0; RECEIVE_BUFFER];
        loop {
            tokio::time::timeout(Duration::from_secs(10), medium.readable()).await.unwrap().unwrap();
            match medium.try_recv(&mut buffer) {
                Ok(length) => return assert_eq!(&buffer[..length], b"hello"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
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
            works(&Medium::open(&spec()).unwrap()).await;
            remove(handle, index).await;
        }
    }

    /// Sends fail while the network is away, and work again afterwards with the same sockets.
    async fn network_down(handle: &Handle) {
        let index = pair(handle).await;
        address(handle, index, [10, 99, 0, 1], 24, Some([10, 99, 0, 255])).await;
        let medium = Medium::open(&spec()).unwrap();
        works(&medium).await;
        down(handle, "hb0").await;
        medium.try_send(b"lost").unwrap_err();
        assert_eq!(medium.try_recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
        up(handle, "hb0").await;
        works(&medium).await;
        remove(handle, index).await;
    }

    /// The old sockets stay deaf, `reopen` mends that; until the interface is back, it tells what is missing.
    async fn interface_recreated(handle: &Handle) {
        let first = pair(handle).await;
        address(handle, first, [10, 99, 0, 1], 24, Some([10, 99, 0, 255])).await;
        let mut medium = Medium::open(&spec()).unwrap();
        remove(handle, first).await;
        medium.try_send(b"lost").unwrap_err();
        let error = medium.reopen().unwrap_err();
        assert!(matches!(error, OpenError::NoInterface { .. }), "{error:?}");
        let second = pair(handle).await;
        address(handle, second, [10, 99, 1, 1], 24, Some([10, 99, 1, 255])).await;
        medium.try_send(b"lost").unwrap_err();
        medium.reopen().unwrap();
        works(&medium).await;
        remove(handle, second).await;
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
