//! How long one message may keep a status waiting on the lines of a keeper: one value that changes for all of them at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Clones share the value.
#[derive(Clone, Debug)]
pub(crate) struct Patience(Arc<AtomicU64>);

impl Patience {
    pub(crate) fn new(time: Duration) -> Self {
        let patience = Self(Arc::default());
        patience.set(time);
        patience
    }

    pub(crate) fn set(&self, time: Duration) {
        self.0.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// In whole milliseconds.
    pub(super) fn millis(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for Patience {
    /// Short beside usual dead times.
    fn default() -> Self {
        Self::new(Duration::from_secs(3))
    }
}
