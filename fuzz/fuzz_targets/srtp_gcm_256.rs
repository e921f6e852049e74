//! SRTP under AES-256-GCM.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::srtp;
use ortica_srtp::Profile;

fuzz_target!(|input: &[u8]| srtp::rtp(Profile::AeadAes256Gcm, input));
