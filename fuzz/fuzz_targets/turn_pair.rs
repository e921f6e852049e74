//! A TURN client and its server, over a path that does anything to their packets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::{machine, turn};

fuzz_target!(|input: &[u8]| machine::pair(turn::Guest::new(), turn::Host::new(), input));
