//! H.264 frames into packets and back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::h264;

fuzz_target!(|input: &[u8]| h264::round_trip(input));
