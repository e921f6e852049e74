//! One ICE agent whose peer proves itself and says anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::{checks, machine};

fuzz_target!(|input: &[u8]| machine::alone(checks::Known::new(), input));
