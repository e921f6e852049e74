//! SRTP under AES-CM with a 32-bit tag.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::srtp;
use ortica_srtp::Profile;

fuzz_target!(|input: &[u8]| srtp::rtp(Profile::Aes128CmSha1_32, input));
