//! The cables of the lab: a bridge per network, a veth pair from it to each host, all over rtnetlink.
//!
//! Bridges forward at once (no spanning tree) and pass every multicast to every host. The host's end is made
//! directly inside the host with a fixed MAC address, so that a restarted host looks like the same machine.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkMessage};
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth};

use super::delay::Relay;
use crate::chain;
use crate::protocol::KeeperLink;

pub(crate) struct Wires {
    netlink: Handle,
    /// Index of each network's bridge.
    networks: HashMap<String, u32>,
    /// (host, network) to the index of the bridge's end of the cable.
    cables: HashMap<(String, String), u32>,
    /// (host, network) to what makes its cable slow: the relay, and one index of the pair in the cable's place.
    slow: HashMap<(String, String), (Relay, u32)>,
    /// Names are never used twice: the kernel removes a dead host's interfaces late.
    named: u32,
}

impl Wires {
    pub(crate) fn open() -> Result<Self, String> {
        // Interfaces of the lab's own are plain wires: no addresses, no neighbour discovery. Without IPv6 in
        // the kernel there is nothing to switch off.
        let _no_ipv6 = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
        let (connection, netlink, _) = rtnetlink::new_connection().map_err(chain("netlink"))?;
        tokio::spawn(connection);
        Ok(Self { netlink, networks: HashMap::new(), cables: HashMap::new(), slow: HashMap::new(), named: 0 })
    }

    pub(crate) async fn add_network(&mut self, name: String) -> Result<(), String> {
        if self.networks.contains_key(&name) {
            return Err(format!("network {name} is there already"));
        }
        let bridge = self.new_name("br");
        let message = LinkBridge::new(&bridge).mcast_snooping(false).up().build();
        self.netlink.link().add(message).execute().await.map_err(chain("make a bridge"))?;
        let index = self.index(&bridge).await?;
        self.networks.insert(name, index);
        Ok(())
    }

    /// Makes the cable between a network and the host whose init has the process id `pid`.
    pub(crate) async fn plug(&mut self, host: &str, link: &KeeperLink, pid: u32) -> Result<(), String> {
        let bridge = *self.networks.get(&link.network).ok_or(format!("no network {}", link.network))?;
        let outer = self.new_name("v");
        let peer = LinkMessageBuilder::<LinkUnspec>::default()
            .name(link.interface.clone())
            .address(link.mac.to_vec())
            .setns_by_pid(pid)
            .build();
        let message = LinkVeth::new(&outer, &link.interface)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .controller(bridge)
            .up()
            .build();
        self.netlink.link().add(message).execute().await.map_err(chain("make a veth pair"))?;
        let index = self.index(&outer).await?;
        self.cables.insert((host.to_owned(), link.network.clone()), index);
        Ok(())
    }

    /// Carrier on or off at the host's end.
    pub(crate) async fn carrier(&self, host: &str, network: &str, on: bool) -> Result<(), String> {
        let link = LinkUnspec::new_with_index(self.cable(host, network)?);
        let message = if on { link.up() } else { link.down() }.build();
        self.change(message).await
    }

    /// Frames pass or do not; the carrier stays.
    pub(crate) async fn port(&self, host: &str, network: &str, on: bool) -> Result<(), String> {
        let bridge = self.networks.get(network).filter(|_| on);
        self.attach(self.cable(host, network)?, bridge.copied()).await
    }

    /// From now on frames with the text `only` wait on this cable, coming in and going out; with nothing but zero they no longer do.
    pub(crate) async fn delay(
        &mut self,
        host: &str,
        network: &str,
        [incoming, outgoing]: [RangeInclusive<Duration>; 2],
        only: &str,
    ) -> Result<(), String> {
        let (cable, key) = (self.cable(host, network)?, (host.to_owned(), network.to_owned()));
        let bridge = *self.networks.get(network).ok_or(format!("no network {network}"))?;
        if let Some((relay, far)) = self.slow.remove(&key) {
            drop(relay);
            self.netlink.link().del(far).execute().await.map_err(chain("remove a veth pair"))?;
        }
        if incoming.end().is_zero() && outgoing.end().is_zero() {
            return self.attach(cable, Some(bridge)).await;
        }
        let (near, far) = (self.new_name("d"), self.new_name("d"));
        let pair = LinkVeth::new(&near, &far).controller(bridge).up().build();
        self.netlink.link().add(pair).execute().await.map_err(chain("make a veth pair"))?;
        let far = self.index(&far).await?;
        self.change(LinkUnspec::new_with_index(far).up().build()).await?;
        self.attach(cable, None).await?;
        self.slow.insert(key, (Relay::start((cable, far), &outgoing, &incoming, only)?, far));
        Ok(())
    }

    /// Nothing goes to or comes from this host any more.
    pub(crate) async fn silence(&mut self, host: &str) -> Result<(), String> {
        // What still waits on a slow cable is lost with it.
        let slow: Vec<_> = self.slow.extract_if(|(owner, _), _| owner == host).collect();
        for (_, (relay, far)) in slow {
            drop(relay);
            self.netlink.link().del(far).execute().await.map_err(chain("remove a veth pair"))?;
        }
        for (_, &index) in self.cables.iter().filter(|((owner, _), _)| owner == host) {
            // An interface that the kernel has already removed is silent enough.
            let _gone = self.attach(index, None).await;
        }
        Ok(())
    }

    /// Removes all cables of a host.
    pub(crate) async fn unplug(&mut self, host: &str) -> Result<(), String> {
        let mine: Vec<_> = self.cables.extract_if(|(owner, _), _| owner == host).collect();
        for (_, index) in mine {
            match self.netlink.link().del(index).execute().await {
                Ok(()) => {}
                // The pair went with the host's network namespace.
                Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -NO_SUCH_DEVICE => {}
                Err(error) => return Err(chain("remove a veth pair")(error)),
            }
        }
        Ok(())
    }

    /// Makes the bridge's end of a cable a port of a bridge, or of none: what comes to it then is lost.
    ///
    /// The state of a port is no switch: the kernel without spanning tree sets it back at the next event.
    async fn attach(&self, index: u32, bridge: Option<u32>) -> Result<(), String> {
        self.change(LinkUnspec::new_with_index(index).controller(bridge.unwrap_or(0)).build()).await
    }

    async fn change(&self, message: LinkMessage) -> Result<(), String> {
        self.netlink.link().change(message).execute().await.map_err(chain("change a link"))
    }

    fn cable(&self, host: &str, network: &str) -> Result<u32, String> {
        let key = (host.to_owned(), network.to_owned());
        self.cables.get(&key).copied().ok_or_else(|| format!("{host} is not plugged into {network}"))
    }

    async fn index(&self, name: &str) -> Result<u32, String> {
        let mut found = self.netlink.link().get().match_name(name.to_owned()).execute();
        let link = found.try_next().await.map_err(chain("find a link"))?;
        link.map(|link| link.header.index).ok_or_else(|| format!("{name} vanished"))
    }

    fn new_name(&mut self, kind: &str) -> String {
        self.named += 1;
        format!("{kind}{}", self.named)
    }
}

/// ENODEV.
const NO_SUCH_DEVICE: i32 = 19;
