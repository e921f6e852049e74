//! The jitter buffer for audio with copies of earlier packets in later ones.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::jitter;

fuzz_target!(|input: &[u8]| jitter::copies(input));
