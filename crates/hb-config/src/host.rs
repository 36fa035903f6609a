//! What checking a configuration asks of the machine, behind a trait so that tests can play any machine.

mod real;

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

pub use real::RealHost;

/// A machine on which a configuration is checked.
pub trait Host {
    /// What `uname -n` prints, as it is.
    fn node_name(&self) -> String;

    /// The content of a file, at most `limit` bytes of it.
    ///
    /// # Errors
    /// What the operating system says.
    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>>;

    /// What is at `path`, symbolic links followed.
    ///
    /// # Errors
    /// What the operating system says; [`io::ErrorKind::NotFound`] if nothing is there.
    fn metadata(&self, path: &Path) -> io::Result<PathFacts>;

    /// The names in a directory, sorted, at most some thousand; none where it cannot be read.
    fn entries(&self, path: &Path) -> Vec<String>;

    /// The state of a network interface.
    fn interface(&self, name: &str) -> InterfaceState;

    /// Names of all network interfaces, for hints.
    fn interfaces(&self) -> Vec<String>;

    /// The IPv4 routing table in the kernel's order, at most some thousand rows.
    fn routes(&self) -> Vec<Route>;

    /// Whether a user of that name exists.
    fn user_exists(&self, name: &str) -> bool;

    /// Whether a group of that name exists.
    fn group_exists(&self, name: &str) -> bool;

    /// The IPv4 address of a host name, or of an address in text form.
    fn resolve(&self, name: &str) -> Option<Ipv4Addr>;

    /// The UDP port of a service by the services file.
    fn udp_port_of(&self, service: &str) -> Option<u16>;

    /// The service that the services file names for a UDP port.
    fn service_at_udp_port(&self, port: u16) -> Option<String>;
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathFacts {
    /// The kind of thing.
    pub kind: PathKind,
    /// Permission bits, set-id bits included.
    pub mode: u32,
}

impl PathFacts {
    /// Whether root may execute it; a directory counts, as for 3.0.6.
    #[must_use]
    pub fn is_executable(self) -> bool {
        self.kind == PathKind::Directory || self.mode & 0o111 != 0
    }
}

/// The kind of thing at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A character device that is a terminal, a serial port for example.
    Terminal,
    /// Another character device.
    CharacterDevice,
    /// A pipe, socket or block device.
    Other,
}

/// The state of a network interface as far as media need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterfaceState {
    /// There is none of that name.
    Absent,
    /// It exists but has no IPv4 address.
    NoAddress,
    /// It can be used.
    Usable,
}

/// A row of the IPv4 routing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The interface that it leads through.
    pub interface: String,
    /// First address of the destination.
    pub destination: Ipv4Addr,
    /// Length of its mask, 0 to 32; 0 is the default route.
    pub prefix: u8,
    /// The destination is a network that the interface is in; otherwise another machine passes packets on.
    pub is_direct: bool,
}

impl Route {
    /// Whether `address` is in the destination.
    #[must_use]
    pub const fn contains(&self, address: Ipv4Addr) -> bool {
        let mask = match self.prefix {
            0 => 0,
            bits => u32::MAX << (32 - if bits > 32 { 32 } else { bits }),
        };
        address.to_bits() & mask == self.destination.to_bits() & mask
    }
}
