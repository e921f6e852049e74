//! What a description costs in memory, counted at the allocator.
#![allow(unsafe_code, reason = "a counting allocator cannot do without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ortica_sdp::Session;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; the counters do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = LIVE.try_with(|live| {
            live.set(live.get() + layout.size());
            let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
            let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
        });
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = LIVE.try_with(|live| live.set(live.get().saturating_sub(layout.size())));
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes at the peak and calls for memory while `action` runs.
fn measure<T>(action: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let calls = CALLS.get();
    let result = action();
    (result, PEAK.get() - before, CALLS.get() - calls)
}

const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n";

/// The guard: no text within the limits makes more than 64 MiB of it, and memory grows no faster than the text.
#[test]
fn cve_42_no_text_within_the_limits_costs_more_than_64_mib() {
    let bombs = [
        ("attributes", "a=x\n", ""),
        ("candidates", "a=candidate:1\n", ""),
        ("rids", "a=rid:a send\n", ""),
        ("sources", "a=ssrc:1 a\n", ""),
        ("feedback", "a=rtcp-fb:* x\n", ""),
        ("formats", "0 ", "a=group:X "),
        ("fingerprints", "00:", "a=fingerprint:sha-256 "),
        ("streams", "a;", "a=simulcast:send "),
        ("parameters", "a;", "a=fmtp:96 "),
        ("restrictions", "a;", "a=rid:a send "),
        ("mids", "a ", "a=group:BUNDLE "),
        ("options", "a ", "a=ice-options:"),
    ];
    for (name, unit, start) in bombs {
        let cost = |bytes: usize| {
            let mut text = format!("{HEAD}{AUDIO}");
            while text.len() < bytes {
                text.push_str(start);
                // A line of 60,000 bytes, unless the unit is a line of its own.
                let repeats = if start.is_empty() { 1_000 } else { 60_000 / unit.len() };
                text.push_str(unit.repeat(repeats).trim_end_matches([':', ';']));
                text.push_str(if start.is_empty() { "" } else { "0\n" });
                if name == "fingerprints" || name == "streams" {
                    text.truncate(text.len() - 2);
                    text.push('\n');
                }
            }
            let (session, peak, calls) = measure(|| text.parse::<Session>());
            assert!(session.is_ok(), "{name}: {}", session.unwrap_err());
            (text.len(), peak, calls)
        };
        let (few, many) = (cost(90_000), cost(900_000));
        let growth = many.0.div_ceil(few.0);
        assert!(many.1 <= 64 << 20, "{name}: {} bytes for {} bytes of text", many.1, many.0);
        assert!(many.2 <= few.2 * growth * 12 / 10, "{name}: {} calls, then {}", few.2, many.2);
    }
}

/// The guard: 10^5 candidates, as a peer may send them, stay within 64 MiB.
#[test]
fn cve_41_a_hundred_thousand_lines_stay_within_64_mib() {
    let limits = ortica_sdp::Limits::default().with_bytes(16 << 20);
    let line = "a=candidate:914138489 1 udp 2113937151 192.0.2.1 53817 typ host generation 0\r\n";
    let text = format!("{HEAD}{AUDIO}{}", line.repeat(100_000));
    let (session, peak, _) = measure(|| Session::parse(&text, &limits));
    assert_eq!(session.unwrap().media[0].candidates().count(), 100_000);
    assert!(peak <= 64 << 20, "{peak} bytes");
}

/// All about each payload type at once costs memory in proportion to the text too.
#[test]
fn cve_42_feedback_for_every_payload_type_is_not_multiplied() {
    let formats: String = (0..128).map(|it| format!(" {it}")).collect();
    let text = format!("{HEAD}m=video 9 UDP/TLS/RTP/SAVPF{formats}\r\n{}", "a=rtcp-fb:* x\n".repeat(70_000));
    let session: Session = text.parse().unwrap();
    let (payloads, peak, _) = measure(|| session.media[0].payloads().len());
    assert_eq!(payloads, 128);
    assert!(peak <= 4 << 20, "{peak} bytes");
}

#[test]
fn writing_into_a_buffer_that_is_large_enough_allocates_nothing() {
    let text = include_str!("../testdata/browsers/chromium-av-data-offer-gathered.sdp");
    let session: Session = text.parse().unwrap();
    let mut out = String::with_capacity(text.len());
    let ((), _, calls) = measure(|| session.write(&mut out));
    assert_eq!((out.as_str(), calls), (text, 0));
}
