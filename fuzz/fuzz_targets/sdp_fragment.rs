//! A fragment that tells candidates: what was read is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_sdp::Fragment;

fuzz_target!(|input: &str| {
    let Ok(fragment) = input.parse::<Fragment>() else { return };
    let text = fragment.to_string();
    assert_eq!(text.parse::<Fragment>().as_ref(), Ok(&fragment), "{text}");
    let _ = (fragment.ice_credentials(), fragment.bundle(), fragment.end_of_candidates());
});
