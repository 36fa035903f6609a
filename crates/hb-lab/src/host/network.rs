//! A host's cables and addresses: cut, lossy, changed from outside.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Host;
use crate::LabError;
use crate::lab::LIMIT;
use crate::protocol::{InitAnswer, InitAsk, InterfaceAddress, KeeperAsk};

/// Which packets of a host get lost, seen from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What comes in.
    Incoming,
    /// What goes out.
    Outgoing,
}

impl Host {
    /// Pulls the cable to `network`: the interface loses its carrier.
    ///
    /// # Errors
    /// When there is no such cable.
    pub async fn cut(&self, network: &str) -> Result<(), LabError> {
        self.carrier(network, false).await
    }

    /// Plugs the cable to `network` in again.
    ///
    /// # Errors
    /// When there is no such cable.
    pub async fn heal(&self, network: &str) -> Result<(), LabError> {
        self.carrier(network, true).await
    }

    /// Lets frames from and to `network` pass, or silently none: as a broken switch does, the carrier stays.
    ///
    /// # Errors
    /// When there is no such cable, or no carrier on it.
    pub async fn pass(&self, network: &str, on: bool) -> Result<(), LabError> {
        let (host, network) = (self.inner.name.clone(), network.to_owned());
        self.inner.lab.keeper.ask(KeeperAsk::Port { host, network, on }, LIMIT).await.map(drop)
    }

    /// Lets each frame on `network` wait, what comes in for a time in the first range, what goes out for one in the second:
    /// frames also overtake each other. Nothing but zero ends it. IPv4 and ARP only; all else is lost meanwhile.
    ///
    /// # Errors
    /// When there is no such cable, or the kernel refuses packet sockets.
    pub async fn delay(
        &self,
        network: &str,
        incoming: RangeInclusive<Duration>,
        outgoing: RangeInclusive<Duration>,
    ) -> Result<(), LabError> {
        self.delay_those("", network, incoming, outgoing).await
    }

    /// As [`Host::delay`], only frames in which this text stands; all others pass at once, and overtake them.
    ///
    /// # Errors
    /// As [`Host::delay`].
    pub async fn delay_those(
        &self,
        text: &str,
        network: &str,
        incoming: RangeInclusive<Duration>,
        outgoing: RangeInclusive<Duration>,
    ) -> Result<(), LabError> {
        let (host, network, only) = (self.inner.name.clone(), network.to_owned(), text.to_owned());
        let ask = KeeperAsk::Delay { host, network, incoming, outgoing, only };
        self.inner.lab.keeper.ask(ask, LIMIT).await.map(drop)
    }

    /// Loses `percent` of the packets in one direction on `network`, at random; 0 ends it.
    ///
    /// `only` is a condition in the language of nftables, such as `udp dport 694`; empty for all packets.
    ///
    /// # Errors
    /// Needs the program `nft` on the machine; [`LabError::Refused`] has its message.
    pub async fn lose(
        &self,
        network: &str,
        direction: Direction,
        percent: u8,
        only: &str,
    ) -> Result<(), LabError> {
        let link = self.link(network)?;
        let (hook, table) = match direction {
            Direction::Incoming => ("ingress", format!("hb_lab_in_{}", link.interface)),
            Direction::Outgoing => ("egress", format!("hb_lab_out_{}", link.interface)),
        };
        let mut rules = format!("add table netdev {table}\ndelete table netdev {table}\n");
        if percent > 0 {
            // nft refuses a condition that always holds.
            let dice =
                if percent < 100 { format!("numgen random mod 100 < {percent}") } else { String::new() };
            // Infallible for strings.
            let _written = write!(
                rules,
                "add table netdev {table}\n\
                 add chain netdev {table} c {{ type filter hook {hook} device \"{}\" priority 0; }}\n\
                 add rule netdev {table} c {only} {dice} drop\n",
                link.interface
            );
        }
        let output = self.run_with_input(&["nft", "-f", "-"], &rules, LIMIT).await?;
        if output.succeeded() { Ok(()) } else { Err(self.refused(output.stderr.trim())) }
    }

    /// The addresses that it has now, without the loopback's and those that IPv6 gives each link.
    ///
    /// # Errors
    /// When the host has no power.
    pub async fn addresses(&self) -> Result<Vec<InterfaceAddress>, LabError> {
        let InitAnswer::Addresses(addresses) = self.ask(InitAsk::Addresses).await? else {
            return Err(self.confused());
        };
        Ok(addresses)
    }

    /// Does it hold this address now? A host without power holds nothing.
    pub async fn holds(&self, address: impl Into<IpAddr>) -> bool {
        let address = address.into();
        self.addresses().await.is_ok_and(|held| held.iter().any(|entry| entry.address == address))
    }

    /// Adds an address, without any announcement.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub async fn add_address(&self, address: &InterfaceAddress) -> Result<(), LabError> {
        self.ask(InitAsk::AddAddress(address.clone())).await.map(drop)
    }

    /// Removes an address.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn remove_address(&self, address: &InterfaceAddress) -> Result<(), LabError> {
        self.ask(InitAsk::RemoveAddress(address.clone())).await.map(drop)
    }

    /// Makes it ask anew who has this address, as if an announcement had come.
    ///
    /// # Errors
    /// When the host has no power.
    pub async fn forget_neighbour(&self, address: Ipv4Addr) -> Result<(), LabError> {
        self.ask(InitAsk::ForgetNeighbour { address }).await.map(drop)
    }

    async fn carrier(&self, network: &str, on: bool) -> Result<(), LabError> {
        let (host, network) = (self.inner.name.clone(), network.to_owned());
        self.inner.lab.keeper.ask(KeeperAsk::Carrier { host, network, on }, LIMIT).await.map(drop)
    }
}
