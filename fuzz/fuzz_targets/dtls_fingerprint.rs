//! A fingerprint attribute: what was read is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_dtls::Fingerprint;

fuzz_target!(|input: &str| {
    let Ok(fingerprint) = input.parse::<Fingerprint>() else { return };
    let text = fingerprint.to_string();
    assert_eq!(text.parse::<Fingerprint>().ok().as_ref(), Some(&fingerprint), "{text}");
});
