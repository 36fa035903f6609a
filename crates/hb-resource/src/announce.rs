//! When an address is announced: at once, and again with growing pauses (field.md N3).
//!
//! The frames are made in [`crate::arp`] and [`crate::neighbour`]. Announcements end with the group, see [`Series`]; refreshing them for as
//! long as the address is held has its place in [`Announcer::begin`]. Foreign claims are answered by the dispatcher.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use hb_sys::packet::PacketSocket;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::arp::{self, Mac};
use crate::neighbour;
use crate::netlink::Link;
use crate::report::{Level, Reporter};

/// When an announcement is repeated, counted from the first one: soon, because a frame may get lost in the turmoil of
/// a takeover, and late, because a switch may learn slowly or a port may have been blocked.
pub const REPEAT_AFTER: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// Sends announcements. Clones share one socket for all interfaces, opened before the first takeover.
#[derive(Clone)]
pub(crate) struct Announcer {
    socket: Rc<PacketSocket>,
    report: Reporter,
}

/// The repetitions of one announcement; they end when this is dropped.
pub(crate) struct Series(AbortHandle);

impl Drop for Series {
    fn drop(&mut self) {
        // All tasks share one thread, so no frame is being sent at this moment and none will be after it.
        self.0.abort();
    }
}

impl Announcer {
    pub(crate) fn open(report: Reporter) -> io::Result<Self> {
        Ok(Self { socket: Rc::new(PacketSocket::open()?), report })
    }

    /// Announces the address on the interface before it returns, then repeats. `None` where neither
    /// ARP nor neighbour discovery is spoken.
    pub(crate) fn begin(&self, link: &Link, address: IpAddr) -> Option<Series> {
        let mac = link.mac?;
        let first = Instant::now();
        self.announce(link, mac, address);
        let (this, link) = (self.clone(), link.clone());
        let repetitions = tokio::task::spawn_local(async move {
            for pause in REPEAT_AFTER {
                tokio::time::sleep_until(first + pause).await;
                this.announce(&link, mac, address);
            }
        });
        Some(Series(repetitions.abort_handle()))
    }

    /// Announces once, without repetitions; whether it could.
    pub(crate) fn once(&self, link: &Link, address: IpAddr) -> bool {
        link.mac.is_some_and(|mac| self.announce(link, mac, address))
    }

    /// One request and one reply, or for IPv6 one advertisement. A failure is told and nothing else: the repetitions may
    /// fare better. Whether any frame was sent.
    fn announce(&self, link: &Link, mac: Mac, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(ip) => {
                let request = self.send(link, address, &arp::request(mac, ip));
                self.send(link, address, &arp::reply(mac, ip)) || request
            }
            IpAddr::V6(ip) => {
                self.send(link, address, &neighbour::advertisement(mac, ip, is_router(&link.name)))
            }
        }
    }

    fn send(&self, link: &Link, address: IpAddr, frame: &[u8]) -> bool {
        let sent = self.socket.send(link.index, frame).inspect_err(|error| {
            let text = format!("Cannot announce {address} on {}: {error}", link.name);
            self.report.note(Level::Warning, text);
        });
        sent.is_ok()
    }
}

/// Whether the kernel says in its own advertisements that this machine is a router: another answer from here would have
/// hosts drop their routes by it.
fn is_router(interface: &str) -> bool {
    let file = format!("/proc/sys/net/ipv6/conf/{interface}/forwarding");
    std::fs::read_to_string(file).is_ok_and(|text| text.trim() != "0")
}
