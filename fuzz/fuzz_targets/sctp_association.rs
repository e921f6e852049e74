//! An SCTP association that is told anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::{machine, sctp};

fuzz_target!(|input: &[u8]| machine::alone(sctp::Peer::new(1), input));
