//! Two SCTP associations that interleave messages, over a network that does what the input says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::{machine, sctp};

fuzz_target!(|input: &[u8]| machine::pair(sctp::Peer::interleaved(1), sctp::Peer::interleaved(2), input));
