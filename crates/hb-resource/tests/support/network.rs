//! A network of its own for one test: the test program is run again in new user and network namespaces.
//!
//! Inside there are only loopback and what the test makes. It works for root and for ordinary users; where the kernel
//! forbids namespaces the test fails.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use hb_sys::packet::{ETHERTYPE_ARP, PacketSocket};
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressProtocol};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags};
use rtnetlink::{Handle, LinkUnspec, LinkVeth, RouteMessageBuilder};
use tokio::runtime::Runtime;

const INSIDE: &str = "HB_RESOURCE_TEST_INSIDE";

/// Runs `test`, which is the body of the test function `name`, in namespaces of its own.
pub(crate) fn in_own_network(name: &str, test: impl FnOnce(&Network)) {
    if std::env::var_os(INSIDE).is_some() {
        return test(&Network::new());
    }
    let stdout = again(name, &["--exact", name, "--nocapture", "--test-threads=1"]);
    assert!(stdout.contains("1 passed"), "no test is called {name}:\n{stdout}");
}

/// Runs `bench`, which is all that this program does, in namespaces of its own.
pub(crate) fn alone_in_own_network(bench: impl FnOnce(&Network)) {
    each_in_own_network(&[""], |network, _| bench(network));
}

/// The same for each of these words, one after the other.
pub(crate) fn each_in_own_network(words: &[&str], bench: impl FnOnce(&Network, &str)) {
    if std::env::var_os(INSIDE).is_some() {
        return bench(&Network::new(), &std::env::args().nth(1).unwrap_or_default());
    }
    for word in words {
        print!("{}", again("it", &[word]));
    }
}

fn again(name: &str, arguments: &[&str]) -> String {
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(arguments)
        .env(INSIDE, "1")
        .output()
        .expect("unshare (package util-linux) runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} failed in its namespaces:\n{stdout}{stderr}");
    stdout.into_owned()
}

/// The network of a test.
pub(crate) struct Network {
    runtime: Runtime,
    handle: Handle,
}

/// An IPv4 address as the kernel holds it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// `interface address/prefix broadcast label`, the last two as `-` when they are not there.
    pub(crate) text: String,
    /// Origin of the address; 0x48 marks ours.
    pub(crate) origin: Option<u8>,
}

impl Network {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (connection, handle, _) = runtime.block_on(async { rtnetlink::new_connection().unwrap() });
        runtime.spawn(connection);
        let network = Self { runtime, handle };
        network.set_up("lo");
        network
    }

    /// A pair of Ethernet interfaces connected with each other, both up.
    pub(crate) fn veth(&self, name: &str, peer: &str) {
        let pair = LinkVeth::new(name, peer).build();
        self.runtime.block_on(self.handle.link().add(pair).execute()).unwrap();
        self.set_up(name);
        self.set_up(peer);
    }

    /// Switches ARP off.
    pub(crate) fn set_noarp(&self, name: &str) {
        let message = LinkUnspec::new_with_index(self.index(name)).arp(false).build();
        self.runtime.block_on(self.handle.link().change(message).execute()).unwrap();
    }

    pub(crate) fn set_up(&self, name: &str) {
        let message = LinkUnspec::new_with_index(self.index(name)).up().build();
        self.runtime.block_on(self.handle.link().change(message).execute()).unwrap();
    }

    pub(crate) fn set_down(&self, name: &str) {
        let message = LinkUnspec::new_with_index(self.index(name)).down().build();
        self.runtime.block_on(self.handle.link().change(message).execute()).unwrap();
    }

    pub(crate) fn is_up(&self, name: &str) -> bool {
        let links = self.handle.link().get().match_name(name).execute();
        let links: Vec<_> = self.runtime.block_on(links.try_collect()).unwrap();
        links[0].header.flags.contains(LinkFlags::Up)
    }

    pub(crate) fn index(&self, name: &str) -> u32 {
        let links = self.handle.link().get().match_name(name).execute();
        let links: Vec<_> = self.runtime.block_on(links.try_collect()).unwrap();
        links[0].header.index
    }

    pub(crate) fn mac(&self, name: &str) -> Vec<u8> {
        let links = self.handle.link().get().match_name(name).execute();
        let links: Vec<_> = self.runtime.block_on(links.try_collect()).unwrap();
        let address = links[0].attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::Address(bytes) => Some(bytes.clone()),
            _ => None,
        });
        address.unwrap()
    }

    /// Puts an address up as an administrator does, without label and mark.
    pub(crate) fn add_address(&self, name: &str, address: &str) {
        let (address, prefix) = address.split_once('/').unwrap();
        let address: IpAddr = address.parse().unwrap();
        let request = self.handle.address().add(self.index(name), address, prefix.parse().unwrap());
        self.runtime.block_on(request.execute()).unwrap();
    }

    /// Takes an interface away.
    pub(crate) fn remove(&self, name: &str) {
        self.runtime.block_on(self.handle.link().del(self.index(name)).execute()).unwrap();
    }

    /// The IPv4 addresses but loopback's, with the seconds for which they are valid; `u32::MAX`: for ever.
    pub(crate) fn validity(&self) -> Vec<(IpAddr, u32)> {
        let held =
            self.runtime.block_on(self.handle.address().get().execute().try_collect::<Vec<_>>()).unwrap();
        let shown = held.iter().filter_map(|message| {
            let local = message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Local(address) => Some(*address),
                _ => None,
            });
            let valid = message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::CacheInfo(info) => Some(info.ifa_valid),
                _ => None,
            });
            Some((local.filter(|local| local.is_ipv4() && !local.is_loopback())?, valid?))
        });
        shown.collect()
    }

    /// Takes an address down.
    pub(crate) fn remove_address(&self, address: &str) {
        let held = self.handle.address().get().set_address_filter(address.parse().unwrap()).execute();
        for message in self.runtime.block_on(held.try_collect::<Vec<_>>()).unwrap() {
            self.runtime.block_on(self.handle.address().del(message).execute()).unwrap();
        }
    }

    /// Adds a route through an interface.
    pub(crate) fn add_route(&self, destination: &str, name: &str, metric: u32) {
        let (address, prefix) = destination.split_once('/').unwrap();
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(address.parse().unwrap(), prefix.parse().unwrap())
            .output_interface(self.index(name))
            .priority(metric)
            .scope(rtnetlink::packet_route::route::RouteScope::Link)
            .build();
        self.runtime.block_on(self.handle.route().add(route).execute()).unwrap();
    }

    /// All IPv4 addresses but those of loopback's own network.
    pub(crate) fn addresses(&self) -> Vec<Shown> {
        let links: Vec<_> = self.runtime.block_on(self.handle.link().get().execute().try_collect()).unwrap();
        let name_of = |index: u32| {
            let link = links.iter().find(|link| link.header.index == index).unwrap();
            let name = link.attributes.iter().find_map(|attribute| match attribute {
                LinkAttribute::IfName(name) => Some(name.clone()),
                _ => None,
            });
            name.unwrap()
        };
        let addresses: Vec<_> =
            self.runtime.block_on(self.handle.address().get().execute().try_collect()).unwrap();
        let mut shown = Vec::new();
        for message in addresses {
            let (mut local, mut broadcast, mut label, mut origin) =
                (None, "-".to_owned(), "-".to_owned(), None);
            for attribute in &message.attributes {
                match attribute {
                    AddressAttribute::Local(IpAddr::V4(address)) => local = Some(*address),
                    AddressAttribute::Broadcast(address) => broadcast = address.to_string(),
                    AddressAttribute::Label(text) => label.clone_from(text),
                    AddressAttribute::Protocol(AddressProtocol::Other(number)) => origin = Some(*number),
                    _ => {}
                }
            }
            let Some(local) = local.filter(|local| !local.is_loopback()) else { continue };
            let interface = name_of(message.header.index);
            let label = if label == interface { "-".to_owned() } else { label };
            let text = format!("{interface} {local}/{} {broadcast} {label}", message.header.prefix_len);
            shown.push(Shown { text, origin });
        }
        shown
    }

    /// All IPv6 addresses but loopback's and those of a link: address with prefix, and whether it is marked as ours and
    /// may be used at once.
    pub(crate) fn ipv6(&self) -> Vec<(String, bool, bool)> {
        let found =
            self.runtime.block_on(self.handle.address().get().execute().try_collect::<Vec<_>>()).unwrap();
        let mut shown = Vec::new();
        for message in found {
            let address = message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Address(IpAddr::V6(address)) => Some(*address),
                _ => None,
            });
            let Some(address) = address.filter(|a| !a.is_loopback() && !a.is_unicast_link_local()) else {
                continue;
            };
            let is_ours =
                message.attributes.contains(&AddressAttribute::Protocol(AddressProtocol::Other(0x48)));
            let is_ready = !message.header.flags.contains(AddressHeaderFlags::Tentative);
            shown.push((format!("{address}/{}", message.header.prefix_len), is_ours, is_ready));
        }
        shown
    }

    /// The same, as texts only.
    pub(crate) fn address_texts(&self) -> Vec<String> {
        self.addresses().into_iter().map(|shown| shown.text).collect()
    }

    /// Listens for ARP on an interface from now on.
    pub(crate) fn listen(&self, name: &str) -> Listener {
        self.listen_for(name, ETHERTYPE_ARP)
    }

    /// Listens for frames of one Ethernet type on an interface from now on.
    pub(crate) fn listen_for(&self, name: &str, ethertype: u16) -> Listener {
        let socket = PacketSocket::open().unwrap();
        socket.bind(self.index(name), ethertype).unwrap();
        Listener(socket)
    }
}

/// Receives frames.
pub(crate) struct Listener(PacketSocket);

impl Listener {
    /// The next frame that comes in within this time, and when it did.
    pub(crate) fn next(&self, time: Duration) -> Option<(Vec<u8>, Instant)> {
        let limit = Instant::now() + time;
        let mut buffer = [0; 128];
        loop {
            match self.0.receive(&mut buffer) {
                Ok(received) => return Some((buffer[..received.length].to_vec(), Instant::now())),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
            if Instant::now() >= limit {
                return None;
            }
            // Frames are stamped when they are read, so there is no sleeping here, only making room for others.
            std::thread::yield_now();
        }
    }
}
