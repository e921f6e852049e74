//! Counts what the allocator is asked for, thread by thread and in all. Whoever takes this module in is measured by it.
#![expect(unsafe_code, reason = "a global allocator is unsafe to implement")]
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// What one thread asks for may be given back by another.
static LIVE_EVERYWHERE: AtomicIsize = AtomicIsize::new(0);

/// Calls of this thread that gave out memory so far.
pub fn calls() -> usize {
    CALLS.get()
}

/// Bytes that this thread holds now.
pub fn live() -> isize {
    LIVE.get()
}

/// Bytes that the whole process holds now.
pub fn live_everywhere() -> isize {
    LIVE_EVERYWHERE.load(Ordering::Relaxed)
}

/// Runs something, and gives the most that this thread held meanwhile beyond what it held before, in bytes.
pub fn peak_of<T>(action: impl FnOnce() -> T) -> (T, isize) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = action();
    (result, PEAK.get() - before)
}

struct Counting;

// SAFETY: every call goes to `System` as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.with(|count| count.set(count.get() + 1));
        add(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: `pointer` came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn add(bytes: isize) {
    LIVE_EVERYWHERE.fetch_add(bytes, Ordering::Relaxed);
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
