//! Descriptions of comfort noise, read, written and made into sound.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::payload;

fuzz_target!(|input: &[u8]| payload::comfort_noise(input));
