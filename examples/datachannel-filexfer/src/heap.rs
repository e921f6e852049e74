//! Memory that is free for a moment is kept.

/// Bytes that one turn of the endpoint may receive, several times over.
const KEPT: usize = 16 << 20;

/// Has the allocator keep what it would give back to the system and soon want again.
///
/// glibc's gives back what is free at the end of its heap once that exceeds 128 KiB, and a batch of long messages does. To get it anew
/// for the next batch was a third of all that receiving took. The allocator learns from the largest block that it saw freed, and
/// then waits for twice as much; others take no notice.
///
/// Source: mallopt(3), M_MMAP_THRESHOLD
pub fn keep() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT)));
}
