//! SRTCP under each profile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_fuzz::srtp;
use ortica_srtp::Profile;

fuzz_target!(|input: &[u8]| {
    let Some((choice, input)) = input.split_first() else { return };
    srtp::rtcp(Profile::ALL[usize::from(*choice) % Profile::ALL.len()], input);
});
