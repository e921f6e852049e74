//! H.265 frames into packets and back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_codecs::Codec;
use ortica_fuzz::payload;

fuzz_target!(|input: &[u8]| payload::units(Codec::H265, input));
