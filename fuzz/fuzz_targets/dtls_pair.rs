//! A DTLS client and a server over a network that does what the input says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_dtls::Role;
use ortica_fuzz::{dtls, machine};

fuzz_target!(|input: &[u8]| machine::pair(dtls::Peer::new(1, Role::Client), dtls::Peer::new(2, Role::Server), input));
