//! A DTLS server that is told anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_dtls::Role;
use ortica_fuzz::{dtls, machine};

fuzz_target!(|input: &[u8]| machine::alone(dtls::Peer::new(1, Role::Server), input));
