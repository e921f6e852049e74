//! Two peers with a data channel over a network that does what the input says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::{machine, peer};

fuzz_target!(|input: &[u8]| {
    let (a, b) = peer::pair();
    machine::pair(a, b, input);
});
