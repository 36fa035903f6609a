//! What the heart needs of a medium.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use hb_resource::Route;
use hb_transport::Hint;

/// An open medium that never waits. Its descriptor is readable when a packet has come.
pub(crate) trait Port: AsFd + Send + 'static {
    /// `bcast`, `ucast` and so on.
    fn kind(&self) -> &'static str;

    /// Interface, tty or host.
    fn name(&self) -> &str;

    /// Sends one packet, or fails at once.
    fn send(&self, packet: &[u8]) -> io::Result<()>;

    /// Whether it carries classic text instead of netstring packets.
    fn carries_text(&self) -> bool;

    /// Whether there is another descriptor to use from now on. Asked at each beat.
    fn is_renewable(&self) -> bool;

    /// Takes the other descriptor. Whoever watches the old one must stop that before.
    fn renew(&mut self);

    /// Whether everything that it sends comes back to it at once.
    fn hears_itself(&self) -> bool;

    /// How another process sends a packet the same way.
    fn route(&self) -> Route;

    /// Readable when something else than a usual heartbeat has come or is about to come, if there is such a thing.
    fn doorbell(&self) -> Option<BorrowedFd<'_>>;

    /// Takes back that the doorbell rang.
    fn answer_doorbell(&self);

    /// What the network says about it now. Evidence for people: nothing may be decided by it.
    fn hints(&self) -> Vec<Hint> {
        Vec::new()
    }

    /// Reads one packet and returns its length, and when it came (since 1970) if the kernel tells;
    /// [`io::ErrorKind::WouldBlock`] if there is none.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<Duration>)>;
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

    fn carries_text(&self) -> bool {
        self.spec().carries_text()
    }

    fn is_renewable(&self) -> bool {
        Self::is_renewable(self)
    }

    fn renew(&mut self) {
        // If the keeper is inside just now, at the next beat.
        let _ = Self::renew(self);
    }

    fn hears_itself(&self) -> bool {
        self.spec().hears_itself()
    }

    fn route(&self) -> Route {
        let spec = self.spec();
        match spec.destination() {
            Some(destination) => {
                Route::Datagram { interface: Some(spec.interface().to_owned()), destination }
            }
            None => Route::Line(spec.clone()),
        }
    }

    fn doorbell(&self) -> Option<BorrowedFd<'_>> {
        Self::doorbell(self)
    }

    fn answer_doorbell(&self) {
        Self::answer_doorbell(self);
    }

    fn hints(&self) -> Vec<Hint> {
        Self::hints(self)
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Option<Duration>)> {
        self.try_recv_stamped(buffer)
    }
}
