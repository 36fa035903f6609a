//! The beat of the heart that the guard feels: one count in the kernel for each heartbeat that was sent.
//!
//! It costs the heart one system call, which neither waits nor allocates. What its absence means is the guard's to decide
//! (`guard::pulse`).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, read, write};

/// Where the beats go; clones are the same place.
#[derive(Clone, Debug)]
pub struct Beat(Arc<OwnedFd>);

impl Beat {
    /// A place without beats.
    ///
    /// # Errors
    /// That no more descriptors can be opened.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?)))
    }

    /// For the standard output of the guard.
    pub(crate) fn for_child(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }

    fn add(&self, count: u64) {
        // Full after 2^64 beats that nobody felt.
        let _ = write(&self.0, &count.to_ne_bytes());
    }
}

/// The heart's end: from the first beat until it is dropped silence means that the heart hangs.
#[derive(Debug)]
pub struct Beating(Beat);

impl Beating {
    /// For the thread that decides.
    #[must_use]
    pub fn new(beat: Beat) -> Self {
        Self(beat)
    }

    /// A heartbeat was sent.
    pub fn beat(&self) {
        self.0.add(1);
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        self.0.add(FAREWELL);
    }
}

/// What came since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Felt {
    Nothing,
    Beats,
    /// The heart ends, and beats no more.
    Farewell,
}

/// Looks, and forgets what it saw. What is no such place has no beats.
pub(crate) fn feel(place: impl AsFd) -> Felt {
    let mut count = [0; 8];
    match read(place, &mut count) {
        Ok(8) if u64::from_ne_bytes(count) >= FAREWELL => Felt::Farewell,
        Ok(8) => Felt::Beats,
        Ok(_) | Err(Errno::AGAIN) => Felt::Nothing,
        Err(_) => Felt::Farewell,
    }
}

/// More than there are beats between two looks.
const FAREWELL: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_are_felt_once_and_the_end_is_told() {
        let beat = Beat::new().unwrap();
        let place = beat.for_child().unwrap();
        assert_eq!(feel(&place), Felt::Nothing);
        let beating = Beating::new(beat);
        beating.beat();
        beating.beat();
        assert_eq!(feel(&place), Felt::Beats);
        assert_eq!(feel(&place), Felt::Nothing);
        beating.beat();
        drop(beating);
        assert_eq!(feel(&place), Felt::Farewell);
        assert_eq!(feel(std::fs::File::open("/dev/null").unwrap()), Felt::Nothing, "no such place");
    }
}
