//! Hints: what the network says about a medium, with the time at which it said so.
//!
//! Evidence for people and for the log, and nothing else: an ICMP message can be forged and a cable can be moved to another
//! switch, so no packet is sent, withheld or judged because of a hint. The keeper writes them down; whoever owns the medium reads
//! them without waiting.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What is said of a medium now. Times are those of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// The peer's machine answers, but nobody has the port there (ICMP port unreachable).
    PortRefused {
        /// To where packets are sent.
        peer: IpAddr,
        /// When it began.
        since: Duration,
        /// When it was said last; kernels say so once a second at most.
        last: Duration,
    },
    /// The interface has no carrier, or is set down.
    NoCarrier {
        /// When it began, or was noticed.
        since: Duration,
    },
}

impl Hint {
    /// The name in the status and in the log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PortRefused { .. } => "port-refused",
            Self::NoCarrier { .. } => "no-carrier",
        }
    }

    /// When it began.
    #[must_use]
    pub const fn since(&self) -> Duration {
        match self {
            Self::PortRefused { since, .. } | Self::NoCarrier { since } => *since,
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PortRefused { peer, .. } => write!(f, "port refused by {peer}"),
            Self::NoCarrier { .. } => f.write_str("no carrier"),
        }
    }
}

/// The hints of one medium: nanoseconds of `CLOCK_MONOTONIC`, 0 for none. Written by the keeper only.
#[derive(Debug, Default)]
pub(crate) struct Board {
    refused_since: AtomicU64,
    refused_last: AtomicU64,
    no_carrier_since: AtomicU64,
}

impl Board {
    /// The port is refused. True if that begins.
    pub(crate) fn refused(&self, now: Duration) -> bool {
        // Before the other, which says whether this one counts.
        self.refused_last.store(nanos(now), Ordering::Release);
        let begins = !self.is_refused();
        if begins {
            self.refused_since.store(nanos(now), Ordering::Release);
        }
        begins
    }

    /// Whether it was refused of late.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused_since.load(Ordering::Acquire) != 0
    }

    /// Ends the refusal if it was not repeated for that long. True if so.
    pub(crate) fn lapse(&self, now: Duration, lapse: Duration) -> bool {
        let last = Duration::from_nanos(self.refused_last.load(Ordering::Acquire));
        let ends = self.is_refused() && now.saturating_sub(last) > lapse;
        if ends {
            self.refused_since.store(0, Ordering::Release);
        }
        ends
    }

    /// Whether there is a carrier. True if that changes.
    pub(crate) fn carrier(&self, now: Duration, has_carrier: bool) -> bool {
        let changes = has_carrier == (self.no_carrier_since.load(Ordering::Acquire) != 0);
        if changes {
            self.no_carrier_since.store(if has_carrier { 0 } else { nanos(now) }, Ordering::Release);
        }
        changes
    }

    /// The medium is missing, which says more.
    pub(crate) fn clear(&self) {
        self.refused_since.store(0, Ordering::Release);
        self.no_carrier_since.store(0, Ordering::Release);
    }

    /// What there is, for a medium that sends to this peer, if to a single one.
    pub(crate) fn read(&self, peer: Option<IpAddr>) -> Vec<Hint> {
        let time = |time: &AtomicU64| {
            Some(time.load(Ordering::Acquire)).filter(|nanos| *nanos != 0).map(Duration::from_nanos)
        };
        let refused = peer.zip(time(&self.refused_since)).zip(time(&self.refused_last));
        let refused = refused.map(|((peer, since), last)| Hint::PortRefused { peer, since, last });
        let no_carrier = time(&self.no_carrier_since).map(|since| Hint::NoCarrier { since });
        refused.into_iter().chain(no_carrier).collect()
    }
}

/// `CLOCK_MONOTONIC`.
pub(crate) fn now() -> Duration {
    clock_gettime(ClockId::Monotonic).try_into().unwrap_or_default()
}

/// At least 1, because 0 stands for none.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_refusal_begins_once_and_lapses_once() {
        let board = Board::default();
        let (at, peer) = (Duration::from_secs, IpAddr::from(Ipv4Addr::LOCALHOST));
        assert!(!board.lapse(at(100), at(3)));
        assert!(board.refused(at(100)));
        assert!(!board.refused(at(102)));
        assert!(!board.lapse(at(105), at(3)));
        let hint = Hint::PortRefused { peer, since: at(100), last: at(102) };
        assert_eq!(board.read(Some(peer)), [hint]);
        assert_eq!(board.read(None), [], "who sends to many knows not who refused");
        assert!(board.lapse(at(106), at(3)));
        assert!(!board.lapse(at(107), at(3)));
        assert_eq!(board.read(Some(peer)), []);
    }

    #[test]
    fn a_carrier_is_lost_once_and_back_once() {
        let board = Board::default();
        let at = Duration::from_secs;
        assert!(!board.carrier(at(1), true), "it had one all the time");
        assert!(board.carrier(at(2), false));
        assert!(!board.carrier(at(3), false));
        assert_eq!(board.read(None), [Hint::NoCarrier { since: at(2) }]);
        assert!(board.carrier(at(4), true));
        board.refused(at(5));
        board.carrier(at(5), false);
        board.clear();
        assert_eq!(board.read(Some(Ipv4Addr::LOCALHOST.into())), []);
    }
}
