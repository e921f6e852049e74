//! A DTLS client that knows its server by a chain of certificates, and a server that asks for none, over a network that does what the input
//! says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_dtls::Role;
use ortica_fuzz::{dtls, machine};

fuzz_target!(|input: &[u8]| {
    machine::pair(dtls::Peer::unsignalled(1, Role::Client), dtls::Peer::unsignalled(2, Role::Server), input)
});
