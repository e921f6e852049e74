//! Two SCTP associations over a network that does what the input says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::{machine, sctp};

fuzz_target!(|input: &[u8]| machine::pair(sctp::Peer::new(1), sctp::Peer::new(2), input));
