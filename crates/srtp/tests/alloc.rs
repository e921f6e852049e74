//! Counts what the allocator is asked for while packets flow.
#![expect(unsafe_code, reason = "a global allocator is unsafe to implement")]

use ortica_core::crypto::rust_crypto;
use ortica_srtp::{Context, Limits, Profile};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to `System` as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn steady_state_allocates_nothing() {
    for profile in Profile::ALL {
        let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
        let context = || Context::new(&rust_crypto::provider(), profile, &key, &salt, Limits::default()).unwrap();
        let (mut sender, mut receiver) = (context(), context());
        let mut packet = Vec::with_capacity(2000);
        let mut exchange = |sequence: u16| {
            for ssrc in 0..4u8 {
                let [high, low] = sequence.to_be_bytes();
                let header = [0x80, 96, high, low, 0, 0, 0, 0, 0, 0, 0, ssrc];
                packet.clear();
                sender.protect_rtp(&header, &[&[7; 100], &[8; 1000]], &mut packet).unwrap();
                receiver.unprotect_rtp(&mut packet).unwrap();
                packet.clear();
                sender.protect_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, ssrc], &mut packet).unwrap();
                receiver.unprotect_rtcp(&mut packet).unwrap();
            }
        };
        exchange(65_000);
        let before = ALLOCATIONS.get();
        (65_001..=65_535).chain(0..1000).for_each(exchange);
        assert_eq!(ALLOCATIONS.get() - before, 0, "{profile:?}");
    }
}
