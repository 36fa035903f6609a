//! Watches the machine itself: how long a processor was taken away from everything that runs on it.
//!
//! A virtual machine loses its processors for some time whenever its host is busy. A node that runs there then is as
//! late as everything else, and that is no fault of its own. One thread for each processor, bound to it and more
//! urgent than any node, sleeps for a millisecond again and again; what it oversleeps was taken away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hb_sys::sched;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Watches until it is dropped.
pub(crate) struct Witness {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    longest_nanos: AtomicU64,
    stop: AtomicBool,
}

impl Witness {
    pub(crate) fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let allowed = sched_getaffinity(None).unwrap();
        let threads = (0..CpuSet::MAX_CPU)
            .filter(|cpu| allowed.is_set(*cpu))
            .map(|cpu| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || watch(cpu, &shared))
            })
            .collect();
        Self { shared, threads }
    }

    /// Forgets everything and watches anew.
    pub(crate) fn begin(&self) {
        self.shared.longest_nanos.store(0, Ordering::Relaxed);
    }

    /// The longest time that one processor was away.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_nanos(self.shared.longest_nanos.load(Ordering::Relaxed))
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

fn watch(cpu: usize, shared: &Shared) {
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).unwrap();
    // Refused to ordinary users: then it would count as the machine's what is only another program's turn.
    if sched::set_fifo(PRIORITY).is_err() {
        return;
    }
    while !shared.stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        std::thread::sleep(INTERVAL);
        let away = u64::try_from(begun.elapsed().saturating_sub(INTERVAL).as_nanos()).unwrap_or(u64::MAX);
        shared.longest_nanos.fetch_max(away, Ordering::Relaxed);
    }
}

/// Above the nodes and above the ear.
const PRIORITY: i32 = 3;
const INTERVAL: Duration = Duration::from_millis(1);
