//! A certificate in DER.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_dtls::Certificate;
use ortica_fuzz::provider;

fuzz_target!(|input: &[u8]| {
    let _ = Certificate::from_parts(&provider(), input.to_vec(), &[]);
});
