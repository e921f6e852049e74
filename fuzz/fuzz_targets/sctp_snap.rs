//! An INIT chunk that was signalled: it is refused, or makes an association that answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::sctp;

fuzz_target!(|input: &[u8]| sctp::start_with(input));
