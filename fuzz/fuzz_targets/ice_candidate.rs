//! A candidate attribute: what was read is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_ice::Candidate;

fuzz_target!(|input: &str| {
    let Ok(candidate) = input.parse::<Candidate>() else { return };
    let text = candidate.to_string();
    // The name of the attribute may be missing in what is read, and is never in what is written.
    if text.len() > Candidate::MAX_LEN {
        return;
    }
    assert_eq!(text.parse::<Candidate>().as_ref(), Ok(&candidate), "{text}");
});
