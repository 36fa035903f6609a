//! Whether the end of a `failfast` program is why the node stops: only if it came before the orderly stop was asked for.
//!
//! Programs often fail when what they work with is released. Who watches them, and who asks for the stop, is elsewhere.

use std::sync::atomic::{AtomicU8, Ordering};

/// What came first: shared by those who hear of either.
#[derive(Debug, Default)]
pub(crate) struct Failfast(AtomicU8);

impl Failfast {
    /// The orderly stop was asked for.
    pub(crate) fn stop_begins(&self) {
        self.becomes(STOPPING);
    }

    /// A program has failed; returns whether the node must stop for it.
    pub(crate) fn program_failed(&self) -> bool {
        self.becomes(FAILED)
    }

    /// Whether the node stops because a program has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.load(Ordering::Acquire) == FAILED
    }

    /// The first one counts.
    fn becomes(&self, what: u8) -> bool {
        self.0.compare_exchange(RUNNING, what, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

const RUNNING: u8 = 0;
const STOPPING: u8 = 1;
const FAILED: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_counts() {
        let stopped = Failfast::default();
        stopped.stop_begins();
        assert!(!stopped.program_failed());
        assert!(!stopped.has_failed());
        let failed = Failfast::default();
        assert!(failed.program_failed());
        failed.stop_begins();
        assert!(failed.has_failed());
        assert!(!failed.program_failed(), "the stop is underway");
    }
}
