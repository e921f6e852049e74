//! Packets with those before them, read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::red;

fuzz_target!(|input: &[u8]| red::read(input));
