//! A multicast DNS packet.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| ortica_ice::mdns::fuzz_message(input));
