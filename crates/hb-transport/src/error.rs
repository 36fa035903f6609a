//! Why a medium could not be opened.

use std::io;

use thiserror::Error;

/// The cause, with what an operator needs to mend it.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no such interface, or no interface can have that name.
    #[error("there is no interface {interface}")]
    NoInterface {
        /// Its name.
        interface: String,
    },
    /// The interface has no IPv4 address.
    #[error("interface {interface} has no IPv4 address")]
    NoAddress {
        /// Its name.
        interface: String,
    },
    /// The interface has an address, but its network has no room for a broadcast address (/31, /32).
    #[error("interface {interface} has no broadcast address")]
    NoBroadcast {
        /// Its name.
        interface: String,
    },
    /// The kernel did not allow it: a port below 1024 needs `CAP_NET_BIND_SERVICE`.
    #[error("no permission to {action}")]
    Permission {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Another program has the port.
    #[error("UDP port {port} is in use")]
    PortInUse {
        /// The port.
        port: u16,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot {action}")]
    Other {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl OpenError {
    /// Sorts the kernel's answer to something that was tried on an interface.
    pub(crate) fn from_io(source: io::Error, action: &str, interface: &str, port: u16) -> Self {
        use rustix::io::Errno;
        let interface = || interface.to_owned();
        match Errno::from_io_error(&source) {
            Some(Errno::NODEV | Errno::NXIO) => Self::NoInterface { interface: interface() },
            Some(Errno::ADDRNOTAVAIL) => Self::NoAddress { interface: interface() },
            Some(Errno::PERM | Errno::ACCESS) => {
                Self::Permission { action: format!("{action} ({}, port {port})", interface()), source }
            }
            Some(Errno::ADDRINUSE) => Self::PortInUse { port, source },
            _ => Self::Other { action: format!("{action} ({}, port {port})", interface()), source },
        }
    }
}
