//! How long a lease is.
//!
//! ```text
//! last heartbeat that the others heard            next one is sent   others declare us dead
//! |<----------------- at most 2 keepalives ------------->|                 |
//! |<------------------------------ dead time ------------------------------>|
//!                                        renewed |<----- lease ---->| margin |
//! ```
//! The lease is renewed right after a heartbeat was sent. One heartbeat may be lost, and the renewal may be late by a
//! keepalive: so it ends before anybody else acts if `lease <= dead time - 2 keepalives - margin`. It must also last from
//! one renewal to the next, with one of them missed.

use std::time::Duration;

use thiserror::Error;

/// For the timers of the kernel, of 4 ms on many machines, and for the way of a packet.
pub const MARGIN: Duration = Duration::from_millis(30);

/// Keepalive and dead time leave no room for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a keepalive of {} ms and a dead time of {} ms leave no room for a lease; it needs a dead time of {} ms",
    .keepalive.as_millis(), .deadtime.as_millis(), .needed.as_millis()
)]
pub struct NoRoom {
    /// Time from one heartbeat to the next.
    pub keepalive: Duration,
    /// Silence after which somebody declares this node dead.
    pub deadtime: Duration,
    /// What would do.
    pub needed: Duration,
}

/// The length for this keepalive and the shortest dead time of those who judge this node.
///
/// # Errors
/// See [`NoRoom`].
pub fn length(keepalive: Duration, deadtime: Duration) -> Result<Duration, NoRoom> {
    let length = deadtime.saturating_sub(keepalive.saturating_mul(2)).saturating_sub(MARGIN);
    if length < keepalive.saturating_mul(2) || length.is_zero() {
        return Err(NoRoom { keepalive, deadtime, needed: shortest_deadtime(keepalive) });
    }
    Ok(length)
}

/// The shortest dead time with which there is a lease: 4 keepalives and the margin.
#[must_use]
pub fn shortest_deadtime(keepalive: Duration) -> Duration {
    keepalive.saturating_mul(4).saturating_add(MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn lengths() {
        assert_eq!(length(ms(100), ms(600)), Ok(ms(370)));
        assert_eq!(length(ms(2000), ms(30_000)), Ok(ms(25_970)));
        assert_eq!(length(ms(100), ms(430)), Ok(ms(200)));
    }

    #[test]
    fn where_there_is_no_room_it_is_said_how_much_is_missing() {
        assert!(length(ms(100), ms(429)).is_err());
        assert!(length(ms(0), ms(10)).is_err());
        let text = length(ms(100), ms(300)).unwrap_err().to_string();
        assert!(text.contains("300 ms") && text.contains("430 ms"), "{text}");
    }
}
