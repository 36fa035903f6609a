//! Interfaces and addresses of a host, over rtnetlink.

use std::net::{IpAddr, Ipv4Addr};

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use rtnetlink::packet_route::link::LinkAttribute;
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute};
use rtnetlink::{Handle, LinkUnspec};
use tokio::sync::Mutex;

use crate::chain;
use crate::protocol::InterfaceAddress;

pub(super) struct Interfaces {
    netlink: Handle,
    /// Whoever reads a whole table: the kernel refuses a second reading on the same socket meanwhile.
    reading: Mutex<()>,
}

impl Interfaces {
    pub(super) fn open() -> Result<Self, String> {
        let (connection, netlink, _) = rtnetlink::new_connection().map_err(chain("netlink"))?;
        tokio::spawn(connection);
        Ok(Self { netlink, reading: Mutex::new(()) })
    }

    /// Everything up, each with its first address.
    pub(super) async fn bring_up(&self, addresses: &[InterfaceAddress]) -> Result<(), String> {
        for address in addresses {
            self.add(address).await?;
        }
        for name in std::iter::once("lo").chain(addresses.iter().map(|address| address.interface.as_str())) {
            let up = LinkUnspec::new_with_index(self.index(name).await?).up().build();
            self.netlink.link().change(up).execute().await.map_err(chain(format!("{name} up")))?;
        }
        Ok(())
    }

    pub(super) async fn add(&self, address: &InterfaceAddress) -> Result<(), String> {
        let index = self.index(&address.interface).await?;
        let mut request = self.netlink.address().add(index, address.address, address.prefix);
        if address.address.is_ipv6() {
            // Tests do not wait until the kernel has looked for another one.
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        request.execute().await.map_err(chain(format!("add {}", address.address)))
    }

    pub(super) async fn remove(&self, address: &InterfaceAddress) -> Result<(), String> {
        let index = self.index(&address.interface).await?;
        let _turn = self.reading.lock().await;
        let mut found = self.netlink.address().get().set_link_index_filter(index).execute();
        while let Some(message) = found.try_next().await.map_err(chain("read addresses"))? {
            if local(&message) == Some(address.address) {
                let removed = self.netlink.address().del(message).execute().await;
                return removed.map_err(chain(format!("remove {}", address.address)));
            }
        }
        Err(format!("{} has no address {}", address.interface, address.address))
    }

    /// All addresses except the loopback's and those that IPv6 gives each link.
    pub(super) async fn addresses(&self) -> Result<Vec<InterfaceAddress>, String> {
        let _turn = self.reading.lock().await;
        let mut names = std::collections::HashMap::new();
        let mut links = self.netlink.link().get().execute();
        while let Some(link) = links.try_next().await.map_err(chain("read links"))? {
            for attribute in link.attributes {
                if let LinkAttribute::IfName(name) = attribute {
                    names.insert(link.header.index, name);
                }
            }
        }
        let mut addresses = Vec::new();
        let mut found = self.netlink.address().get().execute();
        while let Some(message) = found.try_next().await.map_err(chain("read addresses"))? {
            let interface = names.get(&message.header.index).filter(|name| *name != "lo");
            if let (Some(address), Some(interface)) = (local(&message), interface) {
                let (interface, prefix) = (interface.clone(), message.header.prefix_len);
                addresses.push(InterfaceAddress { interface, address, prefix });
            }
        }
        Ok(addresses)
    }

    pub(super) async fn forget_neighbour(&self, address: Ipv4Addr) -> Result<(), String> {
        let _turn = self.reading.lock().await;
        let mut found = self.netlink.neighbours().get().set_address_family(AddressFamily::Inet).execute();
        while let Some(neighbour) = found.try_next().await.map_err(chain("read neighbours"))? {
            let wanted = NeighbourAttribute::Destination(NeighbourAddress::Inet(address));
            if neighbour.attributes.contains(&wanted) {
                let removed = self.netlink.neighbours().del(neighbour).execute().await;
                removed.map_err(chain(format!("forget {address}")))?;
            }
        }
        Ok(())
    }

    async fn index(&self, name: &str) -> Result<u32, String> {
        let mut found = self.netlink.link().get().match_name(name.to_owned()).execute();
        let link = found.try_next().await.map_err(chain(format!("find {name}")))?;
        link.map(|link| link.header.index).ok_or_else(|| format!("no interface {name}"))
    }
}

fn local(message: &AddressMessage) -> Option<IpAddr> {
    message.attributes.iter().find_map(|attribute| {
        if let AddressAttribute::Local(IpAddr::V4(address)) = attribute {
            Some(IpAddr::V4(*address))
        } else if let AddressAttribute::Address(IpAddr::V6(address)) = attribute {
            Some(IpAddr::V6(*address)).filter(|_| !address.is_unicast_link_local())
        } else {
            None
        }
    })
}
