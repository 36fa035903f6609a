//! A medium as the configuration names it.

use std::fmt;
use std::net::Ipv4Addr;

/// What to open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediumSpec {
    /// `bcast IF`: to everybody on the network of the interface (`wire.md` 8.1).
    Bcast {
        /// Name of the interface.
        interface: String,
        /// UDP port, the same at all nodes.
        port: u16,
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
}

impl MediumSpec {
    /// The interface: also the name of the link that the medium makes.
    #[must_use]
    pub fn interface(&self) -> &str {
        match self {
            Self::Bcast { interface, .. } | Self::Ucast { interface, .. } => interface,
        }
    }

    /// The UDP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self {
            Self::Bcast { port, .. } | Self::Ucast { port, .. } => *port,
        }
    }

    /// The directive of `ha.cf`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bcast { .. } => "bcast",
            Self::Ucast { .. } => "ucast",
        }
    }
}

impl fmt::Display for MediumSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bcast { interface, port } => write!(f, "bcast {interface} port {port}"),
            Self::Ucast { interface, peer, port } => write!(f, "ucast {interface} {peer} port {port}"),
        }
    }
}
