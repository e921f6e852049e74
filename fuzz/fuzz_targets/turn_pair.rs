//! A TURN client and its server, over a path that does anything to their packets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::machine;
use ortica_fuzz::turn::{End, Guest, Host};

fuzz_target!(|input: &[u8]| machine::pair(End::from(Guest::of(input)), End::from(Host::new()), input));
