//! One ICE agent that is told anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::{ice, machine};

fuzz_target!(|input: &[u8]| machine::alone(ice::peers(1).0, input));
