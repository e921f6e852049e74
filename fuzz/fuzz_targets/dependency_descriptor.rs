//! Dependency descriptors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::payload;

fuzz_target!(|input: &[u8]| payload::dependency_descriptors(input));
