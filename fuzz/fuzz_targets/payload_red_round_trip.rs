//! Packets with those before them, written and read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::red;

fuzz_target!(|input: &[u8]| red::round_trip(input));
