//! Two ICE agents over a network that does what the input says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::{ice, machine};

fuzz_target!(|input: &[u8]| {
    let (a, b) = ice::peers(1);
    machine::pair(a, b, input);
});
