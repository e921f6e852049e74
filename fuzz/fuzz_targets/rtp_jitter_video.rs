//! A jitter buffer for video: packets, hints and times as the input says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::jitter;

fuzz_target!(|input: &[u8]| jitter::video(input));
