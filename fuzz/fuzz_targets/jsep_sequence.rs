//! Two peers whose descriptions and candidates are made, set, changed and lost in the order that the input says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::peer;

fuzz_target!(|input: &[u8]| peer::negotiate(input));
