//! One TURN client that is told anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::{machine, turn};

fuzz_target!(|input: &[u8]| machine::alone(turn::Guest::of(input), input));
