//! A session description: what was read is written so that it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ortica_sdp::Session;

fuzz_target!(|input: &str| {
    let Ok(session) = input.parse::<Session>() else { return };
    let text = session.to_string();
    assert_eq!(text.parse::<Session>().as_ref(), Ok(&session), "{text}");
    for index in 0..session.media.len() {
        let Some(section) = session.section(index) else { continue };
        let _ = (section.direction(), section.payloads());
    }
});
