//! What the heart needs of a medium.

use std::io;
use std::os::fd::AsFd;

/// An open medium that never waits. Its descriptor is readable when a packet has come.
pub(crate) trait Port: AsFd {
    /// `bcast`, `ucast` and so on.
    fn kind(&self) -> &'static str;

    /// Interface, tty or host.
    fn name(&self) -> &str;

    /// Sends one packet, or fails at once.
    fn send(&self, packet: &[u8]) -> io::Result<()>;

    /// Reads one packet and returns its length; [`io::ErrorKind::WouldBlock`] if there is none.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Port for hb_transport::Medium {
    fn kind(&self) -> &'static str {
        Self::kind(self)
    }

    fn name(&self) -> &str {
        Self::name(self)
    }

    fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.try_send(packet)
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not `try_recv`: it asks a tokio runtime whether something has come, and the heart has none.
        let (length, _) = rustix::net::recv(self.as_fd(), buffer, rustix::net::RecvFlags::DONTWAIT)?;
        Ok(length)
    }
}
