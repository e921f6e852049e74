//! SRTP under AES-128-GCM.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::srtp;
use ortica_srtp::Profile;

fuzz_target!(|input: &[u8]| srtp::rtp(Profile::AeadAes128Gcm, input));
