//! Watches the network for other machines that claim a floating address which is here: ARP from it, advertisements of it.
//!
//! A claim is a hint of the unauthenticated network, which anybody can forge. It moves nothing: this node says so with the
//! claimant's hardware address and announces the address again, at most once a second for each, and more seldom against
//! one that goes on. Who has to release is settled among the nodes, by what they say to each other under their key.
//!
//! Frames are read by a thread of ordinary priority, so that a flood of them costs the actuator nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hb_sys::interface::{self, hardware_address};
use hb_sys::packet::{ETHERTYPE_ARP, ETHERTYPE_IPV6, PacketSocket};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockFilter, SockRef, Socket};
use tokio::sync::mpsc;

use crate::arp::Mac;

/// Somebody says that an address which is here is theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) address: IpAddr,
    pub(crate) mac: Mac,
    /// Number of the interface that heard it.
    pub(crate) interface: u32,
}

/// The addresses that are here; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ours(Arc<Mutex<BTreeSet<IpAddr>>>);

impl Ours {
    pub(crate) fn add(&self, address: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
    }

    pub(crate) fn remove(&self, address: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&address);
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&address)
    }
}

/// Begins to watch; the thread ends soon after the receiver is gone.
pub(crate) fn watch(ours: Ours) -> io::Result<mpsc::Receiver<Claim>> {
    let (claims, receiver) = mpsc::channel(QUEUE);
    let arp = PacketSocket::open()?;
    arp.bind(0, ETHERTYPE_ARP)?;
    let discovery = PacketSocket::open()?;
    // Before it is bound, or whole streams of IPv6 would come through.
    SockRef::from(&discovery).attach_filter(&advertisements())?;
    discovery.bind(0, ETHERTYPE_IPV6)?;
    let names = Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    let watch = Watch { sockets: [arp, discovery], names, ours, claims, answered: BTreeMap::new() };
    std::thread::Builder::new()
        .name("hb-sentinel".to_owned())
        .stack_size(STACK_SIZE)
        .spawn(|| watch.run())?;
    Ok(receiver)
}

struct Watch {
    sockets: [PacketSocket; 2],
    /// For asking about interfaces.
    names: Socket,
    ours: Ours,
    claims: mpsc::Sender<Claim>,
    answered: BTreeMap<IpAddr, Pace>,
}

/// How often a claim to one address is passed on.
#[derive(Clone, Copy, Debug)]
struct Pace {
    last: Instant,
    pause: Duration,
}

impl Watch {
    fn run(mut self) {
        let mut frame = [0; 128];
        while !self.claims.is_closed() {
            let [arp, discovery] = &self.sockets;
            let mut ready = [PollFd::new(arp, PollFlags::IN), PollFd::new(discovery, PollFlags::IN)];
            // Woken in vain it reads nothing.
            let _ = poll(&mut ready, Some(&LOOK_UP));
            for index in 0..self.sockets.len() {
                for _ in 0..AT_ONCE {
                    let Some(Ok(received)) = self.sockets.get(index).map(|socket| socket.receive(&mut frame))
                    else {
                        break;
                    };
                    let whole = frame.get(..received.length.min(frame.len())).unwrap_or_default();
                    if let Some((address, mac)) = read(whole) {
                        self.hear(Claim { address, mac, interface: received.interface }, Instant::now());
                    }
                }
            }
            // What comes faster is not looked at: the kernel drops it.
            std::thread::sleep(REST);
        }
    }

    fn hear(&mut self, claim: Claim, now: Instant) {
        if !self.ours.contains(claim.address) {
            return;
        }
        let pace = self.answered.get(&claim.address).copied();
        let Some(next) = Pace::after(pace, now) else { return };
        // Last, because it asks the kernel for all interfaces.
        if self.is_own(claim.mac) {
            return;
        }
        self.answered.insert(claim.address, next);
        // With a full queue it waits for the next claim.
        let _ = self.claims.try_send(claim);
    }

    /// Our own announcements come back where two interfaces are in one network.
    fn is_own(&self, mac: Mac) -> bool {
        let interfaces = interface::all().unwrap_or_default();
        interfaces.iter().any(|(_, name)| hardware_address(&self.names, name).is_ok_and(|own| own == mac))
    }
}

impl Pace {
    /// The pace after a claim that is to be passed on now; `None`: it is too soon for that.
    fn after(before: Option<Self>, now: Instant) -> Option<Self> {
        let Some(before) = before else { return Some(Self { last: now, pause: SHORTEST }) };
        let since = now.saturating_duration_since(before.last);
        if since < before.pause {
            return None;
        }
        // Against one that does not give up, ever more seldom: both would only confuse the neighbours.
        let pause = if since > LONGEST * 2 { SHORTEST } else { (before.pause * 2).min(LONGEST) };
        Some(Self { last: now, pause })
    }
}

/// The address that a frame claims, and for whom.
fn read(frame: &[u8]) -> Option<(IpAddr, Mac)> {
    match frame.get(12..14)? {
        [0x08, 0x06] => {
            // Ethernet, IPv4 and their lengths; request or reply.
            (frame.get(14..20)? == [0, 1, 8, 0, 6, 4]).then_some(())?;
            let address: [u8; 4] = frame.get(28..32)?.try_into().ok()?;
            // A question whether somebody has it comes from nobody.
            (address != [0; 4]).then_some((address.into(), frame.get(22..28)?.try_into().ok()?))
        }
        [0x86, 0xdd] => {
            // ICMPv6 of this link only, an advertisement.
            (frame.get(20..22)? == [58, 255] && *frame.get(54)? == 136).then_some(())?;
            let target: [u8; 16] = frame.get(62..78)?.try_into().ok()?;
            let stated = frame.get(78..86).filter(|option| option.starts_with(&[2, 1]));
            let mac = stated.and_then(|option| option.get(2..)).or_else(|| frame.get(6..12))?;
            Some((target.into(), mac.try_into().ok()?))
        }
        _ => None,
    }
}

/// Lets advertisements (`ICMPv6`) through and nothing else (`bpf(4)`: load a byte, compare, return a length).
fn advertisements() -> [SockFilter; 6] {
    const LOAD_BYTE: u16 = 0x30;
    const IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, 20),
        SockFilter::new(IF_EQUAL, 0, 3, 58),
        SockFilter::new(LOAD_BYTE, 0, 0, 54),
        SockFilter::new(IF_EQUAL, 0, 1, 136),
        SockFilter::new(RETURN, 0, 0, 128),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// Claims that may wait for the actuator.
const QUEUE: usize = 16;
/// Frames of each kind that are read before a rest.
const AT_ONCE: usize = 64;
/// Between two looks whether anybody still listens.
const LOOK_UP: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
const REST: Duration = Duration::from_millis(20);
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(32);
const STACK_SIZE: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{arp, neighbour};

    const MAC: Mac = [2, 0, 0, 0, 0, 9];

    #[test]
    fn announcements_are_claims_and_questions_are_none() {
        let four = "10.0.0.1".parse().unwrap();
        for frame in [arp::request(MAC, four), arp::reply(MAC, four)] {
            assert_eq!(read(&frame), Some((four.into(), MAC)));
        }
        let six = "fd00::1".parse().unwrap();
        let mut frame = neighbour::advertisement(MAC, six, false);
        assert_eq!(read(&frame), Some((six.into(), MAC)));
        frame[80] = 6;
        assert_eq!(read(&frame).unwrap().1[0], 6, "what it says counts, not who sent it");
        assert_eq!(read(&arp::request(MAC, "0.0.0.0".parse().unwrap())), None);
        frame[54] = 135;
        assert_eq!(read(&frame), None);
        frame[54] = 136;
        for length in 0..78 {
            assert_eq!(read(&frame[..length]), None, "{length}");
        }
        assert_eq!(read(&arp::request(MAC, four)[..31]), None);
    }

    #[test]
    fn one_that_goes_on_is_answered_ever_more_seldom() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::after(None, start);
        let mut answers = Vec::new();
        for second in 1..100 {
            if let Some(next) = Pace::after(pace, after(second)) {
                pace = Some(next);
                answers.push(second);
            }
        }
        assert_eq!(answers, [1, 3, 7, 15, 31, 63, 95]);
        assert_eq!(Pace::after(pace, after(200)).unwrap().pause, SHORTEST, "forgotten after a while");
    }
}
