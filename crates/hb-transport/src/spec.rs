//! A medium as the configuration names it.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What to open. Ranges are not checked here; the kernel refuses what it cannot do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MediumSpec {
    /// `bcast IF`: to everybody on the network of the interface (`wire.md` 8.1).
    Bcast {
        /// Name of the interface.
        interface: String,
        /// UDP port, the same at all nodes.
        port: u16,
    },
    /// `mcast IF GROUP PORT TTL LOOP`: to everybody who has joined the group (`wire.md` 8.2).
    Mcast {
        /// Name of the interface.
        interface: String,
        /// The group, 224.0.0.0 to 239.255.255.255.
        group: Ipv4Addr,
        /// UDP port, the same at all nodes.
        port: u16,
        /// Routers that a packet may pass, plus one; 3.0.6 allows 0 to 4.
        ttl: u8,
        /// Whether what is sent comes back to this node.
        loopback: bool,
    },
    /// `mcast6 IF GROUP PORT HOPS LOOP`: the same with IPv6 (`wire.md` 8.3).
    Mcast6 {
        /// Name of the interface.
        interface: String,
        /// The group: `ff0x::` or `ff1x::`, scope 2, 4, 5 or 8.
        group: Ipv6Addr,
        /// UDP port, the same at all nodes.
        port: u16,
        /// Routers that a packet may pass, plus one; 3.0.6 allows 0 to 4.
        hops: u8,
        /// Whether what is sent comes back to this node.
        loopback: bool,
    },
    /// `ppp-udp TTY ADDR`: to whoever speaks PPP at the other end of a serial line (`wire.md` 12.3).
    PppUdp {
        /// The device.
        path: PathBuf,
        /// Bits per second, of [`crate::BAUD_RATES`] or another that the hardware has.
        baud: u32,
        /// The address of this end; the other end tells its own.
        local: Ipv4Addr,
        /// UDP port, the same at all nodes.
        port: u16,
    },
    /// `serial TTY`: to whoever is at the other end of a serial line (`wire.md` 8.7).
    Serial {
        /// The device.
        path: PathBuf,
        /// Bits per second, of [`crate::BAUD_RATES`] or another that the hardware has.
        baud: u32,
    },
    /// `ucast IF HOST`: to one peer; a peer that is this node is allowed (`wire.md` 8.4).
    Ucast {
        /// Name of the interface.
        interface: String,
        /// Where to send to.
        peer: Ipv4Addr,
        /// UDP port, the same at all nodes.
        port: u16,
    },
    /// `ucast6 IF ADDRESS`: the same with IPv6 (`wire.md` 8.5).
    Ucast6 {
        /// Name of the interface.
        interface: String,
        /// Where to send to; a link-local address is one on the interface.
        peer: Ipv6Addr,
        /// UDP port, the same at all nodes.
        port: u16,
    },
}

impl MediumSpec {
    /// The name of the link that the medium makes: its interface or device.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::PppUdp { path, .. } | Self::Serial { path, .. } => path.to_string_lossy(),
            Self::Bcast { .. }
            | Self::Mcast { .. }
            | Self::Mcast6 { .. }
            | Self::Ucast { .. }
            | Self::Ucast6 { .. } => self.interface().into(),
        }
    }

    /// The interface; empty if it needs none.
    #[must_use]
    pub fn interface(&self) -> &str {
        match self {
            Self::Bcast { interface, .. }
            | Self::Mcast { interface, .. }
            | Self::Mcast6 { interface, .. }
            | Self::Ucast { interface, .. }
            | Self::Ucast6 { interface, .. } => interface,
            Self::PppUdp { .. } | Self::Serial { .. } => "",
        }
    }

    /// The UDP port; 0 if it needs none.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self {
            Self::Bcast { port, .. }
            | Self::Mcast { port, .. }
            | Self::Mcast6 { port, .. }
            | Self::PppUdp { port, .. }
            | Self::Ucast { port, .. }
            | Self::Ucast6 { port, .. } => *port,
            Self::Serial { .. } => 0,
        }
    }

    /// Where a packet goes, for whoever sends one without the medium: the limited broadcast address stands for that of
    /// the interface's network. Nothing for a serial line: [`crate::say_last_word`] does it there.
    #[must_use]
    pub const fn destination(&self) -> Option<SocketAddr> {
        let (address, port) = match *self {
            Self::PppUdp { .. } | Self::Serial { .. } => return None,
            Self::Bcast { port, .. } => (IpAddr::V4(Ipv4Addr::BROADCAST), port),
            Self::Mcast { group, port, .. } => (IpAddr::V4(group), port),
            Self::Mcast6 { group, port, .. } => (IpAddr::V6(group), port),
            Self::Ucast { peer, port, .. } => (IpAddr::V4(peer), port),
            Self::Ucast6 { peer, port, .. } => (IpAddr::V6(peer), port),
        };
        Some(SocketAddr::new(address, port))
    }

    /// To whom it sends, if to a single one.
    pub(crate) const fn single_peer(&self) -> Option<IpAddr> {
        match *self {
            Self::Ucast { peer, .. } => Some(IpAddr::V4(peer)),
            Self::Ucast6 { peer, .. } => Some(IpAddr::V6(peer)),
            Self::Bcast { .. }
            | Self::Mcast { .. }
            | Self::Mcast6 { .. }
            | Self::PppUdp { .. }
            | Self::Serial { .. } => None,
        }
    }

    /// The directive of `ha.cf`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bcast { .. } => "bcast",
            Self::Mcast { .. } => "mcast",
            Self::Mcast6 { .. } => "mcast6",
            Self::PppUdp { .. } => "ppp-udp",
            Self::Serial { .. } => "serial",
            Self::Ucast { .. } => "ucast",
            Self::Ucast6 { .. } => "ucast6",
        }
    }

    /// Whether each packet that is sent comes back to the sender.
    #[must_use]
    pub const fn hears_itself(&self) -> bool {
        match self {
            Self::Bcast { .. } => true,
            Self::Mcast { loopback, .. } | Self::Mcast6 { loopback, .. } => *loopback,
            Self::PppUdp { .. } | Self::Serial { .. } | Self::Ucast { .. } | Self::Ucast6 { .. } => false,
        }
    }

    /// Whether it carries classic text (`wire.md` 2.5, 12.3); all others carry netstring packets.
    #[must_use]
    pub const fn carries_text(&self) -> bool {
        self.is_line()
    }

    /// Whether it is a serial line, whatever is spoken over it.
    pub(crate) const fn is_line(&self) -> bool {
        matches!(self, Self::PppUdp { .. } | Self::Serial { .. })
    }
}

impl fmt::Display for MediumSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, interface, port) = (self.kind(), self.interface(), self.port());
        match self {
            Self::Bcast { .. } => write!(f, "{kind} {interface} port {port}"),
            Self::Mcast { group, .. } => write!(f, "{kind} {interface} {group} port {port}"),
            Self::Mcast6 { group, .. } => write!(f, "{kind} {interface} {group} port {port}"),
            Self::PppUdp { path, baud, local, .. } => {
                write!(f, "{kind} {} {local} at {baud} baud port {port}", path.display())
            }
            Self::Serial { path, baud } => write!(f, "{kind} {} at {baud} baud", path.display()),
            Self::Ucast { peer, .. } => write!(f, "{kind} {interface} {peer} port {port}"),
            Self::Ucast6 { peer, .. } => write!(f, "{kind} {interface} {peer} port {port}"),
        }
    }
}
