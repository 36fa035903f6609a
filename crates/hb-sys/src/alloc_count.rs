//! An allocator that counts, for tests that bound what a function allocates. Not used by the shipped programs.
//!
//! Counts are kept per thread, so that tests running side by side do not disturb each other.
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: hb_sys::alloc_count::Counting = hb_sys::alloc_count::Counting;
//!
//! let (text, counts) = hb_sys::alloc_count::measure(|| String::from("abc"));
//! assert_eq!((text.as_str(), counts.calls, counts.peak), ("abc", 1, 3));
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with counters. Make it the `#[global_allocator]` of a test.
#[derive(Clone, Copy, Debug)]
pub struct Counting;

/// What was allocated while a function ran on this thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that asked for memory.
    pub calls: usize,
    /// All bytes that were asked for.
    pub total: usize,
    /// The most bytes that were held at one time, above what was held before.
    pub peak: usize,
    held: usize,
}

/// Runs `function` and tells what it allocated on this thread. Without [`Counting`] as the global allocator all
/// counts are zero. Calls must not be nested.
pub fn measure<T>(function: impl FnOnce() -> T) -> (T, Counts) {
    COUNTS.set(Counts::default());
    let result = function();
    (result, COUNTS.get())
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { calls: 0, total: 0, peak: 0, held: 0 }) };
}

fn change(asked: usize, returned: usize) {
    // After the end of the thread's locals there is nothing left to count for.
    let _ = COUNTS.try_with(|cell| {
        let mut counts = cell.get();
        if asked > 0 {
            counts.calls += 1;
            counts.total = counts.total.saturating_add(asked);
        }
        // What was allocated before the measurement may be returned within it: never below zero.
        counts.held = counts.held.saturating_add(asked).saturating_sub(returned);
        counts.peak = counts.peak.max(counts.held);
        cell.set(counts);
    });
}

// SAFETY: every call is handed on unchanged to the system's allocator, which keeps the contract; the counters are
// plain cells of this thread and allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        change(layout.size(), 0);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        change(layout.size(), 0);
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        change(0, layout.size());
        // SAFETY: as in `alloc`; the pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        change(new_size, layout.size());
        // SAFETY: as in `dealloc`.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}
