//! A jitter buffer for audio: packets and times as the input says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::jitter;

fuzz_target!(|input: &[u8]| jitter::audio(input));
