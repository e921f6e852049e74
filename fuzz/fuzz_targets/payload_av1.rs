//! AV1 packets into frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_codecs::Codec;
use ortica_fuzz::payload;

fuzz_target!(|input: &[u8]| payload::assemble(Codec::Av1, input));
