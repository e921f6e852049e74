//! A resolver that waits for an answer, and is told anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::{ice, machine};

fuzz_target!(|input: &[u8]| machine::alone(ice::Names::new(), input));
