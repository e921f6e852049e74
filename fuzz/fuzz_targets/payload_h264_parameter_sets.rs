//! Parameter sets of H.264.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::h264;

fuzz_target!(|input: &[u8]| h264::parameter_sets(input));
